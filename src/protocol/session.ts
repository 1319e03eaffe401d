/**
 * A session between two hosts: one key and one row of sequence numbers in each direction, a replay window for what comes in.
 * Made by a handshake only, held in memory only: there is no form to write it down in, so after a restart no number can be used
 * twice under one key; the host shakes hands again. Never proves anything to a third party: both sides know both keys.
 */
import { assert, equalBytes, type Millis } from '../kernel/index.ts';
import type { Crypto } from './crypto.ts';
import { ReplayWindow } from './replay-window.ts';
import type { Refusal } from './refusal.ts';

export const SESSION_ID_BYTES: number = 8;
/** After either of these the sender has to have shaken hands again: a stolen key is worth an hour, not a year. */
export const SESSION_LIFE: Millis = 60 * 60 * 1000;
export const SESSION_FRAMES_MAX: number = 2 ** 32;
/** Frames sealed at the very end still arrive. */
const SESSION_GRACE: Millis = 60 * 1000;
const RENEWAL_SHARE = 0.75; // leaves a quarter of an hour for a handshake that has to be tried again

export interface SessionTerms {
  /** 8 bytes, the same on both sides. */
  readonly id: Uint8Array;
  /** The other host's name and the key that it showed. */
  readonly peer: string;
  readonly peerKeyId: Uint8Array;
  /** Hash over the other host's list of contracts. */
  readonly peerContracts: Uint8Array;
  readonly version: number;
  readonly since: Millis;
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
}

export class Session {
  readonly id: Uint8Array;
  readonly peer: string;
  readonly peerKeyId: Uint8Array;
  readonly peerContracts: Uint8Array;
  readonly version: number;
  readonly since: Millis;
  readonly #sendKey: Uint8Array;
  readonly #receiveKey: Uint8Array;
  readonly #crypto: Crypto;
  readonly #window: ReplayWindow = new ReplayWindow();
  #sent = 0;
  #wiped = false;

  /** For the handshake: whoever makes a session otherwise has to bring keys that were never used. */
  constructor(terms: SessionTerms, primitives: Crypto) {
    assert(!equalBytes(terms.sendKey, terms.receiveKey), 'a session has one key for each direction');
    this.id = terms.id;
    this.peer = terms.peer;
    this.peerKeyId = terms.peerKeyId;
    this.peerContracts = terms.peerContracts;
    this.version = terms.version;
    this.since = terms.since;
    this.#sendKey = terms.sendKey;
    this.#receiveKey = terms.receiveKey;
    this.#crypto = primitives;
  }

  /** The number of the next frame, from 1 on, handed out once; null: used up or over, shake hands again. */
  next(now: Millis): number | null {
    if (this.#sent >= SESSION_FRAMES_MAX || now >= this.since + SESSION_LIFE) return null;
    this.#sent += 1;
    return this.#sent;
  }

  /** Time to shake hands again while this one still carries. */
  renewalDue(now: Millis): boolean {
    return this.#sent >= SESSION_FRAMES_MAX * RENEWAL_SHARE || now >= this.since + SESSION_LIFE * RENEWAL_SHARE;
  }

  /** 32 bytes over a frame that is to be sent. Its bytes must hold session id and sequence number: the tag covers nothing else. */
  tag(bytes: Uint8Array): Uint8Array {
    assert(!this.#wiped, 'a session that was wiped seals nothing: its keys are zeros');
    return this.#crypto.mac(this.#sendKey, bytes);
  }

  /** Accepts a frame once. `sequence` as the bytes say it. Age and window first, because they cost nothing; marked only when the tag holds. */
  receive(sequence: number, bytes: Uint8Array, tag: Uint8Array, now: Millis): Refusal | null {
    if (this.#wiped || now >= this.since + SESSION_LIFE + SESSION_GRACE) {
      return { reason: 'expired', detail: `the session with ${this.peer} is ${now - this.since} ms old: shake hands again` };
    }
    if (sequence > SESSION_FRAMES_MAX) return { reason: 'invalid', detail: `${this.peer} sent frame ${sequence} of a session` };
    const refused = this.#window.refuses(sequence);
    if (refused !== null) return { reason: refused.reason, detail: `${this.peer}: ${refused.detail}` };
    if (!sameTag(this.#crypto.mac(this.#receiveKey, bytes), tag)) {
      return { reason: 'bad-signature', detail: `the tag of frame ${sequence} from ${this.peer} does not hold` };
    }
    this.#window.accept(sequence);
    return null;
  }

  /** Overwrites the keys; nothing can be sealed or accepted under them afterwards. */
  wipe(): void {
    this.#sendKey.fill(0);
    this.#receiveKey.fill(0);
    this.#sent = SESSION_FRAMES_MAX;
    this.#wiped = true;
  }
}

/** In a time that does not depend on where the bytes differ. */
function sameTag(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
