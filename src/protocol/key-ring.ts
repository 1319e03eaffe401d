/**
 * The key ring: who may sign, when. A fold over membership records in the order of their log, so every host that read the same
 * log has the same ring, and a log read up to an entry answers what was true then. Keeps public keys only.
 *
 *   admitted ──▶ pending ──from──▶ active ──successor's from, or until──▶ verify-only        revoked, from any of them, for ever
 *
 * verify-only is kept for ever, for old entries of a ledger. What is said *now* under such a key is accepted for an overlap only,
 * because a message may live as long as its ttl: signed before the change, it is not lost to it.
 * Times of the log are times of its entries, never a time that a signer claims: a stolen key can claim any.
 * Source: NIST SP 800-57 part 1, 5.3.4 (states); seed 3, 9.1 (30 days).
 */
import { assert, type Millis } from '../kernel/index.ts';
import type { Crypto } from './crypto.ts';
import { keyIdOf, keyText, type SigningContext, verifyIn } from './keys.ts';
import { type Membership, membershipSigner, newKeyId, readMembership } from './membership.ts';
import type { Refusal } from './refusal.ts';

/** How far two clocks of a fleet may differ. */
export const SKEW: Millis = 2000;
const DAY: Millis = 24 * 60 * 60 * 1000;
/** A message lives a day at most (the default of a contract's ttlMax). */
export const TTL_MAX: Millis = DAY;
/** How long messages under a key that is no longer active are accepted. */
export const KEY_OVERLAP: Millis = TTL_MAX + 60 * 60 * 1000;
/** After it a key is due to be succeeded. */
export const KEY_ROTATION: Millis = 30 * DAY;
/** How long a key may be active at all: a host that was off for a week when its rotation was due still has its name. */
export const KEY_LIFE_MAX: Millis = KEY_ROTATION + 7 * DAY;
/** A new key is announced so long before it signs: by then every host has read the log. */
export const KEY_ANNOUNCED: Millis = 60 * 60 * 1000;

const KEYS_MAX = 1_048_576; // 30,000 agents with a new key every month for close to three years

export type KeyState = 'pending' | 'active' | 'verify-only' | 'revoked';

export interface Authority {
  readonly name: string;
  readonly publicKey: Uint8Array;
}

interface Entry {
  readonly member: string;
  readonly publicKey: Uint8Array;
  readonly from: Millis;
  /** Exclusive; brought forward by a successor. */
  until: Millis;
  revokedFrom: Millis;
  succeeded: boolean;
  readonly authority: boolean;
}

export class KeyRing {
  readonly #crypto: Crypto;
  readonly #overlap: Millis;
  readonly #entries: Map<string, Entry> = new Map();

  /** `authorities`: trusted from the configuration; only they admit members. `overlap` at least the longest ttl and the skew. */
  constructor(authorities: readonly Authority[], primitives: Crypto, overlap: Millis = KEY_OVERLAP) {
    assert(overlap >= TTL_MAX + SKEW, `an overlap of ${overlap} ms loses messages: at least ${TTL_MAX + SKEW} ms, ttl and skew`);
    this.#crypto = primitives;
    this.#overlap = overlap;
    for (const { name, publicKey } of authorities) {
      this.#entries.set(keyText(keyIdOf(publicKey, primitives)), {
        member: name,
        publicKey: publicKey.slice(),
        from: 0,
        until: Number.MAX_SAFE_INTEGER,
        revokedFrom: Number.MAX_SAFE_INTEGER,
        succeeded: false,
        authority: true,
      });
    }
  }

  /** Reads the next record of the log, of an entry with this time. Null: it holds from now on. The ring is unchanged by a refusal. */
  apply(bytes: Uint8Array, at: Millis): Refusal | null {
    const signerId = membershipSigner(bytes);
    if (signerId === null) return { reason: 'invalid', detail: `${bytes.length} bytes are no membership record` };
    const signer = this.#entries.get(keyText(signerId));
    if (signer === undefined || stateOf(signer, at) !== 'active') {
      const state = signer === undefined ? 'unknown' : stateOf(signer, at);
      return { reason: 'bad-signature', detail: `membership record signed by key ${keyText(signerId)}, which is ${state}` };
    }
    const read = readMembership(bytes, signer.publicKey, this.#crypto);
    if (!('record' in read)) return { reason: 'bad-signature', detail: `membership record: ${read.why}` };
    return this.#fold(read.record, signer, at);
  }

  #fold(record: Membership, signer: Entry, at: Millis): Refusal | null {
    const { kind, member, from, until } = record;
    if (kind === 'revoked') {
      const entry = this.#entries.get(keyText(record.about));
      if (entry === undefined || entry.member !== member) return no('not-found', `${member} has no key ${keyText(record.about)}`);
      if (!signer.authority && (signer.member !== member || entry.authority)) {
        return no('denied', `${signer.member} may not revoke a key of ${member}`);
      }
      const since = signer.authority ? from : Math.max(from, at); // nobody disowns what it has said itself
      if (entry.revokedFrom <= since) return no('duplicate', `key ${keyText(record.about)} of ${member} is revoked already`);
      entry.revokedFrom = since; // an earlier time only: a revocation is never taken back
      return null;
    }
    const id = keyText(newKeyId(record, this.#crypto));
    if (this.#entries.has(id)) return no('duplicate', `key ${id} of ${this.#entries.get(id)!.member} is known already`);
    if (this.#entries.size >= KEYS_MAX) return no('overloaded', `the ring holds ${KEYS_MAX} keys: start a new realm`);
    const start = Math.max(from, at); // what is not in the log yet has not begun
    if (until <= start || until - start > KEY_LIFE_MAX) {
      return no('invalid', `a key of ${member} from ${start} until ${until}: at most ${KEY_LIFE_MAX} ms`);
    }
    if (kind === 'admitted' && !signer.authority) return no('denied', `${signer.member} may not admit ${member}`);
    if (kind === 'succeeded') {
      const previous = this.#entries.get(keyText(record.about));
      if (previous !== signer || signer.member !== member || signer.authority) {
        return no('denied', `${signer.member} may not hand over a key of ${member}`);
      }
      if (signer.succeeded) return no('conflict', `key ${keyText(record.about)} of ${member} has a successor already`);
      signer.succeeded = true;
      signer.until = Math.min(signer.until, start);
    }
    this.#entries.set(id, {
      member,
      publicKey: record.publicKey,
      from: start,
      until,
      revokedFrom: Number.MAX_SAFE_INTEGER,
      succeeded: false,
      authority: false,
    });
    return null;
  }

  /** What the key was at that time; null where the log up to here does not know it. */
  keyAt(
    id: Uint8Array,
    time: Millis,
  ): { readonly member: string; readonly publicKey: Uint8Array; readonly state: KeyState } | null {
    const entry = this.#entries.get(keyText(id));
    return entry === undefined ? null : { member: entry.member, publicKey: entry.publicKey.slice(), state: stateOf(entry, time) };
  }

  /** When a key that is active at that time began; null: it is not active then. */
  activeSince(id: Uint8Array, time: Millis): Millis | null {
    const entry = this.#entries.get(keyText(id));
    return entry !== undefined && stateOf(entry, time) === 'active' ? entry.from : null;
  }

  memberOf(id: Uint8Array): string | null {
    return this.#entries.get(keyText(id))?.member ?? null;
  }

  /** Whether the key may begin something new at that time: active, give or take `SKEW`, because its holder's clock may be another. */
  isActive(id: Uint8Array, at: Millis): boolean {
    const entry = this.#entries.get(keyText(id));
    return entry !== undefined && stateOf(entry, at) !== 'revoked' && at >= entry.from - SKEW && at < entry.until + SKEW;
  }

  /**
   * Whether what comes under this key may be believed at that time; null: it may. Pending keys count from `SKEW` before their
   * time on, because the signer's clock may be ahead; verify-only ones until the overlap has passed.
   */
  accepts(id: Uint8Array, at: Millis): Refusal | null {
    const entry = this.#entries.get(keyText(id));
    return entry === undefined ? no('bad-signature', `key ${keyText(id)} is unknown`) : this.#refuses(entry, id, at);
  }

  /** `accepts`, and then the signature itself: 64 bytes over `bytes` in this meaning. Never throws. */
  verify(id: Uint8Array, context: SigningContext, bytes: Uint8Array, signature: Uint8Array, at: Millis): Refusal | null {
    const entry = this.#entries.get(keyText(id));
    if (entry === undefined) return no('bad-signature', `key ${keyText(id)} is unknown`);
    const refused = this.#refuses(entry, id, at);
    if (refused !== null) return refused;
    if (verifyIn(context, bytes, signature, entry.publicKey, this.#crypto)) return null;
    return no('bad-signature', `the signature of ${entry.member} over a ${context} does not hold`);
  }

  #refuses(entry: Entry, id: Uint8Array, at: Millis): Refusal | null {
    const whose = `key ${keyText(id)} of ${entry.member}`;
    switch (stateOf(entry, at)) {
      case 'active':
        return null;
      case 'pending':
        return at >= entry.from - SKEW
          ? null
          : no('bad-signature', `${whose} is not active before ${entry.from - at} ms from now`);
      case 'verify-only':
        if (at < entry.until + this.#overlap) return null;
        return no('expired', `${whose} stopped signing ${at - entry.until} ms ago: sign with its successor`);
      case 'revoked':
        return no('bad-signature', `${whose} was revoked`);
    }
  }
}

function stateOf(entry: Entry, time: Millis): KeyState {
  if (time >= entry.revokedFrom) return 'revoked';
  if (time < entry.from) return 'pending';
  return time < entry.until ? 'active' : 'verify-only';
}

function no(reason: Refusal['reason'], detail: string): Refusal {
  return { reason, detail };
}
