/** A surface and runs in memory, so that everything a person sees can be looked at without a repository. */
import type { Fleet, LiveRun, Outcome, Prepared, RunReading, RunRequest, RunRow, RunView } from '../../src/assembly/index.ts';
import { work } from '../../src/contracts/index.ts';
import { main, type Surface, type Terminal } from '../../src/surfaces/cli/index.ts';

export const T0 = Date.UTC(2026, 0, 2, 10, 0, 0);
const SHA = 'a1b2c3d4e5f60718293a4b5c6d7e8f9001122334';
const HASH = 'ab'.repeat(32);

export const verdict = (over: Partial<work.VerdictSummary> = {}): work.VerdictSummary => ({
  check: 'npm test',
  status: 'green',
  cause: '',
  passed: 412,
  failed: 0,
  skipped: 0,
  findings: 0,
  durationMs: 3100,
  cached: false,
  ...over,
});

export const attempt = (over: Partial<work.AttemptRecord> = {}): work.AttemptRecord => ({
  fence: 1,
  agent: 'claude',
  base: SHA,
  tier: 1,
  startedAt: T0 + 10_000,
  endedAt: T0 + 70_000,
  outcome: 'landed',
  violations: [],
  failure: '',
  cost: 420_000,
  durationMs: 60_000,
  change: 'c'.repeat(40),
  patch: null,
  files: [{ path: 'src/parse.ts', status: 'modified', added: 14, removed: 3, binary: false }],
  filesTotal: 1,
  vet: null,
  ...over,
});

export const task = (
  id: string,
  title: string,
  over: Partial<work.TaskRecord> & { needs?: string[]; given?: boolean } = {},
): work.TaskRecord => {
  const { needs = [], given = true, ...rest } = over;
  return {
    spec: { id, title, text: '', needs, claims: [], checks: [], agent: null, estimate: 60_000, given, ...work.WITHOUT_GOAL },
    order: 0,
    state: 'landed',
    landing: null,
    detail: '',
    fence: 1,
    step: 6,
    interruptions: 0,
    errors: 0,
    workspace: null,
    failures: 0,
    conflicts: 0,
    session: null,
    attempts: rest.state === undefined || rest.state === 'landed' ? [attempt()] : [],
    commit: rest.state === undefined || rest.state === 'landed' ? 'f'.repeat(40) : null,
    verdicts:
      rest.state === undefined || rest.state === 'landed' ? [verdict(), verdict({ check: 'npm run lint', passed: 0 })] : [],
    ...rest,
  };
};

export const claude: work.AgentSpec = {
  name: 'claude',
  kind: 'preset',
  argv: ['claude', '-p', '--output-format', 'stream-json', '{prompt}'],
  resume: ['--resume', '{session}'],
  usage: 'claude-stream-json',
  passEnv: [],
  timeout: 1_800_000,
  attemptPrice: null,
  network: true,
  only: null,
};

export const spec = (over: Partial<work.RunSpec> = {}): work.RunSpec => ({
  run: '12',
  repository: '/home/ada/engine',
  base: SHA,
  baseTree: 'b'.repeat(40),
  branch: 'refs/heads/skein/12',
  tasks: [],
  agents: [claude],
  checks: [
    {
      name: 'npm test',
      command: 'npm test',
      directory: '',
      kind: 'tests',
      timeout: 600_000,
      source: 'package.json scripts.test',
    },
    {
      name: 'npm run lint',
      command: 'npm run lint',
      directory: '',
      kind: 'findings',
      timeout: 600_000,
      source: 'package.json scripts.lint',
    },
  ],
  probes: [],
  services: [],
  setup: 'npm ci',
  limits: { agentsMax: 2, checksMax: 2, attemptsMax: 3, wallTime: 600_000, costMax: 5_000_000 },
  sandbox: 'full',
  passEnv: [],
  planHash: HASH,
  ...over,
});

export const view = (tasks: readonly work.TaskRecord[], over: Partial<work.RunRecord> = {}): RunView => ({
  run: {
    spec: spec(),
    phase: 'finished',
    reason: 'done',
    detail: '',
    cancelling: false,
    moved: 0,
    tip: 'f'.repeat(40),
    landed: tasks.filter((each) => each.state === 'landed').length,
    startedAt: T0,
    deadline: T0 + 600_000,
    endedAt: T0 + 252_000,
    spent: 420_000,
    unknownCosts: 0,
    baseline: {
      verdicts: [verdict(), verdict({ check: 'npm run lint', passed: 0, durationMs: 800 })],
      blob: { sha256: HASH, bytes: 1 },
      unstable: [],
      serial: false,
      notes: [],
    },
    sittings: 1,
    ...over,
  },
  tasks,
  probes: [],
});

/** Landed, refused twice then open, and blocked behind it. */
export const mixed = (): RunView =>
  view(
    [
      task('parse', 'fix the parser'),
      task('lex', 'speed up the lexer by caching every token that was ever seen', {
        state: 'open',
        order: 1,
        failures: 2,
        attempts: [
          attempt({
            outcome: 'refused',
            violations: [{ rule: 'green-turned-red', detail: 'npm test: parse > empty input was green and is red' }],
          }),
          attempt({
            fence: 2,
            tier: 2,
            outcome: 'refused',
            cost: null,
            violations: [
              { rule: 'suppression-added', detail: 'src/lex.ts: // eslint-disable-next-line no-control-regex \u001b[2J' },
            ],
          }),
        ],
      }),
      task('docs', 'write down the lexer', { state: 'blocked', order: 2, needs: ['lex'] }),
    ],
    { unknownCosts: 1 },
  );

export const prepared = (over: Partial<Prepared> = {}): Prepared => {
  const {
    run: _run,
    branch: _branch,
    ...rest
  } = spec({
    tasks: [task('parse', 'fix the parser').spec, task('docs', 'write it down', { needs: ['parse'] }).spec],
  });
  return {
    spec: rest,
    plan: {
      tasks: [
        {
          id: 'parse',
          title: 'fix the parser',
          order: 0,
          agent: null,
          needs: [],
          claims: [],
          checks: [],
          start: 0,
          finish: 90_000,
          critical: true,
        },
        {
          id: 'docs',
          title: 'write it down',
          order: 1,
          agent: 'claude',
          needs: ['parse'],
          claims: ['docs/**'],
          checks: [],
          start: 90_000,
          finish: 120_000,
          critical: true,
        },
      ],
      criticalPath: ['parse', 'docs'],
      makespanMs: 120_000,
      sequentialMs: 120_000,
      agentsAtOnce: 1,
      swarm: { worth: false, why: 'one agent is enough: every task needs the one before it' },
    },
    commands: [
      { what: 'setup', name: 'setup', command: 'npm ci', source: 'package-lock.json' },
      { what: 'check', name: 'npm test', command: 'npm test', source: 'package.json scripts.test' },
      { what: 'agent', name: 'claude', command: "claude -p --output-format stream-json '{prompt}'", source: '--agent' },
    ],
    agentsFound: [{ name: 'codex', command: 'codex exec --json {prompt}' }],
    notes: [],
    ...over,
  };
};

export class FakeRun implements LiveRun {
  readonly run = '12';
  readonly calls: string[] = [];
  readonly ended: Promise<RunView>;
  /** Settles when somebody follows it. */
  readonly followed: Promise<void>;
  #follow!: () => void;
  #resolve!: (view: RunView) => void;
  #reject!: (error: Error) => void;
  #view: RunView;
  #listeners = new Set<(view: RunView) => void>();

  constructor(first: RunView) {
    this.#view = first;
    this.followed = new Promise((resolve) => (this.#follow = resolve));
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }
  view(): RunView {
    return this.#view;
  }
  onNews(): () => void {
    return () => {};
  }

  onChange(listener: (view: RunView) => void): () => void {
    this.#listeners.add(listener);
    this.#follow();
    return () => this.#listeners.delete(listener);
  }
  change(next: RunView): void {
    this.#view = next;
    for (const listener of this.#listeners) listener(next);
  }
  end(last: RunView): void {
    this.change(last);
    this.#resolve(last);
  }
  die(message: string): void {
    this.#reject(new Error(message));
  }
  meanwhile(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }
  drain(): void {
    this.calls.push('drain');
  }
  kill(): void {
    this.calls.push('kill');
  }
}

export interface World {
  readonly fleet: Partial<Fleet>;
  readonly requests: RunRequest[];
  readonly started: Prepared[];
}

export function fleetOf(
  over: Partial<Fleet> & { live?: FakeRun; plan?: Outcome<Prepared>; reading?: RunReading; rows?: RunRow[] } = {},
): World {
  const requests: RunRequest[] = [];
  const started: Prepared[] = [];
  const { live, plan, reading, rows, ...rest } = over;
  const fleet: Partial<Fleet> = {
    repository: '/nowhere',
    prepare: async (request) => {
      requests.push(request);
      return plan ?? { ok: true, value: prepared() };
    },
    start: async (what) => {
      started.push(what);
      return { ok: true, value: live! };
    },
    resume: async () => ({ ok: true, value: live! }),
    read: async (run) =>
      reading === undefined
        ? { ok: false, problem: { kind: 'missing', what: `there is no run ${run}`, details: [], next: 'skein runs' } }
        : { ok: true, value: reading },
    deadLetters: async () => ({ ok: true, value: [] }),
    halts: async () => ({ ok: true, value: [] }),
    list: async () => rows ?? [],
    evidence: async () => ({ diffs: new Map(), ledger: null }),
    keepReport: async (run) => ({ ok: true, value: `/nowhere/.skein/runs/${run}/report.html` }),
    reportOf: async () => null,
    ...rest,
  };
  return { fleet, requests, started };
}

export interface Seen {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Call {
  readonly done: Promise<Seen>;
  signal(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void;
}

export interface Setting {
  readonly tty?: 'both' | 'stdout' | 'stderr' | 'none';
  readonly width?: number;
  readonly env?: Record<string, string>;
  readonly world?: World;
}

/** Calls `skein` with these words in an imagined terminal. */
export function skein(args: readonly string[], setting: Setting = {}): Call {
  const { tty = 'both', width = 80, env = {}, world = fleetOf() } = setting;
  let out = '';
  let err = '';
  let onSignal: ((name: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => void) | null = null;
  const terminal = (name: 'stdout' | 'stderr', write: (text: string) => void): Terminal => {
    const isTTY = tty === 'both' || tty === name;
    return { write, isTTY, columns: width, rows: 30, colors: isTTY ? 24 : 1 };
  };
  const surface: Surface = {
    stdout: terminal('stdout', (text) => (out += text)),
    stderr: terminal('stderr', (text) => (err += text)),
    env: { LANG: 'en_US.UTF-8', ...env },
    cwd: '/nowhere/src',
    platform: 'linux',
    versions: { skein: '0.1.0', node: '24.0.0', platform: 'linux-x64' },
    openFleet: async () => ({ ok: true, value: world.fleet as Fleet }),
    packs: async () => [],
    now: () => T0 + 65_000,
    every: () => () => {},
    onSignal: (listener) => {
      onSignal = listener;
      return () => (onSignal = null);
    },
  };
  return {
    done: main(args, surface).then((code) => ({ code, out, err })),
    signal: (name) => onSignal?.(name),
  };
}
