/**
 * One replica of one scope: the logs it holds and the state they fold to. Takes what others signed and refuses the rest as a value;
 * the same set of operations gives the same state on every replica, in whatever order and portions it came. An operation from the
 * future is held with all that follows it in its log, never refused. An author who signed two histories is frozen where they part.
 * Keeps no time, stores nothing and sends nothing: bytes to store and send are what `reconcile` makes of the logs.
 */
import { assert, equalBytes, hex } from '../kernel/index.ts';
import type { Crypto } from '../protocol/index.ts';
import { type HybridClock, RibltSketch } from '../structures/index.ts';
import { DOT_LOG, dotOf, Fold, type LocalDot, mixed } from './fold.ts';
import { checkFork, proveFork } from './fork.ts';
import { Log, type LogRefusal, type Segment, segmentOffsets } from './log.ts';
import { type LogName, OperationReader } from './operation.ts';
import { scopeHash, type ScopeTerms, termsProblem } from './terms.ts';
import { type CustomFold, liveItems, type RecordView, viewOf } from './view.ts';

export const LOGS_MAX = 1_000_000; // 30,000 agents for a month of daily restarts; sealed logs fold into checkpoints
const HEAD_CELLS = 8192; // 5,900 heads that moved: beyond that a frontier is as short
const STATE_CELLS = 8192;

export interface Dot extends LogName {
  readonly sequence: number;
}

export interface ScopeOptions {
  readonly crypto: Crypto;
  /** The host's own: one for all its scopes. */
  readonly clock: HybridClock;
  /** Of the scope and its epoch, the same on all replicas and secret from others: digests are no signatures. */
  readonly salt: readonly [number, number];
  /** Custom folds by the hash of their source. */
  readonly folds?: ReadonlyMap<string, CustomFold>;
  /** Whether this author may have a log here; asked once a log. By default everybody may. */
  readonly admits?: (name: LogName) => boolean;
}

export type Taken =
  | { readonly ok: true; readonly added: number; readonly forked: boolean }
  | { readonly ok: false; readonly reason: LogRefusal | 'not-admitted'; readonly log: LogName };

/** Operations that are here and do not count yet. */
export interface Held {
  readonly log: LogName;
  readonly count: number;
  /** `early`: from a time to come; `withheld`: without the payload, and nobody who may do so erased it. */
  readonly reason: 'early' | 'withheld';
}

export type OpenedScope =
  | { readonly ok: true; readonly scope: Scope }
  | { readonly ok: false; readonly reason: 'terms'; readonly message: string };

export function openScope(terms: ScopeTerms, options: ScopeOptions): OpenedScope {
  const message = termsProblem(terms);
  return message === null ? { ok: true, scope: new Scope(terms, options) } : { ok: false, reason: 'terms', message };
}

export class Scope {
  readonly terms: ScopeTerms;
  readonly hash: Uint8Array;
  readonly logs: Log[] = [];
  readonly fold: Fold;
  readonly heads: RibltSketch = new RibltSketch(HEAD_CELLS);
  /** Proofs of equivocation by log, of the earliest fork that is known. */
  readonly forks: Map<Log, Uint8Array> = new Map();
  readonly options: ScopeOptions;
  readonly #named: Map<string, Log> = new Map();
  readonly #tagged: Map<number, Log[]> = new Map();
  readonly #waiting: Map<Log, Held['reason']> = new Map();
  readonly #operation = new OperationReader();

  constructor(terms: ScopeTerms, options: ScopeOptions) {
    this.terms = terms;
    this.options = options;
    this.hash = scopeHash(terms, options.crypto);
    const erasers = new Set((terms.erasers ?? []).map(hex));
    this.fold = new Fold({
      logs: this.logs,
      mayErase: (author, target) => equalBytes(author, target) || erasers.has(hex(author)),
      salt: options.salt,
      cells: STATE_CELLS,
    });
  }

  /** Null where nothing of the record is live, or it is deleted. */
  read(record: LocalDot): RecordView | null {
    const live = this.fold.record(record);
    return live === null ? null : viewOf(liveItems(live, this.logs), this.terms, this.options.folds ?? new Map());
  }

  dotOf(local: LocalDot): Dot {
    return { ...this.logs[Math.floor(local / DOT_LOG)]!.name, sequence: local % DOT_LOG };
  }

  /** The replica's own number for a dot, or null where it does not know the log. */
  localOf({ author, epoch, sequence }: Dot): LocalDot | null {
    const log = this.log({ author, epoch });
    return log === null ? null : dotOf(log.index, sequence);
  }

  log(name: LogName): Log | null {
    return this.#named.get(keyOf(name)) ?? null;
  }

  /** Logs whose eight bytes begin with these four; almost always one. */
  logsTagged(low: number): readonly Log[] {
    return this.#tagged.get(low) ?? [];
  }

  held(): readonly Held[] {
    return [...this.#waiting].map(([log, reason]) => ({ log: log.name, count: log.foldable - log.folded, reason }));
  }

  /** Takes a part of a log, whole or not at all. What is known already is compared; a contradiction freezes the log. */
  take(segment: Segment, now: number): Taken {
    const known = this.log(segment.name);
    const refused = (reason: LogRefusal | 'not-admitted'): Taken => ({ ok: false, reason, log: segment.name });
    if (known === null) {
      const { admits = () => true } = this.options;
      if (this.logs.length >= LOGS_MAX) return refused('full');
      if (!admits(segment.name)) return refused('not-admitted');
    }
    const log = known ?? new Log(segment.name, this.logs.length, this.hash, this.options.crypto);
    if (segment.from > log.length) return refused('gap');
    const overlap = Math.min(segment.count, log.length - segment.from);
    if (overlap > 0) {
      const parted = this.#compare(log, segment, overlap);
      if (parted === 'bytes') return refused('bytes');
      if (parted !== null) return this.#dispute(log, segment, parted, now) ?? refused('signature');
      if (overlap === segment.count) {
        this.#settle(now);
        return { ok: true, added: 0, forked: false };
      }
    }
    const appended = log.append(segment, overlap);
    if ('refused' in appended) return refused(appended.refused);
    if (known === null) this.#keep(log);
    for (const name of appended.names) {
      const { index } = this.ensure(name);
      const number = log.logs.push(index) - 1;
      if (!log.numbers.has(index)) log.numbers.set(index, number);
    }
    for (const sequence of appended.erases) this.#foresee(log, sequence);
    this.headMoved(log);
    this.#waiting.set(log, 'early');
    this.#settle(now);
    return { ok: true, added: segment.count - overlap, forked: false };
  }

  /** Takes a proof that an author signed two histories. False where it proves nothing. */
  takeFork(proof: Uint8Array, now: number): boolean {
    const fork = checkFork(proof, this.hash, this.options.crypto);
    if (fork === null || (this.log(fork.name) === null && this.options.admits?.(fork.name) === false)) return false;
    this.#freeze(this.ensure(fork.name), fork.at, proof, now);
    return true;
  }

  /** Lets what was held count whose time has come. */
  release(now: number): void {
    this.#settle(now);
  }

  /** The log of this name, an empty one where there is none. For what was verified, or is one's own. */
  ensure(name: LogName): Log {
    const known = this.log(name);
    if (known !== null) return known;
    const log = new Log(name, this.logs.length, this.hash, this.options.crypto);
    this.#keep(log);
    return log;
  }

  /** The sketch of heads shows the log as it can be sent now. */
  headMoved(log: Log): void {
    if (log.headKnown) this.heads.remove(log.headLow, log.headHigh);
    const { salt } = this.options;
    const signed = log.signed;
    const frozen = log.frozenAt !== null && signed >= log.frozenAt;
    log.headKnown = signed > 0 || log.frozenAt !== null;
    if (!log.headKnown) return;
    // Two replicas that hold different branches of a frozen log have nothing to tell each other about it.
    const what = frozen ? ~log.frozenAt! : signed === 0 ? 0 : log.highs[signed - 1]!;
    log.headLow = log.low;
    log.headHigh = mixed(what ^ salt[0], mixed(signed === 0 || frozen ? log.high : log.lows[signed - 1]!, salt[1]));
    if (!frozen && log.frozenAt !== null) log.headHigh = mixed(log.headHigh, ~log.frozenAt);
    this.heads.add(log.headLow, log.headHigh);
  }

  #keep(log: Log): void {
    assert(log.index === this.logs.length, 'a log is kept under the number that it was made with');
    this.logs.push(log);
    this.#named.set(keyOf(log.name), log);
    const tagged = this.#tagged.get(log.low);
    if (tagged === undefined) this.#tagged.set(log.low, [log]);
    else tagged.push(log);
  }

  /** An erase unlocks what came stripped, even what its own log holds before it. */
  #foresee(log: Log, sequence: number): void {
    const operation = this.#operation;
    log.read(sequence, operation);
    const erasers = this.terms.erasers ?? [];
    const unlock = (target: Log, at: number): void => {
      const { author } = log.name;
      if (equalBytes(author, target.name.author) || erasers.some((each) => equalBytes(each, author))) target.erasing.add(at);
    };
    if (operation.creationMask !== 0) unlock(this.logs[log.logs[operation.recordLog]!]!, operation.recordSeq);
    for (let i = 0; i < operation.supersedes.length; i += 3) {
      unlock(this.logs[log.logs[operation.supersedes[i]!]!]!, operation.supersedes[i + 1]!);
    }
  }

  /** Folds what may count, until nothing more does: an erase in one log may unlock another. */
  #settle(now: number): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const log of this.#waiting.keys()) {
        const before = log.folded;
        const reason = this.#advance(log, now);
        moved ||= log.folded > before;
        if (reason === null) this.#waiting.delete(log);
        else this.#waiting.set(log, reason);
      }
    }
  }

  #advance(log: Log, now: number): Held['reason'] | null {
    const end = log.foldable;
    while (log.folded < end) {
      const sequence = log.folded;
      if (this.options.clock.receive(log.stamp(sequence), now) > 0) return 'early';
      if (log.stripped.has(sequence) && !log.erasing.has(sequence)) return 'withheld';
      this.fold.next(log);
    }
    return null;
  }

  /** The first sequence in which they differ, null where they agree. Payloads that are missing here are taken from there. */
  #compare(log: Log, segment: Segment, overlap: number): number | 'bytes' | null {
    const own = log.bytes.subarray(log.starts[segment.from], log.starts[segment.from + overlap]);
    if (segment.stripped.length === 0 && equalBytes(own, segment.bytes.subarray(0, own.length))) {
      if (![...log.stripped].some((each) => each >= segment.from && each < segment.from + overlap)) return null;
    }
    const offsets = segmentOffsets(segment, log.stamp(segment.from - 1), overlap);
    if (offsets === null) return 'bytes';
    const stripped = new Set(segment.stripped);
    const operation = this.#operation;
    for (let i = 0; i < overlap; i++) {
      const sequence = segment.from + i;
      log.read(sequence, operation);
      const header = operation.payload - operation.start;
      const theirs = segment.bytes.subarray(offsets[i], offsets[i + 1]);
      const ours = log.bytes.subarray(operation.start, operation.payload);
      if (!equalBytes(ours, theirs.subarray(0, header))) return sequence;
      const payload = theirs.subarray(header);
      const hash = stripped.has(sequence) ? payload : this.options.crypto.hash(payload);
      if (!equalBytes(hash, log.payloadHash(sequence))) return sequence;
      if (!stripped.has(sequence) && !log.erasing.has(sequence)) log.fill(sequence, payload);
    }
    return null;
  }

  #dispute(log: Log, segment: Segment, at: number, now: number): Taken | null {
    const proof = proveFork(log, segment, at, this.options.crypto);
    if (proof === null) return null;
    this.#freeze(log, at, proof, now);
    return { ok: true, added: 0, forked: true };
  }

  #freeze(log: Log, at: number, proof: Uint8Array, now: number): void {
    if (log.frozenAt !== null && log.frozenAt <= at) return;
    log.frozenAt = at;
    this.forks.set(log, proof);
    this.headMoved(log);
    if (log.folded <= at) return;
    this.fold.clear();
    for (const each of this.logs) this.#waiting.set(each, 'early');
    this.#settle(now);
  }
}

function keyOf({ author, epoch }: LogName): string {
  return `${hex(author)}/${epoch}`;
}
