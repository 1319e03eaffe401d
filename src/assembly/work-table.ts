/** What the activity names of the room `work` mean on this machine: the room's own rules put together with git, checks and processes. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, delimiter, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { work } from '../contracts/index.ts';
import {
  ActivityError,
  type ActivityFunction,
  type ActivityIo,
  agentActivity,
  baselineActivity,
  checkActivity,
  Checks,
  checkOutTree,
  childEnv,
  compareFingerprints,
  composeActivity,
  direct,
  type Exec,
  discardActivity,
  fingerprint,
  freePort,
  landActivity,
  linkedOutside,
  type Places,
  probeActivity,
  type ProbeNeeds,
  provide,
  repositories,
  PureThread,
  type Services,
  sharedOf,
  takeActivity,
  vetActivity,
  workspaceActivity,
} from '../runtime/embedded/index.ts';
import type { ScreenQuestion } from './pure-thread.ts';
import type { RunNews } from './run.ts';
import { compiledAmong, failureText, isHandWritten, judge, linguistOf, LoopDetector } from '../work/index.ts';

export type WorkTable = {
  readonly [N in keyof work.WorkActivities]: ActivityFunction<work.WorkActivities[N][0], work.WorkActivities[N][1]>;
};

export interface WorkTableOptions {
  readonly places: Places;
  readonly passEnv: readonly string[];
  readonly pure: PureThread;
  /** The run's services; asked for only once the warden is there. */
  readonly services: () => Services;
  readonly say: (news: RunNews) => void;
}

/** The thread for this assembly's pure functions; its entry has this file's own extension. */
export function pureThread(): PureThread {
  return new PureThread(new URL(`./pure-thread${extname(import.meta.url)}`, import.meta.url));
}

const RUNTIME_REFS = ['refs/heads/skein/', 'refs/skein/'];
const FILES_MAX = 200; // in an outcome, which holds 64 KiB; the patch has all of them
const SETUP_MS_MAX = 10 * 60_000;

const failure = (violations: readonly work.Violation[], verdicts: readonly work.CheckVerdict[]): string =>
  failureText({ violations, verdicts });

export function workTable({ places, passEnv, pure, services, say }: WorkTableOptions): WorkTable {
  const open = repositories();
  const checkOut = checkOutTree(open);
  const checksOf = new Map<string, Checks>();
  /** One per repository: it keeps the turn of checks that disturb each other. */
  const checks = (repository: string): Checks => {
    let found = checksOf.get(repository);
    if (found === undefined) {
      const checkout = (tree: string, into: string, io: ActivityIo): Promise<void> => checkOut(repository, tree, into, io);
      const onVerdict = (verdict: work.VerdictSummary): void => say({ kind: 'verdict', verdict });
      checksOf.set(repository, (found = new Checks({ places, checkout, judge, failureText: failure, passEnv, onVerdict })));
    }
    return found;
  };
  const workspace = workspaceActivity({
    places,
    open,
    prepare: async (payload, tree, io) => {
      await provide(tree, payload.repository, join(places.prepared, 'links'));
      if (payload.setup === null) return;
      const port = await freePort();
      // The person wrote this line for their own machine; it prepares, it does not judge, and it may need the network.
      const done = await io.exec(['sh', '-c', payload.setup], {
        cwd: tree,
        env: childEnv({ from: process.env, temp: tmpdir(), port, passEnv }),
        timeoutMs: SETUP_MS_MAX,
        keepBytes: 16_384,
        outputBytesMax: 64 * 1024 * 1024,
        signal: io.signal,
      });
      if (done.ended !== 'exit' || done.exitCode !== 0)
        throw new ActivityError(`setup ended with ${done.exitCode ?? done.ended}: ${done.stderr.toString().slice(-1000)}`, {
          retryable: false,
        });
    },
  });
  const agent = agentActivity({
    environment: async (names, temp) => ({
      ...childEnv({ from: process.env, temp, port: await freePort(), passEnv: [...passEnv, ...names] }),
      ...(await services().variables()),
    }),
    shared: (run) => sharedOf(places, run),
    loop: () => {
      const detector = new LoopDetector();
      return { feed: (line) => detector.push(line) !== null };
    },
    watch: async (repository) => {
      const before = await fingerprint({ exec: direct }, repository);
      return async () => [...compareFingerprints(before, await fingerprint({ exec: direct }, repository), RUNTIME_REFS)];
    },
  });
  const take = takeActivity({ places, open });
  const lookers = (repository: string): ProbeNeeds => ({
    checks: checks(repository),
    places,
    services: () => services().variables(),
    version: VERSION,
    handWritten: (paths, attributes) => {
      const compiled = compiledAmong(paths);
      const linguist = linguistOf(attributes);
      return (path, head) => !compiled.has(path) && isHandWritten(path, head, linguist);
    },
    failureText: (violations) => failureText({ violations }),
    onFinding: (probe, finding) => say({ kind: 'finding', probe, finding }),
  });
  /** What programs of goals must see though it may lie in /tmp: their own code, what probes left, the services' sockets. */
  const goals = (run: string): string[] => {
    const { directory } = services();
    return [...OWN_CODE, sharedOf(places, run), ...(directory === null ? [] : [directory])];
  };
  return {
    'work.baseline': (payload, io) =>
      baselineActivity(checks(payload.repository))(payload, named('baseline', payload.repository, io)),
    'work.workspace': (payload, io) => workspace(payload, named(payload.task, payload.repository, io)),
    'work.agent': (payload, io) => {
      pure.start(); // what the agent leaves will be screened
      return agent(payload, named(payload.task.id, payload.repository, io, goals(payload.run)));
    },
    'work.take': async (payload, io) => {
      const taken = await take(payload, named(payload.task, payload.repository, io));
      const { files } = taken;
      const question: ScreenQuestion = { files, patch: await io.blobs.get(taken.patch), task: payload.spec };
      const found = (await pure.run('work.screen', question)) as work.Violation[];
      const seen = new Set(taken.violations.map((violation) => violation.rule));
      // What the taker already refused by its bytes is not said twice.
      const screened = found.filter((violation) => !seen.has(violation.rule));
      return {
        ...taken,
        files: files.slice(0, FILES_MAX),
        filesTotal: files.length,
        violations: [...taken.violations, ...screened],
      };
    },
    'work.vet': (payload, io) =>
      vetActivity(lookers(payload.repository))(payload, named(payload.task.id, payload.repository, io, goals(payload.run))),
    'work.probe': (payload, io) =>
      probeActivity(lookers(payload.repository))(
        payload,
        named(`probe ${payload.probe.name}`, payload.repository, io, goals(payload.run)),
      ),
    'work.compose': composeActivity({ places, open }),
    'work.check': (payload, io) =>
      checkActivity(checks(payload.repository), { judge, failureText: failure })(
        payload,
        named(payload.task, payload.repository, io),
      ),
    'work.land': landActivity({ open }),
    'work.discard': discardActivity({ places }),
  };
}

/**
 * Everything it starts is listed under this name, and sees in its sandbox what the person's own programs see: a full sandbox has a
 * /tmp of its own, and the repository, their home or a tool may live under /tmp.
 */
function named(label: string, repository: string, io: ActivityIo, also: readonly string[] = []): ActivityIo {
  const exec = seeing(io.exec, repository, also);
  return { ...io, exec: (argv, options) => exec(argv, { ...options, label }) };
}

function seeing(exec: Exec, repository: string, also: readonly string[]): Exec {
  const always = [repository, homedir(), ...also, ...(process.env.PATH ?? '').split(delimiter)].filter((path) => path !== '');
  return async (argv, { sandbox, ...options }) => {
    if (sandbox === undefined) return exec(argv, options);
    const readable = [...always, ...(sandbox.readable ?? []), ...(await outsideOf(repository)), ...namedIn(argv)];
    return exec(argv, { ...options, sandbox: { ...sandbox, readable } });
  };
}

/** For the services of a run, which see every clone of it, also those that are not made yet. */
export function execOfServices(exec: Exec, repository: string, places: Places, run: string): Exec {
  return seeing(exec, repository, [...OWN_CODE, places.workspaces(run)]);
}

/** The package that this file is part of, and the packages beside it: goals bring programs of their own. */
const OWN_CODE: readonly string[] = ownCode(dirname(fileURLToPath(import.meta.url)));

function ownCode(from: string): readonly string[] {
  let top = from;
  while (!existsSync(join(top, 'package.json')) && dirname(top) !== top) top = dirname(top);
  return basename(dirname(top)) === 'node_modules' ? [top, dirname(top)] : [top];
}

const VERSION: string = (JSON.parse(readFileSync(join(OWN_CODE[0]!, 'package.json'), 'utf8')) as { version: string }).version;

const outside = new Map<string, Promise<string[]>>();

/** Where the repository's installed packages really are; asked once, because nobody installs while a run is going on. */
function outsideOf(repository: string): Promise<string[]> {
  let found = outside.get(repository);
  if (found === undefined) outside.set(repository, (found = linkedOutside(repository)));
  return found;
}

const PATHS_MAX = 16; // each is a mount; a command line that names more is a list of data, not of programs

/** Files that a person's shell line names by their whole path, with what lies beside each. */
function namedIn(argv: readonly string[]): string[] {
  const line = /(?:^|\/)sh$/.test(argv[0] ?? '') && argv[1] === '-c' ? (argv[2] ?? '') : '';
  const paths = line.split(/[\s'"=;&|()<>]+/).filter((word) => word.startsWith('/'));
  return paths.slice(0, PATHS_MAX).map((path) => (['/', '/tmp'].includes(dirname(path)) ? path : dirname(path)));
}
