/**
 * Which test files run which lines, from the coverage that V8 writes for each process: a line that no test runs needs no trial,
 * and a test file that never runs a line cannot notice a change of it. Coverage files are read and removed while the tests still
 * run, because those of a large suite together would fill a small disk.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './operators.ts';

interface Script {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[];
  }[];
}

/** Larger reports come from processes that load half a package registry: they are passed over, and then nothing is exact. */
const REPORT_BYTES_MAX = 64 * 1024 * 1024;
const POLL_MS = 250;

export class Reach {
  readonly #directory: string;
  readonly #byUrl = new Map<string, Mutant[]>();
  readonly #tests: ReadonlyMap<string, string>;
  /** Test files whose process holds no other test file. */
  readonly #seen = new Set<string>();
  readonly #reached = new Map<Mutant, Set<string>>();
  /** Reached in a process that is no test file's own: a child, or a runner that runs all in one. */
  readonly #elsewhere = new Set<Mutant>();
  /** Changed files that any process loaded. */
  readonly #loaded = new Set<string>();
  #reports = 0;
  #lost = false;
  #timer: ReturnType<typeof setInterval> | null = null;
  #reading: Promise<void> = Promise.resolve();

  constructor(directory: string, top: string, mutants: readonly Mutant[], tests: readonly string[]) {
    this.#directory = directory;
    this.#tests = new Map(tests.map((path) => [pathToFileURL(join(top, path)).href, path]));
    for (const mutant of mutants) {
      const url = pathToFileURL(join(top, mutant.path)).href;
      this.#byUrl.set(url, [...(this.#byUrl.get(url) ?? []), mutant]);
    }
  }

  /** Set in the tests' environment. */
  get env(): Record<string, string> {
    return { NODE_V8_COVERAGE: this.#directory };
  }

  async begin(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    this.#timer = setInterval(() => {
      this.#reading = this.#reading.then(() => this.#read(false));
    }, POLL_MS);
  }

  async end(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#reading;
    await this.#read(true);
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** True when every test file was seen in a process of its own: then what they do not reach is reached by nobody but children. */
  get exact(): boolean {
    return !this.#lost && this.#tests.size > 0 && this.#seen.size === this.#tests.size;
  }

  /** Test files that run it, and whether somebody else does too. */
  of(mutant: Mutant): { readonly tests: readonly string[]; readonly elsewhere: boolean } {
    return { tests: [...(this.#reached.get(mutant) ?? [])], elsewhere: this.#elsewhere.has(mutant) };
  }

  /** True when the tests run Node and none of their processes ever loads the file. */
  ignores(path: string): boolean {
    return !this.#lost && this.#reports > 0 && !this.#loaded.has(path);
  }

  async #read(last: boolean): Promise<void> {
    for (const name of await readdir(this.#directory).catch(() => [])) {
      const path = join(this.#directory, name);
      const text = await readFile(path, 'utf8').catch(() => '');
      if (text.length > REPORT_BYTES_MAX) this.#lost = true;
      else if (text.endsWith('}')) {
        try {
          this.#take((JSON.parse(text) as { result: Script[] }).result);
        } catch {
          if (!last) continue; // still being written
          this.#lost = true;
        }
      } else if (!last) continue;
      else this.#lost = true;
      await rm(path, { force: true });
    }
  }

  #take(scripts: readonly Script[]): void {
    this.#reports += 1;
    const own = scripts.flatMap(({ url }) => this.#tests.get(url) ?? []);
    const test = own.length === 1 ? own[0]! : null;
    if (test !== null) this.#seen.add(test);
    for (const script of scripts)
      for (const mutant of this.#byUrl.get(script.url) ?? []) {
        this.#loaded.add(mutant.path);
        if (!runs(script, mutant.reachedAt)) continue;
        if (test === null) this.#elsewhere.add(mutant);
        else this.#reached.set(mutant, (this.#reached.get(mutant) ?? new Set()).add(test));
      }
  }
}

/** The innermost range around a place says whether it ran. */
function runs(script: Script, offset: number): boolean {
  let size = Infinity;
  let count = 0;
  for (const { ranges } of script.functions)
    for (const range of ranges)
      if (range.startOffset <= offset && offset < range.endOffset && range.endOffset - range.startOffset <= size) {
        size = range.endOffset - range.startOffset;
        count = range.count;
      }
  return count > 0;
}
