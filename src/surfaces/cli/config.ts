/**
 * `skein.yaml`, the environment and the flags become one request: flags > SKEIN_* > file > defaults. The file says which
 * agents exist; only the command line (or SKEIN_AGENT) says which are used, because they cost money. Pure: text in, values out.
 */
import { type Static, Type } from 'typebox';
import { Errors } from 'typebox/value';
import { LineCounter, parseDocument } from 'yaml';
import type {
  AgentChoice,
  CheckChoice,
  GoalPack,
  Origin,
  Outcome,
  Problem,
  ResumeLimits,
  RunRequest,
} from '../../assembly/index.ts';
import { type Parsed, usage } from './flags.ts';
import { hint } from './nearest.ts';

const closed = { additionalProperties: false } as const;
const Line = Type.String({ minLength: 1, maxLength: 4096 });
const Word = Type.String({ minLength: 1, maxLength: 200 });
const Minutes = Type.Number({ exclusiveMinimum: 0, maximum: 7 * 24 * 60 });
const Usd = Type.Number({ minimum: 0, maximum: 1_000_000 });

const CheckEntry = Type.Object(
  {
    name: Type.Optional(Word),
    command: Line,
    directory: Type.Optional(Type.String({ maxLength: 1024 })),
    kind: Type.Optional(Type.Union([Type.Literal('tests'), Type.Literal('findings'), Type.Literal('build')])),
    minutes: Type.Optional(Minutes),
  },
  closed,
);
const AgentEntry = Type.Object(
  {
    preset: Type.Optional(Word),
    command: Type.Optional(Line),
    args: Type.Optional(Type.Array(Type.String({ maxLength: 4096 }), { maxItems: 64 })),
    'pass-env': Type.Optional(Type.Array(Word, { maxItems: 64 })),
    minutes: Type.Optional(Minutes),
    price: Type.Optional(Usd),
  },
  closed,
);
export const SkeinFile = Type.Object(
  {
    checks: Type.Optional(Type.Array(Type.Union([Line, CheckEntry]), { maxItems: 256 })),
    setup: Type.Optional(Line),
    agents: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$' }), AgentEntry)),
    limits: Type.Optional(
      Type.Object(
        {
          minutes: Type.Optional(Minutes),
          agents: Type.Optional(Type.Integer({ minimum: 1, maximum: 1024 })),
          checks: Type.Optional(Type.Integer({ minimum: 1, maximum: 1024 })),
          attempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
          cost: Type.Optional(Usd),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type SkeinFile = Static<typeof SkeinFile>;

const FILE_LENGTH_MAX = 1024 * 1024;

export function parseSkeinFile(text: string, name = 'skein.yaml'): Outcome<SkeinFile> {
  const refuse = (details: string[]): { ok: false; problem: Problem } => ({
    ok: false,
    problem: { kind: 'missing', what: `${name} cannot be used`, details, next: `correct ${name}; nothing was started` },
  });
  if (text.length > FILE_LENGTH_MAX) return refuse([`${name} has ${text.length} characters; ${FILE_LENGTH_MAX} are the most`]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => `${name}:${lines.linePos(offset).line}`;
  if (document.errors.length > 0) return refuse(document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`));
  // Aliases are bounded by the parser, so a small file cannot become a large value.
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    return refuse([`${name}: ${(error as Error).message}`]);
  }
  const details = problemsOf(value).map(({ path, message }) => {
    const node = path.length === 0 ? document.contents : (document.getIn(path, true) as { range?: number[] } | null | undefined);
    const parent = document.getIn(path.slice(0, -1), true) as { range?: number[] } | null | undefined;
    return `${at(node?.range?.[0] ?? parent?.range?.[0] ?? 0)}: ${message}`;
  });
  return details.length > 0 ? refuse(details) : { ok: true, value: value as SkeinFile };
}

interface Finding {
  readonly path: string[];
  readonly message: string;
}

const KEYS: Readonly<Record<string, readonly string[]>> = {
  '': ['checks', 'setup', 'agents', 'limits'],
  limits: ['minutes', 'agents', 'checks', 'attempts', 'cost'],
  agents: Object.keys(AgentEntry.properties),
  checks: Object.keys(CheckEntry.properties),
};

function isMap(thing: unknown): thing is Record<string, unknown> {
  return typeof thing === 'object' && thing !== null && !Array.isArray(thing);
}

function problemsOf(value: unknown): Finding[] {
  const found = new Map<string, Finding>();
  const add = (path: string[], message: string): void => {
    const key = path.join('/');
    if (!found.has(key)) found.set(key, { path, message });
  };
  const keys = (thing: unknown, path: string[], known: readonly string[]): void => {
    if (!isMap(thing)) return;
    for (const key of Object.keys(thing))
      if (!known.includes(key)) add([...path, key], `unknown key "${key}"${hint(key, known)} (known: ${known.join(', ')})`);
  };
  if (!isMap(value)) return [{ path: [], message: 'the file is a map of checks, setup, agents and limits' }];
  keys(value, [], KEYS['']!);
  keys(value.limits, ['limits'], KEYS.limits!);
  if (isMap(value.agents)) {
    for (const [name, agent] of Object.entries(value.agents)) {
      keys(agent, ['agents', name], KEYS.agents!);
      if (isMap(agent) && (agent.preset === undefined) === (agent.command === undefined))
        add(['agents', name], `agent ${name} needs either preset: or command:`);
    }
  }
  if (Array.isArray(value.checks))
    for (const [i, check] of value.checks.entries()) keys(check, ['checks', String(i)], KEYS.checks!);
  for (const error of Errors(SkeinFile, value)) {
    if (error.keyword === 'additionalProperties') continue; // named above, with the nearest key
    const path = error.instancePath
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    if ([...found.keys()].some((key) => key === path.join('/') || key.startsWith(`${path.join('/')}/`))) continue;
    add(path, `${path.join('.')} ${error.message}`);
  }
  return [...found.values()].slice(0, 20);
}

// ---- merging --------------------------------------------------------------------------------------------------------

export interface Sourced<T> {
  readonly value: T;
  readonly from: Origin;
}

export interface Settings {
  readonly agentsMax: Sourced<number | null>;
  readonly attemptsMax: Sourced<number | null>;
  readonly wallTimeMs: Sourced<number | null>;
  /** Micro-units. */
  readonly costMax: Sourced<number | null>;
  readonly failOnOpen: boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

interface Limit {
  readonly flag: string;
  readonly whole: boolean;
  readonly min: number;
  readonly max: number;
  readonly scale: number;
}
const LIMIT = {
  agentsMax: { flag: 'max-agents', whole: true, min: 1, max: 1024, scale: 1 },
  attemptsMax: { flag: 'max-attempts', whole: true, min: 1, max: 100, scale: 1 },
  wallTimeMs: { flag: 'max-minutes', whole: false, min: 0.01, max: 7 * 24 * 60, scale: 60_000 },
  costMax: { flag: 'max-cost', whole: false, min: 0, max: 1_000_000, scale: 1_000_000 },
} as const satisfies Record<keyof ResumeLimits, Limit>;

/** Limits from flags, environment and file; what nobody set stays null and is decided by the runtime. */
export function settingsOf(flags: Parsed, env: Env, file: SkeinFile): Outcome<Settings> {
  const read = (limit: Limit, fromFile: number | undefined): Outcome<Sourced<number | null>> => {
    const variable = `SKEIN_${limit.flag.replaceAll('-', '_').toUpperCase()}`;
    const places: [string, string | null | undefined, Origin][] = [
      [`--${limit.flag}`, flags.text(limit.flag), 'flag'],
      [variable, env[variable] === '' ? undefined : env[variable], 'environment'],
    ];
    for (const [where, text, from] of places) {
      if (text === null || text === undefined) continue;
      const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
      const wanted = `${limit.whole ? 'a whole number' : 'a number'} from ${limit.min} to ${limit.max}`;
      if (!(number >= limit.min && number <= limit.max) || (limit.whole && !Number.isInteger(number)))
        return usage(
          `${where} is "${text}", which is not ${wanted}`,
          `for example ${where}${from === 'flag' ? ' ' : '='}${example(limit)}`,
        );
      return { ok: true, value: { value: Math.round(number * limit.scale), from } };
    }
    if (fromFile !== undefined) return { ok: true, value: { value: Math.round(fromFile * limit.scale), from: 'skein.yaml' } };
    return { ok: true, value: { value: null, from: 'default' } };
  };
  const limits = file.limits ?? {};
  const agentsMax = read(LIMIT.agentsMax, limits.agents);
  if (!agentsMax.ok) return agentsMax;
  const attemptsMax = read(LIMIT.attemptsMax, limits.attempts);
  if (!attemptsMax.ok) return attemptsMax;
  const wallTimeMs = read(LIMIT.wallTimeMs, limits.minutes);
  if (!wallTimeMs.ok) return wallTimeMs;
  const costMax = read(LIMIT.costMax, limits.cost);
  if (!costMax.ok) return costMax;
  const failOn = flags.text('fail-on') ?? env.SKEIN_FAIL_ON ?? '';
  if (!['', 'open'].includes(failOn)) return usage(`--fail-on knows only "open", not "${failOn}"`, '--fail-on open');
  return {
    ok: true,
    value: {
      agentsMax: agentsMax.value,
      attemptsMax: attemptsMax.value,
      wallTimeMs: wallTimeMs.value,
      costMax: costMax.value,
      failOnOpen: failOn === 'open',
    },
  };
}

function example(limit: Limit): string {
  return limit.flag === 'max-cost' ? '2.50' : limit.flag === 'max-minutes' ? '10' : '4';
}

export function requestOf(
  cwd: string,
  flags: Parsed,
  env: Env,
  file: SkeinFile,
  settings: Settings,
  packs: readonly GoalPack[] = [],
): Outcome<RunRequest> {
  const defined = new Map(Object.entries(file.agents ?? {}));
  const asked = flags.all('agent').length > 0 ? flags.all('agent') : env.SKEIN_AGENT === undefined ? [] : [env.SKEIN_AGENT];
  const agents: AgentChoice[] = [];
  for (const spec of asked.filter((text) => text !== '')) {
    const entry = defined.get(spec);
    agents.push({
      name: unused(nameOf(spec), agents),
      spec: entry?.preset ?? (entry?.command === undefined ? spec : `sh:${entry.command}`),
      args: entry?.args ?? [],
      passEnv: entry?.['pass-env'] ?? [],
      timeoutMs: entry?.minutes === undefined ? null : Math.round(entry.minutes * 60_000),
      attemptPrice: entry?.price === undefined ? null : Math.round(entry.price * 1_000_000),
    });
  }
  const passEnv = [...flags.all('pass-env'), ...(env.SKEIN_PASS_ENV ?? '').split(',').filter((name) => name !== '')];
  const wrong = passEnv.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (wrong !== undefined)
    return usage(
      `--pass-env takes the name of a variable, not "${wrong}"`,
      'name it only: its value is read from your environment',
    );
  return {
    ok: true,
    value: {
      cwd,
      tasksFile: flags.words[0] ?? null,
      messages: flags.all('message'),
      agents,
      agentsDefined: [...defined.keys()].filter((name) => !asked.includes(name)),
      checks: checksOf(flags.all('check'), file),
      setup: file.setup ?? null,
      agentsMax: settings.agentsMax.value,
      checksMax: file.limits?.checks ?? null,
      attemptsMax: settings.attemptsMax.value,
      wallTimeMs: settings.wallTimeMs.value,
      costMax: settings.costMax.value,
      passEnv: [...new Set(passEnv)],
      sandbox: !flags.on('no-sandbox'),
      goals: flags.all('goal'),
      mutants: flags.on('mutants'),
      packs,
    },
  };
}

function checksOf(flags: readonly string[], file: SkeinFile): CheckChoice[] | null {
  const plain = { name: null, directory: '', kind: null, timeoutMs: null };
  if (flags.length > 0) return flags.map((command) => ({ ...plain, command, source: '--check' }));
  if (file.checks === undefined) return null;
  return file.checks.map((entry) => {
    const check = typeof entry === 'string' ? { command: entry } : entry;
    return {
      name: check.name ?? null,
      command: check.command,
      directory: check.directory ?? '',
      kind: check.kind ?? null,
      timeoutMs: check.minutes === undefined ? null : Math.round(check.minutes * 60_000),
      source: 'skein.yaml checks',
    };
  });
}

/** Two of the same program are told apart by a number. */
function unused(name: string, agents: readonly AgentChoice[]): string {
  const taken = (candidate: string): boolean => agents.some((agent) => agent.name === candidate);
  let candidate = name;
  for (let i = 2; taken(candidate); i++) candidate = `${name}-${i}`;
  return candidate;
}

/** What a run calls an agent: its word, or the program of its command. */
function nameOf(spec: string): string {
  if (spec.startsWith('recorded:')) return 'recorded';
  const program = spec.replace(/^sh:/, '').trim().split(/\s+/)[0] ?? 'agent';
  return (
    program
      .split('/')
      .at(-1)!
      .replaceAll(/[^\w.-]/g, '')
      .slice(0, 40) || 'agent'
  );
}
