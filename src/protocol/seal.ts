/**
 * How frames are sealed and unsealed: by a host's signature (64 bytes; anybody with the key ring can check it) or by the tag of a
 * session (32 bytes; a hundredth of the CPU). Knows what a frame claims in its header, and holds that the claim is true: the key
 * belongs to the host that it names, it counts now, this host is meant, and the frame comes for the first time. Never reads what
 * a frame says; a tag covers every byte before it, header included.
 * Frames under a signature are remembered by host and incarnation in memory: after a restart of this host, what keeps a
 * recorded one out is its ttl and the idempotency key. Sessions have no such gap.
 */
import { assert, hex, type Millis } from '../kernel/index.ts';
import type { FrameHeader, Seal } from './frame.ts';
import type { KeyRing } from './key-ring.ts';
import type { Signer } from './keys.ts';
import { ReplayWindow } from './replay-window.ts';
import type { Refusal } from './refusal.ts';
import type { Session } from './session.ts';

/** What goes into the header, and the tag over all bytes before it. */
export interface FrameSeal extends Pick<FrameHeader, 'authentication' | 'key' | 'sequence'> {
  readonly seal: Seal;
}

/** One frame under a host's key. `sequence` counts the frames of this incarnation to one receiver, from 1 on. */
export function sealSigned(key: Signer, sequence: number): FrameSeal {
  assert(Number.isSafeInteger(sequence) && sequence >= 1, `a frame cannot have the sequence ${sequence}`);
  return { authentication: 'signature', key: key.id, sequence, seal: (bytes) => key.sign('frame', bytes) };
}

/** One frame inside a session; null: it is used up or over, shake hands again. */
export function sealInSession(session: Session, now: Millis): FrameSeal | null {
  const sequence = session.next(now);
  return sequence === null ? null : { authentication: 'session', key: session.id, sequence, seal: (bytes) => session.tag(bytes) };
}

const SESSIONS_PER_PEER = 2; // the current one, and the one before it for what is still on the way
const INCARNATIONS_PER_PEER = 2;
const PEERS_MAX = 4096; // hosts of one realm: 34 machines with a hundred each

export interface FrameDoorOptions {
  readonly ring: KeyRing;
  readonly realm: string;
  /** This host, 12 hexadecimal digits. */
  readonly host: string;
}

/** Lets frames into one host. */
export class FrameDoor {
  readonly #ring: KeyRing;
  readonly #realm: string;
  readonly #host: string;
  readonly #sessions: Map<string, Session> = new Map();
  readonly #byPeer: Map<string, Session[]> = new Map();
  /** By sending host and the row that it counts in (ours or everybody's): windows by incarnation. */
  readonly #windows: Map<string, Map<number, ReplayWindow>> = new Map();

  constructor({ ring, realm, host }: FrameDoorOptions) {
    this.#ring = ring;
    this.#realm = realm;
    this.#host = host;
  }

  /** Frames of this session are let in from now on; the one before the last with the same peer is wiped. */
  add(session: Session): Refusal | null {
    const known = this.#byPeer.get(session.peer) ?? [];
    if (known.length === 0 && this.#byPeer.size >= PEERS_MAX) {
      return { reason: 'overloaded', detail: `${PEERS_MAX} hosts have sessions here: ${session.peer} has to wait` };
    }
    known.push(session);
    for (const old of known.splice(0, Math.max(0, known.length - SESSIONS_PER_PEER))) {
      this.#sessions.delete(hex(old.id));
      old.wipe();
    }
    this.#byPeer.set(session.peer, known);
    this.#sessions.set(hex(session.id), session);
    return null;
  }

  /** Whether the tag is the one that these bytes have, and the claims are true; null: the frame may be read. Never throws. */
  unseal(claims: FrameHeader, bytes: Uint8Array, tag: Uint8Array, now: Millis): Refusal | null {
    const sender = `host:${this.#realm}/${claims.from}`;
    if (claims.to !== null && claims.to !== this.#host) {
      return { reason: 'not-for-me', detail: `a frame of ${sender} is for host ${claims.to}, not for ${this.#host}` };
    }
    switch (claims.authentication) {
      case 'stub':
        return { reason: 'bad-signature', detail: `a frame of ${sender} is not sealed: stubs are for simulations` };
      case 'signature':
        return this.#signed(sender, claims, bytes, tag, now);
      case 'session':
        return this.#inSession(sender, claims, bytes, tag, now);
    }
  }

  #signed(sender: string, claims: FrameHeader, bytes: Uint8Array, tag: Uint8Array, now: Millis): Refusal | null {
    const { key, sequence, to, incarnation } = claims;
    const member = this.#ring.memberOf(key);
    if (member !== null && member !== sender) {
      return { reason: 'bad-signature', detail: `a frame of ${sender} names a key of ${member}` };
    }
    const row = `${sender} ${to ?? '*'}`;
    const windows = this.#windows.get(row) ?? new Map<number, ReplayWindow>();
    const window = windows.get(incarnation) ?? new ReplayWindow();
    const fresh = this.#isFresh(windows, incarnation) ? window.refuses(sequence) : TOO_OLD;
    if (fresh !== null) return { reason: fresh.reason, detail: `${sender}: ${fresh.detail}` };
    const bad = this.#ring.verify(key, 'frame', bytes, tag, now);
    if (bad !== null) return bad;
    if (!this.#windows.has(row) && this.#windows.size >= 2 * PEERS_MAX) {
      return { reason: 'overloaded', detail: `${PEERS_MAX} hosts send frames here: ${sender} has to wait` };
    }
    windows.set(incarnation, window);
    if (windows.size > INCARNATIONS_PER_PEER) windows.delete(Math.min(...windows.keys()));
    this.#windows.set(row, windows);
    window.accept(sequence);
    return null;
  }

  /** An incarnation that was dropped for two later ones does not come back with an empty window. */
  #isFresh(windows: ReadonlyMap<number, ReplayWindow>, incarnation: number): boolean {
    if (windows.has(incarnation) || windows.size < INCARNATIONS_PER_PEER) return true;
    return incarnation > Math.min(...windows.keys());
  }

  #inSession(sender: string, claims: FrameHeader, bytes: Uint8Array, tag: Uint8Array, now: Millis): Refusal | null {
    const session = this.#sessions.get(hex(claims.key));
    if (session === undefined) {
      return { reason: 'unavailable', detail: `a frame of ${sender} names a session that is not known here: shake hands again` };
    }
    if (session.peer !== sender || claims.to === null) {
      return { reason: 'bad-signature', detail: `a frame of ${sender} names a session with ${session.peer}` };
    }
    // The handshake looked at the key; a member that was revoked since then is out at once.
    return this.#ring.accepts(session.peerKeyId, now) ?? session.receive(claims.sequence, bytes, tag, now);
  }
}

const TOO_OLD: Refusal = { reason: 'duplicate', detail: 'a frame of an incarnation that is long over' };
