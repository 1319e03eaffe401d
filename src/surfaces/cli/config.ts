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
const Shared = { 'pass-env': Type.Optional(Type.Array(Word, { maxItems: 64 })), minutes: Type.Optional(Minutes) };
const Args = { args: Type.Optional(Type.Array(Type.String({ maxLength: 4096 }), { maxItems: 64 })) };
const Price = Type.Optional(Usd);
/** An agent is exactly one of these; the key tells which. */
const AGENTS = {
  preset: Type.Object({ preset: Word, ...Args, ...Shared, price: Price }, closed),
  command: Type.Object({ command: Line, ...Args, ...Shared, price: Price }, closed),
  model: Type.Object(
    {
      /** `openai-compatible/qwen3` */
      model: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}/\\S{1,200}$' }),
      baseUrl: Type.Optional(Type.String({ pattern: '^https?://', maxLength: 2048 })),
      /** Name of the variable that holds the key. */
      apiKeyEnv: Type.Optional(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,199}$' })),
      /** Of one attempt, or of a million tokens in and out. */
      price: Type.Optional(Type.Union([Usd, Type.Object({ input: Usd, output: Usd }, closed)])),
      steps: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
      ...Shared,
    },
    closed,
  ),
} as const;
const AgentEntry = Type.Union([AGENTS.preset, AGENTS.command, AGENTS.model]);
type AgentEntry = Static<typeof AgentEntry>;
const AGENT_NAME = '^[A-Za-z][A-Za-z0-9_-]{0,63}$';
export const SkeinFile = Type.Object(
  {
    checks: Type.Optional(Type.Array(Type.Union([Line, CheckEntry]), { maxItems: 256 })),
    setup: Type.Optional(Line),
    agents: Type.Optional(Type.Record(Type.String({ pattern: AGENT_NAME }), AgentEntry, closed)),
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
    policies: Type.Optional(
      Type.Object(
        {
          /** Exit 1 for anything left open or red, given or not. */
          'fail-on': Type.Optional(Type.Literal('open')),
          /** Start nothing where agents and checks cannot be held this far. */
          sandbox: Type.Optional(Type.Literal('full')),
        },
        closed,
      ),
    ),
  },
  { ...closed, $id: 'urn:skein:schema:skein-yaml.v1', title: 'skein.yaml' },
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
  '': ['checks', 'setup', 'agents', 'limits', 'policies'],
  limits: ['minutes', 'agents', 'checks', 'attempts', 'cost'],
  policies: ['fail-on', 'sandbox'],
  checks: Object.keys(CheckEntry.properties),
};

const KINDS = ['preset', 'command', 'model'] as const;

function isMap(thing: unknown): thing is Record<string, unknown> {
  return typeof thing === 'object' && thing !== null && !Array.isArray(thing);
}

function problemsOf(value: unknown): Finding[] {
  const found = new Map<string, Finding>();
  const add = (path: string[], message: string): void => {
    const key = path.join('/');
    if (!found.has(key)) found.set(key, { path, message });
  };
  const wrong = (above: readonly string[], error: { keyword: string; instancePath: string; message: string }): void => {
    if (error.keyword === 'additionalProperties') return; // named with the nearest key
    const steps = error.instancePath.split('/').slice(1);
    const path = [...above, ...steps.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))];
    if ([...found.keys()].some((key) => key === path.join('/') || key.startsWith(`${path.join('/')}/`))) return;
    add(path, `${path.join('.')} ${error.message}`);
  };
  const keys = (thing: unknown, path: string[], known: readonly string[]): void => {
    if (!isMap(thing)) return;
    for (const key of Object.keys(thing))
      if (!known.includes(key)) add([...path, key], `unknown key "${key}"${hint(key, known)} (known: ${known.join(', ')})`);
  };
  if (!isMap(value)) return [{ path: [], message: 'the file is a map of checks, setup, agents, limits and policies' }];
  keys(value, [], KEYS['']!);
  keys(value.limits, ['limits'], KEYS.limits!);
  keys(value.policies, ['policies'], KEYS.policies!);
  if (isMap(value.agents)) {
    for (const [name, agent] of Object.entries(value.agents)) {
      const path = ['agents', name];
      if (!new RegExp(AGENT_NAME).test(name))
        add(path, `"${name}" is no name for an agent: a letter, then letters, digits, - and _, at most 64`);
      const kinds = isMap(agent) ? KINDS.filter((kind) => Object.hasOwn(agent, kind)) : [];
      if (kinds.length !== 1) {
        add(path, `agent ${name} needs exactly one of preset:, command: and model:`);
        continue;
      }
      const schema = AGENTS[kinds[0]!];
      keys(agent, path, Object.keys(schema.properties));
      // By itself: an agent that fits no kind would be told only that.
      for (const error of Errors(schema, agent)) wrong(path, error);
    }
  }
  if (Array.isArray(value.checks))
    for (const [i, check] of value.checks.entries()) keys(check, ['checks', String(i)], KEYS.checks!);
  for (const error of Errors(SkeinFile, value)) wrong([], error);
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
  const failOn = flags.text('fail-on') ?? env.SKEIN_FAIL_ON ?? file.policies?.['fail-on'] ?? '';
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
  const price = tokenPrice(flags.text('model-price'));
  if (!price.ok) return price;
  for (const spec of asked.filter((text) => text !== '')) {
    const entry = defined.get(spec);
    agents.push({
      name: unused(nameOf(spec), agents),
      spec: entry === undefined ? spec : programOf(entry),
      args: entry !== undefined && 'args' in entry ? (entry.args ?? []) : [],
      passEnv: entry?.['pass-env'] ?? [],
      timeoutMs: entry?.minutes === undefined ? null : Math.round(entry.minutes * 60_000),
      attemptPrice: typeof entry?.price === 'number' ? micros(entry.price) : null,
      model: modelOf(entry, env, price.value),
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
      sandboxRequired: file.policies?.sandbox === 'full',
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

const micros = (usd: number): number => Math.round(usd * 1_000_000);

function programOf(entry: AgentEntry): string {
  if ('preset' in entry) return entry.preset;
  return 'model' in entry ? `model:${entry.model}` : `sh:${entry.command}`;
}

/** The file is about this agent, the variable about all of them: the file wins where it says something. */
function modelOf(
  entry: AgentEntry | undefined,
  env: Env,
  flagPrice: { readonly input: number; readonly output: number } | null,
): NonNullable<AgentChoice['model']> {
  const own: Partial<Static<typeof AGENTS.model>> = entry !== undefined && 'model' in entry ? entry : {};
  const { price } = own;
  const declared = typeof price === 'object' ? { input: micros(price.input), output: micros(price.output) } : null;
  return {
    baseUrl: own.baseUrl ?? (env.SKEIN_MODEL_BASE_URL === '' ? null : (env.SKEIN_MODEL_BASE_URL ?? null)),
    apiKeyEnv: own.apiKeyEnv ?? null,
    price: flagPrice ?? declared,
    steps: own.steps ?? null,
    tokens: own.tokens ?? null,
  };
}

function tokenPrice(text: string | null): Outcome<{ input: number; output: number } | null> {
  if (text === null) return { ok: true, value: null };
  const [, input, output] = /^(\d{1,6}(?:\.\d+)?)\/(\d{1,6}(?:\.\d+)?)$/.exec(text) ?? [];
  if (input !== undefined && output !== undefined)
    return { ok: true, value: { input: micros(Number(input)), output: micros(Number(output)) } };
  return usage(
    `--model-price is "${text}", which is not USD in and out for a million tokens`,
    'for example --model-price 0.25/2',
  );
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
  if (spec.startsWith('model:')) return nameOf(`sh:${spec.slice('model:'.length)}`);
  const program = spec.replace(/^sh:/, '').trim().split(/\s+/)[0] ?? 'agent';
  return (
    program
      .split('/')
      .at(-1)!
      .replaceAll(/[^\w.-]/g, '')
      .slice(0, 40) || 'agent'
  );
}
