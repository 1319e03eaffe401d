/**
 * What the ledger costs: entries through group commit, entries in large commits, the log alone, and the check of a proof.
 * Baseline in the same run: a plain hash chain, which has no short proofs; for durable entries in a table of its own, with the
 * same bytes, one transaction for each group, on the main thread.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Id } from '../src/kernel/index.ts';
import type { Commit, LedgerDraft, Opened } from '../src/ports/index.ts';
import { encodeLedgerHeader, ledgerLeafOfHash, ledgerNodes, type LedgerPlace } from '../src/protocol/index.ts';
import { sha256, SqliteStore } from '../src/runtime/embedded/store/index.ts';
import { checkInclusion, inclusionPath, MerkleRange } from '../src/structures/index.ts';
import { median, quantile } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';

const ROUNDS = 5;
const ENTRIES = 40_000; // in each round
const GROUP = 64; // commits of a turn
const BATCH = 2000; // entries of a large commit
const LOG = 1_000_000;
const PROOFS = 4000;
const HOST = '0123456789ab';

export default async function bench(): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  try {
    const chained = chainInSql(join(directory, 'chain.db'));
    const store = new SqliteStore({ path: join(directory, 'store.db'), realm: 'bench', host: HOST });
    await opened(store);
    const from = { sequence: 0, entry: 0 };
    await appended(store, from, 1, ENTRIES / 4); // warm-up
    const grouped: Timed[] = [];
    const batched: Timed[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      grouped.push(await appended(store, from, 1, ENTRIES));
      batched.push(await appended(store, from, BATCH, ENTRIES));
    }
    await new Promise<void>((resolve) => store.close(resolve));
    const log = growLog();
    const [tree, chain] = [inMemory(merkle), inMemory(hashChain)];
    return [
      row('durable ledger entries a second through group commit, one to a commit', 20_000, grouped.map(perSecond), chained.group),
      row(`durable ledger entries a second in commits of ${BATCH}`, 300_000, batched.map(perSecond), chained.batch),
      row('ledger entries a second and core, in batches: leaf, nodes and root', 300_000, tree, median(chain)),
      proofs('check of a proof of ten hashes', 10, 1024, log),
      proofs('check of a proof in a ledger of a million entries', 25, LOG, log),
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface Timed {
  readonly entries: number;
  readonly ms: number;
}

const perSecond = ({ entries, ms }: Timed): number => (entries * 1000) / ms;

function row(claim: string, target: number, rates: readonly number[], baseline: number): Row {
  const ours = median([...rates]);
  const slowest = Math.min(...rates);
  const target_ = `>= ${target.toLocaleString('en')} entries/s`;
  return {
    claim,
    target: target_,
    ours: Math.round(ours),
    unit: 'entries/s',
    baseline: Math.round(baseline),
    ratio: ours / baseline,
    p50: ours,
    p99: slowest,
    met: ours >= target,
  };
}

function opened(store: SqliteStore): Promise<Opened> {
  return new Promise((resolve, reject) => store.open((error, result) => (error === null ? resolve(result!) : reject(error))));
}

function draft(n: number): LedgerDraft {
  const id = n.toString(16).padStart(32, '0') as Id;
  return {
    kind: 'decision',
    id,
    causation: id,
    time: 1_800_000_000_000 + n,
    body: Buffer.from(`{"run":"12","task":"${n}","fence":1}`),
  };
}

/** `GROUP` commits a turn for small ones, as a busy host makes them. */
function appended(store: SqliteStore, from: { sequence: number; entry: number }, each: number, entries: number): Promise<Timed> {
  return new Promise((resolve, reject) => {
    const commits: Commit[] = [];
    for (let made = 0; made < entries; made += each) {
      const drafts = Array.from({ length: each }, () => draft((from.entry += 1)));
      commits.push({ sequence: (from.sequence += 1), writes: [], entries: drafts });
    }
    const last = from.sequence;
    const start = performance.now();
    const done = (error: Error | null, sequence: number): void => {
      if (error !== null) reject(error);
      else if (sequence === last) resolve({ entries, ms: performance.now() - start });
    };
    let next = 0;
    const feed = (): void => {
      for (const one of commits.slice(next, (next += each === 1 ? GROUP : 1))) store.commit(one, done);
      if (next < commits.length) setImmediate(feed);
    };
    feed();
  });
}

/** Entries a second when each transaction holds a group, and when it holds a batch. */
function chainInSql(path: string): { readonly group: number; readonly batch: number } {
  const database = new DatabaseSync(path);
  database.exec(`
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;
    CREATE TABLE ledger ("index" INTEGER PRIMARY KEY, header BLOB, leaf BLOB, chain BLOB, body BLOB);
  `);
  const append = database.prepare('INSERT INTO ledger VALUES (?, ?, ?, ?, ?)');
  let chain: Uint8Array = Buffer.alloc(32);
  let index = 0;
  const rate = (each: number): number => {
    const start = performance.now();
    for (let made = 0; made < ENTRIES; made += each) {
      database.exec('BEGIN IMMEDIATE');
      for (let i = 0; i < each; i++) {
        const { body } = draft(index);
        const header = headerOf(index, body.length);
        const leaf = ledgerLeafOfHash(header, sha256(body), sha256);
        chain = sha256(Buffer.concat([chain, leaf]));
        append.run(index++, header, leaf, chain, body);
      }
      database.exec('COMMIT');
    }
    return (ENTRIES * 1000) / (performance.now() - start);
  };
  const rates = { group: rate(GROUP), batch: rate(BATCH) };
  database.close();
  return rates;
}

const realmHash = sha256(Buffer.from('bench'));

function headerOf(index: number, bodyLength: number): Uint8Array {
  const id = index.toString(16).padStart(32, '0');
  return encodeLedgerHeader({
    kind: 'decision',
    bodyLength,
    index,
    time: 1_800_000_000_000,
    commit: index,
    incarnation: 1,
    id,
    causation: null,
    host: HOST,
    realmHash,
  });
}

/** Entries a CPU-second, in rounds: hash of the body, leaf, and what the log adds; encoding is the same for both. */
function inMemory(make: () => (leaf: Uint8Array) => void): number[] {
  const headers = Array.from({ length: BATCH }, (_, i) => headerOf(i, 100));
  const bodies = headers.map((_, i) => Buffer.from(`{"run":"12","task":"${i}","fence":1}`));
  return Array.from({ length: ROUNDS }, () => {
    const append = make();
    const start = process.cpuUsage();
    for (let batch = 0; batch < ENTRIES / BATCH; batch++) {
      for (let i = 0; i < BATCH; i++) append(ledgerLeafOfHash(headers[i]!, sha256(bodies[i]!), sha256));
    }
    const { user, system } = process.cpuUsage(start);
    return (ENTRIES * 1e6) / (user + system);
  });
}

function merkle(): (leaf: Uint8Array) => void {
  const range = new MerkleRange(sha256);
  return (leaf) => {
    range.append(leaf);
    if (range.size % BATCH === 0) range.root();
  };
}

function hashChain(): (leaf: Uint8Array) => void {
  let chain: Uint8Array = new Uint8Array(32);
  return (leaf) => void (chain = sha256(Buffer.concat([chain, leaf])));
}

function growLog(): readonly LedgerPlace[] {
  const range = new MerkleRange(sha256);
  return Array.from({ length: LOG }, (_, i) => {
    const leaf = new Uint8Array(32);
    new DataView(leaf.buffer).setUint32(0, i);
    return { leaf, nodes: Buffer.concat(range.append(leaf)) };
  });
}

/** us of CPU a check; the baseline is what a chain needs to show the same: every link after the entry. */
function proofs(claim: string, target: number, size: number, log: readonly LedgerPlace[]): Row {
  const nodes = ledgerNodes((index) => log[index]!);
  const range = new MerkleRange(sha256);
  for (const { leaf } of log.slice(0, size)) range.append(leaf);
  const root = range.root();
  const given = Array.from({ length: PROOFS }, (_, i) => {
    const index = Math.floor((i * size) / PROOFS);
    return { index, size, leaf: log[index]!.leaf, root, path: inclusionPath(index, size, nodes, sha256) };
  });
  const rounds = Array.from({ length: ROUNDS + 1 }, () => {
    const start = process.cpuUsage();
    for (const proof of given) if (!checkInclusion(proof, sha256).ok) throw new Error('a proof of our own was refused');
    const { user, system } = process.cpuUsage(start);
    return (user + system) / PROOFS;
  }).slice(1);
  const start = process.cpuUsage();
  let chain: Uint8Array = new Uint8Array(32);
  for (const { leaf } of log.slice(0, 2000)) chain = sha256(Buffer.concat([chain, leaf]));
  const { user, system } = process.cpuUsage(start);
  const link = (user + system) / 2000;
  const ours = median(rounds);
  return {
    claim,
    target: `<= ${target} us`,
    ours,
    unit: 'us',
    baseline: (link * size) / 2,
    ratio: (link * size) / 2 / ours,
    p50: ours,
    p99: quantile(rounds, 0.99),
    met: ours <= target,
  };
}
