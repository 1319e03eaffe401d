import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { A, B, connect, hostName, makeRealm, selfOf, T0, turned } from '../../test/protocol/realm.ts';
import { concat } from '../kernel/index.ts';
import { openCrypto } from '../runtime/embedded/index.ts';
import { REPLAY_WINDOW } from './replay-window.ts';
import { type Session, SESSION_FRAMES_MAX, SESSION_LIFE } from './session.ts';

const { crypto } = await openCrypto();
const realm = makeRealm(crypto);
const a = selfOf(realm, A, realm.member(hostName(A), 1));
const b = selfOf(realm, B, realm.member(hostName(B), 2));
let seeds = 0;
const pair = (now = T0): [Session, Session] => connect(a, b, now, [(seeds += 2) % 250, (seeds + 1) % 250]);

interface Sealed {
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly tag: Uint8Array;
}

/** A frame in small: what the tag covers holds session and number. */
function seal(session: Session, content: Uint8Array, now = T0): Sealed {
  const sequence = session.next(now)!;
  const number = new Uint8Array(8);
  new DataView(number.buffer).setBigUint64(0, BigInt(sequence));
  const bytes = concat(session.id, number, content);
  return { sequence, bytes, tag: session.tag(bytes) };
}

const open = (session: Session, { sequence, bytes, tag }: Sealed, now = T0): string | null =>
  session.receive(sequence, bytes, tag, now)?.reason ?? null;

describe('a session', () => {
  it('lets an honest peer through with loss and reorder inside the window, and every frame once', () => {
    const journey = fc.array(fc.record({ lost: fc.nat(9), late: fc.nat(200), twice: fc.boolean() }), {
      minLength: 1,
      maxLength: 150,
    });
    fc.assert(
      fc.property(journey, (frames) => {
        const [left, right] = pair();
        const sent = frames.map((frame, i) => ({ ...frame, at: i + frame.late, sealed: seal(left, Uint8Array.of(i)) }));
        const arriving = sent.filter(({ lost }) => lost > 0).toSorted((x, y) => x.at - y.at);
        for (const { sealed, twice } of arriving) {
          expect(open(right, sealed)).toBe(null);
          if (twice) expect(open(right, sealed)).toBe('duplicate');
        }
        for (const { sealed } of arriving) expect(open(right, sealed)).toBe('duplicate');
      }),
      { numRuns: 60 },
    );
  });

  it('refuses any bit turned in bytes, tag or number, and then still takes the true frame', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 400 }),
        fc.nat(),
        fc.integer({ min: 1, max: 500 }),
        (content, bit, off) => {
          const [left, right] = pair();
          const frame = seal(left, content);
          expect(open(right, { ...frame, bytes: turned(frame.bytes, bit % (frame.bytes.length * 8)) })).toBe('bad-signature');
          expect(open(right, { ...frame, tag: turned(frame.tag, bit % 256) })).toBe('bad-signature');
          expect(open(right, { ...frame, tag: frame.tag.subarray(0, 31) })).toBe('bad-signature');
          expect(open(right, frame)).toBe(null);
          // Under another number than the bytes hold, a frame is at most the one that has come.
          expect(open(right, { ...frame, tag: turned(frame.tag, bit % 256), sequence: frame.sequence + off })).toBe(
            'bad-signature',
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('refuses frames of another session and its own in the other direction', () => {
    const [left, right] = pair();
    const [otherLeft, otherRight] = pair();
    const frame = seal(left, Uint8Array.of(1));
    expect(open(otherRight, frame)).toBe('bad-signature');
    expect(open(left, frame)).toBe('bad-signature');
    expect(open(otherLeft, frame)).toBe('bad-signature');
    expect(open(right, frame)).toBe(null);
  });

  it('refuses everything from before a restart: the new session has another id and other keys, and counts from 1', () => {
    const [left, right] = pair();
    const old = [seal(left, Uint8Array.of(1)), seal(left, Uint8Array.of(2))];
    expect(open(right, old[0]!)).toBe(null);
    const [newLeft, newRight] = pair();
    for (const frame of old) expect(open(newRight, frame)).toBe('bad-signature');
    const first = seal(newLeft, Uint8Array.of(1));
    expect(first.sequence).toBe(1);
    expect(open(newRight, first)).toBe(null);
    expect(open(right, first)).not.toBe(null);
  });

  it('refuses what is older than its window, at the border', () => {
    const [left, right] = pair();
    const frames = Array.from({ length: REPLAY_WINDOW + 2 }, (_, i) => seal(left, Uint8Array.of(i & 255)));
    expect(open(right, frames.at(-1)!)).toBe(null);
    expect(open(right, frames[2]!)).toBe(null);
    expect(open(right, frames[1]!)).toBe('duplicate');
  });

  it('is due for renewal before it ends, ends for the sender first, and for the receiver a minute later', () => {
    const [left, right] = pair();
    expect([left.renewalDue(T0 + SESSION_LIFE * 0.75 - 1), left.renewalDue(T0 + SESSION_LIFE * 0.75)]).toEqual([false, true]);
    const last = seal(left, Uint8Array.of(1), T0 + SESSION_LIFE - 1);
    expect(left.next(T0 + SESSION_LIFE)).toBe(null);
    expect(open(right, last, T0 + SESSION_LIFE + 60_000)).toBe('expired');
    expect(open(right, last, T0 + SESSION_LIFE + 59_999)).toBe(null);
    expect(open(right, { ...last, sequence: SESSION_FRAMES_MAX + 1 })).toBe('invalid');
  });

  it('seals and takes nothing once it was wiped', () => {
    const [left, right] = pair();
    const frame = seal(left, Uint8Array.of(1));
    right.wipe();
    left.wipe();
    expect(open(right, frame)).toBe('expired');
    expect(open(right, { ...frame, tag: crypto.mac(new Uint8Array(32), frame.bytes) })).toBe('expired');
    expect(left.next(T0)).toBe(null);
    expect(() => left.tag(frame.bytes)).toThrow('seals nothing');
  });
});
