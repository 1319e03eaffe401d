/**
 * The primitives of `protocol/crypto` on node:crypto alone, for machines without a binary of libsodium. Gives and accepts
 * exactly the same bytes: what OpenSSL lets through in some versions and libsodium refuses (keys and commitments of low order,
 * coordinates that are not reduced) is refused here before OpenSSL is asked.
 */
import { createPrivateKey, createPublicKey, diffieHellman, hash, type KeyObject, sign, verify } from 'node:crypto';
import { assert, concat, equalBytes, fromHex } from '../../../kernel/index.ts';
import type { Crypto, KeyPair } from '../../../protocol/index.ts';
import type { Mac } from './blake3.ts';
import { hkdf } from './hkdf.ts';

// RFC 8410: what stands before the 32 bytes of a key in its DER form.
const PRIVATE = { ed25519: '302e020100300506032b657004220420', x25519: '302e020100300506032b656e04220420' };
const PUBLIC = { ed25519: '302a300506032b6570032100', x25519: '302a300506032b656e032100' };
type Curve = keyof typeof PRIVATE;

/** `mac`: keyed BLAKE3, of `blake3.ts`. */
export function nodeCrypto(mac: Mac): Crypto {
  const keys = { ed25519: new KeyObjects('ed25519'), x25519: new KeyObjects('x25519') };
  const pair = (curve: Curve, seed: Uint8Array): KeyPair => {
    assert(seed.length === 32, `a seed of ${curve} has 32 bytes, not ${seed.length}`);
    const secretKey = seed.slice();
    const exported = createPublicKey(keys[curve].private(secretKey)).export({ format: 'der', type: 'spki' });
    return { publicKey: new Uint8Array(exported.subarray(-32)), secretKey };
  };
  return {
    hash: (bytes) => hash('sha256', bytes, 'buffer'),
    mac,
    keyPair: (seed) => pair('ed25519', seed),
    sign: (secretKey, bytes) => new Uint8Array(sign(null, bytes, keys.ed25519.private(secretKey))),
    verify(publicKey, bytes, signature) {
      if (publicKey.length !== 32 || signature.length !== 64) return false;
      if (!isStrictPoint(publicKey) || !isStrictPoint(signature.subarray(0, 32))) return false;
      try {
        return verify(null, bytes, keys.ed25519.public(publicKey), signature);
      } catch {
        return false; // no point of the curve
      }
    },
    agreementKeyPair: (seed) => pair('x25519', seed),
    agree(secretKey, publicKey) {
      const own = keys.x25519.private(secretKey);
      if (publicKey.length !== 32) return null;
      try {
        return new Uint8Array(diffieHellman({ privateKey: own, publicKey: keys.x25519.public(publicKey) }));
      } catch {
        return null; // OpenSSL refuses an all-zero product; nothing else can fail with keys of the right length
      }
    },
    derive: hkdf,
  };
}

/** Reading a key costs half a signature: what was read is kept while its bytes are held by somebody and unchanged. */
class KeyObjects {
  readonly #curve: Curve;
  readonly #privates: WeakMap<Uint8Array, { readonly bytes: Uint8Array; readonly key: KeyObject }> = new WeakMap();
  readonly #publics: WeakMap<Uint8Array, { readonly bytes: Uint8Array; readonly key: KeyObject }> = new WeakMap();

  constructor(curve: Curve) {
    this.#curve = curve;
  }

  private(seed: Uint8Array): KeyObject {
    assert(seed.length === 32, `a secret of ${this.#curve} has 32 bytes, not ${seed.length}`);
    const known = this.#privates.get(seed);
    if (known !== undefined && equalBytes(known.bytes, seed)) return known.key;
    const key = createPrivateKey({ key: der(PRIVATE[this.#curve], seed), format: 'der', type: 'pkcs8' });
    this.#privates.set(seed, { bytes: seed.slice(), key });
    return key;
  }

  public(point: Uint8Array): KeyObject {
    const known = this.#publics.get(point);
    if (known !== undefined && equalBytes(known.bytes, point)) return known.key;
    const key = createPublicKey({ key: der(PUBLIC[this.#curve], point), format: 'der', type: 'spki' });
    this.#publics.set(point, { bytes: point.slice(), key });
    return key;
  }
}

function der(prefix: string, key: Uint8Array): Buffer {
  return Buffer.from(concat(fromHex(prefix)!, key));
}

/** The y coordinates of the points of order 1, 2, 4 and 8, little endian. */
const LOW_ORDER = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((text) => fromHex(text)!);

/** The coordinate is below 2^255 - 19, and the point is none of the eight of low order. Source: RFC 8032, 5.1.3; libsodium. */
function isStrictPoint(bytes: Uint8Array): boolean {
  const y = bytes.slice();
  y[31]! &= 0x7f; // the sign of x
  if (y[31] === 0x7f && y[0]! >= 0xed && y.subarray(1, 31).every((byte) => byte === 0xff)) return false;
  return !LOW_ORDER.some((low) => equalBytes(low, y));
}
