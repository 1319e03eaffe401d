/**
 * Rotation under load: hosts send frames all the time, under signatures and in sessions, while their keys rotate and one of them
 * is revoked. Clocks differ, the membership log arrives late and apart at each host, frames are lost, doubled, reordered and a
 * few come a day late. What has to hold: no frame of an honest host is refused, none is let in twice, nothing forged gets in.
 */
import { describe, expect, it } from 'vitest';
import { concat, seededRandom, utf8 } from '../../src/kernel/index.ts';
import {
  admitMember,
  type Crypto,
  FrameDoor,
  type FrameHeader,
  type FrameSeal,
  HostKeys,
  KEY_ANNOUNCED,
  KEY_LIFE_MAX,
  KeyRing,
  revokeKey,
  sealInSession,
  sealSigned,
  SeedSigner,
  type Session,
  SKEW,
  TTL_MAX,
} from '../../src/protocol/index.ts';
import { openCrypto } from '../../src/runtime/embedded/index.ts';
import { simCrypto } from '../../src/runtime/simulation/index.ts';
import { connect, seedOf, T0, turned } from './realm.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

interface Frame {
  readonly from: number;
  readonly to: number;
  readonly claims: FrameHeader;
  readonly bytes: Uint8Array;
  readonly tag: Uint8Array;
  /** Of the real time, not of a clock. */
  readonly arrives: number;
  readonly session: boolean;
  accepted: boolean;
}

interface Shape {
  readonly crypto: Crypto;
  readonly hosts: number;
  readonly days: number;
  readonly step: number;
  readonly revokedAt: number;
}

function run({ crypto, hosts: count, days, step, revokedAt }: Shape) {
  const random = seededRandom('rotation');
  const authority = new SeedSigner(seedOf(255), crypto);
  const stranger = new SeedSigner(seedOf(200), crypto);
  const log: { readonly record: Uint8Array; readonly at: number }[] = [];
  const hosts = Array.from({ length: count }, (_, i) => {
    const id = `${i}`.repeat(12);
    const ring = new KeyRing([{ name: 'operator:test/root', publicKey: authority.publicKey }], crypto);
    return {
      id,
      name: `host:test/${id}`,
      ring,
      keys: new HostKeys(`host:test/${id}`, seedOf(i + 1), ring, crypto),
      door: new FrameDoor({ ring, realm: 'test', host: id }),
      ahead: random.below(SKEW + 1) - SKEW / 2, // any two differ by the skew at most
      read: 0,
      rotated: 0,
      behind: random.below(KEY_ANNOUNCED - 15 * MINUTE),
      sent: new Map<number, number>(),
      sessions: new Map<number, Session>(),
    };
  });
  type Host = (typeof hosts)[number];
  for (const { name, keys } of hosts) {
    const record = admitMember({ member: name, from: T0, until: T0 + KEY_LIFE_MAX, key: keys.signer(name, T0) }, authority);
    for (const { ring } of hosts) expect(ring.apply(record, T0)).toBe(null);
  }
  const evil = hosts[count - 1]!;
  const seen = { sent: 0, accepted: 0, rotations: 0, handshakes: 0, ofRevoked: 0, forged: 0 };
  const wrong: string[] = [];
  let onTheWay: Frame[] = [];

  const readLog = (host: Host, time: number): void => {
    if (host === evil && time >= revokedAt) return; // it goes on as if nothing had happened
    for (; host.read < log.length && log[host.read]!.at + host.behind <= time; host.read++) {
      const { record, at } = log[host.read]!;
      const refused = host.ring.apply(record, at);
      if (refused !== null) wrong.push(`${host.name} refused a record: ${refused.detail}`);
    }
  };
  const knowsOfRevocation = (host: Host): boolean => host.ring.keyAt(evilKey, revokedAt)?.state === 'revoked';
  let evilKey = evil.keys.signer(evil.name, T0).id;

  const makeFrame = (from: Host, to: Host, seal: FrameSeal, arrives: number): Frame => {
    const { authentication, key, sequence } = seal;
    const claims: FrameHeader = { authentication, key, sequence, from: from.id, to: to.id, incarnation: 1 };
    const bytes = concat(utf8(`${authentication} ${sequence} ${from.id} ${to.id} `), key, utf8('content'));
    const session = authentication === 'session';
    seen.sent += 1;
    return {
      from: hosts.indexOf(from),
      to: hosts.indexOf(to),
      claims,
      bytes,
      tag: seal.seal(bytes),
      arrives,
      session,
      accepted: false,
    };
  };

  const send = (from: Host, to: Host, time: number): void => {
    const now = time + from.ahead;
    const late = random.chance(0.02) ? random.below(TTL_MAX) : random.below(20 * MINUTE);
    const sequence = (from.sent.get(hosts.indexOf(to)) ?? 0) + 1;
    from.sent.set(hosts.indexOf(to), sequence);
    onTheWay.push(makeFrame(from, to, sealSigned(from.keys.signer(from.name, now), sequence), time + late));
    const peer = hosts.indexOf(to);
    let session = from.sessions.get(peer);
    if (session === undefined || session.renewalDue(now)) {
      if (from === evil && knowsOfRevocation(to)) return; // nobody answers it any more
      const self = (host: Host) => ({
        crypto,
        ring: host.ring,
        name: host.name,
        key: host.keys.signer(host.name, time + host.ahead),
        contracts: seedOf(0),
      });
      seen.handshakes += 1;
      const pair = connect(self(from), self(to), time, [1000 + 2 * seen.handshakes, 1001 + 2 * seen.handshakes]);
      session = pair[0];
      from.sessions.set(peer, session);
      if (to.door.add(pair[1]) !== null) wrong.push(`${to.name} had no room for a session`);
    }
    const seal = sealInSession(session, now);
    if (seal === null) wrong.push(`${from.name} had a session that was over`);
    else onTheWay.push(makeFrame(from, to, seal, time + random.below(MINUTE)));
  };

  const arrive = (frame: Frame, time: number): void => {
    const [from, to] = [hosts[frame.from]!, hosts[frame.to]!];
    const now = time + to.ahead;
    const unseal = (change: Partial<Frame> = {}): string | null => {
      const { claims, bytes, tag } = { ...frame, ...change };
      return to.door.unseal(claims, bytes, tag, now)?.reason ?? null;
    };
    // Forged in every way that the line allows, before the true one comes.
    const other = hosts[(frame.from + 1) % (count - 1)]!;
    const forgeries: Partial<Frame>[] = [
      { bytes: turned(frame.bytes, random.below(frame.bytes.length * 8)) },
      { tag: turned(frame.tag, random.below(frame.tag.length * 8)) },
      { claims: { ...frame.claims, from: other === from ? hosts[(frame.from + 2) % count]!.id : other.id } },
    ];
    if (!frame.session) {
      forgeries.push({ tag: stranger.sign('frame', frame.bytes) });
    }
    for (const forged of forgeries) {
      seen.forged += 1;
      if (unseal(forged) === null) wrong.push(`forged and let in: ${JSON.stringify(forged.claims ?? 'bits')}`);
    }
    const refused = unseal();
    const isRevoked = from === evil && knowsOfRevocation(to) && now >= revokedAt;
    if (isRevoked) {
      seen.ofRevoked += 1;
      if (refused === null) wrong.push(`a frame of the revoked ${from.name} was let in`);
    } else if (frame.accepted ? refused !== 'duplicate' : refused !== null) {
      wrong.push(`${from.name} to ${to.name}, ${frame.session ? 'session' : 'signature'}: ${refused}`);
    }
    if (refused === null) {
      seen.accepted += 1;
      frame.accepted = true;
    }
  };

  for (let time = T0; time < T0 + days * DAY; time += step) {
    for (const host of hosts) {
      readLog(host, time);
      const now = time + host.ahead;
      if (host.keys.rotationDue(host.name, now) && time > host.rotated + KEY_ANNOUNCED && !(host === evil && time >= revokedAt)) {
        const rotation = host.keys.rotate(host.name, now);
        if (!rotation.ok) wrong.push(rotation.refusal.detail);
        else {
          log.push({ record: rotation.record, at: time });
          host.rotated = time;
          seen.rotations += 1;
        }
      }
    }
    if (time <= revokedAt && revokedAt < time + step) {
      evilKey = evil.keys.signer(evil.name, time + evil.ahead).id;
      log.push({ record: revokeKey({ member: evil.name, from: revokedAt, about: evilKey }, authority), at: revokedAt });
    }
    for (const from of hosts)
      for (const to of hosts) if (from !== to && !(to === evil && time >= revokedAt)) send(from, to, time);
    const arriving = onTheWay.filter(({ arrives }) => arrives < time + step).toSorted((a, b) => a.arrives - b.arrives);
    onTheWay = onTheWay.filter(({ arrives }) => arrives >= time + step);
    for (const frame of arriving) {
      if (random.chance(0.05)) continue; // lost
      const { to, arrives } = frame;
      readLog(hosts[to]!, arrives);
      arrive(frame, arrives);
      if (random.chance(0.1)) arrive(frame, arrives);
    }
  }
  return { seen, wrong: [...new Set(wrong)].slice(0, 5) };
}

describe('rotation under load', () => {
  it('loses nothing, refuses nothing that is right and lets in nothing that is wrong, over 75 days of three hosts', async ({
    annotate,
  }) => {
    await annotate('7,000 frames, four forgeries with each, 3,000 handshakes');
    const { seen, wrong } = run({ crypto: simCrypto, hosts: 3, days: 75, step: 160 * MINUTE, revokedAt: T0 + 50 * DAY + 1 });
    expect(wrong).toEqual([]);
    expect(seen.rotations).toBe(5); // two of each host that stays, one of the revoked one
    expect(seen.ofRevoked).toBeGreaterThan(100);
    expect(seen.accepted).toBeGreaterThan(seen.sent * 0.7);
  });

  it('does the same with real primitives', async () => {
    const { crypto } = await openCrypto();
    const { seen, wrong } = run({ crypto, hosts: 3, days: 32, step: 12 * 60 * MINUTE, revokedAt: T0 + 31 * DAY + 1 });
    expect(wrong).toEqual([]);
    expect(seen.rotations).toBe(3);
    expect(seen.ofRevoked).toBeGreaterThan(1);
  });
});
