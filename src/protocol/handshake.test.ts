import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { A, B, connect, hostName, makeRealm, seedOf, selfOf, T0, turned } from '../../test/protocol/realm.ts';
import { concat, hex } from '../kernel/index.ts';
import { openCrypto } from '../runtime/embedded/index.ts';
import { Handshake, HANDSHAKE_LIFE, type HandshakeSelf, type HandshakeStep } from './handshake.ts';
import { revokeKey } from './membership.ts';

const { crypto } = await openCrypto();
const realm = makeRealm(crypto);
const [keyA, keyB, keyC] = [
  realm.member(hostName(A), 1),
  realm.member(hostName(B), 2),
  realm.member(hostName('cccccccccccc'), 3),
];
const a = selfOf(realm, A, keyA);
const b = selfOf(realm, B, keyB);

const reasonOf = (step: HandshakeStep): string | null => (step.ok ? null : step.refusal.reason);

/** Up to the named message, which has not been heard yet. */
function upTo(left: HandshakeSelf = a, right: HandshakeSelf = b, seeds = 10) {
  const { handshake: initiator, hello } = Handshake.initiate(left, right.name, seedOf(seeds), T0);
  const responder = Handshake.respond(right, seedOf(seeds + 1), T0);
  return {
    initiator,
    responder,
    hello,
    reply: (): Uint8Array => {
      const step = responder.receive(hello, T0);
      if (!step.ok) throw new Error(step.refusal.detail);
      return step.send!;
    },
    finish: (reply: Uint8Array): Uint8Array => {
      const step = initiator.receive(reply, T0);
      if (!step.ok) throw new Error(step.refusal.detail);
      return step.send!;
    },
  };
}

describe('a handshake', () => {
  it('gives both sides one session: the same id, each the key that the other expects, each who the other is', () => {
    const [left, right] = connect(a, b, T0, [10, 11]);
    expect(hex(left.id)).toBe(hex(right.id));
    expect([left.peer, right.peer]).toEqual([hostName(B), hostName(A)]);
    expect([hex(left.peerKeyId), hex(right.peerKeyId)]).toEqual([hex(keyB.id), hex(keyA.id)]);
    expect([left.peerContracts, right.peerContracts]).toEqual([b.contracts, a.contracts]);
    const bytes = Uint8Array.of(1, 2, 3);
    expect(right.receive(left.next(T0)!, bytes, left.tag(bytes), T0)).toBe(null);
    expect(left.receive(right.next(T0)!, bytes, right.tag(bytes), T0)).toBe(null);
  });

  it('gives another session to everybody who brings another fresh key', () => {
    const ids = [connect(a, b, T0, [10, 11]), connect(a, b, T0, [12, 11]), connect(a, b, T0, [10, 13])].map(([left]) =>
      hex(left.id),
    );
    expect(new Set(ids).size).toBe(3);
  });

  it('is refused with any bit of any message turned, and goes on with the true one', () => {
    const run = upTo();
    for (let bit = 0; bit < run.hello.length * 8; bit += 3) {
      const { responder } = upTo();
      const step = responder.receive(turned(run.hello, bit), T0);
      // What hello says is signed by nobody yet: where it is answered, the initiator refuses the answer.
      if (step.ok) expect(reasonOf(upTo().initiator.receive(step.send!, T0))).toBe('bad-signature');
    }
    const reply = run.reply();
    for (let bit = 0; bit < reply.length * 8; bit += 3) expect(run.initiator.receive(turned(reply, bit), T0).ok).toBe(false);
    const finish = run.finish(reply);
    for (let bit = 0; bit < finish.length * 8; bit += 3) expect(run.responder.receive(turned(finish, bit), T0).ok).toBe(false);
    expect(run.responder.receive(finish, T0).ok).toBe(true);
  });

  it('never throws and never succeeds on bytes of nobody', () => {
    const run = upTo();
    const other = upTo(a, b, 40);
    other.reply();
    fc.assert(
      fc.property(
        fc.constantFrom(108, 188, 132, 0, 7),
        fc.constantFrom(1, 2, 3),
        fc.uint8Array({ minLength: 200, maxLength: 200 }),
        (length, kind, noise) => {
          const bytes = noise.subarray(0, length);
          if (length > 0) bytes[0] = kind;
          for (const machine of [run.initiator, run.responder, other.responder])
            expect(machine.receive(bytes, T0).ok).toBe(false);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('makes one session: what is heard again makes no second one', () => {
    const run = upTo();
    const reply = run.reply();
    expect(run.responder.receive(run.hello, T0).ok).toBe(false);
    const finish = run.finish(reply);
    expect(reasonOf(run.initiator.receive(reply, T0))).toBe('duplicate');
    expect(run.responder.receive(finish, T0).ok).toBe(true);
    expect(reasonOf(run.responder.receive(finish, T0))).toBe('duplicate');
  });

  it('cannot be finished by whoever recorded an earlier one', () => {
    const first = upTo();
    const reply = first.reply();
    const finish = first.finish(reply);
    const again = Handshake.respond(b, seedOf(30), T0 + 1000);
    expect(again.receive(first.hello, T0 + 1000).ok).toBe(true);
    expect(reasonOf(again.receive(finish, T0 + 1000))).toBe('bad-signature');
    const { initiator } = upTo(a, b, 20);
    expect(reasonOf(initiator.receive(reply, T0))).toBe('bad-signature');
  });

  it('cannot be turned back on the one who began it', () => {
    const { initiator, hello } = upTo();
    expect(initiator.receive(hello, T0).ok).toBe(false);
    // A second machine of the same host, which answers what the first began.
    expect(reasonOf(Handshake.respond(a, seedOf(30), T0).receive(hello, T0))).toBe('bad-signature');
    const self = Handshake.initiate(a, a.name, seedOf(31), T0);
    expect(reasonOf(Handshake.respond(a, seedOf(32), T0).receive(self.hello, T0))).toBe('bad-signature');
    // The reply of one role is no end of the other: the contexts of both signatures differ.
    const run = upTo();
    const reply = run.reply();
    const finish = run.finish(reply);
    const pasted = finish.slice();
    pasted.set(reply.subarray(124), 36);
    expect(reasonOf(run.responder.receive(pasted, T0))).toBe('bad-signature');
  });

  it('ends with the host that was meant, not with another member, an agent or a stranger', () => {
    const { hello } = upTo();
    const c = selfOf(realm, 'cccccccccccc', keyC);
    expect(reasonOf(Handshake.respond(c, seedOf(30), T0).receive(hello, T0))).toBe('not-for-me');
    // C answers all the same, as itself, in the place of B.
    const impostor = Handshake.respond({ ...c, name: hostName(B) }, seedOf(30), T0);
    const step = impostor.receive(hello, T0);
    expect(step.ok && reasonOf(upTo().initiator.receive(step.send!, T0))).toBe('bad-signature');
    const agent = realm.member('agent:test/ada', 7);
    const asAgent = Handshake.initiate({ ...a, name: 'agent:test/ada', key: agent }, b.name, seedOf(33), T0);
    expect(reasonOf(Handshake.respond(b, seedOf(34), T0).receive(asAgent.hello, T0))).toBe('denied');
    const foreign = makeRealm(crypto);
    const stranger = selfOf(foreign, 'dddddddddddd', foreign.member(hostName('dddddddddddd'), 9));
    const begun = Handshake.initiate(stranger, b.name, seedOf(35), T0);
    expect(reasonOf(Handshake.respond(b, seedOf(36), T0).receive(begun.hello, T0))).toBe('bad-signature');
  });

  it('is refused to a key that was revoked, at every step', () => {
    const own = makeRealm(crypto);
    const [left, right] = [selfOf(own, A, own.member(hostName(A), 1)), selfOf(own, B, own.member(hostName(B), 2))];
    const run = upTo(left, right);
    const reply = run.reply();
    const finish = run.finish(reply);
    expect(own.ring.apply(revokeKey({ member: left.name, from: T0, about: left.key.id }, own.authority), T0)).toBe(null);
    expect(reasonOf(run.responder.receive(finish, T0))).toBe('bad-signature');
    expect(reasonOf(Handshake.respond(right, seedOf(50), T0).receive(run.hello, T0))).toBe('bad-signature');
  });

  it('speaks the highest version of both, and nobody between them can make it an older one', () => {
    const [one, two, both] = [
      { min: 1, max: 1 },
      { min: 2, max: 2 },
      { min: 1, max: 2 },
    ];
    const versionOf = (left: object, right: object): number | string => {
      try {
        return connect(selfOf(realm, A, keyA, left), selfOf(realm, B, keyB, right), T0, [60, 61])[0].version;
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect([versionOf({ versions: both }, { versions: both }), versionOf({ versions: one }, { versions: both })]).toEqual([2, 1]);
    expect(versionOf({ versions: two }, { versions: one })).toContain('upgrade the older one');
    const left = selfOf(realm, A, keyA, { versions: both });
    const right = selfOf(realm, B, keyB, { versions: both });
    const run = upTo(left, right);
    const lowered = run.hello.slice();
    lowered[2] = 1;
    const heard = Handshake.respond(right, seedOf(62), T0).receive(lowered, T0);
    expect(heard.ok && reasonOf(run.initiator.receive(heard.send!, T0))).toBe('bad-signature');
    const reply = run.reply();
    reply[1] = 1;
    expect(reasonOf(run.initiator.receive(reply, T0))).toBe('bad-signature');
    // Not even the responder itself: it says that it speaks 2, signs 1, and the initiator speaks both.
    reply.set(keyB.sign('handshake-reply', concat(run.hello, reply.subarray(0, 124))), 124);
    expect(run.initiator.receive(reply, T0)).toMatchObject({ refusal: { detail: expect.stringContaining('chose version 1') } });
  });

  it('refuses an ephemeral key of low order', () => {
    const { hello } = upTo();
    const low = hello.slice();
    low.fill(0, 44, 76);
    expect(reasonOf(Handshake.respond(b, seedOf(30), T0).receive(low, T0))).toBe('bad-signature');
  });

  it('is over after ten seconds, and hears nothing of clocks that differ more than that and the skew', () => {
    const run = upTo();
    const reply = run.reply();
    expect(reasonOf(run.initiator.receive(reply, T0 + HANDSHAKE_LIFE))).toBe('expired');
    expect(run.initiator.receive(reply, T0 + HANDSHAKE_LIFE - 1).ok).toBe(true);
    const later = (ms: number): string | null => reasonOf(Handshake.respond(b, seedOf(30), T0 + ms).receive(run.hello, T0 + ms));
    expect([later(12_000), later(12_001), later(-2000)]).toEqual([null, 'expired', null]);
  });
});
