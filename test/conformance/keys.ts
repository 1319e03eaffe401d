/** What every Keys promises. */
import { describe, expect, it } from 'vitest';
import { hex, utf8 } from '../../src/kernel/index.ts';
import type { Keys } from '../../src/ports/index.ts';
import {
  admitMember,
  type Crypto,
  KEY_ANNOUNCED,
  KEY_LIFE_MAX,
  KEY_OVERLAP,
  KEY_ROTATION,
  type KeyRing,
  revokeKey,
  type Signer,
} from '../../src/protocol/index.ts';

export interface KeysBench {
  readonly crypto: Crypto;
  readonly ring: KeyRing;
  readonly authority: Signer;
  /** Opens the keys of this host, or opens them again after a crash. */
  open(): Keys;
  /** Another host with the same ring. */
  openOther(): Keys;
  dispose(): void;
}

const T0 = 1_800_000_000_000;
const AGENT = 'agent:test/ada';
const BYTES = utf8('what is said');

export function keysConformance(name: string, makeBench: () => KeysBench): void {
  describe(`${name} as keys`, () => {
    const withBench = (body: (bench: KeysBench) => void) => (): void => {
      const bench = makeBench();
      try {
        body(bench);
      } finally {
        bench.dispose();
      }
    };
    const admit = ({ ring, authority }: KeysBench, keys: Keys, member: string): void => {
      const record = admitMember({ member, from: T0, until: T0 + KEY_LIFE_MAX, key: keys.signer(member, T0) }, authority);
      expect(ring.apply(record, T0)).toBe(null);
    };
    const said = (keys: Keys, by: Keys, member: string, now: number, at = now): string | null => {
      const signer = by.signer(member, now);
      return keys.verify(signer.id, 'message', BYTES, signer.sign('message', BYTES), at)?.reason ?? null;
    };

    it(
      'are the same after a crash, and others for every host and agent',
      withBench((bench) => {
        const [keys, other] = [bench.open(), bench.openOther()];
        const ids = [keys.signer(keys.host, T0), keys.signer(AGENT, T0), other.signer(other.host, T0), other.signer(AGENT, T0)];
        expect(new Set(ids.map(({ id }) => hex(id))).size).toBe(4);
        const again = bench.open();
        expect([again.signer(keys.host, T0), again.signer(AGENT, T0)].map(({ id }) => hex(id))).toEqual(
          ids.slice(0, 2).map(({ id }) => hex(id)),
        );
      }),
    );

    it(
      'are believed by others once an authority admitted them, in the meaning that they signed',
      withBench((bench) => {
        const [keys, other] = [bench.open(), bench.openOther()];
        expect(said(other, keys, keys.host, T0)).toBe('bad-signature');
        admit(bench, keys, keys.host);
        admit(bench, keys, AGENT);
        expect([said(other, keys, keys.host, T0), said(other, keys, AGENT, T0)]).toEqual([null, null]);
        const signer = keys.signer(AGENT, T0);
        const signature = signer.sign('message', BYTES);
        expect(other.verify(signer.id, 'frame', BYTES, signature, T0)?.reason).toBe('bad-signature');
        expect(other.verify(signer.id, 'message', utf8('another'), signature, T0)?.reason).toBe('bad-signature');
      }),
    );

    it(
      'sign for their host and its agents only',
      withBench((bench) => {
        const [keys, other] = [bench.open(), bench.openOther()];
        expect(() => keys.signer(other.host, T0)).toThrow('holds no key of');
        expect(() => keys.signer('operator:test/root', T0)).toThrow('holds no key of');
      }),
    );

    it(
      'rotate by a record in the log: announced, then current, and the old one is believed for the overlap',
      withBench((bench) => {
        const [keys, other] = [bench.open(), bench.openOther()];
        for (const member of [keys.host, AGENT]) {
          expect(keys.rotationDue(member, T0)).toBe(false);
          expect(keys.rotate(member, T0)).toMatchObject({ ok: false, refusal: { reason: 'denied' } });
          admit(bench, keys, member);
          const due = T0 + KEY_ROTATION - KEY_ANNOUNCED;
          expect([keys.rotationDue(member, due - 1), keys.rotationDue(member, due)]).toEqual([false, true]);
          const old = keys.signer(member, due);
          const rotation = keys.rotate(member, due);
          if (!rotation.ok) throw new Error(rotation.refusal.detail);
          // The process dies before the log has it: the same successor is proposed again.
          const again = bench.open().rotate(member, due);
          expect(again.ok && hex(again.record)).toBe(hex(rotation.record));
          expect(keys.rotationDue(member, due)).toBe(true);
          expect(bench.ring.apply(rotation.record, due)).toBe(null);
          expect(keys.rotationDue(member, due)).toBe(false);
          expect(keys.rotate(member, due)).toMatchObject({ ok: false, refusal: { reason: 'duplicate' } });
          const change = due + KEY_ANNOUNCED;
          expect(hex(keys.signer(member, change - 1).id)).toBe(hex(old.id));
          expect(hex(keys.signer(member, change).id)).not.toBe(hex(old.id));
          expect(hex(bench.open().signer(member, change).id)).toBe(hex(keys.signer(member, change).id));
          const signature = old.sign('message', BYTES);
          const believed = [change, change + KEY_OVERLAP - 1, change + KEY_OVERLAP];
          expect(believed.map((at) => other.verify(old.id, 'message', BYTES, signature, at)?.reason)).toEqual([
            undefined,
            undefined,
            'expired',
          ]);
          expect(said(other, keys, member, change)).toBe(null);
        }
      }),
    );

    it(
      'sign with another key after a revocation, and after a time off that was too long; it has to be admitted',
      withBench((bench) => {
        const [keys, other] = [bench.open(), bench.openOther()];
        for (const [member, end] of [
          [keys.host, T0 + 1000],
          [AGENT, T0 + KEY_LIFE_MAX],
        ] as const) {
          admit(bench, keys, member);
          const first = keys.signer(member, T0);
          if (member === keys.host) {
            const record = revokeKey({ member, from: end, about: first.id }, bench.authority);
            expect(bench.ring.apply(record, end)).toBe(null);
          }
          const next = keys.signer(member, end);
          expect(hex(next.id)).not.toBe(hex(first.id));
          expect(said(other, keys, member, end)).toBe('bad-signature');
          expect(keys.rotate(member, end)).toMatchObject({ ok: false, refusal: { reason: 'denied' } });
          const record = admitMember({ member, from: end, until: end + KEY_LIFE_MAX, key: next }, bench.authority);
          expect(bench.ring.apply(record, end)).toBe(null);
          expect(said(other, keys, member, end)).toBe(null);
          expect(hex(bench.open().signer(member, end).id)).toBe(hex(next.id));
        }
      }),
    );

    it(
      'sign nothing once they were closed',
      withBench((bench) => {
        const keys = bench.open();
        const signer = keys.signer(keys.host, T0);
        keys.close();
        expect(() => signer.sign('message', BYTES)).toThrow('wiped');
        expect(() => keys.signer(keys.host, T0)).toThrow('wiped');
      }),
    );
  });
}
