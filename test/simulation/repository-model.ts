/**
 * A repository as a pure model: trees are maps from path to text, a commit's id is the hash of its content, refs move by
 * compare-and-swap. Its checks are functions of a tree, so that what a branch is worth can be computed at any instant.
 */
import { canonicalJson, sha256Hex } from '../../src/kernel/index.ts';
import type { work } from '../../src/contracts/index.ts';

export type Tree = ReadonlyMap<string, string>;

export interface CommitModel {
  readonly sha: string;
  readonly tree: string;
  readonly parent: string | null;
  readonly message: string;
}

export class RepositoryModel {
  readonly trees = new Map<string, Tree>();
  readonly commits = new Map<string, CommitModel>();
  readonly refs = new Map<string, string>();

  tree(files: Iterable<readonly [string, string]>): string {
    const tree = new Map([...files].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const sha = sha256Hex(JSON.stringify([...tree])).slice(0, 40);
    this.trees.set(sha, tree);
    return sha;
  }

  commit(tree: string, parent: string | null, message: string, time: number): string {
    const sha = sha256Hex(canonicalJson({ tree, parent, message, time })).slice(0, 40);
    this.commits.set(sha, { sha, tree, parent, message });
    return sha;
  }

  files(commit: string): Tree {
    return this.trees.get(this.commits.get(commit)!.tree)!;
  }

  /** From `tip` back to the root. */
  *history(tip: string): Iterable<CommitModel> {
    for (let at: string | null = tip; at !== null;) {
      const commit: CommitModel = this.commits.get(at)!;
      yield commit;
      at = commit.parent;
    }
  }

  contains(tip: string, sha: string): boolean {
    for (const commit of this.history(tip)) if (commit.sha === sha) return true;
    return false;
  }
}

/** The task a commit says it is for. */
export function taskOf(message: string): string | null {
  return /^Skein-Task: (\S+)/m.exec(message)?.[1] ?? null;
}

export function changedPaths(before: Tree, after: Tree): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path) !== after.get(path)).toSorted();
}

/** Three-way by whole files: what both changed differently is a conflict. */
export function merge(base: Tree, change: Tree, onto: Tree): { files: Map<string, string>; conflicts: string[] } {
  const files = new Map(onto);
  const conflicts: string[] = [];
  for (const path of changedPaths(base, change)) {
    const wanted = change.get(path);
    if (onto.get(path) !== base.get(path) && onto.get(path) !== wanted) conflicts.push(path);
    else if (wanted === undefined) files.delete(path);
    else files.set(path, wanted);
  }
  return { files, conflicts };
}

// ---- checks ---------------------------------------------------------------------------------------------------------

export const CHECKS: readonly work.CheckSpec[] = [
  { name: 'test', command: 'test', directory: '', kind: 'tests', timeout: 60_000, source: 'model' },
  { name: 'lint', command: 'lint', directory: '', kind: 'findings', timeout: 60_000, source: 'model' },
];

const HEAVY_MAX = 1; // two changes that are each green alone can be red together

/** One test for each file, red when it says BROKEN; one for the whole tree, red when it holds more than one `heavy`. */
export function verdicts(tree: Tree): work.CheckVerdict[] {
  const tests: Record<string, work.TestState> = {};
  const findings: string[] = [];
  let heavy = 0;
  for (const [path, text] of tree) {
    if (path.startsWith('src/')) tests[path] = text.includes('BROKEN') ? 'fail' : text.includes('SKIPPED') ? 'skip' : 'pass';
    if (text.includes('heavy')) heavy += 1;
    for (const line of text.split('\n')) if (line.includes('any')) findings.push(`${path}: ${line}`);
  }
  tests['weight'] = heavy > HEAVY_MAX ? 'fail' : 'pass';
  const verdict = { cause: '', durationMs: 1, cached: false, tail: '', output: null, counts: null };
  const red = Object.values(tests).includes('fail');
  return [
    { ...verdict, check: 'test', status: red ? 'red' : 'green', exitCode: red ? 1 : 0, tests, findings: [] },
    {
      ...verdict,
      check: 'lint',
      status: findings.length > 0 ? 'red' : 'green',
      exitCode: findings.length > 0 ? 1 : 0,
      tests: null,
      findings: findings.toSorted(),
    },
  ];
}

export function summary(verdict: work.CheckVerdict): work.VerdictSummary {
  const states = Object.values(verdict.tests ?? {});
  const count = (state: work.TestState): number => states.filter((other) => other === state).length;
  const { check, status, cause, durationMs, cached } = verdict;
  return {
    check,
    status,
    cause,
    passed: count('pass'),
    failed: count('fail'),
    skipped: count('skip'),
    findings: verdict.findings.length,
    durationMs,
    cached,
  };
}

/** What was green at baseline and is no longer. */
export function compare(
  baseline: readonly work.CheckVerdict[],
  now: readonly work.CheckVerdict[],
  mends: readonly string[] = [],
): work.Violation[] {
  const found: work.Violation[] = [];
  for (const check of mends) if (!(wrong(check, now) < wrong(check, baseline))) found.push({ rule: 'not-mended', detail: check });
  for (const before of baseline) {
    const after = now.find((verdict) => verdict.check === before.check)!;
    if (before.status === 'green' && after.status !== 'green') found.push({ rule: 'green-turned-red', detail: before.check });
    for (const [name, state] of Object.entries(before.tests ?? {})) {
      if (state !== 'pass') continue;
      const present = after.tests?.[name];
      if (present === undefined) found.push({ rule: 'test-disappeared', detail: name });
      else if (present === 'fail') found.push({ rule: 'test-failed', detail: name });
      else if (present === 'skip') found.push({ rule: 'test-skipped', detail: name });
    }
    const known = [...before.findings];
    for (const finding of after.findings) {
      const at = known.indexOf(finding);
      if (at >= 0) known.splice(at, 1);
      else found.push({ rule: 'finding-added', detail: finding });
    }
  }
  return found;
}

function wrong(check: string, all: readonly work.CheckVerdict[]): number {
  const { tests, findings } = all.find((verdict) => verdict.check === check)!;
  return findings.length + Object.values(tests ?? {}).filter((state) => state === 'fail').length;
}

/** What a judge finds closed in `after`: lines that say so and that `before` does not have. */
export function closedItems(before: Tree, after: Tree): string[] {
  return [...items(after)].filter((item) => !items(before).has(item)).toSorted();
}

function items(tree: Tree): Set<string> {
  const all = [...tree].flatMap(([path, text]) =>
    text.split('\n').flatMap((line) => (line.startsWith('closes ') ? [`${path} ${line}`] : [])),
  );
  return new Set(all);
}

/** What the text of a change alone gives away. */
export function suspicious(before: Tree, after: Tree): work.Violation[] {
  const found: work.Violation[] = [];
  const paths = changedPaths(before, after);
  if (paths.length === 0) found.push({ rule: 'empty-change', detail: 'nothing changed' });
  for (const path of paths) {
    const added = (word: string): boolean =>
      after.get(path)?.includes(word) === true && before.get(path)?.includes(word) !== true;
    if (added('suppress')) found.push({ rule: 'suppression-added', detail: path });
    if (added('SKIPPED')) found.push({ rule: 'skip-added', detail: path });
    if (added('<<<<<<<')) found.push({ rule: 'conflict-markers', detail: path });
  }
  return found;
}
