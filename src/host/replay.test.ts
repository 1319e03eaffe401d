import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { type Id, type Json, sha256, utf8 } from '../kernel/index.ts';
import type { Context, Effects, JournaledLife, LedgerEntry, Room, RoomInput } from '../ports/index.ts';
import { defineContract, encodeLedgerHeader, makeEnvelope } from '../protocol/index.ts';
import { replay, roomRandom } from './replay.ts';

const HOST = '0123456789ab';
const id = (n: number): Id => `${HOST}00000001${n.toString(16).padStart(12, '0')}` as Id;

type Does = (input: RoomInput, context: Context, out: Effects) => void;

/** A room that counts, draws, audits and starts something; `does` takes its place. */
function room(does: Does = counts): () => Room {
  return () => ({
    name: 'counter',
    recordVersion: 1,
    contracts: [],
    load: () => {},
    handle: does,
    query: () => null,
  });
}

const Counted = defineContract('test.event.counted.v1', Type.Object({ key: Type.String() }));

const counts: Does = (input, context, out) => {
  const key = input.kind === 'timer' ? input.key : '';
  out.put('count', key, { at: context.now, drawn: context.random.below(1000), id: context.nextId() });
  out.audit({ kind: 'decision', body: { key } });
  const payload = { key };
  out.perform(key, { name: 'do', kind: 'idempotent', payload, fence: 1, attempt: 1, deadline: null });
  out.send({ contract: Counted, data: { key }, audience: 'other', subject: key });
};

/** What a host would have written for two timers in two commits. */
function written(): { life: JournaledLife; entries: LedgerEntry[] } {
  const random = roomRandom('seed', HOST, 'counter', 1);
  const commits = ['a', 'b'].map((key, i) => {
    const ids = [id(2 * i + 1), id(2 * i + 2)];
    const value = `{"at":${10 + i},"drawn":${random.below(1000)},"id":"${ids[0]}"}`;
    const intent = {
      name: 'do',
      kind: 'idempotent',
      payload: { key },
      fence: 1,
      attempt: 1,
      deadline: null,
      room: 'counter',
      key,
    };
    const said = { id: id(9), source: `host:r/${HOST}/counter`, time: 10 + i, audience: 'other', subject: key };
    const envelope = makeEnvelope(Counted, { key }, said);
    // To a room of this host, and to another host; the last one had been sent before, by hand.
    const outbox = i === 0 ? envelope : { room: 'counter', order: null, gated: false, history: [], envelope };
    const again = { room: 'counter', order: null, gated: false, history: [{}], envelope };
    return {
      sequence: i + 1,
      inputs: [{ room: 'counter', input: { kind: 'timer' as const, key }, at: 10 + i, causation: null, ids }],
      writes: [
        { room: 'counter', table: 'count', key, version: 1, value },
        { room: 'host', table: 'activity', key: `counter/${key}`, version: 1, value: JSON.stringify(intent) },
        { room: 'host', table: i === 0 ? 'outbox' : 'peer-outbox', key, version: 1, value: JSON.stringify(outbox) },
        { room: 'host', table: 'peer-outbox', key: 'again', version: 1, value: JSON.stringify(again) },
      ],
    };
  });
  const entries = commits.map(({ inputs, sequence }, index) => {
    const { ids, at, input } = inputs[0]!;
    return entry(index, sequence, ids[1]!, at, { key: input.key });
  });
  return { life: { incarnation: 1, records: [], commits, gaps: [] }, entries };
}

function entry(index: number, commit: number, of: Id, time: number, body: Json): LedgerEntry {
  const bytes = utf8(JSON.stringify(body));
  const header = encodeLedgerHeader({
    kind: 'decision',
    bodyLength: bytes.length,
    index,
    time,
    commit,
    incarnation: 1,
    id: of,
    causation: null,
    host: HOST,
    realmHash: sha256(utf8('r')),
  });
  return { index, header, body: bytes, bodyHash: sha256(bytes), leaf: sha256(header), nodes: new Uint8Array(0) };
}

const replayed = (does?: Does, over: Partial<JournaledLife> = {}) => {
  const { life, entries } = written();
  return replay({ rooms: [room(does)], seed: 'seed', host: HOST, life: { ...life, ...over }, entries });
};

describe('a replay of one life', () => {
  it('is the same with the time, the ids and the random numbers of then', () => {
    expect(replayed()).toEqual({ kind: 'same', commits: 2, inputs: 2, entries: 2 });
  });

  it.each<[string, Does, string, string]>([
    [
      'a record',
      (input, context, out) => counts(input, { ...context, now: context.now + 1 }, out),
      'record counter/count/a',
      '"at":11',
    ],
    [
      'a random number',
      (input, context, out) => {
        context.random.below(1000);
        counts(input, context, out);
      },
      'record counter/count/a',
      '"drawn"',
    ],
    [
      'an id too many',
      (input, context, out) => {
        context.nextId();
        counts(input, context, out);
      },
      'record counter/count/a',
      '000000000002',
    ],
    [
      'an activity',
      (input, context, out) => counts(input, context, { ...out, perform: () => {} }),
      'activity counter/a',
      'not intended',
    ],
    [
      'a message that is not sent',
      (input, context, out) => counts(input, context, { ...out, send: () => {} }),
      'message test.event.counted.v1 of counter',
      'not sent',
    ],
    [
      'a message more',
      (input, context, out) => {
        counts(input, context, out);
        counts(input, context, { ...out, put: () => {}, audit: () => {}, perform: () => {} });
      },
      'message test.event.counted.v1 of counter',
      '"key":"a"',
    ],
    [
      'a message to somebody else',
      (input, context, out) => counts(input, context, { ...out, send: (draft) => out.send({ ...draft, audience: 'third' }) }),
      'message test.event.counted.v1 of counter',
      'to third about a',
    ],
    [
      'a ledger entry',
      (input, context, out) => counts(input, context, { ...out, audit: () => {} }),
      'ledger entry 0',
      'no entry',
    ],
    [
      'an entry more',
      (input, context, out) => {
        counts(input, context, out);
        out.audit({ kind: 'cost', body: {} });
      },
      'ledger entry 0',
      'cost',
    ],
    [
      'a room that throws',
      () => {
        throw new Error('not today');
      },
      'input timer a of counter',
      'not today',
    ],
  ])('names %s that differs, at the entry of its commit', (_what, does, what, actual) => {
    const first = replayed(does);
    expect(first).toMatchObject({ kind: 'diverged', divergence: { entry: 0, commit: 1, what } });
    expect(first.kind === 'diverged' && first.divergence.actual).toContain(actual);
  });

  it('names the commit that differs, not the one before it', () => {
    const second = replayed((input, context, out) => {
      counts(input, input.kind === 'timer' && input.key === 'b' ? { ...context, now: 0 } : context, out);
    });
    expect(second).toMatchObject({ kind: 'diverged', divergence: { entry: 1, commit: 2, what: 'record counter/count/b' } });
  });

  it('refuses where inputs are missing, and says which', () => {
    expect(replayed(counts, { gaps: ['commits 3 to 4 are missing'] })).toEqual({
      kind: 'refused',
      gaps: ['commits 3 to 4 are missing'],
    });
  });

  it('says that a room of then is unknown to this build', () => {
    const { life, entries } = written();
    expect(replay({ rooms: [], seed: 'seed', host: HOST, life, entries })).toMatchObject({
      divergence: { expected: 'a room counter', actual: 'this build has none' },
    });
  });
});
