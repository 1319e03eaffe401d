/**
 * Notices an agent that goes in circles: the same sequence of output lines, again and again. Owns no process and no clock;
 * whoever reads the output pushes lines and decides what to do with the answer.
 *
 * What differs from one round to the next in a circle is taken out of a line first: times, durations, ids, token counts,
 * numbers of turns and attempts. Other numbers stay, because `37 of 500` and `epoch 12` are progress. The same line over
 * and over is waiting (a spinner, a heartbeat), not a circle: time and output limits end that. It prefers to miss a circle
 * over stopping honest work.
 *
 * Memory: the last 512 lines, as hashes and short samples. Cost: O(1) for a line unlike the last 512, else O(512) integer steps.
 */
export interface Loop {
  /** Lines in one round. */
  readonly period: number;
  readonly repeats: number;
  /** Up to five lines of the round, shortened. */
  readonly sample: readonly string[];
}

const PERIOD_MAX = 512; // lines of one round: an agent's turn with the whole output of a test run
const REPEATS = 12; // polling a server that starts takes ten rounds; nobody makes the same attempt twelve times on purpose
const SHORT_FACTOR = 4; // rounds of only two different lines are often a protocol: they have to go on for longer
const LINE_MAX = 2_048; // of a longer line the beginning and the end count
const SAMPLE_MAX = 160;

// Only bounded repetition: the lines come from a program that may be hostile.
// oxlint-disable-next-line no-control-regex -- escape sequences of terminals begin with a control character
const escapeSequence = /\u001b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|\][^\u0007\u001b]{0,256}(?:\u0007|\u001b\\)|[@-Z\\-_])/g;
const varying: readonly RegExp[] = [
  /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?/g,
  /\b1[5-9]\d{8}(?:\d{3})?\b/g,
  /\b\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:\s?[AP]M)?\b/gi,
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi,
  /\b(?:0x[0-9a-f]{1,64}|(?=[0-9a-f]{0,64}\d)(?=\d{0,64}[a-f])[0-9a-f]{7,64})\b/gi,
  /(?<![A-Za-z0-9])(?=[A-Za-z]{0,64}\d{1,64}[A-Za-z]{1,64}\d)(?=[a-z0-9]{0,64}[A-Z])[A-Za-z0-9]{18,128}\b/g,
  /"[a-z_]{0,40}(?:tokens?|cost|usd|duration|time|timestamp|_ms|_at|seq|index|turns?|count)[a-z_]{0,40}"\s?:\s?-?\d{1,20}(?:\.\d{1,20})?/gi,
  /\b\d{1,9}(?:[.,]\d{1,9})?[ ]?(?:ns|µs|us|ms|s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?)\b/gi,
  /\b[\d.,]{1,12}\s?k?\s?(?:input |output |total )?tokens?\b/gi,
  /\$\s?\d{1,9}(?:\.\d{1,9})?/g,
  /\b(?:turn|attempt|try|retry|pid|call|message)\s?[:#]?\s?\d{1,9}\b(?!\s?(?:\/|of)\s?\d)/gi,
];
const spinner = /[\u2800-\u28ff|/\\\-–—.…·•●○◐◓◑◒◴◷◶◵]{1,200}\s{0,8}/y;

export class LoopDetector {
  readonly #repeats: number;
  readonly #hash = new Int32Array(PERIOD_MAX);
  readonly #sample: string[] = [];
  /** For each period: how many lines in a row equalled the line that many before. */
  readonly #run = new Int32Array(PERIOD_MAX + 1);
  /** How often each hash is among the last 512: a line that is not among them ends every run at once. */
  readonly #held = new Map<number, number>();
  #running = false;
  #count = 0;

  /** `repeats`: rounds until it counts as a circle, at least 2. */
  constructor(options: { readonly repeats?: number } = {}) {
    this.#repeats = Math.max(2, options.repeats ?? REPEATS);
  }

  /** The circle that this line completes, or null. Blank lines are not counted. */
  push(line: string): Loop | null {
    const key = keyOf(line);
    if (key === '') return null;
    const hash = hashOf(key);
    const at = this.#count;
    let found: Loop | null = null;
    const furthest = this.#held.has(hash) ? Math.min(PERIOD_MAX, at) : 0;
    if (furthest === 0 && this.#running) this.#run.fill(0);
    this.#running = furthest > 0;
    for (let period = 1; period <= furthest; period++) {
      if (this.#hash[(at - period) & (PERIOD_MAX - 1)] !== hash) {
        this.#run[period] = 0;
        continue;
      }
      const run = ++this.#run[period]!;
      if (found === null && run % period === 0 && run >= period * (this.#repeats - 1)) found = this.#judge(at, period, run, hash);
    }
    this.#remember(at, hash);
    this.#sample[at & (PERIOD_MAX - 1)] = key.slice(0, SAMPLE_MAX);
    this.#count = at + 1;
    return found;
  }

  #remember(at: number, hash: number): void {
    const place = at & (PERIOD_MAX - 1);
    if (at >= PERIOD_MAX) {
      const old = this.#hash[place]!;
      const left = this.#held.get(old)! - 1;
      if (left === 0) this.#held.delete(old);
      else this.#held.set(old, left);
    }
    this.#held.set(hash, (this.#held.get(hash) ?? 0) + 1);
    this.#hash[place] = hash;
  }

  #judge(at: number, period: number, run: number, hash: number): Loop | null {
    const different = new Set([hash]);
    for (let back = 1; back < period; back++) different.add(this.#hash[(at - back) & (PERIOD_MAX - 1)]!);
    if (different.size < 2) return null;
    if (different.size === 2 && run < period * (this.#repeats * SHORT_FACTOR - 1)) return null;
    const sample = Array.from({ length: Math.min(period, 5) }, (_, i) => this.#sample[(at - period + i) & (PERIOD_MAX - 1)]!);
    return { period, repeats: run / period + 1, sample };
  }
}

/** The line without what changes from round to round; '' when nothing is left of it. */
function keyOf(line: string): string {
  let text = line.length <= 2 * LINE_MAX ? line : `${line.slice(0, LINE_MAX)} ${line.slice(-LINE_MAX)}`;
  text = text.replace(escapeSequence, '');
  const redrawn = text.trimEnd().lastIndexOf('\r');
  if (redrawn >= 0) text = text.slice(redrawn + 1); // what a terminal would show
  text = text.trim();
  spinner.lastIndex = 0;
  if (spinner.test(text)) text = text.slice(spinner.lastIndex);
  for (const pattern of varying) text = text.replace(pattern, '~');
  text = text.replace(/\s+/g, ' ').trim();
  return /[\p{L}\p{N}~]/u.test(text) ? text : '';
}

/** FNV-1a. Two lines that share a hash would have to do so a dozen rounds long. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}
