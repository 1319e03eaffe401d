/** Output as lines that can be compared: colours gone, the private directory's path gone, lines bounded. */

/** A longer line is data, not a message; every pattern here looks at one line, so this bounds its work. */
const LINE_MAX = 4096;

// oxlint-disable-next-line no-control-regex -- escape sequences are what this removes
const ESCAPES = /\u001B(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\-_])/g;

export function plain(text: string): string {
  return text.replaceAll(ESCAPES, '').replaceAll('\r\n', '\n');
}

/** Two clones of one tree print equal text once their own directories are out of it. */
export function relative(text: string, directories: readonly string[]): string {
  let next = text;
  for (const directory of directories) {
    if (directory.length < 2) continue;
    next = next.replaceAll(`file://${directory}/`, '').replaceAll(`${directory}/`, '').replaceAll(directory, '.');
  }
  return next;
}

export function lines(text: string): string[] {
  return text.split('\n').map((line) => {
    const end = line.lastIndexOf('\r'); // a progress line overwrites itself: only what stayed on screen counts
    const shown = end < 0 ? line : end === line.length - 1 ? line.slice(0, end) : line.slice(end + 1);
    return shown.length > LINE_MAX ? shown.slice(0, LINE_MAX) : shown;
  });
}

export function indentation(line: string): number {
  let at = 0;
  while (line[at] === ' ') at += 1;
  return at;
}
