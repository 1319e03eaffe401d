import { describe, expect, it } from 'vitest';
import { concat, equalBytes, type Random, seededRandom } from '../kernel/index.ts';
import { cheapCrypto, emptyScope, keysOf, writerOf } from '../../test/fixtures/memory-replica.ts';
import { stateBytes } from './checkpoint.ts';
import { ByteReader, ByteWriter } from './lanes.ts';
import { Log } from './log.ts';
import { KINDS, OperationReader, writeHeader } from './operation.ts';
import { takeDelta, wholeDelta } from './reconcile.ts';
import type { Scope } from './scope.ts';
import { writeValue } from './value.ts';

const NOW = 1_800_000_000_000;

/** A member whose operations are well formed and whose content follows no rule: any field, action, mask, dot, kind. */
function anything(random: Random, scope: Scope, n: number, length: number): Log {
  const keys = keysOf(scope.options.crypto, n);
  const log = new Log({ author: keys.publicKey, epoch: 0 }, 0, scope.hash, scope.options.crypto);
  const others = [0, 1, 2, 3, 9].map((each) => keysOf(scope.options.crypto, each).publicKey);
  let named = 1;
  let { ms, count } = { ms: 0, count: 0 };
  for (let i = 0; i < length; i++) {
    const creates = i === 0 || random.chance(0.2);
    const values = new ByteWriter();
    const changes = creates ? 1 + random.below(4) : random.below(5);
    const fields = Array.from({ length: changes }, () => random.below(32));
    const actions = fields.map(() => random.below(5));
    for (const action of actions) if (action !== 4) writeValue(values, [null, 'x', random.below(3), [true]][random.below(4)]!);
    const payload = values.taken();
    // A log is a number that was given, or the next one, which is named on the spot.
    let next = named;
    const reference = (): number => {
      const number = random.below(Math.min(next + 1, others.length));
      if (number === next) next += 1;
      return number;
    };
    const mask = (): number => (random.chance(0.3) ? 0xffff_ffff : random.below(16));
    const record = creates ? null : { log: reference(), seq: random.below(length + 2), mask: mask() };
    const supersedes = creates
      ? []
      : Array.from({ length: random.below(4) }, () => [reference(), random.below(length + 2), mask()]).flat();
    const sources = Array.from({ length: random.below(2) }, () => [reference(), random.below(9)]).flat();
    const stamp = { ms: ms + random.below(3), count: 0 };
    if (stamp.ms === 0) stamp.ms = NOW;
    if (stamp.ms === ms) stamp.count = count + 1 + random.below(3);
    const kind = KINDS[random.below(KINDS.length)]!;
    const to = new ByteWriter();
    writeHeader(to, { kind, record, supersedes, sources, fields, actions }, stamp, { ms, count }, payload.length, (number) => {
      if (number < named) return null;
      named += 1;
      return { author: others[number]!, epoch: random.below(2) };
    });
    log.write(concat(to.taken(), payload), to.at, stamp);
    ({ ms, count } = stamp);
  }
  log.sign(keys);
  return log;
}

describe('what a member signs', () => {
  it('follows no rule, and still folds to the same state in every order, can be read, and throws nowhere', () => {
    const crypto = cheapCrypto();
    let [live, refused] = [0, 0];
    for (let seed = 0; seed < 60; seed++) {
      const random = seededRandom(`hostile member/${seed}`);
      const empty = emptyScope(crypto);
      const segments = [0, 1, 2].map((n) => anything(random, empty, n, 12).segment(0, Infinity)!);
      const scopes = [
        [0, 1, 2],
        [2, 1, 0],
        [1, 2, 0],
      ].map((order) => {
        const scope = emptyScope(crypto);
        for (const each of order) if (!scope.take(segments[each]!, NOW + 1000).ok) refused += 1;
        for (const log of scope.logs) {
          for (let sequence = 0; sequence < log.length; sequence++) scope.read(scope.localOf({ ...log.name, sequence })!);
        }
        return scope;
      });
      const [first] = scopes as [Scope];
      live += stateBytes(first).length;
      for (const each of scopes) {
        const same =
          equalBytes(stateBytes(each), stateBytes(first)) &&
          equalBytes(each.fold.sketch.encode(64), first.fold.sketch.encode(64));
        expect(same, `seed ${seed}`).toBe(true);
      }
      // What is forwarded is the same again, with what was erased stripped.
      const again = emptyScope(crypto);
      takeDelta(again, wholeDelta(first), NOW + 1000);
      expect(equalBytes(stateBytes(again), stateBytes(first)), `seed ${seed}`).toBe(true);
      // And an honest member can go on writing to it.
      const writer = writerOf(first, keysOf(crypto, 7), 0);
      for (const record of [0, 1, 2]) expect(writer.update(record, [{ field: 'belief', set: 1 }], NOW + 2000)).toBeDefined();
    }
    expect([live > 10_000, refused]).toEqual([true, 0]);
  });

  it('is read within its bytes, or not at all, whatever the bytes are', () => {
    const random = seededRandom('headers');
    const crypto = cheapCrypto();
    const log = anything(random, emptyScope(crypto), 0, 40);
    const operation = new OperationReader();
    let read = 0;
    for (let i = 0; i < 4000; i++) {
      const bytes = log.bytes.slice(log.starts[i % 40], log.starts[(i % 40) + 1]);
      for (let bent = 0; bent <= i % 3; bent++) bytes[random.below(bytes.length)] = random.below(256);
      const from = new ByteReader(bytes);
      if (operation.header(from, NOW, 3, 2) && operation.walk(from)) read += 1;
      expect(from.at).toBeLessThanOrEqual(bytes.length);
    }
    expect(read).toBeGreaterThan(50);
    expect(read).toBeLessThan(3500);
  });
});
