/**
 * What a JavaScript or TypeScript file imports, read without a compiler: one pass that knows comments, strings, templates and
 * regular expressions, and how deep in braces it stands. It never resolves and never runs anything; where a name is computed it
 * says so instead of guessing.
 */

export interface Import {
  readonly specifier: string;
  /** load: when the module is loaded. lazy: inside a function or block. path: a string that may be handed on. type: erased. */
  readonly kind: 'load' | 'lazy' | 'path' | 'type';
}

export interface ImportsOfFile {
  readonly imports: readonly Import[];
  /** It imports by a name that only a run can tell. */
  readonly computed: boolean;
}

interface Token {
  readonly kind: 'word' | 'string' | 'mark';
  readonly text: string;
  readonly depth: number;
}

/** A longer file is data or a bundle: nothing in it is worth the time. */
const FILE_CHARS_MAX = 1024 * 1024;

export function importsOf(text: string): ImportsOfFile {
  if (text.length > FILE_CHARS_MAX) return { imports: [], computed: true };
  const tokens = tokenize(text);
  const imports: Import[] = [];
  let computed = false;
  const at = (i: number): string => tokens[i]?.text ?? '';
  const isMark = (i: number, mark: string): boolean => tokens[i]?.kind === 'mark' && at(i) === mark;
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i]!;
    if (token.kind === 'string') {
      if (/^\.{1,2}\//.test(token.text)) add(token.text, 'path');
      continue;
    }
    if (token.kind !== 'word' || (isMark(i - 1, '.') && !/^(?:resolve|join)$/.test(token.text))) continue;
    const lazy = token.depth > 0 || inArrow(i) ? 'lazy' : 'load';
    if (token.text === 'require' && isMark(i + 1, '(')) call(i + 1, lazy);
    else if (token.text === 'import' && isMark(i + 1, '(')) call(i + 1, 'lazy');
    else if (token.text === 'resolve' && at(i - 2) === 'require' && isMark(i + 1, '(')) literal(i + 2, 'lazy');
    else if (/^(?:join|resolve)$/.test(token.text) && isMark(i + 1, '(') && /^(?:__dirname|dirname)$/.test(at(i + 2)))
      joined(i + 3);
    else if ((token.text === 'import' || token.text === 'export') && token.depth === 0) clause(i, token.text);
  }
  return { imports: unique(imports), computed };

  function add(specifier: string, kind: Import['kind']): void {
    imports.push({
      specifier: specifier.replace(/[?#].*$/, (tail) => (specifier.startsWith('#') ? tail : '')) || specifier,
      kind,
    });
  }

  /** `() => require('x')`: a body without braces. */
  function inArrow(i: number): boolean {
    for (let j = i - 1; j > 0 && j > i - 40 && !(tokens[j]!.kind === 'mark' && /^[;{}]$/.test(at(j))); j -= 1)
      if (isMark(j, '>') && isMark(j - 1, '=')) return true;
    return false;
  }

  function literal(i: number, kind: Import['kind']): boolean {
    if (tokens[i]?.kind !== 'string' || !(isMark(i + 1, ')') || isMark(i + 1, ','))) return false;
    add(at(i), kind);
    return true;
  }

  function call(open: number, kind: Import['kind']): void {
    if (literal(open + 1, kind) || isMark(open + 1, ')')) return;
    // `require(path.join(__dirname, 'x'))` is read by the rule for join; anything else is known to a run alone.
    const joins = tokens.slice(open + 1, open + 8).some((one) => one.text === '__dirname');
    if (!joins) computed = true;
  }

  /** `join(__dirname, '..', 'fixtures', 'x.js')`: a file that is handed on, to a child process most often. */
  function joined(from: number): void {
    const parts: string[] = [];
    for (let i = from; isMark(i, ',') && tokens[i + 1]?.kind === 'string'; i += 2) parts.push(at(i + 1));
    if (parts.length > 0) add(`./${parts.join('/').replace(/^\.?\/+/, '')}`, 'path');
  }

  /** `import a, { b } from 'x'`, `import 'x'`, `export * from 'x'`; `import x = require('x')` is read as a call. */
  function clause(i: number, verb: string): void {
    if (verb === 'import' && tokens[i + 1]?.kind === 'string') {
      add(at(i + 1), 'load');
      return;
    }
    if (verb === 'export' && !isMark(i + 1, '{') && !isMark(i + 1, '*') && at(i + 1) !== 'type') return;
    const type = at(i + 1) === 'type' && at(i + 2) !== 'from' && !isMark(i + 2, ',');
    for (let j = i + 1; j < tokens.length && j < i + 4000; j += 1) {
      const one = tokens[j]!;
      if (one.kind === 'word' && one.text === 'from' && tokens[j + 1]?.kind === 'string') {
        add(at(j + 1), type ? 'type' : 'load');
        return;
      }
      if (one.kind === 'mark' && /^[=;(]$/.test(one.text)) return;
    }
  }
}

/** The strongest kind of each specifier. */
function unique(imports: readonly Import[]): Import[] {
  const order = { load: 0, lazy: 1, type: 2, path: 3 };
  const best = new Map<string, Import>();
  for (const one of imports) {
    const had = best.get(one.specifier);
    if (had === undefined || order[one.kind] < order[had.kind]) best.set(one.specifier, one);
  }
  return [...best.values()];
}

/** Words after which a slash begins a regular expression. */
const BEFORE_REGEX = /^(?:return|typeof|instanceof|in|of|new|delete|void|throw|case|do|else|yield|await|default|extends)$/;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  const word = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/uy;
  /** Brace depths at which a template's `${` was opened. */
  const templates: number[] = [];
  let depth = 0;
  let at = text.startsWith('#!') ? Math.max(text.indexOf('\n'), 0) : 0;
  while (at < text.length) {
    const char = text[at]!;
    const next = text[at + 1];
    if (char === '/' && next === '/') at = end(text.indexOf('\n', at));
    else if (char === '/' && next === '*') at = end(text.indexOf('*/', at + 2)) + 2;
    else if (char === '"' || char === "'") at = quoted(at, char);
    else if (char === '`') at = template(at + 1);
    else if (char === '/' && regexMayStand()) at = regex(at);
    else if (char === '}' && templates.at(-1) === depth) {
      templates.pop();
      depth -= 1;
      at = template(at + 1);
    } else {
      word.lastIndex = at;
      const match = word.exec(text);
      if (match !== null) {
        tokens.push({ kind: 'word', text: match[0], depth });
        at += match[0].length;
      } else {
        if (char === '}') depth = Math.max(0, depth - 1);
        if (!/\s/.test(char)) tokens.push({ kind: 'mark', text: char, depth });
        if (char === '{') depth += 1;
        at += 1;
      }
    }
  }
  return tokens;

  function end(found: number): number {
    return found < 0 ? text.length : found;
  }

  function quoted(start: number, quote: string): number {
    let i = start + 1;
    while (i < text.length && text[i] !== quote && text[i] !== '\n') i += text[i] === '\\' ? 2 : 1;
    tokens.push({ kind: 'string', text: text.slice(start + 1, i), depth });
    return i + 1;
  }

  /** Until the backquote, or `${`, whose inside is code. Only a template without a hole is a string. */
  function template(start: number): number {
    for (let i = start; i < text.length; i += text[i] === '\\' ? 2 : 1) {
      if (text[i] === '`') {
        tokens.push({
          kind: text[start - 1] === '`' ? 'string' : 'mark',
          text: text[start - 1] === '`' ? text.slice(start, i) : '`',
          depth,
        });
        return i + 1;
      }
      if (text[i] === '$' && text[i + 1] === '{') {
        depth += 1;
        templates.push(depth);
        tokens.push({ kind: 'mark', text: '${', depth });
        return i + 2;
      }
    }
    return text.length;
  }

  function regexMayStand(): boolean {
    const before = tokens.at(-1);
    if (before === undefined) return true;
    if (before.kind === 'string') return false;
    if (before.kind === 'word') return BEFORE_REGEX.test(before.text);
    return !/^[)\]}`]$/.test(before.text) && !/^\d$/.test(before.text);
  }

  function regex(start: number): number {
    let set = false;
    for (let i = start + 1; i < text.length && text[i] !== '\n'; i += text[i] === '\\' ? 2 : 1) {
      if (text[i] === '[') set = true;
      else if (text[i] === ']') set = false;
      else if (text[i] === '/' && !set) {
        tokens.push({ kind: 'mark', text: ')', depth }); // a value: a slash behind it divides
        return i + 1;
      }
    }
    return start + 1; // it was a division
  }
}
