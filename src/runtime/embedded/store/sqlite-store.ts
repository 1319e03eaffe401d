/**
 * The store as a host's main thread sees it: packs commits, keeps one transaction in flight on the commit thread and gathers
 * the next ones meanwhile. It never waits and never touches the disk itself.
 *
 *   commit 1 ──▶ in flight ───fsync──▶ done(1)
 *     commit 2, 3, 4 ──▶ gathered ────▶ in flight (one transaction) ──fsync──▶ done(2) done(3) done(4)
 */
import { randomUUID } from 'node:crypto';
import { extname, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { assert } from '../../../kernel/index.ts';
import {
  type Commit,
  type Journal,
  type JournalClass,
  type JournalInput,
  type Ledger,
  type LedgerEntry,
  type Opened,
  type Store,
  StoreError,
  type Survives,
} from '../../../ports/index.ts';
import { compileCache } from '../compile-cache.ts';
import { ownIdentity } from '../process-identity.ts';
import type { CommitThreadData, FromCommitThread, ToCommitThread } from './messages.ts';
import { PendingInputs } from './journal.ts';
import { Packet } from './packing.ts';

const GROUP_COMMITS_MAX = 512; // with the bytes: what one fsync carries without making the first commit wait long
const GROUP_BYTES_MAX = 1024 * 1024;
const WAITING_BYTES_MAX = 256 * 1024 * 1024; // a disk this far behind does not come back; the host stops instead of filling memory
const READS_MAX = 1024; // ledger reads waiting at once
const SPARE_BUFFERS_MAX = 4; // one in flight, one gathering, and two for a burst
const SPARE_BYTES_MAX = 4 * 1024 * 1024; // a buffer that one huge commit grew is not kept
const NO_WARNINGS = ['--disable-warning=ExperimentalWarning']; // Node 22 calls node:sqlite experimental, on the user's terminal

export interface SqliteStoreOptions {
  readonly path: string;
  readonly realm: string;
  /** 12 hexadecimal digits. */
  readonly host: string;
  /** Inputs and writes are journaled; `full` keeps all of them, `contracts` as each contract says. Without it there is no journal. */
  readonly journal?: 'contracts' | 'full';
}

type CommitDone = (error: StoreError | null, sequence: number) => void;
type ReadDone = (error: StoreError | null, entries: readonly LedgerEntry[]) => void;

interface Group {
  readonly packet: Packet;
  readonly first: number;
  readonly dones: CommitDone[];
}

/** Files open in this process: the file itself only tells processes apart. */
const filesOpen = new Set<string>();

export class SqliteStore implements Store, Ledger, Journal {
  readonly survives: Survives = 'os-crash';
  readonly #options: SqliteStoreOptions;
  #state: 'closed' | 'opening' | 'open' | 'closing' | 'failed' = 'closed';
  #failure: StoreError | null = null;
  #thread: Worker | null = null;
  #nextSequence = 1;
  #inFlight: Group | null = null;
  #waiting: Group[] = [];
  #waitingBytes = 0;
  #spare: ArrayBuffer[] = [];
  #opened: ((error: StoreError | null, opened: Opened | null) => void) | null = null;
  #closed: (() => void) | null = null;
  readonly #reads = new Map<number, ReadDone>();
  #nextRead = 1;
  #inputs = new PendingInputs();

  constructor(options: SqliteStoreOptions) {
    assert(/^[0-9a-f]{12}$/.test(options.host), `a host id is 12 hexadecimal digits, not "${options.host}"`);
    this.#options = { ...options, path: resolve(options.path) };
  }

  open(done: (error: StoreError | null, opened: Opened | null) => void): void {
    assert(this.#state === 'closed' || this.#state === 'failed', `the store ${this.#options.path} is already open`);
    const { path } = this.#options;
    if (filesOpen.has(path)) {
      const words = `${path} is in use by this process (${process.pid}): close it there first`;
      return void setImmediate(done, new StoreError('busy', words), null);
    }
    filesOpen.add(path);
    this.#state = 'opening';
    this.#failure = null;
    this.#nextSequence = 1;
    this.#opened = done;
    this.#inputs = new PendingInputs();
    const journal = this.#options.journal ?? null;
    const workerData: CommitThreadData = { ...this.#options, journal, owner: ownIdentity(), instance: randomUUID() };
    const thread = new Worker(new URL(`./commit-thread${extname(import.meta.url)}`, import.meta.url), {
      workerData,
      execArgv: NO_WARNINGS,
      env: { ...process.env, ...compileCache() },
    });
    this.#thread = thread;
    thread.on('message', (message: FromCommitThread) => {
      if (this.#thread === thread) this.#hear(message);
    });
    const gone = (why: string): void => {
      if (this.#thread === thread) this.#fail(new StoreError('failed', `the commit thread of ${this.#options.path} ${why}`));
    };
    thread.on('error', (error) => gone(`failed: ${error instanceof Error ? error.message : String(error)}`));
    thread.on('exit', (code) => gone(`ended with code ${code}`));
  }

  record(input: JournalInput, keep: JournalClass): void {
    if (this.#options.journal !== undefined) this.#inputs.add(input, this.#options.journal === 'full' ? 'full' : keep);
  }

  commit(commit: Commit, done: CommitDone): void {
    const { path } = this.#options;
    if (this.#state === 'failed') return void setImmediate(done, this.#failure, commit.sequence);
    assert(this.#state === 'open', `commit ${commit.sequence} to ${path}, which is not open`);
    assert(commit.sequence === this.#nextSequence, `commit ${commit.sequence} to ${path}, expected ${this.#nextSequence}`);
    this.#nextSequence += 1;
    let group = this.#waiting.at(-1);
    if (group === undefined || group.dones.length >= GROUP_COMMITS_MAX || group.packet.length >= GROUP_BYTES_MAX) {
      group = { packet: new Packet(this.#spare.pop() ?? null), first: commit.sequence, dones: [] };
      this.#waiting.push(group);
    }
    const before = group.packet.length;
    if (this.#options.journal === undefined) group.packet.add(commit);
    else group.packet.add(commit, this.#inputs.take());
    this.#waitingBytes += group.packet.length - before;
    group.dones.push(done);
    if (this.#inFlight === null) this.#send();
    else if (this.#waitingBytes > WAITING_BYTES_MAX) {
      this.#fail(
        new StoreError('failed', `the disk of ${path} is more than ${WAITING_BYTES_MAX} bytes behind: use a faster one`),
      );
    }
  }

  read(index: number, max: number, done: ReadDone): void {
    assert(Number.isInteger(max) && max >= 1 && max <= 1000, `a ledger read is for 1 to 1000 entries, not ${max}`);
    const refuse = (error: StoreError | null): void => void setImmediate(done, error, []);
    if (this.#state === 'failed') return refuse(this.#failure);
    assert(this.#state === 'open', `ledger read from ${this.#options.path}, which is not open`);
    if (this.#reads.size >= READS_MAX) {
      return refuse(new StoreError('failed', `${READS_MAX} ledger reads of ${this.#options.path} are waiting: ask again later`));
    }
    const call = this.#nextRead++;
    this.#reads.set(call, done);
    this.#say({ kind: 'read', call, index, max });
  }

  close(done: () => void): void {
    if (this.#state === 'closed' || this.#state === 'failed') {
      this.#state = 'closed';
      return void setImmediate(done);
    }
    assert(this.#state === 'open', `the store ${this.#options.path} is ${this.#state}: close it once, after it has opened`);
    this.#state = 'closing';
    this.#closed = done;
    if (this.#inFlight === null) this.#say({ kind: 'close' });
  }

  /** Ends the commit thread where it stands, as a kill would: nothing more is acknowledged, what was in flight may be there or not. */
  async abandon(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    this.#state = 'closed';
    this.#forget();
    if (thread === null) return;
    await thread.terminate();
    filesOpen.delete(this.#options.path);
  }

  #say(message: ToCommitThread, transfer: ArrayBuffer[] = []): void {
    this.#thread!.postMessage(message, transfer);
  }

  #send(): void {
    const group = this.#waiting.shift();
    this.#inFlight = group ?? null;
    if (group === undefined) {
      if (this.#state === 'closing') this.#say({ kind: 'close' });
      return;
    }
    const { packet, first, dones } = group;
    const length = packet.length;
    this.#waitingBytes -= length;
    const buffer = packet.take();
    this.#say({ kind: 'commit', buffer, length, first, last: first + dones.length - 1 }, [buffer]);
  }

  #hear(message: FromCommitThread): void {
    switch (message.kind) {
      case 'opened': {
        this.#state = 'open';
        const { incarnation, records } = message;
        this.#settleOpen(null, { incarnation, records });
        return;
      }
      case 'committed': {
        const { dones, first } = this.#inFlight!;
        if (this.#spare.length < SPARE_BUFFERS_MAX && message.buffer.byteLength <= SPARE_BYTES_MAX)
          this.#spare.push(message.buffer);
        this.#send(); // before the callbacks: the disk works while they run
        for (let i = 0; i < dones.length; i++) dones[i]!(null, first + i);
        return;
      }
      case 'read':
        return this.#settleRead(message.call, null, message.entries);
      case 'read-failed':
        return this.#settleRead(message.call, new StoreError(message.code, message.message), []);
      case 'failed':
        return this.#fail(new StoreError(message.code, message.message));
      case 'closed': {
        const done = this.#closed!;
        this.#thread!.once('exit', () => done());
        this.#thread = null;
        this.#state = 'closed';
        filesOpen.delete(this.#options.path);
        this.#forget();
      }
    }
  }

  #settleRead(call: number, error: StoreError | null, entries: readonly LedgerEntry[]): void {
    const done = this.#reads.get(call);
    this.#reads.delete(call);
    done?.(error, entries);
  }

  #settleOpen(error: StoreError | null, opened: Opened | null): void {
    const done = this.#opened;
    this.#opened = null;
    done?.(error, opened);
  }

  #fail(error: StoreError): void {
    const thread = this.#thread!;
    const groups = [...(this.#inFlight === null ? [] : [this.#inFlight]), ...this.#waiting];
    const reads = [...this.#reads.values()];
    const closed = this.#closed;
    const whileOpening = this.#state === 'opening';
    this.#thread = null;
    this.#state = whileOpening ? 'closed' : 'failed';
    this.#failure = error;
    this.#forget();
    // Reopening need not wait for the thread: an old transaction ends before the new incarnation is taken, and none follows it.
    filesOpen.delete(this.#options.path);
    void thread.terminate().then(() => closed?.());
    for (const { dones, first } of groups) for (const [i, done] of dones.entries()) done(error, first + i);
    for (const done of reads) done(error, []);
    if (whileOpening) this.#settleOpen(error, null);
  }

  #forget(): void {
    this.#inFlight = null;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#spare = [];
    this.#reads.clear();
    this.#closed = null;
  }
}
