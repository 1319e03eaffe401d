/**
 * Store and ledger of one host in memory, on virtual time. A commit becomes durable some time after it was issued and is
 * acknowledged after that; a crash keeps every acknowledged commit and some prefix of the others, as a disk would. It may leave
 * the next commit half written, which the checksum finds: it counts as not written. It may change a bit of what was durable,
 * which the checksum finds too: the store refuses to open until somebody restores it, and never serves it.
 * The ledger is the same Merkle log as on disk; hashes are computed when somebody reads them.
 */
import { assert, concat, type Millis, type Random, sha256, utf8 } from '../../kernel/index.ts';
import {
  type Commit,
  type Ledger,
  type LedgerDraft,
  type LedgerEntry,
  type Opened,
  type RecordWrite,
  type Store,
  StoreError,
  type StoredWrite,
  type Survives,
} from '../../ports/index.ts';
import { encodeLedgerHeader, erasedBy, ledgerLeafOfHash } from '../../protocol/index.ts';
import { MerkleRange } from '../../structures/index.ts';
import type { Timeline } from './timeline.ts';

/** What the crash of a host's surroundings can be; `process-kill` is the mildest. */
export type CrashKind = Exclude<Survives, 'nothing'>;

const SEVERITY: Readonly<Record<Survives, number>> = { nothing: 0, 'process-kill': 1, 'os-crash': 2, 'node-loss': 3 };

/** What lies on the disk: it outlives every process that opens it, and one store at a time holds it. */
export class SimDisk {
  /** By room, table and key. */
  records: Map<string, Map<string, Map<string, StoredWrite>>> = new Map();
  sealed: Sealed[] = [];
  /** Entries whose body is gone. */
  erased: Set<number> = new Set();
  incarnation = 0;
  holder: SimStore | null = null;
  /** The first part of a commit with the checksum of the whole. */
  torn: { readonly commit: Commit; readonly incarnation: number; readonly sum: number } | null = null;
  /** A record as it was before one of its bits changed. */
  flipped: { readonly sound: StoredWrite; readonly spoilt: StoredWrite } | null = null;
  /** Damage that an opening store has found so far. */
  found: { torn: number; flipped: number } = { torn: 0, flipped: 0 };
  /** Kept so that a crash worse than what the store survives can lose its tail. */
  log: { readonly commit: Commit; readonly incarnation: number }[] = [];

  apply(commit: Commit, incarnation: number): void {
    this.log.push({ commit, incarnation });
    for (const write of commit.writes) {
      const table = this.#table(write.room, write.table);
      if (write.value === null) table.delete(write.key);
      else table.set(write.key, write as StoredWrite);
    }
    for (const entry of commit.entries) {
      if (entry.kind === 'erasure') for (const index of erasedBy(entry.body, this.sealed.length)) this.erased.add(index);
      this.sealed.push({ ...entry, commit: commit.sequence, incarnation });
    }
  }

  /** The power went while this commit was being written. */
  tear(commit: Commit, incarnation: number, random: Random): void {
    const writes = commit.writes.slice(0, random.below(commit.writes.length + 1));
    this.torn = { commit: { ...commit, writes }, incarnation, sum: sumOf(commit.writes) };
  }

  /** One bit of one record changes. */
  flip(random: Random): void {
    const all = this.all();
    if (all.length === 0 || this.flipped !== null) return;
    const sound = all[random.below(all.length)]!;
    if (sound.value.length === 0) return;
    const place = random.below(sound.value.length);
    const changed = String.fromCharCode(sound.value.charCodeAt(place) ^ (1 << random.below(7)));
    const spoilt = { ...sound, value: sound.value.slice(0, place) + changed + sound.value.slice(place + 1) };
    this.#table(sound.room, sound.table).set(sound.key, spoilt);
    this.flipped = { sound, spoilt };
  }

  record(room: string, table: string, key: string): StoredWrite | undefined {
    return this.records.get(room)?.get(table)?.get(key);
  }

  all(): StoredWrite[] {
    return [...this.records.values()].flatMap((tables) => [...tables.values()].flatMap((table) => [...table.values()]));
  }

  #table(room: string, name: string): Map<string, StoredWrite> {
    let tables = this.records.get(room);
    if (tables === undefined) this.records.set(room, (tables = new Map()));
    let table = tables.get(name);
    if (table === undefined) tables.set(name, (table = new Map()));
    return table;
  }

  /** What a store does before it serves anything. Answers whether all that was durable is as it was written. */
  check(): boolean {
    if (this.torn !== null) {
      const { commit, incarnation, sum } = this.torn;
      if (sumOf(commit.writes) === sum) this.apply(commit, incarnation);
      else this.found.torn += 1;
      this.torn = null;
    }
    if (this.flipped === null) return true;
    const { sound, spoilt } = this.flipped;
    if (this.record(sound.room, sound.table, sound.key) !== spoilt || sumOf([spoilt]) === sumOf([sound])) this.flipped = null; // written over since
    if (this.flipped === null) return true;
    this.found.flipped += 1;
    return false;
  }

  /** Somebody puts back the record from a copy. */
  restore(): void {
    if (this.flipped !== null) {
      const { sound } = this.flipped;
      this.#table(sound.room, sound.table).set(sound.key, sound);
    }
    this.flipped = null;
  }

  /** Only the first `count` commits were ever really there. */
  cut(count: number): void {
    this.flipped = null;
    this.torn = null;
    const kept = this.log.slice(0, count);
    this.log = [];
    this.records = new Map();
    this.sealed = [];
    this.erased = new Set();
    for (const { commit, incarnation } of kept) this.apply(commit, incarnation);
  }
}

export interface SimStoreOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly realm: string;
  /** 12 hexadecimal digits. */
  readonly host: string;
  /** Default: a new, empty one. */
  readonly disk?: SimDisk;
  readonly survives?: Survives;
  readonly commitDelayMax?: () => Millis;
  /** Share of commits that fail. */
  readonly commitFailed?: () => number;
  /** Chances that a crash leaves a torn commit, and a flipped bit. */
  readonly torn?: () => number;
  readonly flip?: () => number;
}

interface Pending {
  readonly commit: Commit;
  readonly incarnation: number;
  readonly done: (error: StoreError | null, sequence: number) => void;
}

interface Sealed extends LedgerDraft {
  readonly commit: number;
  readonly incarnation: number;
}

const READ_MAX = 1000; // as the port says

export class SimStore implements Store, Ledger {
  readonly survives: Survives;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #host: string;
  readonly #realmHash: Uint8Array;
  readonly #disk: SimDisk;
  readonly #commitDelayMax: () => Millis;
  readonly #commitFailed: () => number;
  readonly #torn: () => number;
  readonly #flip: () => number;
  #open = false;
  /** Why every commit fails until the store is opened again. */
  #failure: StoreError | null = null;
  #pending: Pending[] = [];
  /** Grows with every open and crash; what was scheduled before is void. */
  #generation = 0;
  #sequence = 0;
  #durable = 0;
  #lastDurableAt: Millis = 0;
  readonly #due = (generation: number): void => {
    if (generation === this.#generation && this.#pending.length > 0) this.#settle();
  };
  #hashed: LedgerEntry[] = [];
  #range = new MerkleRange(sha256);

  constructor(options: SimStoreOptions) {
    this.survives = options.survives ?? 'process-kill';
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#host = options.host;
    this.#realmHash = sha256(utf8(options.realm)).subarray(0, 16);
    this.#disk = options.disk ?? new SimDisk();
    this.#commitDelayMax = options.commitDelayMax ?? (() => 1);
    this.#commitFailed = options.commitFailed ?? (() => 0);
    this.#torn = options.torn ?? (() => 0);
    this.#flip = options.flip ?? (() => 0);
  }

  /** Commits that were issued and not yet acknowledged. */
  get pending(): number {
    return this.#pending.length;
  }

  /** Sequence of the last commit of this incarnation that is on disk. */
  get durable(): number {
    return this.#durable;
  }

  get incarnation(): number {
    return this.#disk.incarnation;
  }

  /** What is on disk under this key. */
  record(room: string, table: string, key: string): string | null {
    return this.#disk.record(room, table, key)?.value ?? null;
  }

  open(done: (error: StoreError | null, opened: Opened | null) => void): void {
    this.#lose(); // opened again by a host that gave up on what it had issued
    const generation = this.#generation;
    this.#timeline.after(1, () => {
      if (generation !== this.#generation) return;
      const disk = this.#disk;
      if (disk.holder !== null && disk.holder !== this) {
        done(new StoreError('busy', `the store of host ${this.#host} is held by another process: close that one first`), null);
        return;
      }
      if (!disk.check()) {
        done(new StoreError('corrupt', `a record of host ${this.#host} is not what was written: restore it from a copy`), null);
        return;
      }
      disk.holder = this;
      disk.incarnation += 1;
      this.#sequence = 0;
      this.#durable = 0;
      this.#open = true;
      done(null, { incarnation: disk.incarnation, records: this.records() });
    });
  }

  commit(commit: Commit, done: (error: StoreError | null, sequence: number) => void): void {
    if (!this.#open) this.#failure ??= new StoreError('failed', `the store of host ${this.#host} is closed: open it`);
    if (this.#failure === null && commit.sequence !== this.#sequence + 1)
      assert(false, `commit ${commit.sequence} of host ${this.#host} follows ${this.#sequence}`);
    this.#sequence = commit.sequence;
    this.#pending.push({ commit, incarnation: this.#disk.incarnation, done });
    const at = Math.max(this.#lastDurableAt, this.#timeline.now + 1 + this.#random.below(this.#commitDelayMax()));
    this.#lastDurableAt = at;
    this.#timeline.post(at, this.#due, this.#generation);
  }

  close(done: () => void): void {
    // What was issued is finished first, as a real store does.
    while (this.#pending.length > 0) this.#settle();
    this.#open = false;
    if (this.#disk.holder === this) this.#disk.holder = null;
    this.#timeline.after(0, done);
  }

  read(index: number, max: number, done: (error: StoreError | null, entries: readonly LedgerEntry[]) => void): void {
    assert(max >= 1 && max <= READ_MAX, `a read takes 1 to ${READ_MAX} ledger entries, not ${max}`);
    this.#hash();
    const entries = this.#hashed
      .slice(index, index + max)
      .map((entry) => (this.#disk.erased.has(entry.index) ? { ...entry, body: null } : entry));
    this.#timeline.after(0, () => done(null, entries));
  }

  /** The process died, or worse. Callbacks of its time never come; what was acknowledged stays unless `kind` exceeds `survives`. */
  crash(kind: CrashKind = 'process-kill'): void {
    this.#lose(this.#torn());
    const flip = this.#flip();
    if (flip > 0 && this.#random.chance(flip)) this.#disk.flip(this.#random);
    if (this.#disk.holder === this) this.#disk.holder = null;
    if (SEVERITY[kind] <= SEVERITY[this.survives]) return;
    this.#disk.cut(this.#random.below(this.#disk.log.length + 1));
    this.#hashed = [];
    this.#range = new MerkleRange(sha256);
  }

  /** The whole log that is durable now. */
  entries(): readonly LedgerEntry[] {
    this.#hash();
    return this.#hashed.map((entry) => (this.#disk.erased.has(entry.index) ? { ...entry, body: null } : entry));
  }

  /** What is durable now, sorted as `open` hands it out. */
  records(): readonly StoredWrite[] {
    return this.#disk.all().toSorted((a, b) => order(a.room, b.room) || order(a.table, b.table) || order(a.key, b.key));
  }

  #settle(): void {
    const { commit, incarnation, done } = this.#pending.shift()!;
    if (this.#failure === null && this.#random.chance(this.#commitFailed()))
      this.#failure = new StoreError('failed', `commit ${commit.sequence} of host ${this.#host} failed: open the store again`);
    if (this.#failure === null) {
      this.#disk.apply(commit, incarnation);
      this.#durable = commit.sequence;
    }
    done(this.#failure, commit.sequence);
  }

  /** Puts back what a changed bit spoilt. */
  restore(): void {
    this.#disk.restore();
  }

  /** Of what was issued and not acknowledged, some prefix reached the disk, and perhaps half of what came next. */
  #lose(torn = 0): void {
    const reached = this.#failure === null ? this.#random.below(this.#pending.length + 1) : 0;
    for (const { commit, incarnation } of this.#pending.slice(0, reached)) this.#disk.apply(commit, incarnation);
    const next = this.#failure === null ? this.#pending[reached] : undefined;
    if (torn > 0 && next !== undefined && this.#random.chance(torn)) this.#disk.tear(next.commit, next.incarnation, this.#random);
    this.#generation += 1;
    this.#pending = [];
    this.#open = false;
    this.#failure = null;
  }

  #hash(): void {
    for (let index = this.#hashed.length; index < this.#disk.sealed.length; index++) {
      const { body, commit, incarnation, kind, id, causation, time } = this.#disk.sealed[index]!;
      const header = encodeLedgerHeader({
        kind,
        id,
        causation,
        time,
        index,
        commit,
        incarnation,
        bodyLength: body.length,
        host: this.#host,
        realmHash: this.#realmHash,
      });
      const bodyHash = sha256(body);
      const leaf = ledgerLeafOfHash(header, bodyHash, sha256);
      this.#hashed.push({ index, header, bodyHash, body, leaf, nodes: concat(...this.#range.append(leaf)) });
    }
  }
}

/** FNV-1a over everything a write says: one changed bit always shows. */
function sumOf(writes: readonly RecordWrite[]): number {
  let sum = 0x811c9dc5;
  for (const { room, table, key, version, value } of writes) {
    const text = `${room}\0${table}\0${key}\0${version}\0${value ?? ''}\0${value === null}`;
    for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
  }
  return sum;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
