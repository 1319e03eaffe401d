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
const PAIR_CHARS_MAX = 600; // longer lines are compared as wholes: words of minified code tell nobody anything

export function readDiff(text: string): FileDiff[] {
  const files: Draft[] = [];
  let file: Draft | null = null;
  let rows: Row[] | null = null;
  let removed: { number: number; text: string }[] = [];
  let added: { number: number; text: string }[] = [];
  let [oldLeft, newLeft, oldAt, newAt] = [0, 0, 0, 0];
  const flush = (): void => {
    for (let i = 0; i < Math.max(removed.length, added.length); i++) rows?.push(pair(removed[i], added[i]));
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

function pair(before: Line | undefined, after: Line | undefined): Row {
  const whole = (line: Line | undefined): Side | null =>
    line === undefined ? null : { number: line.number, parts: [{ text: line.text, differs: false }] };
  if (before === undefined || after === undefined || before.text.length + after.text.length > PAIR_CHARS_MAX)
    return { before: whole(before), after: whole(after), same: false };
  const words = (text: string): string[] => text.match(/[\p{L}\p{N}_$]+|\s+|./gsu) ?? [];
  const [old, now] = [words(before.text), words(after.text)];
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const kept = [...old.slice(0, head), ...old.slice(old.length - tail)].join('').trim().length;
  // Two lines with next to nothing in common are not one line that changed.
  if (kept * 3 < Math.min(before.text.trim().length, after.text.trim().length))
    return { before: whole(before), after: whole(after), same: false };
  const side = (line: Line, all: readonly string[]): Side => ({
    number: line.number,
    parts: [
      { text: all.slice(0, head).join(''), differs: false },
      { text: all.slice(head, all.length - tail).join(''), differs: true },
      { text: all.slice(all.length - tail).join(''), differs: false },
    ].filter((part) => part.text !== ''),
  });
  return { before: side(before, old), after: side(after, now), same: false };
}
