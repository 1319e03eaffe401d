/**
 * Unified diff text as git writes it, read line by line: which paths it touches, which lines it adds and removes, what became
 * a link. Hunk counts decide what is content, so a line of a file that looks like a header stays a line of that file.
 * Never throws and never guesses: what is no diff yields nothing.
 */
import { fromUtf8, utf8 } from '../kernel/index.ts';

export interface AddedLine {
  readonly path: string;
  /** Line in the new file, from 1. */
  readonly number: number;
  /** Without the leading + and without a carriage return at the end. */
  readonly text: string;
}

export interface RemovedLine {
  readonly path: string;
  readonly text: string;
}

export interface Patch {
  /** Every path that is written, removed or moved away, in order of appearance, once each. */
  readonly paths: readonly string[];
  readonly added: readonly AddedLine[];
  readonly removed: readonly RemovedLine[];
  /** Paths that the change makes a symbolic link or a submodule. */
  readonly links: readonly string[];
}

const hunk = /^@@ -\d{1,9}(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@/;

/** O(text). */
export function readPatch(text: string): Patch {
  const paths = new Set<string>();
  const links = new Set<string>();
  const added: AddedLine[] = [];
  const removed: RemovedLine[] = [];
  let path = '';
  let from = '';
  let oldLeft = 0;
  let newLeft = 0;
  let number = 0;
  for (const raw of lines(text)) {
    if (oldLeft > 0 || newLeft > 0) {
      const mark = raw[0] ?? ' '; // some mailers strip the blank of an empty context line
      if (mark === '\\') continue;
      const content = raw.endsWith('\r') ? raw.slice(1, -1) : raw.slice(1);
      if (mark === '+') {
        added.push({ path, number: number++, text: content });
        newLeft--;
      } else if (mark === '-') {
        removed.push({ path: from, text: content });
        oldLeft--;
      } else {
        number++;
        oldLeft--;
        newLeft--;
      }
      continue;
    }
    const header = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    const found = hunk.exec(header);
    if (found) {
      oldLeft = Number(found[1] ?? 1);
      newLeft = Number(found[3] ?? 1);
      number = Number(found[2]);
    } else if (header.startsWith('diff --git ')) {
      path = from = sameName(header.slice('diff --git '.length)) ?? '';
      if (path !== '') paths.add(path);
    } else if (header.startsWith('--- ')) {
      from = sided(header.slice(4), 'a/') ?? from;
      if (from !== '') paths.add(from);
    } else if (header.startsWith('+++ ')) {
      path = sided(header.slice(4), 'b/') ?? path;
      if (path !== '') paths.add(path);
    } else if (header.startsWith('rename from ')) {
      from = unquote(header.slice('rename from '.length));
      paths.add(from);
    } else if (header.startsWith('rename to ') || header.startsWith('copy to ')) {
      path = unquote(header.slice(header.indexOf(' to ') + 4));
      paths.add(path);
    } else if (/^(new file mode|new mode) (120000|160000)$/.test(header)) links.add(path);
  }
  return { paths: [...paths], added, removed, links: [...links] };
}

/** Lines without their \n, one at a time: a diff of many megabytes is never held twice. */
function* lines(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('\n', start);
    yield end < 0 ? text.slice(start) : text.slice(start, end);
    start = end < 0 ? text.length : end + 1;
  }
}

/** `a/x b/x` -> x. With different names (a rename) the lines that follow tell; a blank in the name does not confuse it. */
function sameName(both: string): string | null {
  const half = (both.length - 1) / 2;
  if (!Number.isInteger(half) || both[half] !== ' ') return null;
  const left = sided(both.slice(0, half), 'a/');
  return left !== null && left === sided(both.slice(half + 1), 'b/') ? left : null;
}

/** The path behind `---` or `+++`; null for /dev/null. git ends a name that holds blanks with a tab. */
function sided(text: string, prefix: 'a/' | 'b/'): string | null {
  const path = unquote(text.endsWith('\t') ? text.slice(0, -1) : text);
  if (path === '/dev/null') return null;
  return path.startsWith(prefix) ? path.slice(2) : path;
}

const escapes: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, '\\': 92 };

/** git's C-style quoting: "caf\303\251" -> café. */
function unquote(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text;
  const bytes: number[] = [];
  for (let i = 1; i < text.length - 1; i++) {
    if (text[i] !== '\\') {
      const char = String.fromCodePoint(text.codePointAt(i)!);
      if (char.length > 1) i++;
      bytes.push(...utf8(char));
      continue;
    }
    const octal = /^[0-3][0-7]{2}/.exec(text.slice(i + 1, i + 4));
    if (octal) {
      bytes.push(Number.parseInt(octal[0], 8));
      i += 3;
    } else bytes.push(escapes[text[++i]!] ?? 63);
  }
  try {
    return fromUtf8(Uint8Array.from(bytes));
  } catch {
    return text; // a name that is not UTF-8 stays as git printed it: no claim matches it
  }
}
