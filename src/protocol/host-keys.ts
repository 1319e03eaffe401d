/**
 * What one host holds: the keys of itself and its agents, which of them is current, and the records by which one follows the
 * other. Keeps no state of its own but the seed: which generation is current is read off the key ring, so a crash in the middle
 * of a rotation leaves nothing half done. Either the log has the record, or the same successor is proposed again.
 *
 *   rotate ── record into the log ── KEY_ANNOUNCED ──▶ the successor signs      (the old key is verify-only from there on)
 */
import { assert, type Millis } from '../kernel/index.ts';
import type { Crypto } from './crypto.ts';
import { KEY_ANNOUNCED, KEY_LIFE_MAX, KEY_ROTATION, type KeyRing, type KeyState } from './key-ring.ts';
import { KeyChain, type Signer, type SigningContext } from './keys.ts';
import { succeedKey } from './membership.ts';
import type { Refusal } from './refusal.ts';

export type Rotation = { readonly ok: true; readonly record: Uint8Array } | { readonly ok: false; readonly refusal: Refusal };

const ENDED: ReadonlySet<KeyState | null> = new Set(['verify-only', 'revoked']);
const BEGUN: ReadonlySet<KeyState | null> = new Set(['active', 'verify-only', 'revoked']);

export class HostKeys {
  readonly host: string;
  readonly #chain: KeyChain;
  readonly #ring: KeyRing;
  /** Generations only grow: where the last search ended. */
  readonly #generations: Map<string, number> = new Map();

  /** `host`: `host:<realm>/<id>`. `seed`: 32 bytes, copied. The ring goes on being fed from the membership log. */
  constructor(host: string, seed: Uint8Array, ring: KeyRing, primitives: Crypto) {
    assert(host.startsWith('host:'), `"${host}" is no name of a host`);
    this.host = host;
    this.#chain = new KeyChain(seed, primitives);
    this.#ring = ring;
  }

  signer(member: string, now: Millis): Signer {
    return this.#chain.key(member, this.#current(member, now));
  }

  /** The current key began so long ago that its successor has to be announced; false for a member that was never admitted. */
  rotationDue(member: string, now: Millis): boolean {
    const from = this.#ring.activeSince(this.signer(member, now).id, now);
    return from !== null && now >= from + KEY_ROTATION - KEY_ANNOUNCED && this.#next(member, now) === null;
  }

  /** The record for the membership log: the successor's key, signed by the current one and by itself. */
  rotate(member: string, now: Millis): Rotation {
    const current = this.signer(member, now);
    if (this.#ring.keyAt(current.id, now)?.state !== 'active') {
      return { ok: false, refusal: { reason: 'denied', detail: `${member} has no active key: an authority has to admit it` } };
    }
    if (this.#next(member, now) !== null) {
      return { ok: false, refusal: { reason: 'duplicate', detail: `the next key of ${member} is announced already` } };
    }
    const key = this.#chain.key(member, this.#current(member, now) + 1);
    const from = now + KEY_ANNOUNCED;
    return { ok: true, record: succeedKey({ member, from, until: from + KEY_LIFE_MAX, key }, current) };
  }

  /** Whether somebody's signature is to be believed at that time; null: it is. */
  verify(id: Uint8Array, context: SigningContext, bytes: Uint8Array, signature: Uint8Array, at: Millis): Refusal | null {
    return this.#ring.verify(id, context, bytes, signature, at);
  }

  wipe(): void {
    this.#chain.wipe();
  }

  #current(member: string, now: Millis): number {
    assert(member === this.host || member.startsWith('agent:'), `${this.host} holds no key of ${member}`);
    let generation = this.#generations.get(member) ?? 0;
    // Past what signs no more (the next one then waits for its admission), and on to a successor whose time has come.
    while (ENDED.has(this.#stateOf(member, generation, now)) || BEGUN.has(this.#stateOf(member, generation + 1, now))) {
      generation += 1;
    }
    this.#generations.set(member, generation);
    return generation;
  }

  /** The state of the announced successor; null: there is none. */
  #next(member: string, now: Millis): KeyState | null {
    return this.#stateOf(member, this.#current(member, now) + 1, now);
  }

  #stateOf(member: string, generation: number, now: Millis): KeyState | null {
    const known = this.#ring.keyAt(this.#chain.key(member, generation).id, now);
    return known === null || known.member !== member ? null : known.state;
  }
}
