/**
 * The activity `work.agent`: one agent's process on one task, in its own workspace. It sees the workspace, its task and the
 * failures of its own task; nothing of any other agent. What it left in the files is taken by others later: this activity
 * commits nothing, merges nothing, and its result says nothing about success.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { work } from '../../../contracts/index.ts';
import { ActivityError, type ActivityFunction, type ActivityIo } from '../activity.ts';
import type { ExecResult } from '../exec.ts';
import { commandOf, failureText, filesText, promptText, taskText, variables, type CommandValues } from './command.ts';
import { lineSplitter } from './lines.ts';
import { modelOf, programOf, readableOf } from './model/choice.ts';
import type { ModelJob } from './model/main.ts';
import { insertBeforeMessage, presetOf, type Preset } from './presets.ts';
import { usageReader, type Usage } from './usage.ts';

export interface LoopDetector {
  /** True when the trajectory repeats and the agent should be stopped. */
  feed(line: string): boolean;
}

export interface AgentNeeds {
  /** The withheld environment of a child with its own temporary directory, and with the named variables given back. */
  readonly environment: (passEnv: readonly string[], temp: string) => Promise<Readonly<Record<string, string>>>;
  /** Where probes of the run leave what its agents may read. */
  readonly shared?: (run: string) => string;
  readonly loop: () => LoopDetector;
  /** Notes the user's refs, config, hooks and stash; the function it gives back names what changed since. */
  readonly watch: (repository: string) => Promise<() => Promise<string[]>>;
}

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024; // a long session with whole files in tool results prints some 20 MiB
const KEEP_BYTES = 1024 * 1024;
const TAIL_MAX = 4096;
// Lines that are watched for a repeating trajectory: a whole round of one at once (3 ms of work), and a pace that no agent that
// thinks between its steps reaches. Who prints faster is a flood, ended by the bound on output, and must not hold up the host.
const WATCHED_AT_ONCE = 512;
const WATCHED_PER_MS = 2;

export function agentActivity(needs: AgentNeeds): ActivityFunction<work.AgentPayload, work.AgentResult> {
  return async (payload, io) => {
    const scratch = join(dirname(payload.workspace), `${basename(payload.workspace)}.agent`);
    await rm(scratch, { recursive: true, force: true }); // what a crashed attempt left
    await mkdir(join(scratch, 'tmp'), { recursive: true, mode: 0o700 });
    const changes = payload.sandbox === 'full' ? null : await needs.watch(payload.repository);
    try {
      const result =
        payload.agent.kind === 'recorded'
          ? await play(payload, io, needs, join(scratch, 'tmp'))
          : await labour(payload, io, needs, scratch);
      return { ...result, touched: changes === null ? [] : await changes() };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  };
}

type Worked = Omit<work.AgentResult, 'touched'>;

async function labour(payload: work.AgentPayload, io: ActivityIo, needs: AgentNeeds, scratch: string): Promise<Worked> {
  const { agent, task } = payload;
  const preset = agent.kind === 'preset' ? presetOf(basename(agent.argv[0]!)) : undefined;
  const failure = failureText(payload.failures);
  const values: CommandValues = {
    task: taskText(task),
    files: filesText(task),
    failure,
    workspace: payload.workspace,
    session: payload.session ?? '',
    prompt: promptText(task, failure),
    scratch,
    usd: payload.budget === null ? '' : (payload.budget / 1e6).toFixed(2),
  };
  const taskFile = join(scratch, 'task.json');
  const { id, title, text, claims, checks, goal, input } = task;
  const shared = needs.shared?.(payload.run) ?? null;
  await writeFile(
    taskFile,
    JSON.stringify({ id, title, text, claims, checks, goal, input, shared, failures: payload.failures }, null, 2),
  );

  const env = { ...(await needs.environment(agent.passEnv, join(scratch, 'tmp'))), SKEIN_TASK_FILE: taskFile };
  // A shell reads the values from variables; a preset gets them as arguments and needs no second copy.
  if (agent.kind === 'shell') Object.assign(env, variables(values));
  const stdin = agent.kind === 'model' ? jobOf(payload, values.prompt, env) : undefined;

  const start = (session: string | null): Promise<Ran> => {
    let argv: readonly string[] = agent.argv;
    if (preset !== undefined && payload.budget !== null && payload.budget > 0) argv = insertBeforeMessage(argv, preset.budget);
    if (session !== null) argv = insertBeforeMessage(argv, agent.resume);
    const command = agent.kind === 'model' ? programOf(argv) : commandOf(argv, values);
    return run(command, payload, io, needs, { env, stdin, writable: [payload.workspace, scratch, ...stateOf(preset)] });
  };
  const session = agent.resume.length === 0 ? null : payload.session;
  const before = await readdir(payload.workspace);
  let ran = await start(session);
  if (session !== null && preset !== undefined && sessionIsGone(ran, preset)) ran = await start(null);

  await clearLitter(payload.workspace, before, preset);
  const { result, usage, looped } = ran;
  if (result.ended === 'not-started') {
    const hint = preset === undefined ? '' : `; install it: ${preset.install}`;
    throw new ActivityError(`agent ${agent.name} did not start: ${result.error}${hint}`, { retryable: false });
  }
  const output = await io.blobs.put(Buffer.concat([result.stdout, result.stderr]));
  return {
    exitCode: result.exitCode,
    ended: looped ? 'loop' : result.ended === 'cancelled' ? 'signal' : result.ended,
    durationMs: result.durationMs,
    cost: usage.cost,
    tokens: usage.tokens,
    session: usage.session,
    tail: tailOf(result, usage),
    output,
  };
}

interface Started {
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string | undefined;
  readonly writable: readonly string[];
}

/** What a model agent reads from stdin. Its key leaves the environment, where every program that it starts could read it. */
function jobOf(payload: work.AgentPayload, prompt: string, env: Record<string, string>): string {
  const { agent, budget, repository, sandbox, task } = payload;
  const keyFrom = modelOf(agent.argv)?.keyFrom ?? '';
  const key = env[keyFrom] ?? '';
  delete env[keyFrom];
  // What the model wrote runs in a check: only where it cannot write elsewhere.
  const checks = sandbox === 'full' ? task.checks : [];
  const job: ModelJob = { prompt, key, budget, timeoutMs: agent.timeout, checks, project: repository };
  return JSON.stringify(job);
}

interface Ran {
  readonly result: ExecResult;
  readonly usage: Usage;
  readonly looped: boolean;
}

async function run(
  argv: readonly string[],
  payload: work.AgentPayload,
  io: ActivityIo,
  needs: AgentNeeds,
  { env, stdin, writable }: Started,
): Promise<Ran> {
  const reader = usageReader(payload.agent.usage);
  const detector = needs.loop();
  const stop = new AbortController();
  let looped = false;
  let watched = WATCHED_AT_ONCE;
  let since = performance.now();
  const lines = lineSplitter((line) => {
    reader.feed(line);
    const now = performance.now();
    watched = Math.min(WATCHED_AT_ONCE, watched + (now - since) * WATCHED_PER_MS);
    since = now;
    if (looped || watched < 1) return;
    watched -= 1;
    const step = reader.trajectory(line);
    if (step !== null && detector.feed(step)) {
      looped = true;
      stop.abort();
    }
  });
  const result = await io.exec(argv, {
    cwd: payload.workspace,
    env,
    timeoutMs: payload.agent.timeout,
    keepBytes: KEEP_BYTES,
    outputBytesMax: OUTPUT_BYTES_MAX,
    sandbox: {
      mode: payload.sandbox,
      writable,
      network: payload.agent.network,
      ...(payload.agent.kind === 'model' ? { readable: readableOf() } : {}),
    },
    ...(stdin === undefined ? {} : { stdin }),
    signal: AbortSignal.any([io.signal, stop.signal]),
    onStdout: (chunk) => lines.push(chunk),
  });
  lines.end();
  return { result, usage: reader.usage(), looped };
}

/** Plays `<task>.<attempt>.patch`, else `<task>.patch`, onto the workspace: work that costs no tokens. */
async function play(payload: work.AgentPayload, io: ActivityIo, needs: AgentNeeds, temp: string): Promise<Worked> {
  const directory = payload.agent.argv[1] ?? '';
  const name = payload.task.id.replaceAll(/[^\w.-]/g, '-');
  const attempt = payload.failures.length + 1;
  const free = { cost: 0, tokens: null, session: null } as const;
  for (const file of [`${name}.${attempt}.patch`, `${name}.patch`]) {
    const path = join(directory, file);
    if ((await stat(path).catch(() => null))?.isFile() !== true) continue;
    const result = await io.exec(['git', 'apply', '--whitespace=nowarn', path], {
      cwd: payload.workspace,
      env: { ...(await needs.environment([], temp)), GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
      timeoutMs: payload.agent.timeout,
      keepBytes: KEEP_BYTES,
      outputBytesMax: OUTPUT_BYTES_MAX,
      signal: io.signal,
    });
    if (result.ended === 'not-started') throw new ActivityError(`git did not start: ${result.error}`, { retryable: false });
    const said = result.stderr.toString('utf8').trim();
    const tail = result.exitCode === 0 ? `played ${file}` : `${file} does not apply:\n${said}`.slice(0, TAIL_MAX);
    const ended = result.ended === 'cancelled' ? 'signal' : result.ended;
    return { ...free, exitCode: result.exitCode, ended, durationMs: result.durationMs, tail, output: null };
  }
  const tail = `no recording for task ${payload.task.id}: ${directory} has neither ${name}.${attempt}.patch nor ${name}.patch`;
  return { ...free, exitCode: 1, ended: 'exit', durationMs: 0, tail, output: null };
}

/** A lost session is only started afresh when it did nothing yet: a second start after work would pay twice. */
function sessionIsGone({ result, usage }: Ran, preset: Preset): boolean {
  if (result.ended !== 'exit' || result.exitCode === 0 || preset.resumeLost === '') return false;
  if ((usage.cost ?? 0) > 0 || (usage.tokens ?? 0) > 0) return false;
  return `${result.stdout.toString('utf8')}\n${result.stderr.toString('utf8')}`.includes(preset.resumeLost);
}

function stateOf(preset: Preset | undefined): string[] {
  return (preset?.state ?? []).map((path) => path.replace(/^~/, homedir())).filter((path) => existsSync(path));
}

/** What the program keeps for itself in the tree is no part of the work; only what was not there before goes. */
async function clearLitter(workspace: string, before: readonly string[], preset: Preset | undefined): Promise<void> {
  if (preset === undefined || preset.litter.length === 0) return;
  for (const name of await readdir(workspace).catch(() => [])) {
    const litter = preset.litter.some((prefix) => name.startsWith(prefix));
    if (litter && !before.includes(name)) await rm(join(workspace, name), { recursive: true, force: true });
  }
}

function tailOf(result: ExecResult, usage: Usage): string {
  const stderr = result.stderr.toString('utf8').trim();
  const said = usage.said !== '' ? usage.said : result.stdout.toString('utf8').trim();
  if (result.exitCode === 0 || stderr === '') return said.slice(-TAIL_MAX);
  return `${said.slice(-TAIL_MAX / 2)}\n${stderr.slice(-TAIL_MAX / 2)}`.trim();
}
