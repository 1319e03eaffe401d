/**
 * What agents without a sandbox could have touched in the user's repository, before and after. It detects, it does not prevent.
 * The user goes on working meanwhile: their index, HEAD and commits on what they have checked out are told apart from the rest.
 */
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { git, type GitIo, repositories } from './git.ts';

export interface Fingerprint {
  /** Object by ref; symbolic refs by what they point to. */
  readonly refs: Readonly<Record<string, string>>;
  /** Hash by name: `config`, `hooks/pre-commit`, `info/exclude`. */
  readonly files: Readonly<Record<string, string>>;
  /** The user's own place in it, by working tree. */
  readonly heads: Readonly<Record<string, string>>;
  readonly indexes: Readonly<Record<string, string>>;
  /** The newest lines of HEAD's log, `<old> <new> <who> <when>\t<message>`: how git itself names a commit, a merge, a reset. */
  readonly headLog: readonly string[];
}

const HEAD_LOG_MAX = 200; // commits that a person makes during one attempt
/** What git writes in the log when a person goes on with their work. A bare `update-ref` writes nothing, a `reset` says so. */
const ORDINARY = /^(commit|merge|pull|rebase|cherry-pick|revert|am|checkout|switch)\b/;

async function hashOf(path: string): Promise<string | null> {
  const file = await lstat(path).catch(() => null);
  if (file === null || file.isDirectory()) return null;
  const bytes = await readFile(path).catch(() => Buffer.from('unreadable'));
  return `${(file.mode & 0o7777).toString(8)} ${createHash('sha256').update(bytes).digest('hex')}`;
}

export async function fingerprint(io: GitIo, top: string): Promise<Fingerprint> {
  const repository = await repositories()(io, top);
  const { commonDir } = repository;
  const inside = { cwd: top, gitDir: commonDir };
  const listing = await git(io, ['for-each-ref', '--format=%(refname)%00%(objectname)%00%(symref)'], inside);
  const refs: Record<string, string> = {};
  for (const line of listing.out.split('\n')) {
    const [name = '', object = '', symbolic = ''] = line.split('\0');
    if (name !== '') refs[name] = symbolic === '' ? object : `ref: ${symbolic}`;
  }
  const files: Record<string, string> = {};
  const note = async (name: string, path: string): Promise<void> => {
    const hash = await hashOf(path);
    if (hash !== null) files[name] = hash;
  };
  const hooksPath = (
    await git(io, ['config', '--file', join(commonDir, 'config'), '--get', 'core.hooksPath'], inside)
  ).out.trim();
  const hookDirectories: [string, string][] = [['hooks', join(commonDir, 'hooks')]];
  if (hooksPath !== '') hookDirectories.push([hooksPath, isAbsolute(hooksPath) ? hooksPath : resolve(top, hooksPath)]);
  for (const [name, directory] of hookDirectories) {
    for (const hook of await readdir(directory).catch(() => [])) await note(`${name}/${hook}`, join(directory, hook));
  }
  for (const name of ['config', 'info/exclude', 'info/attributes', 'objects/info/alternates', 'shallow']) {
    await note(name, join(commonDir, name));
  }
  await note('stash', join(commonDir, 'logs', 'refs', 'stash'));
  const heads: Record<string, string> = {};
  const indexes: Record<string, string> = {};
  const headLog: string[] = [];
  const linked = (await readdir(join(commonDir, 'worktrees')).catch(() => [])).map((name) => join('worktrees', name));
  for (const name of ['.', ...linked]) {
    const directory = join(commonDir, name);
    heads[name] = (await readFile(join(directory, 'HEAD'), 'utf8').catch(() => '')).trim();
    indexes[name] = (await hashOf(join(directory, 'index'))) ?? '';
    await note(`${name}/config.worktree`, join(directory, 'config.worktree'));
    const log = await readFile(join(directory, 'logs', 'HEAD'), 'utf8').catch(() => '');
    headLog.push(...log.trimEnd().split('\n').slice(-HEAD_LOG_MAX));
  }
  return { refs, files, heads, indexes, headLog };
}

function differences(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): readonly string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => before[key] !== after[key]).toSorted();
}

function ordinaryRef(before: Fingerprint, after: Fingerprint, ref: string): boolean {
  const checkedOut = [...Object.values(before.heads), ...Object.values(after.heads)].includes(`ref: ${ref}`);
  const now = after.refs[ref];
  if (!checkedOut || now === undefined) return false;
  return after.headLog.some((line) => {
    const since = !before.headLog.includes(line);
    return since && line.split(' ')[1] === now && ORDINARY.test(line.slice(line.indexOf('\t') + 1));
  });
}

const verb = (was: string | undefined, is: string | undefined): string =>
  was === undefined ? 'was created' : is === undefined ? 'was deleted' : 'was changed';
const where = (tree: string): string => (tree === '.' ? '' : ` of ${tree}`);

/** Changes that no user's ordinary work explains. `ownRefs` are prefixes of refs that the runtime moves itself. */
export function compareFingerprints(before: Fingerprint, after: Fingerprint, ownRefs: readonly string[]): readonly string[] {
  const changes: string[] = [];
  for (const ref of differences(before.refs, after.refs)) {
    if (ref === 'refs/stash' || ownRefs.some((own) => ref.startsWith(own)) || ordinaryRef(before, after, ref)) continue;
    changes.push(
      `${ref} ${verb(before.refs[ref], after.refs[ref])}: ${before.refs[ref] ?? 'nothing'} -> ${after.refs[ref] ?? 'nothing'}`,
    );
  }
  const stash = before.refs['refs/stash'] !== after.refs['refs/stash'] || before.files['stash'] !== after.files['stash'];
  if (stash) changes.push(`stash ${verb(before.refs['refs/stash'], after.refs['refs/stash'])}`);
  for (const file of differences(before.files, after.files)) {
    if (file !== 'stash') changes.push(`${file} ${verb(before.files[file], after.files[file])}`);
  }
  return changes;
}

/** What the user did themselves meanwhile: reported, never held against an agent. */
export function ordinaryChanges(before: Fingerprint, after: Fingerprint): readonly string[] {
  return [
    ...differences(before.heads, after.heads).map(
      (name) => `HEAD${where(name)} moved: ${before.heads[name]} -> ${after.heads[name]}`,
    ),
    ...differences(before.indexes, after.indexes).map((name) => `the index${where(name)} changed`),
    ...differences(before.refs, after.refs)
      .filter((ref) => ordinaryRef(before, after, ref))
      .map((ref) => `commits on ${ref}: ${before.refs[ref] ?? 'nothing'} -> ${after.refs[ref]}`),
  ];
}
