/**
 * The state of a scope: which items of which operations are live, that is, superseded by no other operation that counts. Causality
 * alone decides it; stamps matter only to who reads concurrent values. Operations come in any order: what supersedes an operation
 * that has not come yet is remembered until it does. Keeps a digest of every record in a sketch, so that two replicas that have
 * compacted their histories differently can still find what they differ in.
 */
import { RibltSketch } from '../structures/index.ts';
import type { Log } from './log.ts';
import { KINDS, OperationReader } from './operation.ts';

/** A dot as one number: the scope's number of the log, times 2^32, plus the sequence. */
export type LocalDot = number;

export const DOT_LOG = 4_294_967_296;
const ALL = 0xffff_ffff;

export function dotOf(log: number, sequence: number): LocalDot {
  return log * DOT_LOG + sequence;
}

/** Two numbers to an operation: its dot and the mask of its items that are live. */
export class LiveRecord {
  live: number[] = [];
  /** Superseded before they came: masks by dot. */
  early: Map<LocalDot, number> | null = null;
  low = 0;
  high = 0;
}

export interface FoldRules {
  readonly logs: readonly Log[];
  /** Whether this author may erase what that one wrote. */
  readonly mayErase: (author: Uint8Array, target: Uint8Array) => boolean;
  readonly salt: readonly [number, number];
  readonly cells: number;
}

export class Fold {
  sketch: RibltSketch;
  readonly #rules: FoldRules;
  readonly #operation = new OperationReader();

  constructor(rules: FoldRules) {
    this.#rules = rules;
    this.sketch = new RibltSketch(rules.cells);
  }

  /** Forgets everything: the logs are folded again from their beginnings. */
  clear(): void {
    this.sketch = new RibltSketch(this.#rules.cells);
    for (const log of this.#rules.logs) {
      log.folded = 0;
      log.records = [];
      log.early.clear();
    }
  }

  /** What is known of the record that this dot created, or will create. */
  record(dot: LocalDot): LiveRecord | null {
    const log = this.#rules.logs[Math.floor(dot / DOT_LOG)]!;
    const sequence = dot % DOT_LOG;
    return sequence < log.records.length ? log.records[sequence]! : (log.early.get(sequence) ?? null);
  }

  /** Lets the next operation of a log count. */
  next(log: Log): void {
    const sequence = log.folded;
    const operation = this.#operation;
    log.read(sequence, operation);
    const dot = dotOf(log.index, sequence);
    const recordDot = operation.creates ? dot : dotOf(log.logs[operation.recordLog]!, operation.recordSeq);
    // Dense up to what is folded; what was written to before it came waits beside it and moves in.
    log.records.push(log.early.get(sequence) ?? null);
    log.early.delete(sequence);
    let record = this.record(recordDot);
    if (record === null) this.#keep(recordDot, (record = new LiveRecord()));
    else if (record.live.length > 0) this.sketch.remove(record.low, record.high);
    const { supersedes } = operation;
    if (KINDS[operation.kind] === 'erase') this.#erase(log, operation, record, recordDot);
    else {
      if (operation.creationMask !== 0) this.#kill(record, recordDot, operation.creationMask);
      for (let i = 0; i < supersedes.length; i += 3) {
        this.#kill(record, dotOf(log.logs[supersedes[i]!]!, supersedes[i + 1]!), supersedes[i + 2]!);
      }
    }
    const { changes } = operation;
    let mask = changes === 32 ? ALL : ((1 << changes) - 1) >>> 0;
    const early = record.early?.get(dot);
    if (early !== undefined) {
      mask = (mask & ~early) >>> 0;
      record.early!.delete(dot);
      if (record.early!.size === 0) record.early = null;
      if (log.erasing.has(sequence) && early === ALL) log.strip(sequence);
    }
    if (mask !== 0) lived(record, dot, mask);
    log.folded = sequence + 1;
    if (record.live.length > 0) {
      this.#digest(record);
      this.sketch.add(record.low, record.high);
    } else if (record.early === null) this.#keep(recordDot, null);
  }

  #keep(dot: LocalDot, record: LiveRecord | null): void {
    const log = this.#rules.logs[Math.floor(dot / DOT_LOG)]!;
    const sequence = dot % DOT_LOG;
    if (sequence < log.records.length) log.records[sequence] = record;
    else if (record === null) log.early.delete(sequence);
    else log.early.set(sequence, record);
  }

  #erase(log: Log, operation: OperationReader, record: LiveRecord, recordDot: LocalDot): void {
    const { logs, mayErase } = this.#rules;
    const { supersedes } = operation;
    const one = (target: Log, sequence: number): void => {
      if (!mayErase(log.name.author, target.name.author)) return;
      target.erasing.add(sequence);
      this.#kill(record, dotOf(target.index, sequence), ALL);
      if (sequence < target.folded) target.strip(sequence);
    };
    if (operation.creationMask !== 0) one(logs[Math.floor(recordDot / DOT_LOG)]!, recordDot % DOT_LOG);
    for (let i = 0; i < supersedes.length; i += 3) one(logs[log.logs[supersedes[i]!]!]!, supersedes[i + 1]!);
  }

  #kill(record: LiveRecord, dot: LocalDot, mask: number): void {
    const { live } = record;
    for (let i = 0; i < live.length; i += 2) {
      if (live[i] !== dot) continue;
      const left = (live[i + 1]! & ~mask) >>> 0;
      if (left === 0) live.splice(i, 2);
      else live[i + 1] = left;
      return;
    }
    // Not live: it was superseded before, or belongs to another record, or is still to come.
    const log = this.#rules.logs[Math.floor(dot / DOT_LOG)]!;
    if (dot % DOT_LOG < log.folded) return;
    record.early ??= new Map();
    record.early.set(dot, ((record.early.get(dot) ?? 0) | mask) >>> 0);
  }

  /** Of the live operations and their masks, in any order; a chain value says which operation it is and what it holds. */
  #digest(record: LiveRecord): void {
    const { logs, salt } = this.#rules;
    const { live } = record;
    let [low, high] = [0, 0];
    for (let i = 0; i < live.length; i += 2) {
      const dot = live[i]!;
      const mask = live[i + 1]! | 0;
      const log = logs[Math.floor(dot / DOT_LOG)]!;
      const sequence = dot % DOT_LOG;
      const a = mixed(log.lows[sequence]! ^ salt[0], Math.imul(mask, 0x9e3779b1) ^ salt[1]);
      low ^= a;
      high ^= mixed(log.highs[sequence]! ^ salt[1], a ^ mask);
    }
    record.low = low;
    record.high = high;
  }
}

/** An array that is pushed to takes room for sixteen more, and there are as many of these as records. */
function lived(record: LiveRecord, dot: LocalDot, mask: number): void {
  const { live } = record;
  if (live.length === 0) record.live = [dot, mask];
  else if (live.length === 2) record.live = [live[0]!, live[1]!, dot, mask];
  else live.push(dot, mask);
}

/** The finalizer of MurmurHash3 over two words. */
export function mixed(a: number, b: number): number {
  let h = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ b;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
