/**
 * Patterns as regular languages: is every string that some patterns accept accepted by another one, and if not, which is the
 * shortest that is not. Knows the part of JavaScript's expressions that is regular (classes, groups, alternatives, counts,
 * anchors at the ends); of everything else it says that it does not know. Source: Thompson 1968, subset construction on the fly.
 */

type Range = readonly [from: number, to: number];
type Node =
  | { readonly kind: 'set'; readonly ranges: readonly Range[] }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly min: number; readonly max: number };

/** States of one automaton: a count of 1,000 over a class of characters fits, a pathological nesting of counts does not. */
const STATES_MAX = 4000;
/** Sets of states looked at for one answer; beyond it the answer is "not known". */
const STEPS_MAX = 20_000;
const CODE_MAX = 0x10_ff_ff;
const ANY: readonly Range[] = [[0, CODE_MAX]];
const DIGIT: readonly Range[] = [[48, 57]];
const WORD: readonly Range[] = [...DIGIT, [65, 90], [95, 95], [97, 122]];
const SPACE: readonly Range[] = [
  [9, 13],
  [32, 32],
  [0xa0, 0xa0],
  [0x16_80, 0x16_80],
  [0x20_00, 0x20_0a],
  [0x20_28, 0x20_29],
  [0x20_2f, 0x20_2f],
  [0x20_5f, 0x20_5f],
  [0x30_00, 0x30_00],
  [0xfe_ff, 0xfe_ff],
];
const LINE_ENDS: readonly Range[] = [
  [10, 10],
  [13, 13],
  [0x20_28, 0x20_29],
];

class NotRegular extends Error {}

export interface Language {
  /** Edges of each state: the ranges that lead on, and to where. */
  readonly edges: readonly (readonly { readonly ranges: readonly Range[]; readonly to: number }[])[];
  readonly empty: readonly (readonly number[])[];
  readonly start: number;
  readonly end: number;
}

const known = new Map<string, Language | null>();
const KNOWN_MAX = 1000; // patterns of one check; forgotten all at once

/** The strings in which the pattern is found, as `RegExp(source, 'u').test` does; null where it is not regular or too large. */
export function languageOf(source: string): Language | null {
  const before = known.get(source);
  if (before !== undefined) return before;
  if (known.size >= KNOWN_MAX) known.clear();
  const language = build(() => new Reader(source).pattern());
  known.set(source, language);
  return language;
}

/** The pattern of exactly these words. */
export function patternOfWords(words: readonly string[]): string {
  return `^(?:${words.map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|')})$`;
}

/** All strings of `min` to `max` code points; null when that is too large to draw. */
export function lengthLanguage(min: number, max: number): Language | null {
  if (min > STATES_MAX / 2 || (max !== Infinity && max > STATES_MAX / 2)) return null;
  return build(() => ({ kind: 'repeat', part: { kind: 'set', ranges: ANY }, min, max }));
}

export type Inclusion =
  | { readonly answer: 'yes' }
  | { readonly answer: 'no'; readonly example: string }
  | { readonly answer: 'not known' };

/** Is every string of all `inner` in `outer`? With `outer` null the question is whether there is any string at all. */
export function stringsIncluded(inner: readonly Language[], outer: Language | null): Inclusion {
  const all = outer === null ? inner : [...inner, outer];
  const letters = representatives(all);
  const start = all.map((language) => closure(language, [language.start]));
  const queue: { readonly sets: readonly (readonly number[])[]; readonly text: string }[] = [{ sets: start, text: '' }];
  const seen = new Set([keyOf(start)]);
  for (let at = 0; at < queue.length; at++) {
    if (at > STEPS_MAX) return { answer: 'not known' };
    const { sets, text } = queue[at]!;
    const inside = inner.every((language, i) => sets[i]!.includes(language.end));
    const outside = outer === null || !sets.at(-1)!.includes(outer.end);
    if (inside && outside) return { answer: 'no', example: text };
    for (const letter of letters) {
      const next = all.map((language, i) => step(language, sets[i]!, letter));
      if (inner.some((_, i) => next[i]!.length === 0)) continue;
      const key = keyOf(next);
      if (seen.has(key)) continue;
      seen.add(key);
      queue.push({ sets: next, text: text + String.fromCodePoint(letter) });
    }
  }
  return { answer: 'yes' };
}

const keyOf = (sets: readonly (readonly number[])[]): string => sets.map((set) => set.join(',')).join(';');

function closure(language: Language, states: readonly number[]): number[] {
  const found = new Set(states);
  for (const state of found) for (const next of language.empty[state]!) found.add(next);
  return [...found].toSorted((a, b) => a - b);
}

function step(language: Language, states: readonly number[], letter: number): number[] {
  const next: number[] = [];
  for (const state of states) {
    for (const { ranges, to } of language.edges[state]!) {
      if (ranges.some(([from, until]) => letter >= from && letter <= until)) next.push(to);
    }
  }
  return next.length === 0 ? next : closure(language, next);
}

/** One letter for each class that no edge tells apart, readable ones where there are any. */
function representatives(languages: readonly Language[]): number[] {
  const cuts = new Set([0]);
  for (const language of languages) {
    for (const { ranges } of language.edges.flat()) {
      for (const [from, until] of ranges) {
        cuts.add(from);
        if (until < CODE_MAX) cuts.add(until + 1);
      }
    }
  }
  const sorted = [...cuts].toSorted((a, b) => a - b);
  const letters = sorted.map((from, i) => {
    const until = (sorted[i + 1] ?? CODE_MAX + 1) - 1;
    const readable = [97, 65, 48, 45, 32, 33].find((letter) => letter >= from && letter <= until);
    if (readable !== undefined) return readable;
    // A half of a pair is no character: where a class has others, take one of them.
    if (from >= 0xd8_00 && from <= 0xdf_ff) return until > 0xdf_ff ? 0xe0_00 : from;
    return from < 33 && until >= 33 ? 33 : from;
  });
  return [...new Set(letters)].toSorted((a, b) => rank(a) - rank(b) || a - b);
}

const rank = (letter: number): number =>
  letter === 97 || letter === 65 || letter === 48 ? 0 : letter > 32 && letter < 127 ? 1 : 2;

function build(read: () => Node): Language | null {
  const edges: { ranges: readonly Range[]; to: number }[][] = [];
  const empty: number[][] = [];
  const state = (): number => {
    if (edges.length >= STATES_MAX) throw new NotRegular();
    edges.push([]);
    empty.push([]);
    return edges.length - 1;
  };
  /** Draws `node` from `from` and returns where it ends. */
  const draw = (node: Node, from: number): number => {
    switch (node.kind) {
      case 'set': {
        const to = state();
        edges[from]!.push({ ranges: node.ranges, to });
        return to;
      }
      case 'sequence':
        return node.parts.reduce((at, part) => draw(part, at), from);
      case 'choice': {
        const to = state();
        for (const part of node.parts) {
          const begin = state();
          empty[from]!.push(begin);
          empty[draw(part, begin)]!.push(to);
        }
        return to;
      }
      case 'repeat': {
        let at = from;
        for (let i = 0; i < node.min; i++) at = draw(node.part, at);
        if (node.max === Infinity) {
          const loop = state();
          empty[at]!.push(loop);
          empty[draw(node.part, loop)]!.push(loop);
          return loop;
        }
        const to = state();
        for (let i = node.min; i < node.max; i++) {
          empty[at]!.push(to);
          at = draw(node.part, at);
        }
        empty[at]!.push(to);
        return to;
      }
    }
  };
  try {
    const start = state();
    const end = draw(read(), start);
    return { edges, empty, start, end };
  } catch (error) {
    if (error instanceof NotRegular) return null;
    throw error;
  }
}

const COUNT_MAX = 2000;
const NESTING_MAX = 64;

/** Reads a pattern, or throws `NotRegular` at the first thing it does not know. */
class Reader {
  readonly #letters: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#letters = Array.from(source);
  }

  pattern(): Node {
    const anything: Node = { kind: 'repeat', part: { kind: 'set', ranges: ANY }, min: 0, max: Infinity };
    const ways: Node[] = [];
    do {
      const begins = this.#take('^');
      const part = this.#sequence();
      const ends = this.#take('$');
      ways.push({ kind: 'sequence', parts: [...(begins ? [] : [anything]), part, ...(ends ? [] : [anything])] });
    } while (this.#take('|'));
    if (this.#at < this.#letters.length) throw new NotRegular();
    return { kind: 'choice', parts: ways };
  }

  #choice(): Node {
    this.#depth += 1;
    if (this.#depth > NESTING_MAX) throw new NotRegular();
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    this.#depth -= 1;
    return { kind: 'choice', parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    for (;;) {
      const next = this.#letters[this.#at];
      if (next === undefined || next === '|' || next === ')' || next === '$') return { kind: 'sequence', parts };
      parts.push(this.#counted(this.#atom()));
    }
  }

  #counted(part: Node): Node {
    let bounds: readonly [number, number] | null = null;
    if (this.#take('*')) bounds = [0, Infinity];
    else if (this.#take('+')) bounds = [1, Infinity];
    else if (this.#take('?')) bounds = [0, 1];
    else if (this.#take('{')) {
      const text = this.#until('}');
      const match = /^(\d{1,6})(?:(,)(\d{1,6})?)?$/.exec(text);
      if (match === null) throw new NotRegular();
      const min = Number(match[1]);
      bounds = [min, match[2] === undefined ? min : match[3] === undefined ? Infinity : Number(match[3])];
    }
    if (bounds === null) return part;
    this.#take('?'); // lazy: the same strings
    const [min, max] = bounds;
    if (min > COUNT_MAX || (max !== Infinity && (max > COUNT_MAX || max < min))) throw new NotRegular();
    return { kind: 'repeat', part, min, max };
  }

  #atom(): Node {
    const letter = this.#letters[this.#at++]!;
    if (letter === '(') {
      if (this.#take('?') && !this.#take(':')) throw new NotRegular();
      const inside = this.#choice();
      if (!this.#take(')')) throw new NotRegular();
      return inside;
    }
    if (letter === '[') return { kind: 'set', ranges: this.#class() };
    if (letter === '.') return { kind: 'set', ranges: complement(LINE_ENDS) };
    if (letter === '\\') return { kind: 'set', ranges: this.#escape(false) };
    if ('^$*+?{}]'.includes(letter)) throw new NotRegular();
    return { kind: 'set', ranges: [[letter.codePointAt(0)!, letter.codePointAt(0)!]] };
  }

  #class(): readonly Range[] {
    const negated = this.#take('^');
    const ranges: Range[] = [];
    for (;;) {
      if (this.#at >= this.#letters.length) throw new NotRegular();
      if (this.#take(']')) break;
      const first = this.#member();
      if (this.#letters[this.#at] === '-' && this.#letters[this.#at + 1] !== ']') {
        this.#at += 1;
        const last = this.#member();
        const [from, until] = [first[0]?.[0], last[0]?.[1]];
        const single = first.length === 1 && last.length === 1 && first[0]![0] === first[0]![1] && last[0]![0] === last[0]![1];
        if (!single || from === undefined || until === undefined || from > until) throw new NotRegular();
        ranges.push([from, until]);
      } else ranges.push(...first);
    }
    return negated ? complement(ranges) : ranges;
  }

  #member(): readonly Range[] {
    const letter = this.#letters[this.#at++];
    if (letter === undefined) throw new NotRegular();
    if (letter === '\\') return this.#escape(true);
    return [[letter.codePointAt(0)!, letter.codePointAt(0)!]];
  }

  #escape(inClass: boolean): readonly Range[] {
    const letter = this.#letters[this.#at++] ?? '';
    const one = (code: number): readonly Range[] => [[code, code]];
    const classes: Readonly<Record<string, readonly Range[]>> = {
      d: DIGIT,
      D: complement(DIGIT),
      w: WORD,
      W: complement(WORD),
      s: SPACE,
      S: complement(SPACE),
    };
    const single: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11 };
    if (Object.hasOwn(classes, letter)) return classes[letter]!;
    if (Object.hasOwn(single, letter)) return one(single[letter]!);
    if (letter === 'x' || letter === 'u') {
      const braces = letter === 'u' && this.#take('{');
      const size = letter === 'x' ? 2 : 4;
      const text = braces ? this.#until('}') : this.#letters.slice(this.#at, (this.#at += size)).join('');
      if (!/^[0-9a-fA-F]+$/.test(text) || (!braces && text.length !== size)) throw new NotRegular();
      const code = Number.parseInt(text, 16);
      // Halves of pairs are joined by the `u` flag; not drawn here.
      if (code > CODE_MAX || (code >= 0xd8_00 && code <= 0xdf_ff)) throw new NotRegular();
      return one(code);
    }
    if ('^$\\.*+?()[]{}|/'.includes(letter) && letter !== '') return one(letter.codePointAt(0)!);
    if (inClass && letter === '-') return one(45);
    throw new NotRegular(); // \b, back references, properties
  }

  #take(letter: string): boolean {
    if (this.#letters[this.#at] !== letter) return false;
    this.#at += 1;
    return true;
  }

  #until(letter: string): string {
    const end = this.#letters.indexOf(letter, this.#at);
    if (end === -1) throw new NotRegular();
    const text = this.#letters.slice(this.#at, end).join('');
    this.#at = end + 1;
    return text;
  }
}

function complement(ranges: readonly Range[]): readonly Range[] {
  const out: Range[] = [];
  let from = 0;
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    if (first > from) out.push([from, first - 1]);
    from = Math.max(from, last + 1);
  }
  if (from <= CODE_MAX) out.push([from, CODE_MAX]);
  return out;
}
