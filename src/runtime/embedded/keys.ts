/**
 * Keys of a host on this machine: one seed in `identity.seed` of the host's directory, for its owner alone, drawn once. Never
 * prints it, never sends it, never writes it again; what the host is called and which key is current stands in the membership
 * log. A host whose seed is gone or was seen by somebody gets a new one and has to be admitted anew.
 *
 *   identity.seed, 44 bytes: "SKS" 1 · 32 B seed · first 8 B of SHA-256 of both
 */
import { randomFillSync } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, linkSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { concat, equalBytes } from '../../kernel/index.ts';
import { type Keys, KeysError } from '../../ports/index.ts';
import { type Crypto, HostKeys, type KeyRing } from '../../protocol/index.ts';

const MAGIC = Uint8Array.of(0x53, 0x4b, 0x53, 1); // "SKS", layout 1
const SEED_END = 36;
const FILE_BYTES = 44;

export interface KeysOptions {
  /** The host's own directory; made for its owner alone where it is not there. */
  readonly directory: string;
  /** `host:<realm>/<id>` */
  readonly host: string;
  /** Fed from the membership log by the caller. */
  readonly ring: KeyRing;
  readonly crypto: Crypto;
}

/** Throws `KeysError` when the seed can be read by others, is damaged, or the disk does not give or take it. */
export function openKeys({ directory, host, ring, crypto }: KeysOptions): Keys {
  const seed = openSeed(join(directory, 'identity.seed'), host, crypto);
  const keys = new HostKeys(host, seed, ring, crypto);
  seed.fill(0);
  return {
    host,
    signer: (member, now) => keys.signer(member, now),
    rotationDue: (member, now) => keys.rotationDue(member, now),
    rotate: (member, now) => keys.rotate(member, now),
    verify: (id, context, signed, signature, at) => keys.verify(id, context, signed, signature, at),
    close: () => keys.wipe(),
  };
}

/** The 32 bytes in this file, drawn now where there is none; the caller wipes them. */
export function openSeed(path: string, owner: string, crypto: Crypto): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readSeed(path) ?? drawSeed(path, crypto);
  } catch (error) {
    if (error instanceof KeysError) throw error;
    throw new KeysError(
      'unavailable',
      `${path}: the seed of ${owner} cannot be read or made: ${(error as Error).message}`,
      error,
    );
  }
  const sound =
    bytes.length === FILE_BYTES &&
    equalBytes(bytes.subarray(0, 4), MAGIC) &&
    equalBytes(bytes.subarray(SEED_END), check(bytes, crypto));
  const seed = bytes.slice(4, SEED_END);
  bytes.fill(0);
  if (sound) return seed;
  throw new KeysError(
    'damaged',
    `${path} is not the seed that was written: restore it, or remove it and have ${owner} admitted anew`,
  );
}

/** Null where there is none yet. */
function readSeed(path: string): Uint8Array | null {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { mode } = fstatSync(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new KeysError(
        'exposed',
        `${path} can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it, and rotate the host's key if it was`,
      );
    }
    const bytes = new Uint8Array(FILE_BYTES + 1); // one more, so that a longer file is seen
    return bytes.subarray(0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}

/** Whole or not at all, once: a second host that draws at the same time takes the first one's. */
function drawSeed(path: string, primitives: Crypto): Uint8Array {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const bytes = new Uint8Array(FILE_BYTES);
  bytes.set(MAGIC);
  randomFillSync(bytes, 4, 32);
  bytes.set(check(bytes, primitives), SEED_END);
  const beside = `${path}.${process.pid}`;
  rmSync(beside, { force: true }); // of a process that died here and had our number
  const file = openSync(beside, 'wx', 0o600);
  try {
    writeSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(beside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    bytes.fill(0);
    return readSeed(path)!;
  } finally {
    rmSync(beside, { force: true });
  }
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
  return bytes;
}

function check(bytes: Uint8Array, primitives: Crypto): Uint8Array {
  return primitives.hash(concat(MAGIC, bytes.subarray(4, SEED_END))).slice(0, 8);
}
