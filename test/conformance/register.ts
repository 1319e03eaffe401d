/** What every Register promises, and the Directory over it. */
import { describe, expect, it } from 'vitest';
import type { Directory, Placed, Placement, Register, RegisterChange, Registered, Swapped } from '../../src/ports/index.ts';
import { registerDirectory } from '../../src/host/index.ts';
import { Routes } from '../../src/protocol/index.ts';

export interface RegisterBench {
  /** The same register as another host reaches it. */
  readonly client: () => Register;
  /** Lets what is under way arrive. */
  readonly wait: <T>(promise: Promise<T>) => Promise<T>;
  /** Until a change of another client was surely told. */
  readonly settle: () => Promise<void>;
  readonly dispose: () => void;
}

export function registerConformance(name: string, makeBench: () => RegisterBench): void {
  const withBench = (run: (bench: RegisterBench) => Promise<void>) => async (): Promise<void> => {
    const bench = makeBench();
    try {
      await run(bench);
    } finally {
      bench.dispose();
    }
  };

  describe(`${name} as a register`, () => {
    it(
      'writes only where nobody was first, and says what is there instead',
      withBench(async ({ client, wait }) => {
        const [a, b] = [client(), client()];
        const first = await wait(swap(a, 'lead', 0, 'a'));
        expect(first.ok).toBe(true);
        const refused = await wait(swap(b, 'lead', 0, 'b'));
        const revision = first.ok ? first.revision : 0;
        expect(refused).toEqual({ ok: false, current: { key: 'lead', value: 'a', revision } });
        const second = await wait(swap(b, 'lead', revision, 'b'));
        expect(second.ok && second.revision > revision).toBe(true);
        expect((await wait(swap(a, 'lead', revision, 'a again'))).ok).toBe(false);
        expect(await wait(read(a, 'lead'))).toMatchObject({ key: 'lead', value: 'b' });
        expect(await wait(read(a, 'other'))).toBeNull();
      }),
    );

    it(
      'never gives a revision twice, also not over a delete or to another key',
      withBench(async ({ client, wait }) => {
        const register = client();
        const seen: number[] = [];
        let at = 0;
        for (const value of ['1', null, '2', null, null, '3']) {
          const swapped = await wait(swap(register, 'k', at, value));
          expect(swapped.ok).toBe(true);
          if (swapped.ok) seen.push(swapped.revision);
          at = value === null ? 0 : seen.at(-1)!;
          const other = await wait(swap(register, `o${seen.length}`, 0, 'x'));
          if (other.ok) seen.push(other.revision);
        }
        expect(seen).toHaveLength(12);
        expect(seen.every((revision, i) => i === 0 || revision > seen[i - 1]!)).toBe(true);
      }),
    );

    it(
      'answers after the call has returned, in any number of calls at once, of which one wins',
      withBench(async ({ client, wait }) => {
        const clients = [client(), client(), client()];
        let returned = false;
        const swaps = Array.from({ length: 60 }, (_, n) =>
          swap(clients[n % 3]!, 'race', 0, `value ${n}`).then((swapped) => {
            expect(returned).toBe(true);
            return swapped.ok;
          }),
        );
        returned = true;
        const won = await wait(Promise.all(swaps));
        expect(won.filter(Boolean)).toHaveLength(1);
        expect(await wait(read(clients[0]!, 'race'))).toMatchObject({ value: `value ${won.indexOf(true)}` });
      }),
    );

    it(
      'keeps any text, up to its bounds',
      withBench(async ({ client, wait }) => {
        const register = client();
        for (const [key, value] of [
          ['k'.repeat(256), 'v'.repeat(64 * 1024)],
          ["quote ' and % and _", 'line\nbreak \u{1f9f6} \u0001'],
          ['empty', ''],
        ] as const) {
          await wait(swap(register, key, 0, value));
          expect(await wait(read(register, key))).toMatchObject({ key, value });
        }
        expect(() => register.swap('k'.repeat(257), 0, '', () => {})).toThrow(/key of 257 characters/);
        expect(() => register.swap('k', 0, 'v'.repeat(64 * 1024 + 1), () => {})).toThrow(/does not belong into a register/);
      }),
    );

    it(
      'tells a watcher what is there and what changes, by anybody, in order, and nothing once it stopped',
      withBench(async ({ client, wait, settle }) => {
        const [a, b] = [client(), client()];
        await wait(swap(a, 'halt/x', 0, 'before'));
        await wait(swap(a, 'other/y', 0, 'not asked for'));
        const told: RegisterChange[] = [];
        const stop = b.watch('halt/', (change) => told.push(change));
        await settle();
        expect(told.map(({ key, value }) => [key, value])).toEqual([['halt/x', 'before']]);
        const halted = await wait(swap(a, 'halt/y', 0, 'now'));
        await wait(swap(b, 'halt/x', told[0]!.revision, null));
        await settle();
        expect(new Map(told.map(({ key, value }) => [key, value]))).toEqual(
          new Map([
            ['halt/x', null],
            ['halt/y', 'now'],
          ]),
        );
        for (const key of ['halt/x', 'halt/y']) {
          const revisions = told.filter((change) => change.key === key).map(({ revision }) => revision);
          expect(revisions).toEqual([...new Set(revisions)].toSorted((x, y) => x - y));
        }
        stop();
        await wait(swap(a, 'halt/y', halted.ok ? halted.revision : -1, 'later'));
        await settle();
        expect(told.some(({ value }) => value === 'later')).toBe(false);
      }),
    );

    it(
      'has an agent in one place at a time; who holds an older epoch is told that it moved, and finds it with one more try',
      withBench(async ({ client, wait }) => {
        const [east, west] = [registerDirectory(client()), registerDirectory(client())];
        const agent = 'agent:r/ada';
        const placed = await wait(place(east, agent, 0, 'east'));
        const epoch = placed.ok ? placed.epoch : 0;
        expect(await wait(find(west, agent))).toEqual({ agent, host: 'east', epoch });
        const routes = new Routes();
        routes.learn(agent, { host: 'east', epoch });
        const moved = await wait(place(west, agent, epoch, 'west'));
        expect(moved).toMatchObject({ ok: true });
        expect(await wait(place(east, agent, epoch, 'east again'))).toMatchObject({ ok: false, current: { host: 'west' } });
        // The host of the old epoch answers `moved`.
        expect(routes.moved(agent, epoch, 1)).toBe('ask');
        const now = (await wait(find(east, agent)))!;
        routes.learn(agent, now);
        expect(routes.to(agent)!.host).toBe('west');
        expect(routes.moved(agent, now.epoch, 2)).toBe('give-up');
        await wait(place(west, agent, now.epoch, null));
        expect(await wait(find(east, agent))).toBeNull();
      }),
    );
  });
}

export function read(register: Register, key: string): Promise<Registered | null> {
  return new Promise((resolve, reject) => register.read(key, (error, entry) => (error ? reject(error) : resolve(entry))));
}

export function swap(register: Register, key: string, expected: number, value: string | null): Promise<Swapped> {
  return new Promise((resolve, reject) =>
    register.swap(key, expected, value, (error, swapped) => (error ? reject(error) : resolve(swapped!))),
  );
}

function find(directory: Directory, agent: string): Promise<Placement | null> {
  return new Promise((resolve, reject) => directory.find(agent, (error, found) => (error ? reject(error) : resolve(found))));
}

function place(directory: Directory, agent: string, epoch: number, host: string | null): Promise<Placed> {
  return new Promise((resolve, reject) =>
    directory.place(agent, epoch, host, (error, placed) => (error ? reject(error) : resolve(placed!))),
  );
}
