/** A repository as a user has it, in a directory that goes away with the test file, and the activities as a run would call them. */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { work } from '../../src/contracts/index.ts';
import { type ActivityIo, direct, fileBlobs, type Places, placesOf } from '../../src/runtime/embedded/index.ts';
import * as repository from '../../src/runtime/embedded/repository/index.ts';

const made: string[] = [];
// At the end of the file, not of each test: creating files right after deleting many is ten times as slow on ext4.
afterAll(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

export function temporary(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'skein repo ü-')));
  made.push(directory);
  return directory;
}

/** Git as a person without any configuration would run it; throws when it fails. */
export function sh(cwd: string, ...args: string[]): string {
  const person = ['Ada', 'ada@example.org'];
  const env = {
    PATH: process.env['PATH'],
    HOME: '/nonexistent',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_AUTHOR_NAME: person[0],
    GIT_AUTHOR_EMAIL: person[1],
    GIT_COMMITTER_NAME: person[0],
    GIT_COMMITTER_EMAIL: person[1],
  };
  return execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trimEnd();
}

export function write(top: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), text);
  }
}

export function commit(top: string, files: Readonly<Record<string, string | Buffer>>, message = 'more'): string {
  write(top, files);
  sh(top, 'add', '-A');
  sh(top, 'commit', '-q', '--allow-empty', '-m', message);
  return sh(top, 'rev-parse', 'HEAD');
}

export const FILES = { 'a.txt': 'one\ntwo\nthree\nfour\nfive\n', 'src/b.js': 'export const b = 1;\n', '.gitignore': 'dist/\n' };

let template: string | null = null;

/** With the usual files it is a copy of one that was made before: half the time of these tests would go into `git init`. */
export function makeRepository(files: Readonly<Record<string, string | Buffer>> = FILES, init: readonly string[] = []): string {
  const top = join(temporary(), 'the repo');
  const usual = files === FILES && init.length === 0;
  if (usual && template !== null) {
    cpSync(template, top, { recursive: true });
    return top;
  }
  mkdirSync(top);
  sh(top, 'init', '-q', '-b', 'main', ...init);
  commit(top, files, 'first');
  if (usual) {
    template = join(temporary(), 'template');
    cpSync(top, template, { recursive: true });
  }
  return top;
}

export interface Bench {
  readonly top: string;
  readonly places: Places;
  readonly io: ActivityIo;
  readonly run: string;
  readonly base: string;
  workspace(task?: string, more?: Partial<work.WorkspacePayload>): Promise<work.WorkspaceResult>;
  take(workspace: string, task?: string, more?: Partial<work.TakePayload>): Promise<work.TakeResult>;
  compose(change: work.TakeResult, task?: string, more?: Partial<work.ComposePayload>): Promise<work.ComposeResult>;
  /** `before`: what lands with it by the same move, oldest first. */
  land(
    commit: string,
    expected: string,
    task?: string,
    options?: repository.LandOptions,
    before?: readonly { readonly task: string; readonly commit: string }[],
  ): Promise<work.LandResult>;
  /** Workspace, an edit, take, compose on `onto` and land: what one attempt does. */
  attempt(task: string, files: Readonly<Record<string, string>>, onto?: string): Promise<string>;
}

/** A new run in this repository, or the one given, as another incarnation of its host would go on with it. */
export async function bench(top: string, given?: Pick<Bench, 'places' | 'io' | 'run' | 'base'>): Promise<Bench> {
  const cache = temporary();
  const places = given?.places ?? placesOf(top, { SKEIN_CACHE: cache });
  const io: ActivityIo = given?.io ?? {
    idempotencyKey: 'k',
    signal: new AbortController().signal,
    exec: direct,
    blobs: fileBlobs(join(cache, 'blobs')),
  };
  const base = given?.base ?? sh(top, 'rev-parse', 'HEAD');
  const run = given?.run ?? (await repository.allocateRun(io, top, base));
  if (given === undefined) await repository.ensureBranch(io, top, run, base);
  const branch = repository.branchOf(run);
  const common = (task: string): { run: string; repository: string; task: string; fence: number } => ({
    run,
    repository: top,
    task,
    fence: 1,
  });
  const makeWorkspace = repository.workspaceActivity({ places });
  const takeChange = repository.takeActivity({ places });
  const composeChange = repository.composeActivity({ places });
  const self: Bench = {
    top,
    places,
    io,
    run,
    base,
    workspace: (task = 't', more = {}) => makeWorkspace({ ...common(task), base, from: null, setup: null, ...more }, io),
    take: (workspace, task = 't', more = {}) => takeChange({ ...common(task), spec: specOf(task), workspace, base, ...more }, io),
    compose: (change, task = 't', more = {}) =>
      composeChange(
        { ...common(task), change: change.commit, base, onto: base, message: messageOf(run, task), time: 1_700_000_000, ...more },
        io,
      ),
    land: (landed, expected, task = 't', options = {}, before = []) => {
      const chain = [...before, { task, commit: landed }].map((one) => ({ ...one, fence: 1 }));
      return repository.landActivity(options)({ ...common(task), branch, expected, commit: landed, chain }, io);
    },
    attempt: async (task, files, onto = base) => {
      const { path } = await self.workspace(task);
      write(path, files);
      const composed = await self.compose(await self.take(path, task), task, { onto });
      if (!composed.ok) throw new Error(`conflicts: ${composed.conflicts.join(', ')}`);
      const landed = await self.land(composed.commit, onto, task);
      if (!landed.ok) throw new Error(`found ${landed.found}`);
      return landed.commit;
    },
  };
  return self;
}

const specOf = (id: string): work.TaskSpec => ({
  id,
  title: id,
  text: id,
  needs: [],
  claims: [],
  checks: [],
  agent: null,
  estimate: 1,
  given: true,
  ...work.WITHOUT_GOAL,
});

export const messageOf = (run: string, task: string, fence = 1): string =>
  `Do ${task}\n\nBecause it was asked.\n\nSkein-Run: ${run}\nSkein-Task: ${task} ${fence}\nSkein-Agent: claude\nSkein-Verdict: 0\n`;

export function executable(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

export const exists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
