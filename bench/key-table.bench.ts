/**
 * Remembering three million idempotency keys (30 s at 100,000 messages a second): keyed hash and table against two generations
 * of string sets, the plain way that forgets in bulk. Both see the same keys, of which one in a hundred comes twice.
 */
import { GCProfiler } from 'node:v8';
import { hashKey, type KeySecret, KeyTable } from '../src/structures/index.ts';
import { median, quantile } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';

const WINDOW = 3_000_000;
const PER_MS = 100;
const KEEP = WINDOW / PER_MS;
const PART = 500_000;
const PARTS = 10; // measured, after the window has been filled
const CAPACITY = 3_145_728; // what 67 MB hold

const secret: KeySecret = [0x5eed, 0xf00d];

/** The nth key; every hundredth is the one before it again. */
function keyAt(n: number): string {
  return `00000000002a00000001${(n % 100 === 99 ? n - 1 : n).toString(16).padStart(12, '0')}`;
}

interface Remembers {
  /** Whether the key is new. */
  add(key: string, now: number): boolean;
}

function table(held: KeyTable): Remembers {
  const out = new Int32Array(2);
  return {
    add: (key, now) => {
      hashKey(secret, key, out);
      return held.add(out[0]!, out[1]!, now + KEEP, now) === 'added';
    },
  };
}

function generations(): Remembers {
  let [young, old] = [new Set<string>(), new Set<string>()];
  let since = 0;
  return {
    add: (key, now) => {
      if (now - since >= KEEP) [old, young, since] = [young, new Set<string>(), now];
      if (young.has(key) || old.has(key)) return false;
      young.add(key);
      return true;
    },
  };
}

/** Nanoseconds of CPU for each key, by part; building the keys is measured apart and taken off. */
function measured(remembers: Remembers): number[] {
  let repeated = 0;
  const part = (from: number): number => {
    const keys = Array.from({ length: PART }, (_, i) => keyAt(from + i));
    const start = process.cpuUsage();
    for (let i = 0; i < PART; i++) if (!remembers.add(keys[i]!, 1 + Math.floor((from + i) / PER_MS))) repeated += 1;
    const { user, system } = process.cpuUsage(start);
    return ((user + system) * 1000) / PART;
  };
  const warm = WINDOW / PART;
  const all = Array.from({ length: warm + PARTS }, (_, i) => part(i * PART));
  const expected = ((warm + PARTS) * PART) / 100;
  if (repeated !== expected) throw new Error(`${repeated} repeated keys were found, there are ${expected}`);
  return all.slice(warm);
}

/** Collections of garbage while keys that are already hashed are added. */
function collections(held: KeyTable): number {
  const profiler = new GCProfiler();
  profiler.start();
  for (let i = 0; i < 4 * PART; i++)
    held.add(Math.imul(i, 0x9e3779b1), i, 1e9 + KEEP + Math.floor(i / PER_MS), 1e9 + Math.floor(i / PER_MS));
  return profiler.stop().statistics.length;
}

export default function keyTableBench(): readonly Row[] {
  const held = new KeyTable(CAPACITY);
  const ours = measured(table(held));
  const collected = collections(held);
  const before = process.memoryUsage().heapUsed;
  const sets = generations();
  const plain = measured(sets);
  const plainBytes = process.memoryUsage().heapUsed - before;
  sets.add('the sets are still held', 0);
  return [
    {
      claim: 'CPU of asking for and remembering one key of 32 characters among 3 million',
      target: '<= 1 us',
      ours: median(ours) / 1000,
      unit: 'us',
      baseline: median(plain) / 1000,
      ratio: median(plain) / median(ours),
      p50: median(ours) / 1000,
      p99: quantile(ours, 0.99) / 1000,
      met: median(ours) <= 1000,
    },
    {
      claim: 'memory for them',
      target: '<= 67.2 MB',
      ours: held.bytes / 1e6,
      unit: 'MB',
      baseline: plainBytes / 1e6,
      ratio: plainBytes / held.bytes,
      p50: held.bytes / 1e6,
      p99: held.bytes / 1e6,
      met: held.bytes <= 67.2e6,
    },
    {
      claim: 'collections of garbage during 2 million calls of the table',
      target: '= 0',
      ours: collected,
      unit: 'collections',
      p50: collected,
      p99: collected,
      met: collected === 0,
    },
  ];
}
