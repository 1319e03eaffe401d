/** Small real repositories for the tests of checks: a git repository, its trees, and what the activities are given. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type ActivityIo, direct, type Exec, fileBlobs, type Places, placesOf } from '../../src/runtime/embedded/index.ts';
import type { work } from '../../src/contracts/index.ts';

const gitEnv = {
  PATH: process.env.PATH!,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@b',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@b',
};

export class Repository {
  readonly top: string;
  readonly places: Places;
  readonly home: string;
  /** Checkouts made so far. */
  checkouts = 0;

  private constructor(home: string) {
    this.home = home;
    this.top = join(home, 'a repo ü');
    this.places = placesOf(this.top, { SKEIN_CACHE: join(home, 'cache') });
  }

  static async make(files: Readonly<Record<string, string>>): Promise<Repository> {
    const repository = new Repository(await realpath(await mkdtemp(join(tmpdir(), 'skein-checks-'))));
    await mkdir(repository.top);
    repository.git(['init', '-q']);
    await repository.write(files);
    return repository;
  }

  git(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd: string = this.top): string {
    return execFileSync('git', args, { cwd, env: { ...gitEnv, ...env }, encoding: 'utf8' }).trim();
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(this.top, dirname(path)), { recursive: true });
      await writeFile(join(this.top, path), content);
    }
  }

  /** The tree of everything in the working directory that is not ignored. */
  tree(): string {
    this.git(['add', '-A']);
    return this.git(['write-tree']);
  }

  readonly checkout = async (tree: string, into: string): Promise<void> => {
    this.checkouts += 1;
    await mkdir(into, { recursive: true });
    const env = { GIT_DIR: join(this.top, '.git'), GIT_WORK_TREE: into, GIT_INDEX_FILE: `${into}.index` };
    this.git(['read-tree', tree], env, into);
    this.git(['checkout-index', '-a'], env, into);
  };

  io(key: string, exec: Exec = direct): ActivityIo {
    return { idempotencyKey: key, signal: new AbortController().signal, exec, blobs: fileBlobs(join(this.home, 'blobs')) };
  }

  baseline(tree: string, checks: readonly work.CheckSpec[], setup: string | null = null, budget = 600_000): work.BaselinePayload {
    return { run: '1', repository: this.top, commit: '0'.repeat(40), tree, checks, setup, budget, sandbox: 'none' };
  }

  async remove(): Promise<void> {
    await rm(this.home, { recursive: true, force: true });
  }
}

export function check(command: string, more: Partial<work.CheckSpec> = {}): work.CheckSpec {
  return { name: command, command, directory: '', kind: 'tests', timeout: 20_000, source: 'test', ...more };
}
