/** Which of a package's files import which, and an order in which a file comes after the files it imports. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import classic from 'typescript-classic';

const ENDINGS = [
  '',
  '.js',
  '.cjs',
  '.mjs',
  '.ts',
  '.cts',
  '.mts',
  '.tsx',
  '.jsx',
  '/index.js',
  '/index.ts',
  '/index.cjs',
  '/index.mjs',
];

/** Callees before callers. In a circle the first by name goes first: the same for everybody. */
export function calleesFirst(workspace: string, files: readonly string[]): string[] {
  const known = new Set(files);
  const sorted = files.toSorted();
  const imports = new Map(sorted.map((path) => [path, importsOf(workspace, path, known)]));
  const order: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  for (const root of sorted) {
    const stack: [string, number][] = [[root, 0]];
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const [path, next] = top;
      if (next === 0) {
        if (state.has(path)) {
          stack.pop();
          continue;
        }
        state.set(path, 'open');
      }
      const callee = imports.get(path)![next];
      if (callee === undefined) {
        state.set(path, 'done');
        order.push(path);
        stack.pop();
        continue;
      }
      top[1] += 1;
      if (!state.has(callee)) stack.push([callee, 0]);
    }
  }
  return order;
}

function importsOf(workspace: string, path: string, known: ReadonlySet<string>): string[] {
  const file = join(workspace, path);
  if (!existsSync(file) || !statSync(file).isFile()) return [];
  const { importedFiles } = classic.preProcessFile(readFileSync(file, 'utf8'), true, true);
  const found = importedFiles.flatMap(({ fileName }) => {
    if (!fileName.startsWith('.')) return [];
    const bare = posix.join(posix.dirname(path), fileName);
    const target = [bare, bare.replace(/\.([cm]?)js$/, '.$1ts')]
      .flatMap((stem) => ENDINGS.map((ending) => stem + ending))
      .find((name) => known.has(name));
    return target === undefined || target === path ? [] : [target];
  });
  return [...new Set(found)].toSorted();
}

/** As one file would name another in an import of a type: `./node`, `../types/index`. */
export function relativeImport(from: string, to: string): string {
  const start = from.split('/').slice(0, -1);
  const end = to.split('/');
  let shared = 0;
  while (shared < start.length && start[shared] === end[shared]) shared += 1;
  const up = start.slice(shared).map(() => '..');
  const path = [...(up.length === 0 ? ['.'] : up), ...end.slice(shared)].join('/');
  return path.replace(/(?<!\.m|\.c)\.js$/, '');
}
