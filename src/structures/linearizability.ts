/**
 * Judges a recorded history of concurrent operations: is there one order, in agreement with real time, in which a sequential
 * model gives every answer that was given? Owns the search, the memo and the report; it never runs the system, never reads a
 * clock and never guesses: a search that reaches its bound answers `unknown`, which is not `ok`.
 *
 * The search is Wing and Gong's with Lowe's memo: take an operation that nobody had to precede, step the model, go on; back when
 * an operation returned that was not taken yet. What makes it fast:
 * - every key is searched for itself, all in turn with growing budgets, so that a cheap violation is found before a dear proof;
 * - states are interned and steps remembered, so that a step is two look-ups and no comparison of states;
 * - an operation that can change no state (a read) is taken as soon as it fits and never reconsidered: taking it earlier forbids
 *   nothing, so no order is lost.
 * The memo holds state and a 64-bit hash of the set taken. A collision could hide an order, so that a violation is certain up to
 * about n^2 / 2^65 for n remembered configurations (one in 18 million for 1,000,000 of them with one state); `ok` is certain.
 * Sources: Wing and Gong 1993; Lowe, Testing for Linearizability, 2017; Athalye, Porcupine.
 */
import { assert, type Random, seededRandom } from '../kernel/index.ts';

export interface Operation<Input, Output> {
  readonly client: number | string;
  readonly input: Input;
  /** Any clock or position of one history. An operation precedes another when it returned before the other was called. */
  readonly calledAt: number;
  /** null: it never answered, so it may take effect at any time from its call on, or never. */
  readonly returned: { readonly at: number; readonly output: Output } | null;
}

/** What one object does when operations come one by one. Pure; states are values that are never changed. */
export interface SequentialModel<State, Input, Output> {
  readonly initial: State;
  /** The state after `input` answered `output` (null: the answer is not known); undefined when it cannot have answered that. */
  step(state: State, input: Input, output: Output | null): State | undefined;
  /** Equal for equal states only. */
  identity(state: State): string | number;
  /** True only of what changes no state whatever it finds: a read, a compare-and-set that was refused. Not a write of an equal value. */
  isRead?(input: Input, output: Output): boolean;
  /** Operations with different names never touch the same part. Without it the history is one part. */
  part?(input: Input): string;
}

export interface Violation<Input, Output> {
  readonly part: string;
  /** Of this part, by call: the shortest beginning of its history that no order explains; what had not returned by then is open. */
  readonly prefix: readonly Operation<Input, Output>[];
  /** The operation whose return ends the prefix. */
  readonly blocked: Operation<Input, Output>;
  /** An order that explains everything that returned before, as far as it was known then, and the state that it leads to. */
  readonly explained: readonly Operation<Input, Output>[];
  readonly state: string | number;
  /** The others of the prefix: called, and not needed in that order. */
  readonly open: readonly Operation<Input, Output>[];
}

export type Linearizability<Input, Output> =
  | { readonly verdict: 'ok'; readonly steps: number; readonly orders: ReadonlyMap<string, readonly Operation<Input, Output>[]> }
  | { readonly verdict: 'violation'; readonly steps: number; readonly violation: Violation<Input, Output> }
  /** The bound was reached; the parts named here were not decided, all others are linearizable. */
  | { readonly verdict: 'unknown'; readonly steps: number; readonly parts: readonly string[] };

/** Steps of the model in one check: about half a second, and at most 100 MB of memo for what is dear. */
export const STEPS_MAX = 4_000_000;
const FIRST_BUDGET = 1_000; // of each part in the first turn; every further turn has four times as much

export function checkLinearizability<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  stepsMax: number = STEPS_MAX,
): Linearizability<Input, Output> {
  const parts = new Map<string, Operation<Input, Output>[]>();
  for (const operation of history) {
    const { calledAt, returned } = operation;
    assert(returned === null || returned.at >= calledAt, `an operation was called at ${calledAt} and returned before that`);
    const name = model.part?.(operation.input) ?? '';
    const part = parts.get(name);
    if (part === undefined) parts.set(name, [operation]);
    else part.push(operation);
  }
  const searches = new Map<string, Search<State, Input, Output>>(); // begun and not decided
  const orders = new Map<string, readonly Operation<Input, Output>[]>();
  let steps = 0;
  for (let budget = FIRST_BUDGET; parts.size > 0 && steps < stepsMax; budget *= 4) {
    for (const [name, operations] of parts) {
      const search = searches.get(name) ?? new Search(model, operations);
      searches.set(name, search);
      const before = search.steps;
      const found = search.run(Math.min(budget, stepsMax - steps));
      steps += search.steps - before;
      if (found === 'unknown') continue;
      if (found === 'violation') return { verdict: 'violation', steps, violation: shortest(model, name, search, stepsMax) };
      orders.set(name, search.order());
      parts.delete(name);
      searches.delete(name); // with its memo
    }
  }
  if (parts.size > 0) return { verdict: 'unknown', steps, parts: [...parts.keys()] };
  return { verdict: 'ok', steps, orders };
}

/** For people: the end of the order that still worked, what could not follow it and why. */
export function explainViolation<Input, Output>(violation: Violation<Input, Output>, linesMax = 12): string {
  const line = ({ client, input, returned }: Operation<Input, Output>): string =>
    `${client}: ${JSON.stringify(input)} -> ${returned === null ? 'no answer' : JSON.stringify(returned.output)}`;
  const { part, prefix, blocked, explained, state, open } = violation;
  const shown = explained.slice(-linesMax);
  return [
    `not linearizable${part === '' ? '' : ` at ${part}`}: ${prefix.length} operations, and no order explains`,
    `  ${line(blocked)}`,
    `one order that explains all that returned before (${explained.length} operations, the last ${shown.length}):`,
    ...shown.map((operation) => `  ${line(operation)}`),
    `leads to ${JSON.stringify(state)}; open at that time: ${open.length}`,
    ...open.slice(0, linesMax).map((operation) => `  ${line(operation)}`),
  ].join('\n');
}

/** The whole search got up to a return that no order reached; a beginning before it is explained. From there to the first that is not. */
function shortest<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  part: string,
  search: Search<State, Input, Output>,
  stepsMax: number,
): Violation<Input, Output> {
  let explained = new Search<State, Input, Output>(model, []);
  let last = search; // stands as a whole when it is too dear to shorten
  let left = stepsMax;
  for (const end of search.returnsFrom(search.blockedAt)) {
    const cut = new Search(model, search.before(end));
    const found = cut.run(left);
    left -= cut.steps;
    if (found === 'ok') explained = cut;
    if (found === 'violation') last = cut;
    if (found !== 'ok') break;
  }
  const prefix = last.operations; // what was explained before is its beginning, by number
  const blocked = last.blocked();
  const taken = new Set(explained.taken());
  const open = prefix.filter((each, operation) => each !== blocked && !taken.has(operation));
  return { part, prefix, blocked, explained: explained.order(), state: explained.state(), open };
}

const NONE = -1;

/** One part. Entries are calls and returns in order of time, in a doubly linked list out of which taken operations are lifted. */
class Search<State, Input, Output> {
  /** By call. */
  readonly operations: readonly Operation<Input, Output>[];
  steps = 0;
  /** The latest position at which it had to turn back: a return that no order reached. */
  blockedAt: number = NONE;

  readonly #model: SequentialModel<State, Input, Output>;
  readonly #operationAt: Int32Array; // entry 1.. -> operation; entry 0 is the head of the list
  readonly #callOf: Int32Array; // operation -> entry
  readonly #returnOf: Int32Array; // operation -> entry; NONE while open
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #isRead: readonly boolean[];
  readonly #low: Int32Array; // two random words for each operation: their sum over a set is its hash
  readonly #high: Int32Array;
  readonly #states: State[] = [];
  readonly #idOf = new Map<string | number, number>();
  readonly #stepped = new WordTable(true);
  readonly #seen = new WordTable(false);
  readonly #taken: number[] = [];
  readonly #stateBefore: number[] = [];
  readonly #forced: boolean[] = [];
  #remaining = 0;
  #state: number;
  #lowSum = 0;
  #highSum = 0;
  #cursor: number = NONE; // NONE: a configuration was just entered

  constructor(model: SequentialModel<State, Input, Output>, operations: readonly Operation<Input, Output>[]) {
    this.#model = model;
    const size = operations.length;
    this.operations = operations.toSorted((a, b) => a.calledAt - b.calledAt);
    const times: { readonly at: number; readonly operation: number; readonly isReturn: boolean }[] = [];
    this.operations.forEach(({ calledAt, returned }, operation) => {
      times.push({ at: calledAt, operation, isReturn: false });
      if (returned !== null) times.push({ at: returned.at, operation, isReturn: true });
    });
    // At one time calls come first: what touches counts as concurrent.
    times.sort((a, b) => a.at - b.at || Number(a.isReturn) - Number(b.isReturn) || a.operation - b.operation);
    this.#operationAt = new Int32Array(times.length + 1).fill(NONE);
    this.#next = new Int32Array(times.length + 1);
    this.#previous = new Int32Array(times.length + 1);
    this.#callOf = new Int32Array(size);
    this.#returnOf = new Int32Array(size).fill(NONE);
    times.forEach(({ operation, isReturn }, i) => {
      this.#operationAt[i + 1] = operation;
      (isReturn ? this.#returnOf : this.#callOf)[operation] = i + 1;
      if (isReturn) this.#remaining += 1;
    });
    for (let i = 0; i <= times.length; i++) {
      this.#next[i] = i === times.length ? NONE : i + 1;
      this.#previous[i] = i - 1;
    }
    this.#isRead = this.operations.map(
      ({ input, returned }) => returned !== null && model.isRead?.(input, returned.output) === true,
    );
    const random: Random = seededRandom('linearizability');
    this.#low = Int32Array.from({ length: size }, () => random.uint32() | 0);
    this.#high = Int32Array.from({ length: size }, () => random.uint32() | 0);
    this.#state = this.#intern(model.initial);
  }

  /** Goes on for so many steps at most. After `ok` or `violation` it must not be called again. */
  run(budget: number): 'ok' | 'violation' | 'unknown' {
    const until = this.steps + budget;
    while (this.steps < until) {
      if (this.#cursor === NONE) {
        this.#takeReads();
        if (this.#remaining === 0) return 'ok';
        const isNew = this.#seen.add(this.#lowSum, this.#highSum, this.#state);
        if (isNew) this.#cursor = this.#next[0]!;
        else if (!this.#back()) return 'violation';
      }
      const entry = this.#cursor;
      const operation = this.#operationAt[entry]!;
      if (entry === this.#callOf[operation]) {
        const state = this.#step(operation);
        // An open operation that changes nothing here need not happen here; a read that fits was taken.
        const idle = state === this.#state && this.#returnOf[operation] === NONE;
        if (state === NONE || idle) this.#cursor = this.#next[entry]!;
        else this.#take(operation, state, false);
      } else {
        this.blockedAt = Math.max(this.blockedAt, entry);
        if (!this.#back()) return 'violation';
      }
    }
    return 'unknown';
  }

  taken(): readonly number[] {
    return this.#taken;
  }

  order(): readonly Operation<Input, Output>[] {
    return this.#taken.map((operation) => this.operations[operation]!);
  }

  state(): string | number {
    return this.#model.identity(this.#states[this.#state]!);
  }

  blocked(): Operation<Input, Output> {
    return this.operations[this.#operationAt[this.blockedAt]!]!;
  }

  /** Entries that are returns: the last one before this, then from this one on. */
  returnsFrom(entry: number): readonly number[] {
    const returns = this.#returnOf.filter((each) => each !== NONE).toSorted();
    return [...returns.subarray(Math.max(0, returns.indexOf(entry) - 1))];
  }

  /** The history up to this entry; what returns later is open in it. */
  before(end: number): readonly Operation<Input, Output>[] {
    const called = this.operations.filter((_, i) => this.#callOf[i]! < end);
    return called.map((operation, i) => (this.#returnOf[i]! > end ? { ...operation, returned: null } : operation));
  }

  #takeReads(): void {
    let entry = this.#next[0]!;
    while (entry !== NONE) {
      const operation = this.#operationAt[entry]!;
      if (entry !== this.#callOf[operation]) return;
      entry = this.#next[entry]!;
      if (this.#isRead[operation] !== true || this.#step(operation) === NONE) continue;
      this.#take(operation, this.#state, true);
      entry = this.#next[0]!; // its return may have been what kept later calls out
    }
  }

  #take(operation: number, state: number, forced: boolean): void {
    this.#taken.push(operation);
    this.#stateBefore.push(this.#state);
    this.#forced.push(forced);
    this.#state = state;
    this.#lowSum = (this.#lowSum + this.#low[operation]!) | 0;
    this.#highSum = (this.#highSum + this.#high[operation]!) | 0;
    this.#lift(this.#callOf[operation]!);
    if (this.#returnOf[operation] !== NONE) {
      this.#lift(this.#returnOf[operation]!);
      this.#remaining -= 1;
    }
    this.#cursor = NONE;
  }

  /** Undoes down to the last choice and goes on behind it; false when there is none. */
  #back(): boolean {
    while (this.#taken.length > 0) {
      const operation = this.#taken.pop()!;
      this.#state = this.#stateBefore.pop()!;
      this.#lowSum = (this.#lowSum - this.#low[operation]!) | 0;
      this.#highSum = (this.#highSum - this.#high[operation]!) | 0;
      if (this.#returnOf[operation] !== NONE) {
        this.#unlift(this.#returnOf[operation]!);
        this.#remaining += 1;
      }
      this.#unlift(this.#callOf[operation]!);
      if (this.#forced.pop()!) continue;
      this.#cursor = this.#next[this.#callOf[operation]!]!;
      return true;
    }
    return false;
  }

  #lift(entry: number): void {
    const next = this.#next[entry]!;
    const previous = this.#previous[entry]!;
    this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
  }

  #unlift(entry: number): void {
    const next = this.#next[entry]!;
    this.#next[this.#previous[entry]!] = entry;
    if (next !== NONE) this.#previous[next] = entry;
  }

  #step(operation: number): number {
    this.steps += 1;
    const known = this.#stepped.get(this.#state, operation);
    if (known !== undefined) return known;
    const { input, returned } = this.operations[operation]!;
    const state = this.#model.step(this.#states[this.#state]!, input, returned === null ? null : returned.output);
    const id = state === undefined ? NONE : this.#intern(state);
    this.#stepped.set(this.#state, operation, id);
    return id;
  }

  #intern(state: State): number {
    const identity = this.#model.identity(state);
    const known = this.#idOf.get(identity);
    if (known !== undefined) return known;
    this.#idOf.set(identity, this.#states.length);
    return this.#states.push(state) - 1;
  }
}

/** Triples of 32-bit words with open addressing: as a map from two words to a third, or as a set of three. */
class WordTable {
  readonly #isMap: boolean;
  #words: Int32Array = new Int32Array(4 * 256); // a, b, c, used
  #mask = 255;
  #size = 0;

  constructor(isMap: boolean) {
    this.#isMap = isMap;
  }

  get(a: number, b: number): number | undefined {
    const at = this.#find(a, b, 0);
    return this.#words[at + 3] === 0 ? undefined : this.#words[at + 2]!;
  }

  set(a: number, b: number, c: number): void {
    this.#insert(this.#find(a, b, 0), a, b, c);
  }

  /** False when it is there already. */
  add(a: number, b: number, c: number): boolean {
    const at = this.#find(a, b, c);
    if (this.#words[at + 3] !== 0) return false;
    this.#insert(at, a, b, c);
    return true;
  }

  #find(a: number, b: number, c: number): number {
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77) ^ Math.imul(c, 0xc2b2ae3d);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    for (let slot = (hash ^ (hash >>> 13)) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * 4;
      if (this.#words[at + 3] === 0) return at;
      if (this.#words[at] === a && this.#words[at + 1] === b && (this.#isMap || this.#words[at + 2] === c)) return at;
    }
  }

  #insert(at: number, a: number, b: number, c: number): void {
    this.#words[at] = a;
    this.#words[at + 1] = b;
    this.#words[at + 2] = c;
    this.#words[at + 3] = 1;
    this.#size += 1;
    if (this.#size * 10 > (this.#mask + 1) * 7) this.#grow();
  }

  #grow(): void {
    const old = this.#words;
    this.#mask = this.#mask * 2 + 1;
    this.#words = new Int32Array((this.#mask + 1) * 4);
    for (let i = 0; i < old.length; i += 4) {
      if (old[i + 3] === 0) continue;
      const at = this.#find(old[i]!, old[i + 1]!, this.#isMap ? 0 : old[i + 2]!);
      this.#words.set(old.subarray(i, i + 4), at);
    }
  }
}
