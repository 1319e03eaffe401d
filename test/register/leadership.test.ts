/** A lease in the register, wanted by several hosts, one of which dies or hears nothing for a while. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/kernel/index.ts';
import { LeaseContender, type SharedLease } from '../../src/structures/index.ts';
import { SimRegister, Timeline } from '../../src/runtime/simulation/index.ts';

const KEY = 'lease/lead';

interface Told {
  readonly at: number;
  readonly who: string;
  readonly token: number;
}

function contend(seed: string): readonly Told[] {
  const timeline = new Timeline();
  const random = seededRandom(seed);
  const server = new SimRegister({ timeline, random: random.stream('net'), delayMax: () => 40, lost: () => 0.05 });
  const contenders: { readonly name: string; readonly contender: LeaseContender }[] = [];
  for (const name of ['a', 'b', 'c']) {
    const contender = new LeaseContender(name, 3000, 300);
    contenders.push({ name, contender });
    const register = server.client();
    const own = random.stream(name);
    let revision = 0;
    // Deaf: its process stands still for longer than a lease; the clock that it counts by does not.
    const step = (): void => void timeline.after(own.chance(0.02) ? 6000 : 100 + own.below(50), ask);
    const ask = (): void =>
      register.read(KEY, (error, entry) => {
        if (error !== null) return step();
        revision = entry?.revision ?? 0;
        contender.see(entry === null ? null : (JSON.parse(entry.value) as SharedLease), timeline.now);
        const next = contender.next(timeline.now);
        if (next.do === 'wait') return step();
        register.swap(KEY, revision, JSON.stringify(next.record), (failed, swapped) => {
          if (failed === null && swapped!.ok) contender.wrote(next.record, timeline.now);
          step();
        });
      });
    ask();
  }
  const told: Told[] = [];
  for (let until = 10; until <= 60_000; until += 10) {
    while (timeline.step(until));
    timeline.idleUntil(until);
    for (const { name, contender } of contenders) {
      const token = contender.token(timeline.now);
      if (token !== null) told.push({ at: timeline.now, who: name, token });
    }
  }
  return told;
}

describe('a lease in the register', () => {
  it('has one holder at a time, with a token that grows with every new one, and is always taken up again', () => {
    let changes = 0;
    for (let seed = 0; seed < 15; seed++) {
      const told = contend(`lead ${seed}`);
      expect(new Set(told.map(({ at }) => at)).size, `seed ${seed}: two at once`).toBe(told.length);
      const handed = told.slice(1).filter(({ who }, i) => who !== told[i]!.who);
      const tokens = told.map(({ token }) => token);
      expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
      expect(handed.every(({ at, token }) => told.find((one) => one.token === token)!.at === at)).toBe(true); // a new one
      changes += handed.length;
      expect(told.length).toBeGreaterThan(1500); // of 6,000 looks, while every tenth call costs more than a lease
    }
    expect(changes).toBeGreaterThan(20);
  });
});
