/** The verbs: what each takes, in words and flags, and where its code is. Loaded for every call, so it imports no verb. */
import { FAIL_ON, type Flags, LIMITS, type Parsed, RUN } from './flags.ts';
import type { ExitCode, Surface } from './surface.ts';

export interface Verb {
  readonly words: string;
  readonly wordsMax: number;
  readonly does: string;
  readonly flags: Flags;
  /** Said after the flags. */
  readonly more?: readonly string[];
  load(): Promise<{ verb(flags: Parsed, surface: Surface): Promise<ExitCode> }>;
}

const MORE = [
  'An agent command may hold {task} {files} {failure} {workspace} {session}; each becomes one argument, whatever it says.',
  'It finds the same in SKEIN_TASK, SKEIN_FILES, ..., and all of it as JSON in the file named by SKEIN_TASK_FILE.',
  'A model is an agent where ai and @ai-sdk/<provider> are installed; its address stands in SKEIN_MODEL_BASE_URL or skein.yaml.',
  'Limits can also stand in SKEIN_MAX_MINUTES, SKEIN_MAX_AGENTS, SKEIN_MAX_ATTEMPTS, SKEIN_MAX_COST or in skein.yaml.',
];

const REASON: Flags = { reason: { type: 'string', value: 'TEXT', help: 'why; it is signed with the order' } };

export const VERBS: Readonly<Record<string, Verb>> = {
  run: {
    words: '[tasks-file]',
    wordsMax: 1,
    does: 'run agents on tasks; land what the checks accept. Without tasks: what is here, and what is red',
    flags: { ...RUN, record: { type: 'boolean', help: 'journal every input, so that all of it can be replayed' } },
    more: MORE,
    load: () => import('./verbs/run.ts'),
  },
  plan: {
    words: '[tasks-file]',
    wordsMax: 1,
    does: 'say what run would do, with every command; start nothing',
    flags: RUN,
    more: MORE,
    load: () => import('./verbs/plan.ts'),
  },
  init: {
    words: '',
    wordsMax: 0,
    does: 'write skein.yaml with what is found here; never needed, never overwrites',
    flags: { print: { type: 'boolean', help: 'only print it' } },
    load: () => import('./verbs/init.ts'),
  },
  status: {
    words: '[run]',
    wordsMax: 1,
    does: 'tasks, processes, memory, disk and cost of a run, from any terminal',
    flags: {},
    load: () => import('./verbs/status.ts'),
  },
  resume: {
    words: '[run | halt/N]',
    wordsMax: 1,
    does: 'go on with a run that stopped or was interrupted; or end a halt, by its id',
    flags: { ...LIMITS, ...FAIL_ON, ...REASON },
    load: () => import('./verbs/resume.ts'),
  },
  halt: {
    words: '[run/N | all]',
    wordsMax: 1,
    does: 'stop at once, also with a host that hangs; nothing starts before skein resume halt/N',
    flags: {
      ...REASON,
      kill: { type: 'boolean', help: 'for ever: no resume ends it' },
      list: { type: 'boolean', help: 'only say what is halted, reduced or frozen' },
    },
    load: () => import('./verbs/halt.ts'),
  },
  reduce: {
    words: '[run/N | all]',
    wordsMax: 1,
    does: 'only what makes smaller what is in flight: no new agents, what they finished lands',
    flags: REASON,
    load: () => import('./verbs/reduce.ts'),
  },
  freeze: {
    words: '[run/N | all]',
    wordsMax: 1,
    does: 'no new work; work in hand finishes, and nothing starts before the thaw',
    flags: REASON,
    load: () => import('./verbs/freeze.ts'),
  },
  thaw: {
    words: '[run/N | all]',
    wordsMax: 1,
    does: 'end a freeze',
    flags: {},
    load: () => import('./verbs/thaw.ts'),
  },
  drill: {
    words: '',
    wordsMax: 0,
    does: 'rehearse a halt on programs of its own, and say how long each step took',
    flags: {},
    load: () => import('./verbs/drill.ts'),
  },
  runs: {
    words: '[list | show | open | drop | prune] [run]',
    wordsMax: 2,
    does: 'the runs so far; one again; its open tasks; remove one, or the old ones',
    flags: {
      force: { type: 'boolean', help: 'drop: also when its work is in no other branch' },
      keep: { type: 'string', value: 'N', help: 'prune: the last N runs stay (20)' },
      days: { type: 'string', value: 'N', help: 'prune: runs of the last N days stay (7)' },
      'dry-run': { type: 'boolean', help: 'prune: only say which' },
    },
    load: () => import('./verbs/runs.ts'),
  },
  compare: {
    words: '[run] [run]',
    wordsMax: 2,
    does: 'two runs of the same tasks side by side, or the agents of one run: said done against verified',
    flags: {},
    load: () => import('./verbs/compare.ts'),
  },
  verify: {
    words: '[run]',
    wordsMax: 1,
    does: "recompute a run's ledger and say whether it was changed",
    flags: {
      against: {
        type: 'string',
        value: 'FILE',
        help: 'a checkpoint that was kept elsewhere: also finds a cut tail and a rewritten whole',
      },
      keys: { type: 'string', value: 'FILE', help: 'public keys, one a line (those beside the ledger)' },
      checkpoint: { type: 'boolean', help: 'print the newest signed checkpoint, to be kept elsewhere' },
      proof: { type: 'string', value: 'N', help: 'print the proof that entry N is in the ledger' },
    },
    load: () => import('./verbs/verify.ts'),
  },
  replay: {
    words: '[run]',
    wordsMax: 1,
    does: "a run's inputs again through this build: the same, or where it first differs",
    flags: {},
    load: () => import('./verbs/replay.ts'),
  },
  fork: {
    words: '[run]',
    wordsMax: 1,
    does: 'a new run from the state of another at a ledger entry',
    flags: { at: { type: 'string', value: 'N', help: 'the ledger entry' } },
    load: () => import('./verbs/fork.ts'),
  },
  explain: {
    words: '<task | message>',
    wordsMax: 1,
    does: 'every step from what was observed to what came of it, with who decided',
    flags: { run: { type: 'string', value: 'N', help: 'the run (the newest)' } },
    load: () => import('./verbs/explain.ts'),
  },
  simulate: {
    words: '',
    wordsMax: 0,
    does: 'run a fleet on virtual time under faults drawn from a seed; the same seed is the same run',
    flags: {
      seed: { type: 'string', value: 'SEED', help: 'a number or a word (1)' },
      seeds: { type: 'string', value: 'N', help: 'so many seeds, counting up (1)' },
      hosts: { type: 'string', value: 'N', help: 'hosts (3 to 8, as the seed draws)' },
      agents: { type: 'string', value: 'N', help: 'agents on all of them together (300)' },
      storm: { type: 'string', value: 'MS', help: 'how long faults last, in simulated ms (25000)' },
      without: { type: 'string', value: 'CLASS,..', help: 'crash, disk, network, partition, clog, clock, activity, delay' },
      only: { type: 'string', value: 'N,..', help: 'of the incidents only these, or none' },
      codec: { type: 'boolean', help: 'messages as signed frames of the real codec (one seed in a hundred)' },
      trace: { type: 'boolean', help: 'every event as a line' },
    },
    load: () => import('./verbs/simulate.ts'),
  },
  dlq: {
    words: '[list | show | retry | drop] [letter]',
    wordsMax: 2,
    does: "what a run's host gave up on; one of them whole; hand it in again through the same gates, or drop it",
    flags: { run: { type: 'string', value: 'N', help: 'of this run (the newest)' } },
    load: () => import('./verbs/dlq.ts'),
  },
  policy: {
    words: '[check | test | shadow | activate | rollback | explain] [folder | cases.json]',
    wordsMax: 2,
    does: 'who may do what, within which limits: check and test the rules, bring them into force, say why',
    flags: {
      coverage: { type: 'boolean', help: 'test: also name the policies that no case reaches' },
      last: { type: 'string', value: 'N', help: 'shadow: recorded decisions to try (10000)' },
      requests: { type: 'string', value: 'N', help: 'activate: random requests compared with the Cedar engine (10000)' },
      key: { type: 'string', value: 'FILE', help: 'activate, rollback: the private key of a reviewer, Ed25519 in PEM' },
    },
    load: () => import('./verbs/policy.ts'),
  },
  land: {
    words: '[run] [task...]',
    wordsMax: 1000,
    does: 'check the work again on the branch you are on, then move that branch',
    flags: {},
    load: () => import('./verbs/land.ts'),
  },
  pr: {
    words: '[run]',
    wordsMax: 1,
    does: 'open a pull request with gh, or print its title and body',
    flags: { print: { type: 'boolean', help: 'only print them' } },
    load: () => import('./verbs/pr.ts'),
  },
  contracts: {
    words: '[list | show | check | asyncapi] [name | file] [name | file]',
    wordsMax: 3,
    does: 'the messages and their terms; one of them; whether a change breaks anybody; all as AsyncAPI 3.1',
    flags: {},
    more: ['check <old> <new> takes names or files with a JSON Schema, and exits 1 when the change needs a new version.'],
    load: () => import('./verbs/contracts.ts'),
  },
};
