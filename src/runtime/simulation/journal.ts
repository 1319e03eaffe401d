/**
 * The journal of a simulated host: inputs wait for the commit of their effects and are there exactly when that commit reached the
 * disk. It stands before a store and says nothing of its own to it. Nothing is dropped for its size: a simulation is short.
 */
import type {
  Commit,
  Journal,
  JournalClass,
  JournaledCommit,
  JournaledLife,
  JournalInput,
  Ledger,
  Opened,
  Store,
  StoredWrite,
  StoreError,
  Survives,
} from '../../ports/index.ts';
import type { SimDisk } from './store.ts';

/** What was journaled on one disk: it outlives every store that opens it. */
export class SimJournal {
  readonly #disk: SimDisk;
  readonly #opened = new Map<number, readonly StoredWrite[]>();
  readonly #inputs = new Map<string, Pending>();

  constructor(disk: SimDisk) {
    this.#disk = disk;
  }

  /** The same store, with a journal. */
  before(store: Store & Ledger): Store & Ledger & Journal {
    return new Journaled(store, {
      opened: ({ incarnation, records }) => void this.#opened.set(incarnation, records),
      committed: (incarnation, sequence, pending) => void this.#inputs.set(`${incarnation}/${sequence}`, pending),
    });
  }

  /** Every opening that is on the disk, oldest first. */
  lives(): readonly JournaledLife[] {
    return [...this.#opened].map(([incarnation, records]) => {
      const gaps: string[] = [];
      const commits: JournaledCommit[] = [];
      for (const { commit, incarnation: of } of this.#disk.log) {
        if (of !== incarnation) continue;
        const { sequence, writes } = commit;
        const { inputs, skipped } = this.#inputs.get(`${incarnation}/${sequence}`)!;
        for (const [name, count] of skipped) gaps.push(`${count} of ${name} before commit ${sequence} were not journaled`);
        commits.push({ sequence, inputs, writes });
      }
      return { incarnation, records, commits, gaps };
    });
  }
}

interface Pending {
  readonly inputs: JournalInput[];
  readonly skipped: Map<string, number>;
}

interface Heard {
  opened(opened: Opened): void;
  committed(incarnation: number, sequence: number, pending: Pending): void;
}

class Journaled implements Store, Ledger, Journal {
  readonly survives: Survives;
  readonly #store: Store & Ledger;
  readonly #heard: Heard;
  #incarnation = 0;
  #pending: Pending = { inputs: [], skipped: new Map() };

  constructor(store: Store & Ledger, heard: Heard) {
    this.survives = store.survives;
    this.#store = store;
    this.#heard = heard;
  }

  record(input: JournalInput, keep: JournalClass): void {
    if (keep !== 'none') return void this.#pending.inputs.push(input);
    const { input: of } = input;
    const name = of.kind === 'message' ? of.envelope.type : of.kind;
    this.#pending.skipped.set(name, (this.#pending.skipped.get(name) ?? 0) + 1);
  }

  open(done: (error: StoreError | null, opened: Opened | null) => void): void {
    this.#pending = { inputs: [], skipped: new Map() };
    this.#store.open((error, opened) => {
      if (opened !== null) {
        this.#incarnation = opened.incarnation;
        this.#heard.opened(opened);
      }
      done(error, opened);
    });
  }

  commit(commit: Commit, done: (error: StoreError | null, sequence: number) => void): void {
    this.#heard.committed(this.#incarnation, commit.sequence, this.#pending);
    this.#pending = { inputs: [], skipped: new Map() };
    this.#store.commit(commit, done);
  }

  close(done: () => void): void {
    this.#store.close(done);
  }

  read(...question: Parameters<Ledger['read']>): void {
    this.#store.read(...question);
  }
}
