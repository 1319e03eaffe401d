/**
 * The compiled code of a process, for the threads and processes it starts: they load a good part of the same modules. A cache that
 * was enabled by `enableCompileCache` stays with its own thread; by its environment variable it reaches others.
 */
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';

/** To be added to the environment of a thread or process of our own, never of an agent or a check. */
export function compileCache(): Readonly<Record<string, string>> {
  const mine = getCompileCacheDir(); // `<directory>/<this version of Node>`
  return mine === undefined ? {} : { NODE_COMPILE_CACHE: dirname(mine) };
}
