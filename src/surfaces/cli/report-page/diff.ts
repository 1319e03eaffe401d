/**
 * A unified diff as git writes it, as rows of two sides: removed lines beside the lines that took their place, and in each such
 * pair the words that differ. Hunk counts decide what is content. Never throws; what is no diff yields no file. Pure.
 */

export interface Side {
  readonly number: number;
  /** Parts in order; those that the other side does not have are marked. */
  readonly parts: readonly { readonly text: string; readonly differs: boolean }[];
}

export interface Row {
  readonly before: Side | null;
  readonly after: Side | null;
  readonly same: boolean;
}

export interface FileDiff {
  readonly path: string;
  /** Where it was moved from, or null. */
  readonly from: string | null;
  readonly status: 'added' | 'modified' | 'deleted' | 'moved' | 'binary';
  readonly hunks: readonly { readonly head: string; readonly rows: readonly Row[] }[];
  readonly added: number;
  readonly removed: number;
}

interface Draft {
  path: string;
  from: string | null;
  status: FileDiff['status'];
  hunks: { head: string; rows: Row[] }[];
  added: number;
  removed: number;
}

const HUNK = /^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@(.*)$/;
const PAIRS_MAX = 2500; // lines compared with lines in one block: a rewritten file is not a changed line
const ALIKE_MIN = 0.4;
const PAIR_CHARS_MAX = 600; // longer lines are compared as wholes: words of minified code tell nobody anything

export function readDiff(text: string): FileDiff[] {
  const files: Draft[] = [];
  let file: Draft | null = null;
  let rows: Row[] | null = null;
  let removed: Line[] = [];
  let added: Line[] = [];
  let [oldLeft, newLeft, oldAt, newAt] = [0, 0, 0, 0];
  const flush = (): void => {
    rows?.push(...block(removed, added));
    removed = [];
    added = [];
  };
  for (const line of text.split('\n')) {
    if (file !== null && (oldLeft > 0 || newLeft > 0)) {
      const mark = line[0] ?? ' ';
      const content = line.slice(1);
      if (mark === '\\') continue;
      if (mark === '-') {
        if (added.length > 0) flush();
        removed.push({ number: oldAt++, text: content });
        file.removed += 1;
        oldLeft -= 1;
      } else if (mark === '+') {
        added.push({ number: newAt++, text: content });
        file.added += 1;
        newLeft -= 1;
      } else {
        flush();
        const parts = [{ text: content, differs: false }];
        rows?.push({ before: { number: oldAt++, parts }, after: { number: newAt++, parts }, same: true });
        oldLeft -= 1;
        newLeft -= 1;
      }
      if (oldLeft <= 0 && newLeft <= 0) flush();
      continue;
    }
    const head = HUNK.exec(line);
    if (line.startsWith('diff --git ')) {
      const name = line.slice('diff --git '.length);
      const path = name
        .slice(Math.ceil(name.length / 2))
        .replace(/^"?b\//, '')
        .replace(/"$/, '');
      file = { path, from: null, status: 'modified', hunks: [], added: 0, removed: 0 };
      files.push(file);
    } else if (file === null) continue;
    else if (head !== null) {
      [oldAt, oldLeft, newAt, newLeft] = [Number(head[1]), Number(head[2] ?? 1), Number(head[3]), Number(head[4] ?? 1)];
      rows = [];
      file.hunks.push({ head: head[5]!.trim(), rows });
    } else if (line.startsWith('new file')) file.status = 'added';
    else if (line.startsWith('deleted file')) file.status = 'deleted';
    else if (line.startsWith('rename from ')) {
      file.status = 'moved';
      file.from = line.slice('rename from '.length);
    } else if (line.startsWith('rename to ')) file.path = line.slice('rename to '.length);
    else if (line.startsWith('+++ b/')) file.path = line.slice('+++ b/'.length).replace(/\t$/, '');
    else if (line.startsWith('Binary files ')) file.status = 'binary';
  }
  flush();
  return files;
}

interface Line {
  readonly number: number;
  readonly text: string;
}

/** Lines that became others stand beside them, as much as their order allows; the rest fills the rows between. */
function block(removed: readonly Line[], added: readonly Line[]): Row[] {
  const rows: Row[] = [];
  let [i, j] = [0, 0];
  for (const [a, b] of [...alignment(removed, added), [removed.length, added.length] as const]) {
    for (; i < a || j < b; i += i < a ? 1 : 0, j += j < b ? 1 : 0) {
      rows.push({ before: whole(i < a ? removed[i] : undefined), after: whole(j < b ? added[j] : undefined), same: false });
    }
    if (a < removed.length && b < added.length) rows.push(changed(removed[i++]!, added[j++]!));
  }
  return rows;
}

/** Pairs of places in both lists, in order, with the most words in common together. */
function alignment(removed: readonly Line[], added: readonly Line[]): (readonly [number, number])[] {
  const [n, m] = [removed.length, added.length];
  if (n * m === 0 || n * m > PAIRS_MAX) return [];
  const likeness = removed.map((before) => added.map((after) => alike(before.text, after.text)));
  const best = Array.from({ length: n + 1 }, () => new Float64Array(m + 1));
  for (let i = n - 1; i >= 0; i--)
    for (let j = m - 1; j >= 0; j--) {
      const one = likeness[i]![j]! > 0 ? likeness[i]![j]! + best[i + 1]![j + 1]! : 0;
      best[i]![j] = Math.max(one, best[i + 1]![j]!, best[i]![j + 1]!);
    }
  const pairs: (readonly [number, number])[] = [];
  for (let [i, j] = [0, 0]; i < n && j < m;) {
    if (best[i]![j] === best[i + 1]![j]) i += 1;
    else if (best[i]![j] === best[i]![j + 1]) j += 1;
    else pairs.push([i++, j++]);
  }
  return pairs;
}

const wordsOf = (text: string): string[] => text.match(/[\p{L}\p{N}_$]+|\s+|[=!<>&|+*/%^?~-]+|./gsu) ?? [];

/** The words that both begin and end with, as counts. */
function frame(old: readonly string[], now: readonly string[]): { readonly head: number; readonly tail: number } {
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  return { head, tail };
}

/** Share of the longer line that both have in common; 0 where it is too little to call it the same line. */
function alike(before: string, after: string): number {
  if (before.length + after.length > PAIR_CHARS_MAX) return 0;
  const old = wordsOf(before);
  const { head, tail } = frame(old, wordsOf(after));
  const kept = [...old.slice(0, head), ...old.slice(old.length - tail)].join('').trim().length;
  const share = kept / Math.max(1, before.trim().length, after.trim().length);
  return share >= ALIKE_MIN ? share : 0;
}

function whole(line: Line | undefined): Side | null {
  return line === undefined ? null : { number: line.number, parts: [{ text: line.text, differs: false }] };
}

function changed(before: Line, after: Line): Row {
  const [old, now] = [wordsOf(before.text), wordsOf(after.text)];
  const { head, tail } = frame(old, now);
  const side = ({ number }: Line, all: readonly string[]): Side => ({
    number,
    parts: [
      { text: all.slice(0, head).join(''), differs: false },
      { text: all.slice(head, all.length - tail).join(''), differs: true },
      { text: all.slice(all.length - tail).join(''), differs: false },
    ].filter((part) => part.text !== ''),
  });
  return { before: side(before, old), after: side(after, now), same: false };
}
