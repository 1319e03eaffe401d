/** The flags of every verb as one table: parsing, help and the nearest-flag hint all read it. Pure. */
import { parseArgs } from 'node:util';
import type { Outcome, Problem } from '../../assembly/index.ts';
import { hint } from './nearest.ts';

export interface Flag {
  readonly type: 'boolean' | 'string';
  readonly multiple?: true;
  readonly short?: string;
  /** Placeholder of the value in help. */
  readonly value?: string;
  readonly help: string;
}

export type Flags = Readonly<Record<string, Flag>>;

export const COMMON: Flags = {
  json: { type: 'boolean', help: 'one JSON document on stdout, as when stdout is not a terminal' },
  help: { type: 'boolean', short: 'h', help: 'say what this verb does' },
};

export const LIMITS: Flags = {
  'max-minutes': { type: 'string', value: 'N', help: 'time box of this sitting (10)' },
  'max-agents': { type: 'string', value: 'N', help: 'agents at once (as cores and free memory allow)' },
  'max-attempts': { type: 'string', value: 'N', help: 'failed attempts before a task is left to a person (3)' },
  'max-cost': { type: 'string', value: 'USD', help: 'money cap of the whole run; without it there is none' },
};

export const FAIL_ON: Flags = {
  'fail-on': { type: 'string', value: 'open', help: 'open: exit 1 for anything left open or red, given or not' },
};

export const RUN: Flags = {
  message: { type: 'string', short: 'm', multiple: true, value: 'TEXT', help: 'a task in words; may be repeated' },
  agent: {
    type: 'string',
    short: 'a',
    multiple: true,
    value: 'SPEC',
    help: 'claude, codex, gemini, aider, a name from skein.yaml, model:PROVIDER/NAME, recorded:DIR, or a command: "./fix.sh {task}"',
  },
  goal: {
    type: 'string',
    multiple: true,
    value: 'GOAL',
    help: 'find work: types, lint, "codemod RULE.yaml"; without tasks and goals: what the repository itself asks for',
  },
  mutants: { type: 'boolean', help: 'measure what the checks notice also outside a full sandbox, by running changed copies' },
  ...LIMITS,
  check: { type: 'string', multiple: true, value: 'CMD', help: 'a check to use instead of those found; may be repeated' },
  'model-price': {
    type: 'string',
    value: 'IN/OUT',
    help: 'USD for a million tokens of model agents; without it their cost is unknown',
  },
  'pass-env': { type: 'string', multiple: true, value: 'NAME', help: 'give this variable back to agents and checks' },
  'no-sandbox': { type: 'boolean', help: 'run agents and checks as you' },
  ...FAIL_ON,
};

export interface Parsed {
  readonly words: readonly string[];
  text(name: string): string | null;
  all(name: string): readonly string[];
  on(name: string): boolean;
}

/** Every mistake is found here, before anything else happens. */
export function parseFlags(verb: string, args: readonly string[], flags: Flags, wordsMax: number): Outcome<Parsed> {
  const known = { ...flags, ...COMMON };
  const options = Object.fromEntries(
    Object.entries(known).map(([name, flag]) => [
      name,
      { type: flag.type, multiple: flag.multiple === true, ...(flag.short === undefined ? {} : { short: flag.short }) },
    ]),
  );
  const { tokens, values, positionals } = parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const seen = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const flag = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (flag === undefined) {
      const near = hint(token.name, Object.keys(known)).replace('did you mean ', 'did you mean --');
      return usage(`skein ${verb} has no flag ${token.rawName}${near}`, `skein help ${verb}`);
    }
    if (flag.type === 'boolean' && token.value !== undefined)
      return usage(`${token.rawName} takes no value, but has "${token.value}"`, `skein help ${verb}`);
    if (flag.type === 'string' && (token.value === undefined || token.value === ''))
      return usage(`${token.rawName} needs a value: ${token.rawName} ${flag.value}`, `skein help ${verb}`);
    // `--agent --json` is a forgotten value, not an agent called --json.
    if (flag.type === 'string' && token.inlineValue === false && /^--?[a-z]/.test(token.value ?? ''))
      return usage(`${token.rawName} needs a value before ${token.value}`, `--${token.name}=${token.value} if that is the value`);
    if (flag.multiple !== true && seen.has(token.name)) return usage(`${token.rawName} is given twice`, 'give it once');
    seen.add(token.name);
  }
  if (positionals.length > wordsMax) {
    const extra = positionals[wordsMax]!;
    return usage(`skein ${verb} does not know what to do with "${extra}"`, `skein help ${verb}`);
  }
  return {
    ok: true,
    value: {
      words: positionals,
      text: (name) => (typeof values[name] === 'string' ? values[name] : null),
      all: (name) => (Array.isArray(values[name]) ? values[name].filter((value) => typeof value === 'string') : []),
      on: (name) => values[name] === true,
    },
  };
}

export function usage(what: string, next: string): { readonly ok: false; readonly problem: Problem } {
  return { ok: false, problem: { kind: 'usage', what, details: [], next } };
}
