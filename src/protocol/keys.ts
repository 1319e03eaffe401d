/**
 * Keys of hosts and agents: how they follow from the one seed of a host, how they are named, and what a signature covers.
 * Never stores a seed and never draws one; the runtime hands it in. Agent keys are derived when they are first needed, because
 * a host has thousands of agents and few of them sign themselves.
 *
 *   host key   = Ed25519(HKDF(seed, "skein/key/1", "host"  || u32 generation))
 *   agent key  = Ed25519(HKDF(seed, "skein/key/1", "agent" || u32 generation || name))
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
const AGENT_KEYS_MAX = 32_768; // one host's agents (30,000); a dropped one is derived again, 60 us
const NAME_BYTES_MAX = 255; // one length byte in certificates and membership records

const SALT = utf8('skein/key/1');

export interface SigningKey {
  /** 16 bytes. */
  readonly id: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. Never logged, never sent. */
  readonly secretKey: Uint8Array;
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
  | 'handshake-finish';

/** `agent:<realm>/<path>`, `host:<realm>/<host>`, `operator:<realm>/<name>`: 255 printable ASCII characters at most, no blank. */
export function isPrincipal(name: string): boolean {
  return name.length <= NAME_BYTES_MAX && /^(?:agent|host|operator):[\x21-\x7e]+$/.test(name);
}

/** The first 16 bytes of SHA-256 of the public key. */
export function keyIdOf(publicKey: Uint8Array, primitives: Crypto): Uint8Array {
  return primitives.hash(publicKey).slice(0, KEY_ID_BYTES);
}

export function signingKey(seed: Uint8Array, primitives: Crypto): SigningKey {
  const { publicKey, secretKey } = primitives.keyPair(seed);
  return { id: keyIdOf(publicKey, primitives), publicKey, secretKey };
}

/** 64 bytes over `bytes` in one meaning. */
export function signIn(context: SigningContext, bytes: Uint8Array, key: SigningKey, primitives: Crypto): Uint8Array {
  return primitives.sign(key.secretKey, covered(context, bytes, primitives));
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

/** All keys of one host in one generation and the next. A generation is one rotation; agents rotate with their host. */
export class KeyChain {
  readonly #crypto: Crypto;
  readonly #seed: Uint8Array;
  #generation: number;
  readonly #keys: Map<string, SigningKey> = new Map();

  /** `seed`: 32 bytes, copied. `generation`: how often the host has rotated its keys. */
  constructor(seed: Uint8Array, generation: number, primitives: Crypto) {
    assert(seed.length === SEED_BYTES, `a host's seed has ${SEED_BYTES} bytes, not ${seed.length}`);
    assert(Number.isInteger(generation) && generation >= 0 && generation < 2 ** 32, `generation ${generation} is no u32`);
    this.#crypto = primitives;
    this.#seed = seed.slice();
    this.#generation = generation;
  }

  get generation(): number {
    return this.#generation;
  }

  host(generation: number = this.#generation): SigningKey {
    return this.#derive('host', '', generation);
  }

  agent(name: string, generation: number = this.#generation): SigningKey {
    assert(isPrincipal(name) && name.startsWith('agent:'), `"${name}" is no name of an agent: agent:<realm>/<path>`);
    return this.#derive('agent', name, generation);
  }

  /** From now on the keys of the next generation are the current ones. */
  advance(): void {
    assert(this.#generation + 1 < 2 ** 32, 'a chain ends after 2^32 rotations');
    this.#generation += 1;
  }

  /** Overwrites seed and secrets. JavaScript may have moved copies of them: this shortens their life, it does not end it. */
  wipe(): void {
    this.#seed.fill(0);
    for (const key of this.#keys.values()) key.secretKey.fill(0);
    this.#keys.clear();
  }

  #derive(kind: 'host' | 'agent', name: string, generation: number): SigningKey {
    const place = `${kind}/${generation}/${name}`;
    const known = this.#keys.get(place);
    if (known !== undefined) return known;
    const number = new Uint8Array(4);
    new DataView(number.buffer).setUint32(0, generation);
    const seed = this.#crypto.derive(this.#seed, SALT, concat(utf8(kind), number, utf8(name)), SEED_BYTES);
    const key = signingKey(seed, this.#crypto);
    seed.fill(0);
    if (this.#keys.size >= AGENT_KEYS_MAX) this.#keys.delete(this.#keys.keys().next().value!);
    this.#keys.set(place, key);
    return key;
  }
}

/** A key id as text, for maps and messages to people: 32 hexadecimal digits. */
export function keyText(id: Uint8Array): string {
  return hex(id);
}
