/**
 * Keys of hosts and agents: how they follow from the one seed of a host, how they are named, and what a signature covers.
 * Never stores a seed and never draws one; the runtime hands it in. Agent keys are derived when they are first needed, because
 * a host has thousands of agents and few of them sign themselves.
 *
 *   key        = Ed25519(HKDF(seed, "skein/key/1", u32 generation || name of host or agent, 32))
 *   key id     = first 16 bytes of SHA-256(public key)
 *   signature  = Ed25519(secret, "skein/<context>/1" || 0x00 || SHA-256(bytes))
 *
 * The context keeps a signature from meaning something else: what was signed as a frame is no certificate. Hashing first makes
 * a frame of 1 MiB cost one SHA-256 instead of two SHA-512; whoever finds two inputs with one SHA-256 breaks the ledger as well.
 * Sources: RFC 8032, RFC 5869; seed 3, 9.1 (one key pair for each agent).
 */
import { assert, concat, hex, utf8 } from '../kernel/index.ts';
import type { Crypto } from './crypto.ts';

export const KEY_ID_BYTES: number = 16;
export const SIGNATURE_BYTES: number = 64;
const SEED_BYTES = 32;
const KEYS_MAX = 65_536; // 30,000 agents of one host, each with its current and its next key; a dropped one is derived again
const NAME_BYTES_MAX = 255; // one length byte in certificates and membership records

const SALT = utf8('skein/key/1');

/** Who can sign, without showing what with. */
export interface Signer {
  /** 16 bytes. */
  readonly id: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes over `bytes` in one meaning. */
  sign(context: SigningContext, bytes: Uint8Array): Uint8Array;
}

/** What a signature is about; part of what is signed. */
export type SigningContext =
  | 'frame'
  | 'message'
  | 'batch'
  | 'certificate'
  | 'membership'
  | 'possession'
  | 'handshake-reply'
  | 'handshake-finish'
  | 'halt-order';

/** `agent:<realm>/<path>`, `host:<realm>/<host>`, `operator:<realm>/<name>`: 255 printable ASCII characters at most, no blank. */
export function isPrincipal(name: string): boolean {
  return name.length <= NAME_BYTES_MAX && /^(?:agent|host|operator):[\x21-\x7e]+$/.test(name);
}

/** The first 16 bytes of SHA-256 of the public key. */
export function keyIdOf(publicKey: Uint8Array, primitives: Crypto): Uint8Array {
  return primitives.hash(publicKey).slice(0, KEY_ID_BYTES);
}

/** Signs with the key of a seed of 32 bytes, until it is wiped. */
export class SeedSigner implements Signer {
  readonly id: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly #secretKey: Uint8Array;
  readonly #crypto: Crypto;
  #wiped = false;

  constructor(seed: Uint8Array, primitives: Crypto) {
    const { publicKey, secretKey } = primitives.keyPair(seed);
    this.id = keyIdOf(publicKey, primitives);
    this.publicKey = publicKey;
    this.#secretKey = secretKey;
    this.#crypto = primitives;
  }

  sign(context: SigningContext, bytes: Uint8Array): Uint8Array {
    assert(!this.#wiped, `key ${keyText(this.id)} was wiped: it signs nothing any more`);
    return this.#crypto.sign(this.#secretKey, covered(context, bytes, this.#crypto));
  }

  wipe(): void {
    this.#wiped = true;
    this.#secretKey.fill(0);
  }
}

/** Never throws, whatever the bytes. Whether the key may speak is the key ring's question, not this one's. */
export function verifyIn(
  context: SigningContext,
  bytes: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
  primitives: Crypto,
): boolean {
  return primitives.verify(publicKey, covered(context, bytes, primitives), signature);
}

const PREFIXES = new Map<SigningContext, Uint8Array>();

function covered(context: SigningContext, bytes: Uint8Array, primitives: Crypto): Uint8Array {
  let prefix = PREFIXES.get(context);
  if (prefix === undefined) PREFIXES.set(context, (prefix = utf8(`skein/${context}/1\0`)));
  return concat(prefix, primitives.hash(bytes));
}

/** All keys that follow from one seed. A generation is one rotation of one member. */
export class KeyChain {
  readonly #crypto: Crypto;
  readonly #seed: Uint8Array;
  readonly #keys: Map<string, SeedSigner> = new Map();
  #wiped = false;

  /** `seed`: 32 bytes, copied. */
  constructor(seed: Uint8Array, primitives: Crypto) {
    assert(seed.length === SEED_BYTES, `a host's seed has ${SEED_BYTES} bytes, not ${seed.length}`);
    this.#crypto = primitives;
    this.#seed = seed.slice();
  }

  key(member: string, generation: number): Signer {
    assert(isPrincipal(member), `"${member}" is no name that a key could have: agent:<realm>/<path>`);
    assert(Number.isInteger(generation) && generation >= 0 && generation < 2 ** 32, `generation ${generation} is no u32`);
    assert(!this.#wiped, 'the seed of this host was wiped: nothing follows from it any more');
    const place = `${generation} ${member}`;
    const known = this.#keys.get(place);
    if (known !== undefined) return known;
    const number = new Uint8Array(4);
    new DataView(number.buffer).setUint32(0, generation);
    const seed = this.#crypto.derive(this.#seed, SALT, concat(number, utf8(member)), SEED_BYTES);
    const key = new SeedSigner(seed, this.#crypto);
    seed.fill(0);
    if (this.#keys.size >= KEYS_MAX) this.#keys.delete(this.#keys.keys().next().value!);
    this.#keys.set(place, key);
    return key;
  }

  /** Overwrites seed and secrets. JavaScript may have moved copies of them: this shortens their life, it does not end it. */
  wipe(): void {
    this.#wiped = true;
    this.#seed.fill(0);
    for (const key of this.#keys.values()) key.wipe();
    this.#keys.clear();
  }
}

/** A key id as text, for maps and messages to people: 32 hexadecimal digits. */
export function keyText(id: Uint8Array): string {
  return hex(id);
}
