/**
 * The key that signs a store's checkpoints, kept beside the store: `host.key` (the seed, for its owner only) and `host.pub` (one
 * public key a line, also those of earlier seeds). Whoever can read the seed can sign another history: what shows that is a
 * checkpoint that was kept elsewhere.
 */
import { createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StoreError } from '../../../ports/index.ts';
import { noteKey, type NoteKey, type NoteSigner, parseNoteKey } from '../../../protocol/index.ts';
import { sha256 } from './sha256.ts';

const SEED_TO_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const KEY_TO_SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** Reads the host's key or makes it. `name` is the origin of its checkpoints. */
export function hostSigner(store: string, name: string): NoteSigner {
  const file = join(dirname(store), 'host.key');
  const seed = existing(file) ?? fresh(file);
  const secret = createPrivateKey({ key: Buffer.concat([SEED_TO_PKCS8, seed]), format: 'der', type: 'pkcs8' });
  const publicKey = new Uint8Array(createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32));
  const signer = { name, publicKey, sign: (bytes: Uint8Array) => new Uint8Array(sign(null, bytes, secret)) };
  const line = noteKey(signer, sha256);
  const known = keyFile(store);
  if (!known.split('\n').includes(line)) appendFileSync(join(dirname(store), 'host.pub'), `${line}\n`);
  return signer;
}

/** The public keys in a text with one a line; other lines are skipped. */
export function readKeys(text: string): readonly NoteKey[] {
  return text.split('\n').flatMap((line) => parseNoteKey(line, sha256) ?? []);
}

/** The public keys that lie beside a store; empty where there are none. */
export function keyFile(store: string): string {
  try {
    return readFileSync(join(dirname(store), 'host.pub'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

export function verifySignature(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false;
  return verify(null, bytes, { key: Buffer.concat([KEY_TO_SPKI, publicKey]), format: 'der', type: 'spki' }, signature);
}

function existing(file: string): Buffer | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  if (/^[0-9a-f]{64}$/.test(text)) return Buffer.from(text, 'hex');
  throw new StoreError('failed', `${file} is no key (64 hexadecimal digits): restore it, or move it away to sign with a new one`);
}

function fresh(file: string): Buffer {
  const seed = randomBytes(32);
  writeFileSync(file, `${seed.toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  return seed;
}
