/**
 * A package script as its parts. `a && b && npm run c` is three checks, each with its own verdict, so that a red linter does not
 * hide the tests behind it. Splitting never guesses: quotes, pipes, `;`, `||`, substitutions and redirections that could tie
 * parts together leave the line whole.
 */

/** Nested `npm run` deeper than this is left whole: real chains have two or three levels. */
const NESTING_MAX = 8;

/** Top-level parts of an `&&` chain, or null when the line is anything but such a chain. Linear. */
export function splitChain(line: string): string[] | null {
  const parts: string[] = [];
  let start = 0;
  let quote = '';
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at]!;
    if (quote === "'") {
      if (char === "'") quote = '';
    } else if (char === '\\') {
      at += 1;
    } else if (char === '`' || (char === '$' && line[at + 1] === '(')) {
      return null;
    } else if (quote === '"') {
      if (char === '"') quote = '';
    } else if (char === '"' || char === "'") {
      quote = char;
    } else if (char === '&' && line[at + 1] === '&') {
      parts.push(line.slice(start, at).trim());
      start = at + 2;
      at += 1;
    } else if ('|;&<>(){}\n\r'.includes(char) && !(char === '{' && line[at - 1] === '$') && !isBrace(line, at)) {
      return null;
    } else if (char === '#' && (at === 0 || /\s/.test(line[at - 1]!))) {
      return null;
    }
  }
  if (quote !== '') return null;
  parts.push(line.slice(start).trim());
  return parts.includes('') ? null : parts;
}

/** `{a,b}` and the end of `${name}` inside a word are text; ` { ` groups commands. */
function isBrace(line: string, at: number): boolean {
  const char = line[at];
  if (char !== '{' && char !== '}') return false;
  return !/[\s;]/.test(line[at - 1] ?? ' ') || !/[\s;]/.test(line[at + 1] ?? ' ');
}

/** Words of one simple command without its quotes; good enough to recognise a program and its options. */
export function words(command: string): string[] {
  return (command.match(/"[^"]*"|'[^']*'|[^\s"']+/g) ?? []).map((word) => word.replaceAll(/^["']|["']$/g, ''));
}

/** The program and its arguments behind `NAME=value`, `cross-env`, `npx`, `c8`, `nyc` and the like. */
export function program(command: string): string[] {
  const list = words(command);
  let at = 0;
  for (; at < list.length; at += 1) {
    const word = list[at]!;
    if (/^[A-Za-z_]\w*=/.test(word) || /^(?:cross-env(?:-shell)?|npx|bunx|c8|nyc|env|time|--yes|-y|--no-install|--)$/.test(word))
      continue;
    if (at > 0 && word.startsWith('-') && /^(?:c8|nyc)$/.test(list[at - 1]!)) continue;
    break;
  }
  return list.slice(at);
}

/** Scripts that write, publish or never end: not run, and left out where a chain calls them. */
export const WRITER: RegExp =
  /(?:^|[:_-])(?:fix|write|format|fmt|release|publish|deploy|start|dev|watch|serve|version|upload|push)$|^(?:format|fmt)$/i;

export interface Part {
  readonly command: string;
  readonly directory: string;
  /** The innermost script that it stands in. */
  readonly script: string;
}

export interface Expansion {
  readonly parts: readonly Part[];
  readonly notes: readonly string[];
}

/** A shell built-in that changes what later parts see: the chain then stays whole. */
const STATEFUL = /^(?:export|set|unset|source|\.|eval|exit|alias|trap|ulimit|umask|pushd|popd|if|for|while|case)(?:\s|$)/;

/** The script and what `npm run` inside it calls, pre and post scripts included, in the order in which npm would run them. */
export function expand(name: string, scripts: Readonly<Record<string, string>>, directory: string): Expansion {
  const notes: string[] = [];
  const parts = run(name, [], directory);
  const seen = new Set<string>();
  return {
    parts: parts.filter((part) => {
      const key = `${part.directory}\0${part.command}`;
      return !seen.has(key) && seen.add(key) !== undefined;
    }),
    notes,
  };

  function run(script: string, path: readonly string[], at: string): Part[] {
    const found: Part[] = [];
    for (const step of [`pre${script}`, script, `post${script}`]) {
      const line = scripts[step];
      if (line === undefined) continue;
      if (step !== script) notes.push(`${step} runs with ${script}`);
      found.push(...chain(line, step, [...path, step], at));
    }
    return found;
  }

  function chain(line: string, script: string, path: readonly string[], at: string): Part[] {
    const whole: Part[] = [{ command: line.trim(), directory: at, script }];
    const split = splitChain(line);
    if (split === null || split.some((part) => STATEFUL.test(part)) || /\bnpm_|\bINIT_CWD\b/.test(line)) return whole;
    const found: Part[] = [];
    let here = at;
    for (const part of split) {
      const moved = /^cd\s+(["']?)([\w@./-]+)\1$/.exec(part);
      if (moved !== null) {
        const next = join(here, moved[2]!);
        if (next === null) return whole;
        here = next;
        continue;
      }
      if (/^(?:echo\s[^$]*|true|:)$/.test(part)) continue;
      const nested = here === at ? called(part) : null;
      if (nested === null || path.includes(nested) || path.length >= NESTING_MAX) {
        if (/(?:^|\s)(?:--fix|--write)(?:\s|$)/.test(part)) notes.push(`left out of ${script}, it writes: ${part}`);
        else found.push({ command: part, directory: here, script });
      } else if (WRITER.test(nested)) {
        notes.push(`left out of ${script}, it writes or does not end: ${part}`);
      } else {
        found.push(...run(nested, path, here));
      }
    }
    return found;
  }

  /** The script that this part runs by name and without arguments. */
  function called(part: string): string | null {
    const match =
      /^(npm|pnpm|yarn|bun)\s+(?:(?:run|run-script)\s+)?(?:(?:-s|--silent)\s+)?([\w:.@/-]+)(?:\s+(?:-s|--silent))?$/.exec(part);
    if (match === null) return null;
    const asked = match[2] === 't' ? 'test' : match[2]!;
    if (match[1] === 'npm' && !/\srun/.test(part) && asked !== 'test') return null;
    if (match[1] === 'bun' && !/\srun/.test(part)) return null;
    return scripts[asked] === undefined ? null : asked;
  }
}

/** Joins repository-relative directories; null when it leaves the repository. */
function join(base: string, to: string): string | null {
  if (to.startsWith('/')) return null;
  const path = base === '' ? [] : base.split('/');
  for (const step of to.split('/')) {
    if (step === '' || step === '.') continue;
    if (step !== '..') path.push(step);
    else if (path.pop() === undefined) return null;
  }
  return path.join('/');
}

/** The same command so that it ends and names its tests; null when it serves and has no form that ends. */
export function ending(command: string, nameTests: boolean): { readonly command: string; readonly note: string } | null {
  if (splitChain(command)?.length !== 1) return { command, note: '' };
  const [name = '', ...rest] = program(command);
  const without = (pattern: RegExp): string => command.replaceAll(pattern, '$1').trim();
  let next = command;
  switch (name) {
    case 'vitest': {
      const verb = rest[0] ?? '';
      next = without(/(\s)(?:--watch|-w)(?=\s|$)/g).replaceAll(/\s{2,}/g, ' ');
      if (verb === 'watch' || verb === 'dev') next = next.replace(/\bvitest\s+(?:watch|dev)\b/, 'vitest run');
      else if (!/^(?:run|bench|list|related|init)$/.test(verb) && !rest.includes('--run'))
        next = next.replace(/\bvitest\b/, 'vitest run');
      if (nameTests && !/--reporter/.test(next) && verb !== 'bench') next = `${next} --reporter=verbose`;
      break;
    }
    case 'jest':
      next = without(/(\s)--watch(?:All)?(?=\s|$)/g).replaceAll(/\s{2,}/g, ' ');
      if (nameTests && !/--verbose|--reporters/.test(next)) next = `${next} --verbose`;
      break;
    case 'tsc':
    case 'vue-tsc':
    case 'ava':
    case 'mocha':
      next = without(/(\s)(?:--watch|-w)(?=\s|$)/g).replaceAll(/\s{2,}/g, ' ');
      break;
    case 'node':
      next = without(/(\s)--watch(?=\s|$)/g).replaceAll(/\s{2,}/g, ' ');
      break;
    case 'karma':
      if (rest[0] === 'start' && !/--single-run/.test(command)) next = `${command} --single-run`;
      break;
    case 'ng':
      if (rest[0] === 'serve') return null;
      if (rest[0] === 'test' && !/--watch/.test(command)) next = `${command} --watch=false`;
      break;
    case 'nodemon':
    case 'webpack-dev-server':
    case 'http-server':
    case 'live-server':
      return null;
    case 'vite':
    case 'next':
    case 'webpack':
    case 'rollup':
      if (/^(?:serve|dev|start|watch|preview)$/.test(rest[0] ?? (name === 'vite' ? 'dev' : ''))) return null;
      if (name === 'vite' && (rest[0] ?? '-').startsWith('-')) return null;
      next = without(/(\s)(?:--watch|-w)(?=\s|$)/g).replaceAll(/\s{2,}/g, ' ');
      break;
    default:
      break;
  }
  return { command: next, note: next === command ? '' : `\`${command}\` is run as \`${next}\`` };
}

const RUNNERS =
  /^(?:vitest|jest|mocha|ava|tap|tape|borp|uvu|jasmine|karma|playwright|cypress|lab|qunit|pytest|react-scripts|web-test-runner|wtr|brittle|japa|poku)$/;
const LINTERS =
  /^(?:tsc|vue-tsc|svelte-check|eslint|oxlint|oxfmt|biome|prettier|standard|semistandard|xo|neostandard|ruff|flake8|mypy|pylint|pyright|knip|stylelint|tsd|golangci-lint|dprint|markdownlint|markdownlint-cli2|publint|attw|cspell|dependency-cruiser|depcruise|madge|shellcheck|clippy)$/;

/** What kind of verdict a command gives, by its program, then by the script that it stands in. */
export function kindOf(command: string, script: string): 'tests' | 'findings' | 'build' {
  const [name = '', ...rest] = program(command);
  const base = name.slice(name.lastIndexOf('/') + 1);
  if (RUNNERS.test(base)) return 'tests';
  if (/^(?:node|tsx|bun|deno|cargo|go)$/.test(base) && (rest.includes('--test') || rest[0] === 'test')) return 'tests';
  if (
    LINTERS.test(base) ||
    (base === 'go' && rest[0] === 'vet') ||
    (base === 'cargo' && /^(?:clippy|check|fmt)$/.test(rest[0] ?? ''))
  )
    return 'findings';
  if (/^(?:rollup|vite|webpack|esbuild|tsup|rimraf|rm|cp|mkdir|babel|swc|next)$/.test(base)) return 'build';
  if (/test|spec|unit|e2e|coverage/i.test(script)) return 'tests';
  if (/lint|type|check|tsc|format/i.test(script)) return 'findings';
  return 'build';
}
