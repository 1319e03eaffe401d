import { describe, expect, it } from 'vitest';
import { seededRandom } from '../kernel/index.ts';
import { AHEAD_MS, cheapCrypto, emptyScope, keysOf, pull, TERMS, writerOf } from '../../test/fixtures/memory-replica.ts';
import { stateBytes } from './checkpoint.ts';
import { type Change, openScope, openWriter, type Scope, type ScopeTerms, SIBLINGS_MAX, type Value } from './index.ts';
import { answer, frontier, takeDelta, wholeDelta } from './reconcile.ts';

const NOW = 1_800_000_000_000;

function world(count: number, terms: ScopeTerms = TERMS, more: Parameters<typeof emptyScope>[2] = {}) {
  const crypto = cheapCrypto();
  return Array.from({ length: count }, (_, n) => {
    const keys = keysOf(crypto, n);
    const scope = emptyScope(crypto, terms, more);
    const writer = writerOf(scope, keys, 0);
    const other = (local: number, from: Scope): number => scope.localOf(from.dotOf(local))!;
    const write = (record: number | null, changes: readonly Change[], now = NOW): number => {
      const written = record === null ? writer.create(changes, now) : writer.update(record, changes, now);
      if (!written.ok) throw new Error(written.message);
      writer.sign();
      return written.record;
    };
    const value = (record: number, field: string): Value => scope.read(record)?.fields.get(field)?.value ?? null;
    return { crypto, keys, scope, writer, other, write, value };
  });
}
type Actor = ReturnType<typeof world>[number];

function meet(...actors: readonly Actor[]): void {
  for (let round = 0; round < 2; round++) {
    for (const to of actors) for (const from of actors) if (to !== from) pull(to.scope, from.scope, NOW + 10_000);
  }
}

/** A record that both have, and its number at each. */
function shared(a: Actor, b: Actor, changes: readonly Change[] = [{ field: 'text', set: 'first' }]): [number, number] {
  const record = a.write(null, changes);
  meet(a, b);
  return [record, b.other(record, a.scope)];
}

describe('concurrent writes of a field', () => {
  it('show the latest one where the last writer wins, and keep the other to be read', () => {
    const [a, b] = world(2) as [Actor, Actor];
    const [atA, atB] = shared(a, b);
    a.write(atA, [{ field: 'text', set: 'of a' }], NOW + 20);
    b.write(atB, [{ field: 'text', set: 'of b' }], NOW + 10);
    meet(a, b);
    expect(b.scope.read(atB)!.fields.get('text')).toMatchObject({ value: 'of a', values: ['of a', 'of b'], contested: false });
  });

  it('are decided by cause before the clock: an answer wins although its author’s clock is behind', () => {
    const [a, b] = world(2) as [Actor, Actor];
    const [atA, atB] = shared(a, b);
    a.write(atA, [{ field: 'text', set: 'question' }], NOW + 3000);
    meet(a, b);
    b.write(atB, [{ field: 'text', set: 'answer' }], NOW - 100_000);
    meet(a, b);
    expect(a.scope.read(atA)!.fields.get('text')!.values).toEqual(['answer']);
  });

  it('contest a belief until somebody resolves it, and again when a write comes that the resolver did not see', () => {
    const [a, b, c] = world(3) as [Actor, Actor, Actor];
    const [atA, atB] = shared(a, b, [{ field: 'belief', set: 'flat' }]);
    meet(a, c);
    const atC = c.other(atA, a.scope);
    a.write(atA, [{ field: 'belief', set: 'round' }]);
    b.write(atB, [{ field: 'belief', set: 'a disc' }]);
    c.write(atC, [{ field: 'belief', set: 'hollow' }]);
    meet(a, b);
    expect(a.scope.read(atA)!.fields.get('belief')).toMatchObject({ contested: true });
    a.writer.resolve(atA, [{ field: 'belief', set: 'round' }], NOW);
    a.writer.sign();
    meet(a, b);
    expect(b.scope.read(atB)!.fields.get('belief')).toMatchObject({ contested: false, value: 'round' });
    meet(a, b, c);
    const { contested, values } = b.scope.read(atB)!.fields.get('belief')!;
    expect([contested, values.map(String).toSorted()]).toEqual([true, ['hollow', 'round']]);
  });

  it('that say the same are one value with two witnesses', () => {
    const [a, b] = world(2) as [Actor, Actor];
    const [atA, atB] = shared(a, b);
    a.write(atA, [{ field: 'belief', set: 0.7 }]);
    b.write(atB, [{ field: 'belief', set: 0.7 }]);
    meet(a, b);
    const belief = a.scope.read(atA)!.fields.get('belief')!;
    expect([belief.contested, belief.values, belief.items.length]).toEqual([false, [0.7], 2]);
  });

  it('keep an element that one adds while another removes it, and lose it where removes win', () => {
    const [a, b] = world(2) as [Actor, Actor];
    const [atA, atB] = shared(a, b, [
      { field: 'tags', add: 'x' },
      { field: 'deny', add: 'x' },
    ]);
    a.write(atA, [
      { field: 'tags', add: 'x' },
      { field: 'deny', add: 'x' },
    ]);
    b.write(atB, [
      { field: 'tags', remove: 'x' },
      { field: 'deny', remove: 'x' },
    ]);
    meet(a, b);
    expect([b.value(atB, 'tags'), b.value(atB, 'deny')]).toEqual([['x'], []]);
    b.write(atB, [
      { field: 'tags', remove: 'x' },
      { field: 'deny', add: 'x' },
    ]);
    meet(a, b);
    expect([a.value(atA, 'tags'), a.value(atA, 'deny')]).toEqual([null, ['x']]);
  });

  it('add up in a counter, also when an author starts again from an older backup', () => {
    const [a, b] = world(2) as [Actor, Actor];
    const [atA, atB] = shared(a, b, [{ field: 'seen', count: 5 }]);
    const backup = wholeDelta(a.scope);
    a.write(atA, [{ field: 'seen', count: 4 }]);
    b.write(atB, [{ field: 'seen', count: 10 }]);
    meet(a, b);
    const again = emptyScope(a.crypto);
    takeDelta(again, backup, NOW);
    const writer = writerOf(again, a.keys, 1);
    const record = again.localOf(a.scope.dotOf(atA))!;
    expect(writer.update(record, [{ field: 'seen', count: 1 }], NOW).ok).toBe(true);
    writer.sign();
    pull(b.scope, again, NOW);
    expect(b.value(atB, 'seen')).toBe(20);
  });

  it('are folded by a function that this replica knows, and shown side by side by one that does not', () => {
    const [a, b] = world(2, TERMS, {
      folds: new Map([['nobody knows it', (values: readonly Value[]) => values.map(String).toSorted().join('+')]]),
    }) as [Actor, Actor];
    const [c] = world(1) as [Actor];
    const [atA, atB] = shared(a, b);
    a.write(atA, [{ field: 'odd', set: 'x' }]);
    b.write(atB, [{ field: 'odd', set: 'y' }]);
    meet(a, b);
    expect(a.value(atA, 'odd')).toBe('x+y');
    const stranger = emptyScope(a.crypto);
    takeDelta(stranger, wholeDelta(a.scope), NOW + 10_000);
    expect(stranger.read(stranger.localOf(a.scope.dotOf(atA))!)!.fields.get('odd')).toMatchObject({ contested: true });
    expect(c.value(0, 'odd')).toBe(null);
  });

  it('are too many to weigh above the cap, which the view says', () => {
    const actors = world(SIBLINGS_MAX + 2);
    const [first] = actors as [Actor];
    const record = first.write(null, [{ field: 'text', set: '' }]);
    for (const each of actors.slice(1)) {
      pull(each.scope, first.scope, NOW);
      each.write(each.other(record, first.scope), [{ field: 'belief', set: `of ${actors.indexOf(each)}` }]);
    }
    for (const each of actors.slice(1)) pull(first.scope, each.scope, NOW);
    expect(first.scope.read(record)!.fields.get('belief')).toMatchObject({ contested: true, crowded: true });
  });
});

describe('a record that is deleted', () => {
  it('stays where somebody wrote to it meanwhile, and goes where the terms say that deletes win', () => {
    for (const deleteWins of [false, true]) {
      const [a, b] = world(2, { ...TERMS, deleteWins }) as [Actor, Actor];
      const [atA, atB] = shared(a, b);
      a.writer.delete(atA, NOW);
      a.writer.sign();
      expect(a.scope.read(atA)).toBe(null);
      b.write(atB, [{ field: 'belief', set: 'still true' }]);
      meet(a, b);
      expect(a.scope.read(atA) === null).toBe(deleteWins);
      expect(stateBytes(a.scope)).toEqual(stateBytes(b.scope));
    }
  });

  it('comes back when somebody writes to it who saw that, and only hides when it is archived', () => {
    const [a] = world(1) as [Actor];
    const record = a.write(null, [{ field: 'text', set: 'x' }]);
    a.writer.archive(record, true, NOW);
    expect(a.scope.read(record)!.archived).toBe(true);
    a.writer.archive(record, false, NOW);
    expect(a.scope.read(record)!.archived).toBe(false);
    a.writer.delete(record, NOW);
    a.write(record, [{ field: 'text', set: 'y' }]);
    expect(a.value(record, 'text')).toBe('y');
  });
});

describe('an erased operation', () => {
  const secret = 'the password is swordfish';
  const holds = (scope: Scope): boolean => Buffer.from(wholeDelta(scope)).includes(secret);

  it('loses its payload on every replica, in any order of arrival, and its log still verifies', () => {
    const [a, b] = world(2) as [Actor, Actor];
    const [atA] = shared(a, b, [{ field: 'text', set: secret }]);
    expect(holds(b.scope)).toBe(true);
    a.write(atA, [{ field: 'belief', set: 'kept' }]);
    expect(a.writer.erase(atA, [atA], NOW).ok).toBe(true);
    a.writer.sign();
    expect(holds(a.scope)).toBe(false);
    meet(a, b);
    expect(holds(b.scope)).toBe(false);
    const later = emptyScope(a.crypto);
    expect(takeDelta(later, wholeDelta(b.scope), NOW + 10_000)).toMatchObject({ refused: [], bytes: false });
    expect(later.held()).toEqual([]);
    expect(stateBytes(later)).toEqual(stateBytes(a.scope));
    expect(later.read(later.localOf(a.scope.dotOf(atA))!)!.fields.has('text')).toBe(false);
  });

  it('stays whole where the one who erases has no authority, and goes where the terms name it', () => {
    const { keys } = world(2)[1]!;
    for (const erasers of [[], [keys.publicKey]]) {
      const [a, b] = world(2, { ...TERMS, erasers }) as [Actor, Actor];
      const [, atB] = shared(a, b, [{ field: 'text', set: secret }]);
      b.writer.erase(atB, [atB], NOW);
      b.writer.sign();
      meet(a, b);
      expect([holds(a.scope), holds(b.scope)]).toEqual(erasers.length === 0 ? [true, true] : [false, false]);
      expect(stateBytes(a.scope)).toEqual(stateBytes(b.scope));
    }
  });

  it('is held, not believed, where a relay only withheld the payload, and counts when somebody brings it', () => {
    const [a, b] = world(2) as [Actor, Actor];
    a.write(null, [{ field: 'text', set: secret }]);
    const honest = a.scope.logs.find((each) => each.length > 0)!.segment(0, Infinity)!;
    const relay = emptyScope(a.crypto);
    relay.take(honest, NOW);
    relay.logs[0]!.strip(0);
    expect(b.scope.take(relay.logs[0]!.segment(0, Infinity)!, NOW)).toMatchObject({ ok: true, added: 1 });
    expect(b.scope.held()).toMatchObject([{ count: 1, reason: 'withheld' }]);
    b.scope.take(honest, NOW);
    expect(b.scope.held()).toEqual([]);
    expect(stateBytes(b.scope)).toEqual(stateBytes(a.scope));
  });
});

describe('time in a scope', () => {
  it('is the hybrid clock: another timestamp source is refused with the reason', () => {
    const { crypto, scope } = world(1)[0]!;
    const opened = openScope({ ...TERMS, timestampSource: 'wall-clock' }, { ...scope.options, crypto });
    expect(opened).toMatchObject({ ok: false, reason: 'terms', message: expect.stringContaining('puts an answer before') });
  });

  it('holds an operation from too far ahead with all after it, and lets it count when its time comes', () => {
    const [a, b] = world(2) as [Actor, Actor];
    const record = a.write(null, [{ field: 'text', set: 'now' }]);
    const ahead = NOW + AHEAD_MS + 1000;
    a.write(record, [{ field: 'text', set: 'tomorrow' }], ahead);
    pull(b.scope, a.scope, NOW);
    const atB = b.other(record, a.scope);
    expect(b.scope.held()).toMatchObject([{ count: 1, reason: 'early' }]);
    expect(b.value(atB, 'text')).toBe('now');
    b.scope.release(NOW + 1000);
    expect([b.value(atB, 'text'), b.scope.held()]).toEqual(['tomorrow', []]);
  });
});

describe('an author who signs two histories', () => {
  /** The same epoch written twice, as after a restore that did not raise it. */
  function forked() {
    const [a, b, c] = world(3) as [Actor, Actor, Actor];
    const record = a.write(null, [{ field: 'text', set: 'common' }]);
    const twin = emptyScope(a.crypto);
    const before = wholeDelta(a.scope);
    a.write(record, [{ field: 'text', set: 'to b' }], NOW + 5);
    a.write(record, [{ field: 'belief', set: 'later' }], NOW + 6);
    const other = writerOf(twin, a.keys, 0);
    const again = other.create([{ field: 'text', set: 'common' }], NOW);
    if (!again.ok) throw new Error(again.message);
    other.sign();
    expect(wholeDelta(twin)).toEqual(before);
    other.update(again.record, [{ field: 'text', set: 'to c' }], NOW + 9);
    other.sign();
    pull(b.scope, a.scope, NOW + 100);
    pull(c.scope, twin, NOW + 100);
    return { a, b, c, record };
  }

  it('is frozen where they part on every replica that sees both, which are then equal', () => {
    const { a, b, c, record } = forked();
    const atB = b.other(record, a.scope);
    expect(b.value(atB, 'text')).toBe('to b');
    b.write(atB, [{ field: 'tags', add: 'of b' }]);
    for (let i = 0; i < 3; i++) {
      pull(b.scope, c.scope, NOW + 100);
      pull(c.scope, b.scope, NOW + 100);
    }
    expect(b.value(atB, 'text')).toBe('common');
    expect([...b.scope.forks.keys()].map((log) => log.frozenAt)).toEqual([1]);
    expect(stateBytes(b.scope)).toEqual(stateBytes(c.scope));
    expect(b.scope.heads.encode(8)).toEqual(c.scope.heads.encode(8));
    expect(b.scope.fold.sketch.encode(64)).toEqual(c.scope.fold.sketch.encode(64));
  });

  it('is shown by a proof that a third replica checks itself, and that nobody can make of an honest log', () => {
    const { a, b, c } = forked();
    pull(c.scope, b.scope, NOW + 100); // the shorter history notices
    pull(b.scope, c.scope, NOW + 100);
    const [proof] = [...b.scope.forks.values()] as [Uint8Array];
    const third = emptyScope(a.crypto);
    expect(third.takeFork(proof, NOW)).toBe(true);
    const random = seededRandom('proof');
    for (let i = 0; i < 200; i++) {
      const bent = proof.slice();
      bent[random.below(bent.length)]! ^= 1 << random.below(8);
      expect(emptyScope(a.crypto).takeFork(bent, NOW)).toBe(false);
    }
    pull(third, b.scope, NOW + 100);
    expect(stateBytes(third)).toEqual(stateBytes(b.scope));
  });

  it('cannot write on in that epoch, here or again, and the rest of the scope goes on', () => {
    const { a, b, c, record } = forked();
    pull(c.scope, b.scope, NOW + 100); // the shorter history notices
    pull(b.scope, c.scope, NOW + 100);
    pull(a.scope, b.scope, NOW + 100);
    expect(a.writer.update(record, [{ field: 'text', set: 'on' }], NOW)).toMatchObject({ ok: false, reason: 'frozen' });
    expect(openWriter(a.scope, a.keys, 0)).toMatchObject({ ok: false, reason: 'epoch-used' });
    const next = writerOf(a.scope, a.keys, 1);
    expect(next.update(record, [{ field: 'text', set: 'in epoch 1' }], NOW + 200).ok).toBe(true);
    next.sign();
    pull(b.scope, a.scope, NOW + 300);
    expect(b.value(b.other(record, a.scope), 'text')).toBe('in epoch 1');
  });
});

describe('what a peer sends', () => {
  it('is refused as a value and changes nothing, whatever bit of it is turned', () => {
    const random = seededRandom('hostile delta');
    const [a, b] = world(2) as [Actor, Actor];
    const [atA, atB] = shared(a, b, [{ field: 'tags', add: ['list', null, 1.5] }]);
    b.write(atB, [{ field: 'belief', set: 'ü'.repeat(100) }]);
    meet(a, b);
    a.write(atA, [{ field: 'belief', set: -3 }], NOW);
    a.writer.erase(atA, [atA], NOW);
    a.writer.sign();
    const delta = wholeDelta(a.scope);
    const target = emptyScope(a.crypto);
    let whole = 0;
    for (let i = 0; i < 600; i++) {
      const bent = i % 5 === 0 ? delta.slice(0, random.below(delta.length)) : delta.slice();
      if (bent.length > 0 && i % 5 !== 0) bent[random.below(bent.length)]! ^= 1 << random.below(8);
      const fresh = i % 3 === 0 ? target : emptyScope(a.crypto);
      const taken = takeDelta(fresh, bent, NOW + 10_000);
      if (taken.refused.length === 0 && !taken.bytes) whole += 1;
      // What was taken is what its authors signed: the whole again makes every replica equal.
      takeDelta(fresh, delta, NOW + 10_000);
      if (i % 10 === 0) expect(stateBytes(fresh)).toEqual(stateBytes(a.scope));
    }
    // A target that has everything compares the rest and may find nothing that differs.
    expect(whole).toBeLessThan(120);
  });

  it('asks for nonsense and gets an answer or a refusal', () => {
    const random = seededRandom('hostile wants');
    const [a, b] = world(2) as [Actor, Actor];
    shared(a, b);
    const asked = frontier(b.scope);
    for (let i = 0; i < 400; i++) {
      const bent = asked.slice();
      for (let bits = 0; bits <= i % 4; bits++) bent[random.below(bent.length)] = random.below(256);
      const answered = answer(a.scope, bent.subarray(0, i % 4 === 3 ? random.below(bent.length) : bent.length));
      if (answered.ok) expect(takeDelta(emptyScope(a.crypto), answered.delta, NOW).bytes).toBe(false);
    }
  });

  it('is cut where the asker can take no more, and continues there', () => {
    const [a, b] = world(2) as [Actor, Actor];
    for (let i = 0; i < 300; i++) a.write(null, [{ field: 'text', set: 'x'.repeat(1000) }]);
    let rounds = 0;
    for (let more = true; more; rounds++) {
      const answered = answer(a.scope, frontier(b.scope), 100_000);
      if (!answered.ok) throw new Error('no answer');
      expect(answered.delta.length).toBeLessThan(200_000);
      takeDelta(b.scope, answered.delta, NOW);
      ({ more } = answered);
    }
    expect(rounds).toBeGreaterThan(2);
    expect(stateBytes(b.scope)).toEqual(stateBytes(a.scope));
  });

  it('is not kept where its author is not admitted', () => {
    const [a] = world(1) as [Actor];
    a.write(null, [{ field: 'text', set: 'x' }]);
    const closed = emptyScope(a.crypto, TERMS, { admits: () => false });
    expect(takeDelta(closed, wholeDelta(a.scope), NOW).refused).toMatchObject([{ reason: 'not-admitted' }]);
    expect(closed.logs).toEqual([]);
  });
});
