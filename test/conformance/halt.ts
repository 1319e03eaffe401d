/** What every Halt promises: a record that only grows and is durable before anybody hears of it, and leases that run out. */
import { describe, expect, it } from 'vitest';
import type { MonotonicMillis } from '../../src/kernel/index.ts';
import type { Halt, HaltRecord } from '../../src/ports/index.ts';

export interface HaltBench {
  /** Opened anew on what is durable, as by another process. */
  readonly halt: () => Halt;
  readonly monotonic: () => MonotonicMillis;
  readonly wait: <T>(promise: Promise<T>) => Promise<T>;
  /** Lets time pass until everything that can be heard was heard. */
  readonly idle: () => Promise<void>;
  /** The holder of the record cannot be reached any more; time goes on. */
  readonly cut: (halt: Halt) => void;
  readonly pass: (ms: number) => Promise<void>;
  readonly dispose?: () => void;
}

export function haltConformance(name: string, makeHalt: () => HaltBench): void {
  describe(`${name} as the halt record`, () => {
    it('is empty at first, and permits', async () => {
      const bench = makeHalt();
      const halt = bench.halt();
      expect(await bench.wait(read(halt))).toEqual([]);
      expect(halt.lease()!.until).toBeGreaterThan(bench.monotonic());
      bench.dispose?.();
    });

    it('gives everybody who reads it all that was appended, in that order', async () => {
      const bench = makeHalt();
      const halt = bench.halt();
      await bench.wait(read(halt));
      const records = [record(1, 'HALTED'), { ...record(2, 'RUNNING'), ends: 1 }, record(3, 'KILLED', 'agent/a')];
      for (const one of records) await bench.wait(append(halt, one));
      const known = await bench.wait(read(bench.halt()));
      expect(known.map(({ scope, epoch, state, ends }) => ({ scope, epoch, state, ends }))).toEqual(
        records.map(({ scope, epoch, state, ends }: HaltRecord) => ({ scope, epoch, state, ends })),
      );
      bench.dispose?.();
    });

    it('tells who listens, also of what another one appended, and its lease knows that epoch', async () => {
      const bench = makeHalt();
      const [mine, other] = [bench.halt(), bench.halt()];
      await bench.wait(read(mine));
      await bench.wait(read(other));
      const heard: HaltRecord[] = [];
      mine.onRecord((one) => heard.push(one));
      await bench.wait(append(other, record(1, 'HALTED')));
      await bench.idle();
      const lease = mine.lease();
      expect(heard).toContainEqual(record(1, 'HALTED'));
      expect(lease!.epoch).toBe(1);
      bench.dispose?.();
    });

    it('answers an append after it has returned, when it is durable', async () => {
      const bench = makeHalt();
      const halt = bench.halt();
      await bench.wait(read(halt));
      let answered = false;
      halt.append(record(1, 'HALTED'), () => (answered = true));
      expect(answered).toBe(false);
      await bench.idle();
      expect(answered).toBe(true);
      bench.dispose?.();
    });

    it('lets the lease run out within 2.5 s when its holder cannot be reached', async () => {
      const bench = makeHalt();
      const halt = bench.halt();
      await bench.wait(read(halt));
      expect(halt.lease()!.until).toBeGreaterThan(bench.monotonic());
      bench.cut(halt);
      await bench.pass(2500);
      expect(halt.lease()?.until ?? 0).toBeLessThanOrEqual(bench.monotonic());
      bench.dispose?.();
    });
  });
}

function record(epoch: number, state: HaltRecord['state'], scope = 'global'): HaltRecord {
  return { scope, epoch, state, by: 'agent:r/operator', reason: 'a drill', at: 1 };
}

function read(halt: Halt): Promise<readonly HaltRecord[]> {
  return new Promise((resolve, reject) => halt.read((error, records) => (error === null ? resolve(records) : reject(error))));
}

function append(halt: Halt, one: HaltRecord): Promise<void> {
  return new Promise((resolve, reject) => halt.append(one, (error) => (error === null ? resolve() : reject(error))));
}
