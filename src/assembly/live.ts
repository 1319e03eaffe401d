/**
 * A run alive in this process: its host, its warden, its control socket. Started once or resumed; when it is over, everything
 * it started is gone, and what it needs to go on is in its store.
 */
import { mkdir, rm } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { host as letters, work } from '../contracts/index.ts';
import {
  type ActivityFunction,
  type ActivityIo,
  type ActivityTable,
  type ControlServer,
  connectWarden,
  clearDeadHost,
  direct,
  type Exec,
  fileBlobs,
  fingerprint,
  HaltRegister,
  ordinaryChanges,
  type Places,
  placesOf,
  serveHost,
  services,
  type Services,
  type WardenClient,
} from '../runtime/embedded/index.ts';
import { join } from 'node:path';
import type { Gate, Telemetry } from '../ports/index.ts';
import type { LiveProcess, LiveRun, RunNews, RunView } from './run.ts';
import { execOfServices, pureThread, type WorkTable, workTable } from './work-table.ts';
import { StagedAgents, watchRun } from './halt-watch.ts';
import { openHome } from './halts.ts';
import { WorkHost } from './work-host.ts';
import { policyInForce } from './policy.ts';

/** The loop's delay is how much later than this its timer fires. Every millisecond would take 2 % of a core for days, this a third. */
const LAG_SAMPLE_MS = 5;

/** What begins this sitting: a run that is new, or limits for one that stopped. */
export type Beginning =
  | { readonly kind: 'start'; readonly spec: work.RunSpec }
  | { readonly kind: 'resume'; readonly limits: work.Limits };

export interface LiveOptions {
  readonly repository: string;
  readonly run: string;
  readonly beginning: Beginning;
  readonly passEnv: readonly string[];
  readonly limits: work.Limits;
  /** Host time of the run's last commit; 0 for a new run. Time does not go back behind it. */
  readonly asOf: number;
  /** Journals every input, whatever its contract says. */
  readonly record?: boolean;
}

/** Rejects with `StoreError` `busy` when another process holds the run. */
export async function openLive(options: LiveOptions): Promise<LiveRun> {
  const { repository, run } = options;
  const places = placesOf(repository);
  if (!clearDeadHost(places.hostFile(run))) throw new RunIsLive(run);
  await mkdir(places.runDirectory(run), { recursive: true });
  await mkdir(places.workspaces(run), { recursive: true });
  const seen = fingerprint({ exec: direct }, repository);
  seen.catch(() => {}); // awaited below, once there is something to close when it fails
  const opened: (() => Promise<unknown>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of opened.splice(0).toReversed()) await close();
  };
  const counters = new Counters();
  const connected = Promise.withResolvers<WardenClient>();
  connected.promise.catch(() => {}); // only activities wait for it, and there are none when it fails
  const lag = monitorEventLoopDelay({ resolution: LAG_SAMPLE_MS });
  lag.enable();
  opened.push(async () => lag.disable());
  try {
    // Read before anything starts: what was halted while no host ran stays halted.
    const halts = new HaltRegister({ path: places.haltRecord });
    opened.push(async () => halts.close());
    const staged = new StagedAgents(halts, run, options.limits.agentsMax, () => openHome(places));
    let lease: string | null = null;
    const pure = pureThread();
    opened.push(() => pure.close());
    const blobs = fileBlobs(places.blobs(run));
    const listeners = new Set<(news: RunNews) => void>();
    const say = (news: RunNews): void => {
      for (const listener of listeners) listener(news);
    };
    let started: Services | null = null;
    const running = (): Services => {
      if (started === null) {
        const { spec } = viewOf(host).run;
        const bare: Exec = async (argv, wish) => (await connected.promise).exec(argv, wish);
        const exec = execOfServices(bare, repository, places, run);
        started = services({ repository, run, specs: spec.services, sandbox: spec.sandbox, exec, env: process.env });
      }
      return started;
    };
    const host: WorkHost = new WorkHost({
      repository,
      run,
      store: places.store(run),
      table: after(
        connected.promise,
        watched(workTable({ places, passEnv: options.passEnv, pure, services: running, say }), staged),
      ),
      atOnce: {
        'work.check': options.limits.checksMax,
        get 'work.agent'() {
          return staged.places;
        },
      },
      halts,
      lease: () => lease,
      exec: async (argv, wish) => (await connected.promise).exec(argv, wish),
      blobs,
      pure,
      floor: options.asOf,
      record: options.record === true,
      telemetry: counters,
      policy: inForce(repository),
    });
    // The store first: it says for certain whether another process holds this run. A warden connected before would clean up after it.
    await host.open();
    opened.push(() => host.close());
    const leasePath = join(places.workspaces(run), 'lease');
    const warden = await orCannotStart(
      connectWarden({
        run,
        record: join(places.workspaces(run), 'processes.jsonl'),
        onRestart: () => counters.measure('skein_warden_restarts_total', 1),
        halt: { path: places.haltRecord, lease: leasePath, scopes: ['global', `run/${run}`], who: `warden run/${run}` },
        onHalt: (why) => {
          host.halt(why);
          void host.say(work.KillIntent, { run }).catch(() => {}); // it had ended already
        },
      }),
    );
    // Closed after the host, which cancels what is in flight.
    opened.splice(
      -1,
      0,
      () => warden.close(),
      async () => started?.close(),
    );
    lease = leasePath;
    connected.resolve(warden);
    const serving: Promise<ControlServer> = serveHost(places.hostFile(run), async (request) => {
      switch (request.verb) {
        case 'ping':
          return { ok: true };
        case 'status':
          return {
            ok: true,
            view: host.view(),
            asOf: Date.now(),
            processes: await processesOf(warden),
            lagP99Ms: Math.max(0, lag.percentile(99) / 1e6 - LAG_SAMPLE_MS),
            counters: counters.read(),
          };
        case 'drain':
          await host.say(work.DrainIntent, { run });
          return { ok: true };
        case 'kill':
          await host.say(work.KillIntent, { run });
          return { ok: true };
        case 'dead-letter': {
          const { action, key } = request;
          if (typeof key !== 'string' || (action !== 'retry' && action !== 'drop'))
            return { ok: false, detail: 'dead-letter takes an action, retry or drop, and a key' };
          await host.say(action === 'retry' ? letters.RetryDead : letters.DropDead, { key });
          return { ok: true };
        }
        default:
          return { ok: false, detail: `this host knows ping, status, drain, kill and dead-letter, not ${request.verb}` };
      }
    });
    const control = await orCannotStart(serving);
    opened.push(() => control.close());
    const { beginning } = options;
    if (beginning.kind === 'start') await host.say(work.RunIntent, beginning.spec);
    else await host.say(work.ResumeIntent, { run, limits: beginning.limits });
    // After the intent that begins: a halt that came in between has the last word.
    const forget = watchRun(halts, run, {
      drain: () => host.say(work.DrainIntent, { run }),
      kill: () => host.say(work.KillIntent, { run }),
    });
    opened.push(async () => forget());
    host.awaitSettled();
    const before = await seen;
    const ended = finish(host, places, run, closeAll);
    const quietly = (saying: Promise<void>): void => void saying.catch(() => {}); // the run ended before it could hear it
    return {
      run,
      view: () => viewOf(host),
      onChange: (listener) => host.onChange(listener),
      onNews: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      meanwhile: async () => ordinaryChanges(before, await fingerprint({ exec: direct }, repository)),
      drain: () => quietly(host.say(work.DrainIntent, { run })),
      kill: () => quietly(host.say(work.KillIntent, { run })),
      ended,
    };
  } catch (error) {
    connected.reject(error instanceof Error ? error : new Error(String(error)));
    await closeAll();
    throw error;
  }
}

/** Activities that a crash cut off are run again at once; they may touch no file before the warden has ended what was left of them. */
function after(ready: Promise<unknown>, table: WorkTable): ActivityTable {
  const gated = Object.entries(table).map(([name, run]) => {
    const perform = run as ActivityFunction<unknown, unknown>;
    return [name, (payload: unknown, io: ActivityIo) => ready.then(() => perform(payload, io))];
  });
  return Object.fromEntries(gated) as ActivityTable;
}

/** Agents, with what the end of each means for a resume in stages. One that was stopped by a person is no failure. */
function watched(table: WorkTable, staged: StagedAgents): WorkTable {
  const agent = table['work.agent'];
  return {
    ...table,
    'work.agent': async (payload, io) => {
      const began = performance.now();
      try {
        const result = await agent(payload, io);
        staged.ended(result.ended === 'exit' && result.exitCode === 0, performance.now() - began);
        return result;
      } catch (error) {
        if (!io.signal.aborted) staged.ended(false, performance.now() - began);
        throw error;
      }
    },
  };
}

/** Sums by name; the names are the fixed ones in the code, so there is an end to them. */
class Counters implements Telemetry {
  readonly #sums = new Map<string, number>();

  measure(name: string, value: number): void {
    this.#sums.set(name, (this.#sums.get(name) ?? 0) + value);
  }

  read(): Record<string, number> {
    return Object.fromEntries(this.#sums);
  }
}

export class RunIsLive extends Error {
  override readonly name = 'RunIsLive';

  constructor(run: string) {
    super(`run ${run} is being worked on by another process`);
  }
}

/** Something of this machine is in the way: its words say what to do about it. */
/** A repository where a policy was activated is held to it from the first effect on; one whose records lie starts nothing. */
function inForce(repository: string): ((ownWork: Gate) => Gate) | null {
  const policy = policyInForce(repository);
  if (policy.ok) return policy.value;
  throw new CannotStart([policy.problem.what, ...policy.problem.details].join(': '));
}

export class CannotStart extends Error {
  override readonly name = 'CannotStart';
}

async function orCannotStart<T>(starting: Promise<T>): Promise<T> {
  try {
    return await starting;
  } catch (cause) {
    throw new CannotStart((cause as Error).message, { cause });
  }
}

async function finish(host: WorkHost, places: Places, run: string, closeAll: () => Promise<void>): Promise<RunView> {
  try {
    const view = await host.settled;
    await closeAll();
    // Only what is finished needs its clones no more; a stopped run goes on in them.
    if (view.run.phase === 'finished') await rm(places.workspaces(run), { recursive: true, force: true });
    return view;
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function viewOf(host: WorkHost): RunView {
  const view = host.view();
  if (view === null) throw new Error('the run has not begun');
  return view;
}

async function processesOf(warden: WardenClient): Promise<LiveProcess[]> {
  const { processes } = await warden.status();
  const now = Date.now();
  return processes.map(({ label, pid, command, runningMs, rssBytes }) => ({
    task: label,
    pid,
    command,
    startedAt: now - runningMs,
    memoryBytes: rssBytes,
  }));
}
