/**
 * What a base holds, as whoever compares files with it needs it: its entries, the ignore rules in them, and an index that knows
 * nothing of files on disk, so that every file is looked at. An attempt asks twice, before its agent and after it, and attempts
 * share bases: the newest few are remembered here, in memory, where no agent can change them.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ActivityError } from '../activity.ts';
import { git, type GitIo, gitOk, type GitOptions, type Repository } from './git.ts';

export interface Entry {
  readonly mode: string;
  readonly sha: string;
  readonly path: string;
}

export interface Base {
  readonly entries: readonly Entry[];
  /** Of the base itself, in the order of precedence, without what git and we add. */
  readonly rules: readonly string[];
}

interface Known extends Base {
  readonly index: Buffer;
}

const BASES_MAX = 8; // as many as agents on a usual machine
const INDEX_BYTES_MAX = 2 * 1024 * 1024; // some 20,000 files; beyond it a base is read each time rather than held
const known = new Map<string, Known>();

export const nul = (text: string): readonly string[] => text.split('\0').filter((part) => part !== '');

/** Fills `options.index` with the base, a commit or a tree, and says what is in it. */
export async function readBase(io: GitIo, options: GitOptions, base: string): Promise<Base> {
  const index = options.index!;
  // The lock too: a git that was killed leaves it, and nobody else uses this index.
  await Promise.all([rm(index, { force: true }), rm(`${index}.lock`, { force: true })]);
  const name = `${options.objects ?? ''}\0${base}`;
  const before = known.get(name);
  if (before !== undefined) {
    await writeFile(index, before.index);
    return before;
  }
  const [listing] = await Promise.all([
    gitOk(io, ['ls-tree', '-r', '-z', base], options),
    gitOk(io, ['read-tree', base], options),
  ]);
  const entries = nul(listing).map((line) => {
    const [mode = '', , sha = ''] = line.slice(0, line.indexOf('\t')).split(' ');
    return { mode, sha, path: line.slice(line.indexOf('\t') + 1) };
  });
  const found: Known = { entries, rules: await rulesOf(io, options, entries), index: await readFile(index) };
  if (found.index.length <= INDEX_BYTES_MAX) {
    known.set(name, found);
    if (known.size > BASES_MAX) known.delete(known.keys().next().value!);
  }
  return found;
}

async function rulesOf(io: GitIo, options: GitOptions, entries: readonly Entry[]): Promise<readonly string[]> {
  const files = entries
    .filter((entry) => entry.mode.startsWith('100') && (entry.path === '.gitignore' || entry.path.endsWith('/.gitignore')))
    .toSorted((a, b) => a.path.split('/').length - b.path.split('/').length);
  const rules: string[] = [];
  if (files.length === 0) return rules;
  const done = await git(io, ['cat-file', '--batch'], { ...options, stdin: files.map((file) => `${file.sha}\n`).join('') });
  let at = 0;
  for (const file of files) {
    const end = done.bytes.indexOf(10, at);
    const size = Number(done.bytes.toString('utf8', at, end).split(' ')[2]);
    if (!Number.isInteger(size)) throw new ActivityError(`cannot read ${file.path} of the base`, { retryable: false });
    const text = done.bytes.toString('utf8', end + 1, end + 1 + size);
    rules.push(rooted(text, file.path === '.gitignore' ? '' : dirname(file.path)));
    at = end + 1 + size + 1;
  }
  return rules;
}

/** Litter that tools leave behind and that a repository without ignore rules would otherwise be given. Tracked files are not affected. */
const LITTER: readonly string[] = [
  'node_modules',
  '__pycache__/',
  '*.pyc',
  '.pytest_cache/',
  '.mypy_cache/',
  '.ruff_cache/',
  '.DS_Store',
  '.skein/',
  '.aider*',
  '.claude/settings.local.json',
];

/** The ignore rules of the base, of the user's own `.git/info/exclude` and ours, as one list in the order of precedence. */
export async function ignoreRules(repository: Repository, base: Base): Promise<string> {
  const own = await readFile(join(repository.commonDir, 'info', 'exclude'), 'utf8').catch(() => '');
  return `${[LITTER.join('\n'), own, ...base.rules].join('\n')}\n`;
}

/** Rules of a `.gitignore` in a directory, rewritten so that they mean the same at the top. */
export function rooted(text: string, directory: string): string {
  if (directory === '') return text;
  const at = directory.replaceAll(/[\\*?[\]!#]/g, '\\$&');
  return text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line) => {
      const rule = line.replace(/\r$/, '');
      if (rule.trim() === '' || rule.startsWith('#')) return '';
      const not = rule.startsWith('!') ? '!' : '';
      const pattern = rule.slice(not.length);
      const anchored = pattern.replace(/\/\s*$/, '').includes('/');
      return `${not}/${at}/${anchored ? '' : '**/'}${pattern.replace(/^\//, '')}`;
    })
    .join('\n');
}

/** Files under `options.workTree` that are not in `options.index` and not ignored; whole directories end in `/`. Uses the index up. */
export async function untracked(io: GitIo, options: GitOptions, ignored: string): Promise<readonly string[]> {
  const rules = `${options.index!}.rules`;
  await writeFile(rules, ignored);
  const found = nul(await gitOk(io, ['ls-files', '-o', '-z', '--directory', '-X', rules], options));
  await Promise.all([rm(options.index!, { force: true }), rm(rules, { force: true })]);
  return found;
}
