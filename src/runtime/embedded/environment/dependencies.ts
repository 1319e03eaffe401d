/**
 * Installed dependencies in a clone, without a download and without a copy of the whole tree: the clone gets a `node_modules`
 * of its own whose entries are links to the user's packages. What a link in the user's `node_modules` says about the repository
 * itself (workspace siblings) is said about the clone instead, so that a check sees the change and not the user's files.
 * Node resolves modules from real paths: a package that itself needs a sibling would find the user's, so those few packages are
 * copied. It never writes into the user's tree; that nobody else does through a link is the sandbox's business.
 */
import { createHash } from 'node:crypto';
import { type Dirent } from 'node:fs';
import {
  cp,
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

export interface Provided {
  /** Directories (relative to the top) that got a `node_modules`. */
  readonly directories: readonly string[];
  readonly links: number;
  /** Packages copied because they need a workspace sibling. */
  readonly copied: readonly string[];
  /** What a person should know: links that leave the repository, packages too big to copy. */
  readonly notes: readonly string[];
}

/** Directories that tools write into while they run: each clone has its own, empty. */
const PRIVATE = new Set(['.cache', '.vite', '.vite-temp', '.vitest', '.tmp', '.parcel-cache', '.turbo']);
/** Package stores inside node_modules whose links say where siblings are. */
const STORES = new Set(['.pnpm', '.bun', '.store']);
/** Walk for nested packages: deeper or more than this is not searched. */
const DEPTH_MAX = 5;
const DIRECTORIES_MAX = 20_000;
/** A sibling-dependent package is nearly always a plugin of some kilobytes. */
const COPY_BYTES_MAX = 32 * 1024 * 1024;
/** Small launchers of pnpm and bun hold absolute paths. */
const LAUNCHER_BYTES_MAX = 64 * 1024;

/**
 * `links` is a directory on the same disk, kept between clones (`places.prepared`): a link that was made once is hard-linked
 * from there. A symbolic link cannot be edited, so nothing is shared that could be written to; making an inode can cost a busy
 * disk fifty times what a hard link costs.
 */
export async function provide(clone: string, source: string, links: string | null = null): Promise<Provided> {
  const job = new Job(await realpath(clone), await realpath(source), process.platform === 'linux' ? links : null);
  if (links !== null) await mkdir(links, { recursive: true });
  const directories = await packageDirectories(job.clone, job.source);
  for (const directory of directories) await job.directory(directory);
  return { directories, links: job.links, copied: job.copied.toSorted(), notes: job.notes };
}

/** Directories of the clone that the user has a `node_modules` in. */
async function packageDirectories(clone: string, source: string): Promise<string[]> {
  const found: string[] = [];
  let level = [''];
  let seen = 0;
  for (let depth = 0; depth <= DEPTH_MAX && level.length > 0; depth += 1) {
    const next: string[] = [];
    await Promise.all(
      level.map(async (directory) => {
        const entries = await list(join(clone, directory));
        if (depth === 0 || entries.some((entry) => entry.name === 'package.json'))
          if ((await stat(join(source, directory, 'node_modules')).catch(() => null))?.isDirectory() === true)
            found.push(directory);
        for (const entry of entries)
          if (entry.isDirectory() && entry.name !== 'node_modules' && entry.name !== '.git' && (seen += 1) <= DIRECTORIES_MAX)
            next.push(join(directory, entry.name));
      }),
    );
    level = next;
  }
  return found.toSorted();
}

class Job {
  readonly clone: string;
  readonly source: string;
  links = 0;
  readonly copied: string[] = [];
  readonly notes: string[] = [];
  /** Links made before, by the hash of what they say; null = every link is made anew. */
  readonly #made: string | null;
  /** Names that mean a package of this repository, and names of packages that need one; the top comes first, nested ones see it. */
  readonly #siblings = new Set<string>();
  readonly #near = new Set<string>();

  constructor(clone: string, source: string, made: string | null) {
    this.clone = clone;
    this.#made = made;
    this.source = source;
  }

  async directory(directory: string): Promise<void> {
    const from = join(this.source, directory, 'node_modules');
    const to = join(this.clone, directory, 'node_modules');
    await rm(to, { recursive: true, force: true });
    await mkdir(to, { recursive: true });
    const entries = await list(from);
    const needing = await this.needing(from, entries);
    await Promise.all(entries.map((entry) => this.entry(from, to, entry, needing)));
  }

  async entry(from: string, to: string, entry: Dirent, needing: ReadonlySet<string>): Promise<void> {
    const here = join(from, entry.name);
    const there = join(to, entry.name);
    if (PRIVATE.has(entry.name)) await mkdir(there);
    else if (entry.isSymbolicLink()) await this.link(here, there);
    else if (entry.name === '.bin') await this.bins(here, there);
    else if (STORES.has(entry.name) && entry.isDirectory()) await this.store(here, there);
    else if (entry.isFile()) await copyFile(here, there);
    else if (entry.isDirectory() && entry.name.startsWith('@')) {
      await mkdir(there);
      for (const scoped of await list(here))
        await this.package(join(here, scoped.name), join(there, scoped.name), scoped, needing);
    } else await this.package(here, there, entry, needing);
  }

  async package(here: string, there: string, entry: Dirent, needing: ReadonlySet<string>): Promise<void> {
    if (entry.isSymbolicLink()) return this.link(here, there);
    if (needing.has(here)) return this.copy(here, there, needing);
    return this.point(here, there);
  }

  /** Re-makes a link: inside the repository it points into the clone, elsewhere to where it pointed. */
  async link(here: string, there: string): Promise<void> {
    const target = await readlink(here);
    const goal = resolve(dirname(here), target);
    if (within(goal, this.source)) {
      const inClone = join(this.clone, relative(this.source, goal));
      // `node_modules/x -> .pnpm/...` and siblings alike: the same place, in the clone.
      await this.point(inClone, there, relative(dirname(there), inClone));
      return;
    }
    const real = await realpath(here).catch(() => goal);
    if (within(real, this.source) && !real.slice(this.source.length).split(sep).includes('node_modules')) {
      const inClone = join(this.clone, relative(this.source, real));
      await this.point(inClone, there, relative(dirname(there), inClone));
      return;
    }
    this.notes.push(`${relative(this.source, here)} links to ${real}, outside the repository: it is used as it is there`);
    await this.point(real, there);
  }

  async point(target: string, there: string, text: string = target): Promise<void> {
    this.links += 1;
    const made = this.#made === null ? null : join(this.#made, createHash('sha256').update(text).digest('hex').slice(0, 32));
    if (made === null) return symlink(text, there);
    try {
      await link(made, there); // on Linux this names the symbolic link itself
    } catch {
      // Not made yet, made too often (65,000 names), or on another disk.
      await symlink(text, there);
      await link(there, made).catch(() => undefined);
    }
  }

  async bins(here: string, there: string): Promise<void> {
    await mkdir(there);
    await Promise.all(
      (await list(here)).map(async (entry) => {
        const from = join(here, entry.name);
        const to = join(there, entry.name);
        if (entry.isSymbolicLink()) return this.link(from, to);
        if (!entry.isFile()) return this.point(from, to);
        const { size: bytes, mode } = await lstat(from);
        if (bytes > LAUNCHER_BYTES_MAX) return copyFile(from, to);
        const text = await readFile(from, 'utf8');
        return writeFile(to, text.replaceAll(`${this.source}/`, `${this.clone}/`), { mode });
      }),
    );
  }

  /** `.pnpm`: one directory per package version, with `node_modules/<package>` and links to what it needs beside it. */
  async store(here: string, there: string): Promise<void> {
    await mkdir(there);
    const entries = (await list(here)).filter((entry) => entry.name !== 'node_modules');
    const near = await this.storeNeeding(here, entries);
    await Promise.all(
      entries.map(async (entry) => {
        const from = join(here, entry.name);
        const to = join(there, entry.name);
        if (!entry.isDirectory()) return entry.isSymbolicLink() ? this.link(from, to) : copyFile(from, to);
        if (!near.has(entry.name)) return this.point(from, to);
        await mkdir(join(to, 'node_modules'), { recursive: true });
        return this.members(join(from, 'node_modules'), join(to, 'node_modules'));
      }),
    );
    if ((await stat(join(here, 'node_modules')).catch(() => null)) !== null) {
      await mkdir(join(there, 'node_modules'));
      await this.members(join(here, 'node_modules'), join(there, 'node_modules'));
    }
  }

  /** Links are re-made, real packages copied. */
  async members(from: string, to: string): Promise<void> {
    for (const entry of await list(from)) {
      const here = join(from, entry.name);
      const there = join(to, entry.name);
      if (entry.isSymbolicLink()) await this.link(here, there);
      else if (entry.name === '.bin') await this.bins(here, there);
      else if (entry.name.startsWith('@')) {
        await mkdir(there, { recursive: true });
        await this.members(here, there);
      } else await this.copy(here, there, new Set());
    }
  }

  /** Store directories from which a sibling can be reached by following links. */
  async storeNeeding(store: string, entries: readonly Dirent[]): Promise<Set<string>> {
    const needs = new Map<string, Set<string>>();
    const near = new Set<string>();
    await Promise.all(
      entries.map(async (entry) => {
        if (!entry.isDirectory()) return;
        const own = new Set<string>();
        needs.set(entry.name, own);
        const top = join(store, entry.name, 'node_modules');
        for (const each of await list(top)) {
          const names =
            each.name.startsWith('@') && each.isDirectory()
              ? (await list(join(top, each.name))).map((one) => join(each.name, one.name))
              : [each.name];
          for (const name of names) {
            const target = await readlink(join(top, name)).catch(() => null);
            if (target === null) continue;
            const goal = resolve(dirname(join(top, name)), target);
            if (within(goal, store)) own.add(relative(store, goal).split(sep)[0]!);
            else if (within(goal, this.source)) near.add(entry.name);
          }
        }
      }),
    );
    closure(needs, near);
    return near;
  }

  /** Packages of a flat node_modules that need a sibling, directly or through others. */
  async needing(from: string, entries: readonly Dirent[]): Promise<Set<string>> {
    const siblings = this.#siblings;
    const packages: [name: string, path: string][] = [];
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      const names =
        entry.name.startsWith('@') && entry.isDirectory()
          ? (await list(join(from, entry.name))).map((one) => [join(entry.name, one.name), one] as const)
          : [[entry.name, entry] as const];
      for (const [name, one] of names) {
        if (one.isDirectory()) packages.push([name, join(from, name)]);
        else if (one.isSymbolicLink()) {
          const real = await realpath(join(from, name)).catch(() => '');
          if (within(real, this.source) && !real.slice(this.source.length).split(sep).includes('node_modules'))
            siblings.add(name);
        }
      }
    }
    if (siblings.size === 0) return new Set();
    const needs = new Map<string, Set<string>>();
    const near = new Set<string>();
    const declared = await hiddenLock(from);
    await Promise.all(
      packages.map(async ([name, path]) => {
        const names = declared?.get(name) ?? (await declaredBy(path));
        needs.set(name, new Set(names));
        if (names.some((needed) => siblings.has(needed) || this.#near.has(needed))) near.add(name);
      }),
    );
    closure(needs, near);
    for (const name of near) this.#near.add(name);
    return new Set([...near].map((name) => join(from, name)));
  }

  async copy(here: string, there: string, needing: ReadonlySet<string>): Promise<void> {
    const bytes = await bytesBelow(here, COPY_BYTES_MAX);
    const name = relative(this.source, here);
    if (bytes > COPY_BYTES_MAX) {
      this.notes.push(
        `${name} needs a package of this repository and is too big to copy: it sees the user's version of that package`,
      );
      await this.point(here, there);
      return;
    }
    await cp(here, there, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => path === here || !path.startsWith(join(here, 'node_modules')),
    });
    this.copied.push(name);
    const nested = join(here, 'node_modules');
    const own = await list(nested);
    if (own.length === 0) return;
    await mkdir(join(there, 'node_modules'));
    for (const entry of own) await this.entry(nested, join(there, 'node_modules'), entry, needing);
  }
}

/** Adds everything that reaches a member of `near`. */
function closure(needs: ReadonlyMap<string, ReadonlySet<string>>, near: Set<string>): void {
  const users = new Map<string, string[]>();
  for (const [name, own] of needs) for (const needed of own) users.set(needed, [...(users.get(needed) ?? []), name]);
  const open = [...near];
  for (let name = open.pop(); name !== undefined; name = open.pop())
    for (const user of users.get(name) ?? []) {
      if (near.has(user)) continue;
      near.add(user);
      open.push(user);
    }
}

/** npm writes every installed manifest's dependencies into one file: one read instead of hundreds. */
async function hiddenLock(nodeModules: string): Promise<Map<string, string[]> | null> {
  try {
    const lock = JSON.parse(await readFile(join(nodeModules, '.package-lock.json'), 'utf8')) as {
      packages?: Record<string, Record<string, unknown>>;
    };
    const found = new Map<string, string[]>();
    for (const [path, entry] of Object.entries(lock.packages ?? {})) {
      if (!path.startsWith('node_modules/') || path.indexOf('/node_modules/') > 0) continue;
      found.set(path.slice('node_modules/'.length), dependencyNames(entry));
    }
    return found;
  } catch {
    return null;
  }
}

async function declaredBy(directory: string): Promise<string[]> {
  try {
    return dependencyNames(JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as Record<string, unknown>);
  } catch {
    return [];
  }
}

function dependencyNames(manifest: Readonly<Record<string, unknown>>): string[] {
  return ['dependencies', 'peerDependencies', 'optionalDependencies'].flatMap((field) => Object.keys(manifest[field] ?? {}));
}

/** Bytes below a directory; stops counting above `max`. */
async function bytesBelow(directory: string, max: number): Promise<number> {
  let bytes = 0;
  const open = [directory];
  for (let next = open.pop(); next !== undefined && bytes <= max; next = open.pop())
    for (const entry of await list(next)) {
      if (entry.isDirectory() && entry.name !== 'node_modules') open.push(join(next, entry.name));
      else if (entry.isFile()) bytes += (await lstat(join(next, entry.name))).size;
    }
  return bytes;
}

function within(path: string, directory: string): boolean {
  return isAbsolute(path) && (path === directory || path.startsWith(directory + sep));
}

async function list(directory: string): Promise<Dirent[]> {
  return readdir(directory, { withFileTypes: true }).catch(() => []);
}

/**
 * Directories outside the repository that links in its top `node_modules` lead to (a linked package, a store, a parent's
 * `node_modules`): what a program needs to see besides the repository itself. Each is cut after its last `node_modules`.
 */
export async function linkedOutside(repository: string): Promise<string[]> {
  const top = await realpath(repository);
  const outside = new Set<string>();
  const visit = async (directory: string): Promise<void> => {
    for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => [] as Dirent[])) {
      const path = join(directory, entry.name);
      if (entry.isDirectory() && entry.name.startsWith('@')) await visit(path);
      if (!entry.isSymbolicLink()) continue;
      const target = await realpath(path).catch(() => null); // a broken link leads nowhere
      if (target === null || target === top || target.startsWith(top + sep)) continue;
      const at = target.lastIndexOf(`${sep}node_modules${sep}`);
      outside.add(at < 0 ? target : target.slice(0, at + `${sep}node_modules`.length));
    }
  };
  await visit(join(top, 'node_modules'));
  return [...outside];
}
