/**
 * The guarantees of a halt, one property each, on a simulated fleet: hosts that are cut off, records that come late, twice and
 * out of order, resumes of long ago said again, hosts that start in the middle. What real processes show is in record.test.ts
 * and test/chaos/halt.test.ts; who may sign is in src/protocol/halt-order.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { HaltRecords } from '../../src/host/index.ts';
import { type Random, seededRandom } from '../../src/kernel/index.ts';
import type { HaltRecord, HaltState } from '../../src/ports/index.ts';
import { type SimHalt, SimHaltRegister, Timeline } from '../../src/runtime/simulation/index.ts';

const SEEDS = Number(process.env['SKEIN_HALT_SEEDS'] ?? 60);
const HOSTS = 12;
const BOUND_MS = 2500; // a lease and one renewal
const STEP_MS = 20;
const STEPS = 600;

class Time extends Timeline {
  pass(ms: number): void {
    const until = this.now + ms;
    while (this.step(until));
    this.idleUntil(until);
  }
}

class Member {
  readonly name: string;
  readonly #time: Time;
  readonly #register: SimHaltRegister;
  #records = new HaltRecords();
  #port!: SimHalt;
  #read = false;
  cutSince: number | null = null;
  /** When it was told of each epoch. */
  readonly heard = new Map<number, number>();

  constructor(name: string, time: Time, register: SimHaltRegister) {
    this.name = name;
    this.#time = time;
    this.#register = register;
    this.boot();
  }

  boot(): void {
    this.#records = new HaltRecords();
    this.#read = false;
    this.heard.clear();
    const records = this.#records;
    this.#port = this.#register.port(() => this.#time.now);
    if (this.cutSince !== null) this.#port.cut();
    this.#port.onRecord((record) => this.hear(record, records));
    this.#again();
  }

  hear(record: HaltRecord, records: HaltRecords = this.#records): void {
    if (records !== this.#records) return; // of a life before
    records.merge(record);
    if (!this.heard.has(record.epoch)) this.heard.set(record.epoch, this.#time.now);
  }

  cut(): void {
    this.cutSince ??= this.#time.now;
    this.#port.cut();
  }

  heal(): void {
    this.cutSince = null;
    this.#port.heal();
    this.#again();
  }

  get booted(): boolean {
    return this.#read;
  }

  /** Whether an effect may start here and now. */
  starts(scopes: readonly string[], reduces = false): boolean {
    const lease = this.#port.lease();
    if (lease !== null && lease.epoch > this.#records.epoch) this.#again();
    return this.#records.refusal(['global', this.name, ...scopes], reduces, lease, this.#time.now) === null;
  }

  #again(): void {
    const records = this.#records;
    this.#port.read((error, all) => {
      if (error !== null || records !== this.#records) return;
      for (const record of all) this.hear(record);
      records.complete();
      this.#read = true;
    });
  }
}

interface Story {
  readonly time: Time;
  readonly random: Random;
  readonly members: readonly Member[];
  readonly durable: { readonly record: HaltRecord; readonly at: number }[];
  halt(scope: string, state: HaltState): void;
  resume(): void;
}

/** Tells a story of one seed; `look` is called for every effect that is tried. */
function tell(seed: number, look: (story: Story, member: Member, scopes: readonly string[], started: boolean) => void): void {
  const time = new Time();
  const random = seededRandom(`guarantees ${seed}`);
  const register = new SimHaltRegister({ timeline: time, random: random.stream('register'), delayMax: () => 200 });
  const members = Array.from({ length: HOSTS }, (_, n) => new Member(`host/h${n}`, time, register));
  const durable: Story['durable'] = [];
  let epoch = 0;
  const append = (record: HaltRecord): void => register.append(record, () => durable.push({ record, at: time.now }));
  const base = { by: 'operator:r/x', reason: 'story' };
  const story: Story = {
    time,
    random,
    members,
    durable,
    halt: (scope, state) => append({ ...base, scope, state, epoch: (epoch += 1), at: time.now }),
    resume() {
      const halts = durable.filter(({ record }) => record.state !== 'RUNNING');
      const halt = halts[random.below(Math.max(1, halts.length))]?.record;
      if (halt !== undefined)
        append({ ...base, scope: halt.scope, state: 'RUNNING', ends: halt.epoch, epoch: (epoch += 1), at: time.now });
    },
  };
  for (let step = 0; step < STEPS; step++) {
    if (random.chance(0.01)) story.halt(['global', 'host/h1', 'agent/a', 'venue/x'][random.below(4)]!, 'HALTED');
    if (random.chance(0.01)) story.resume();
    const member = members[random.below(HOSTS)]!;
    if (random.chance(0.02)) {
      if (member.cutSince === null) member.cut();
      else member.heal();
    }
    if (random.chance(0.005)) member.boot();
    // A network that says again what was said long ago, in any order, to anybody.
    const old = durable[random.below(Math.max(1, durable.length))];
    if (old !== undefined && random.chance(0.1)) member.hear(old.record);
    time.pass(STEP_MS);
    for (const one of members) {
      const scopes = [['agent/a', 'agent/b'][random.below(2)]!, ['venue/x', 'venue/y'][random.below(2)]!];
      look(story, one, scopes, one.starts(scopes));
    }
  }
}

/** The halts that hold among these records, for somebody who does an effect in these scopes. */
function holding(records: readonly HaltRecord[], scopes: readonly string[]): readonly HaltRecord[] {
  const ended = new Set(records.flatMap(({ scope, ends }) => (ends === undefined ? [] : [`${scope} ${ends}`])));
  return records.filter(
    (one) => one.state !== 'RUNNING' && scopes.includes(one.scope) && !ended.has(`${one.scope} ${one.epoch}`),
  );
}

const every = (look: Parameters<typeof tell>[1]): void => {
  for (let seed = 0; seed < SEEDS / 6; seed++) tell(seed, look);
};

describe('a halt, whatever the network does', () => {
  it('G1: no effect starts anywhere later than a lease and a renewal after the halt was durable', () => {
    let started = 0;
    let refused = 0;
    every(({ time, durable }, { name }, scopes, starts) => {
      if (starts) started += 1;
      else refused += 1;
      if (!starts) return;
      const early = durable.filter(({ at }) => at < time.now - BOUND_MS).map(({ record }) => record);
      const since = durable.filter(({ record }) => record.state === 'RUNNING').map(({ record }) => record);
      expect(holding([...early, ...since], ['global', name, ...scopes])).toEqual([]);
    });
    expect(Math.min(started, refused)).toBeGreaterThan(1000);
  });

  it('G2: no effect starts on a host that has heard of the halt', () => {
    every(({ durable }, member, scopes, starts) => {
      if (!starts) return;
      const known = durable.map(({ record }) => record).filter(({ epoch }) => member.heard.has(epoch));
      expect(holding(known, ['global', member.name, ...scopes])).toEqual([]);
    });
  });

  it('G3: a host that has not read the record starts nothing', () => {
    let asked = 0;
    every((_, member, __, starts) => {
      if (member.booted) return;
      asked += 1;
      expect(starts).toBe(false);
    });
    expect(asked).toBeGreaterThan(100);
  });

  it('G4: a resume of long ago, said again after a new halt, ends nothing', () => {
    const time = new Time();
    const register = new SimHaltRegister({ timeline: time, random: seededRandom('old') });
    const member = new Member('host/a', time, register);
    const base = { scope: 'global', by: 'x', reason: '', at: 0 };
    const old: HaltRecord = { ...base, state: 'RUNNING', ends: 1, epoch: 2 };
    for (const record of [{ ...base, state: 'HALTED', epoch: 1 } as const, old]) register.append(record, () => {});
    time.pass(1000);
    expect(member.starts([])).toBe(true);
    register.append({ ...base, state: 'HALTED', epoch: 3 }, () => {});
    time.pass(1000);
    for (let n = 0; n < 5; n++) member.hear(old);
    member.hear({ ...old, ends: 3 }); // signed before there was such a halt
    time.pass(1000);
    expect(member.starts([])).toBe(false);
  });

  it('G5: the same records in any order and number halt the same, and more of them without resumes never less', () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = seededRandom(`merge ${seed}`);
      const records = Array.from({ length: 30 }, (_, n): HaltRecord => {
        const base = { scope: ['global', 'agent/a'][random.below(2)]!, epoch: n + 1, by: 'x', reason: '', at: n };
        return random.chance(0.4)
          ? { ...base, state: 'RUNNING', ends: 1 + random.below(n + 1) }
          : { ...base, state: (['REDUCING', 'HALTED'] as const)[random.below(2)]! };
      });
      const [straight, shuffled, fewer] = [new HaltRecords(), new HaltRecords(), new HaltRecords()];
      for (const one of records) straight.merge(one);
      const drawn = records.map((one) => ({ one, at: random.below(1000) })).toSorted((x, y) => x.at - y.at);
      for (const { one, at } of drawn) for (let n = 0; n <= at % 2; n++) shuffled.merge(one);
      for (const one of records) if (one.state === 'RUNNING' || random.chance(0.5)) fewer.merge(one);
      const rank = { RUNNING: 0, REDUCING: 1, HALTED: 2, KILLED: 3 };
      for (const all of [straight, shuffled, fewer]) all.complete();
      for (const scope of ['global', 'agent/a']) {
        expect(shuffled.state([scope])).toEqual(straight.state([scope]));
        expect(rank[fewer.state([scope]).state]).toBeLessThanOrEqual(rank[straight.state([scope]).state]);
      }
    }
  });

  it('G6: a level and a scope stop what they name and nothing else', () => {
    const time = new Time();
    const register = new SimHaltRegister({ timeline: time, random: seededRandom('levels') });
    const member = new Member('host/a', time, register);
    let epoch = 0;
    for (const scope of ['sector/s', 'cluster/c', 'agent/a', 'venue/v', 'symbol/X', 'strategy/m', 'client/k']) {
      const append = (state: HaltState, ends?: number): void => {
        const record = { scope, state, epoch: (epoch += 1), by: 'x', reason: '', at: 0 };
        register.append(ends === undefined ? record : { ...record, ends }, () => {});
        time.pass(1000);
      };
      const seen = (): readonly boolean[] => [
        member.starts([scope]),
        member.starts([scope], true),
        member.starts(['agent/other']),
      ];
      time.pass(1000);
      expect(seen()).toEqual([true, true, true]);
      append('REDUCING');
      expect(seen()).toEqual([false, true, true]);
      append('HALTED');
      expect(seen()).toEqual([false, false, true]);
      append('RUNNING', epoch);
      expect(seen()).toEqual([false, true, true]);
      append('KILLED');
      append('RUNNING', epoch);
      expect(seen()).toEqual([false, false, true]);
    }
  });
});
