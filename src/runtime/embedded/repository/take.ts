/**
 * Takes the change out of a workspace, whatever the agent did there: edited, staged, committed, reset, stashed, deleted `.git`.
 * It reads the files alone, through an index and a configuration of the runtime's own: nothing the agent configured (filters,
 * hooks, fsmonitor, textconv, excludes) runs or counts, and ignore rules are those of the base. It never says whether a change
 * is good: it names what cannot be taken as it is (size, paths that other systems cannot hold, links that lead out).
 */
import { access, constants, lstat, mkdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { work } from '../../../contracts/index.ts';
import type { ActivityFunction } from '../activity.ts';
import type { Places } from '../places.ts';
import { type Entry, ignoreRules, nul, readBase } from './base.ts';
import { writeCommit } from './compose.ts';
import { DURABLE, failure, git, gitOk, readCommit, type Repositories, repositories, runtimeDirectory } from './git.ts';
import { attemptDirectory, changeRef, runtimeGitOf } from './names.ts';
import { linkProblem, Names, pathProblem } from './paths.ts';
import { moveRef } from './refs.ts';

/** Of a change that a person could still review. What is over is left out of the commit and named. */
const PATCH_BYTES_MAX = 4 * 1024 * 1024;
const FILES_MAX = 2_000;
/** A file over this cannot be part of a patch within the bound; it is not even hashed into the user's objects. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;
const TOTAL_BYTES_MAX = 64 * 1024 * 1024;
/** Violations are for people and for the agent's next try: the first few say it. */
const VIOLATIONS_MAX = 50;

interface Found {
  readonly removed: readonly string[];
  readonly written: readonly string[];
  readonly violations: readonly work.Violation[];
}

/** Sorts what differs from the base into what is taken and what is left out, with the reason. */
async function sift(
  tree: string,
  listing: readonly string[],
  entries: readonly Entry[],
  prepared: readonly string[],
): Promise<Found> {
  const modes = new Map(entries.map((entry) => [entry.path, entry.mode]));
  const removed = new Set<string>();
  const changed = new Set<string>();
  const violations: work.Violation[] = [];
  const refuse = (rule: work.Violation['rule'], detail: string): void => void violations.push({ rule, detail });
  for (const line of listing) {
    const path = line.slice(2);
    if (modes.get(path) === '160000') {
      const moved = line.startsWith('C') && !listing.includes(`R ${path}`);
      if (moved) refuse('unsafe-path', `${path}: the submodule's commit was changed`);
    } else if (line.startsWith('R')) removed.add(path);
    else if (line.startsWith('C') || !prepared.some((one) => (one.endsWith('/') ? path.startsWith(one) : path === one)))
      changed.add(path);
  }
  const written: string[] = [];
  const names = new Names();
  // Only new names can collide; without any, a large tree is not walked.
  if ([...changed].some((path) => !modes.has(path))) {
    for (const entry of entries) if (!removed.has(entry.path)) names.add(entry.path);
  }
  let total = 0;
  for (const path of [...changed].filter((one) => !removed.has(one)).toSorted()) {
    if (path.endsWith('/')) {
      refuse('unsafe-path', `${path}: a repository inside the repository; remove its .git or the directory`);
      continue;
    }
    const file = await lstat(join(tree, path)).catch(() => null);
    if (file === null) continue;
    if (file.isDirectory()) {
      removed.add(path); // a file that became a directory: what is in it is listed on its own
      continue;
    }
    const link = file.isSymbolicLink() ? await readlink(join(tree, path)) : null;
    const collides = modes.has(path) ? null : names.collision(path);
    const problem =
      (modes.has(path) ? null : pathProblem(path)) ??
      (path.split('/').at(-1)!.toLowerCase() === '.gitmodules' ? 'submodules are not changed by a task' : null) ??
      (link === null ? null : linkProblem(path, link)) ??
      (file.isFile() || link !== null ? null : 'neither a file nor a link') ??
      (collides === null ? null : `the same name as ${collides} where case does not count`);
    if (problem !== null) {
      refuse('unsafe-path', `${path}: ${problem}`);
    } else if (file.size > FILE_BYTES_MAX) {
      refuse('too-large', `${path}: ${file.size} bytes, at most ${FILE_BYTES_MAX} are taken`);
    } else if (link === null && !(await readable(join(tree, path)))) {
      refuse('unsafe-path', `${path}: cannot be read`);
    } else if (total + file.size > TOTAL_BYTES_MAX) {
      refuse('too-large', `${path}: the files of this change are over ${TOTAL_BYTES_MAX} bytes together`);
    } else {
      total += file.size;
      written.push(path);
      names.add(path);
    }
  }
  const count = written.length + removed.size;
  if (count > FILES_MAX) refuse('too-large', `${count} files changed, at most ${FILES_MAX} are taken`);
  return { removed: [...removed].toSorted().slice(0, FILES_MAX), written: written.slice(0, FILES_MAX), violations };
}

const readable = (path: string): Promise<boolean> =>
  access(path, constants.R_OK).then(
    () => true,
    () => false,
  );

/** `diff-tree -z --raw --numstat -M` as file changes. A rename is two entries, so that claims see both of its ends. */
export function fileChanges(output: string): readonly work.FileChange[] {
  const parts = output.split('\0');
  const status = new Map<string, work.FileChange['status']>();
  const files: work.FileChange[] = [];
  let at = 0;
  while (parts[at]?.startsWith(':') === true) {
    const [, , before, after, letter = ''] = parts[at]!.split(' ');
    const path = parts[at + 1]!;
    if (letter.startsWith('R')) {
      status.set(parts[at + 2]!, 'renamed');
      at += 3;
    } else {
      status.set(path, letter === 'A' ? 'added' : letter === 'D' ? 'deleted' : before === after ? 'mode' : 'modified');
      at += 2;
    }
  }
  while (parts[at] !== undefined && parts[at] !== '') {
    const [added = '-', removed = '-', ...rest] = parts[at]!.split('\t');
    const renamed = rest.join('\t') === '';
    const path = renamed ? parts[at + 2]! : rest.join('\t');
    const binary = added === '-';
    const lines = { added: binary ? 0 : Number(added), removed: binary ? 0 : Number(removed), binary };
    files.push({ path, status: status.get(path) ?? 'modified', ...lines });
    if (renamed) files.push({ path: parts[at + 1]!, status: 'deleted', added: 0, removed: 0, binary });
    at += renamed ? 3 : 1;
  }
  return files;
}

export function takeActivity(options: {
  readonly places: Places;
  readonly open?: Repositories;
}): ActivityFunction<work.TakePayload, work.TakeResult> {
  const open = options.open ?? repositories();
  return async (payload, io) => {
    const repository = await open(io, payload.repository);
    const runtime = await runtimeDirectory(runtimeGitOf(options.places, payload.run), repository);
    const attempt = attemptDirectory(options.places, payload.run, payload.task, payload.fence);
    await mkdir(attempt, { recursive: true });
    const tree = payload.workspace;
    const through = { cwd: runtime, gitDir: runtime, objects: repository.objects };
    const reading = {
      ...through,
      index: join(attempt, 'take.index'),
      config: [...DURABLE, 'core.protectHFS=true', 'core.protectNTFS=true'],
    };
    const [base, held] = await Promise.all([readCommit(io, payload.base, through), readBase(io, reading, payload.base)]);
    const violations: work.Violation[] = [];
    const there = await lstat(tree).catch(() => null);
    if (there?.isDirectory() === true) {
      const onDisk = { ...reading, cwd: tree, workTree: tree };
      const rules = join(attempt, 'take.rules');
      await writeFile(rules, await ignoreRules(repository, held));
      const listing = nul(await gitOk(io, ['ls-files', '-z', '-t', '-m', '-d', '-o', '-X', rules], onDisk));
      const prepared = nul(await readFile(join(attempt, 'prepared'), 'utf8').catch(() => ''));
      const found = await sift(tree, listing, held.entries, prepared);
      violations.push(...found.violations);
      const feed = async (args: readonly string[], paths: readonly string[]): Promise<void> => {
        if (paths.length === 0) return;
        const command = ['update-index', ...args, '-z', '--stdin'];
        const done = await git(io, command, { ...onDisk, stdin: paths.map((path) => `${path}\0`).join('') });
        if (done.code !== 0) throw failure(command, onDisk, done);
        for (const [, path] of done.err.matchAll(/^Ignoring path (.*)$/gm)) {
          violations.push({ rule: 'unsafe-path', detail: `${path}: git does not take this name` });
        }
      };
      await feed(['--force-remove'], found.removed);
      await feed(['--add', '--replace'], found.written);
    } else {
      violations.push({ rule: 'unsafe-path', detail: `${tree} is no longer a directory: nothing was taken` });
    }
    const taken = await gitOk(io, ['write-tree'], reading);
    if (taken === base.tree) violations.push({ rule: 'empty-change', detail: 'no file differs from the base' });
    const compared = ['-r', '-M', '--no-ext-diff', '--no-textconv', base.tree, taken];
    const [listed, diff, commit] = await Promise.all([
      gitOk(io, ['diff-tree', '-z', '--raw', '--numstat', ...compared], through),
      git(io, ['diff-tree', '-p', '--binary', '--full-index', ...compared], { ...through, outputBytesMax: PATCH_BYTES_MAX }),
      writeCommit(io, through, {
        tree: taken,
        parent: payload.base,
        message: `Change of ${payload.task}, attempt ${payload.fence} of run ${payload.run}\n`,
        author: 'agent',
        time: base.time,
      }),
    ]);
    const files = fileChanges(listed);
    if (diff.outputLimit) violations.push({ rule: 'too-large', detail: `the patch is over ${PATCH_BYTES_MAX} bytes` });
    else if (diff.code !== 0) throw failure(['diff-tree'], through, diff);
    const patch = await io.blobs.put(diff.outputLimit ? summary(files) : diff.bytes);
    await moveRef(io, repository, changeRef(payload.run, payload.task, payload.fence), commit, undefined, 'taken');
    await Promise.all(['take.index', 'take.rules'].map((name) => rm(join(attempt, name), { force: true })));
    return { commit, tree: taken, files, filesTotal: files.length, patch, violations: violations.slice(0, VIOLATIONS_MAX) };
  };
}

function summary(files: readonly work.FileChange[]): string {
  const rows = files.map((file) => `${file.binary ? '-\t-' : `${file.added}\t${file.removed}`}\t${file.path}`);
  return `# The patch is over ${PATCH_BYTES_MAX} bytes and was not kept; lines added and removed by file:\n${rows.join('\n')}\n`;
}
