import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { hex } from '../../kernel/index.ts';
import { KeysError } from '../../ports/index.ts';
import { KeyRing } from '../../protocol/index.ts';
import { openCrypto } from './crypto/index.ts';
import { openKeys } from './keys.ts';

const { crypto } = await openCrypto();
const HOST = 'host:test/aaaaaaaaaaaa';
const made: string[] = [];

function directory(): string {
  made.push(mkdtempSync(join(tmpdir(), 'skein-seed-')));
  return join(made.at(-1)!, 'host');
}
const open = (at: string): string =>
  hex(openKeys({ directory: at, host: HOST, ring: new KeyRing([], crypto), crypto }).signer(HOST, 0).id);

function errorOf(at: string): KeysError {
  try {
    open(at);
  } catch (error) {
    expect(error).toBeInstanceOf(KeysError);
    return error as KeysError;
  }
  throw new Error('it opened');
}

afterEach(() => {
  for (const each of made.splice(0)) rmSync(each, { recursive: true });
});

describe('the seed of a host', () => {
  it('is drawn once, whole, for its owner alone, with nothing left beside it', () => {
    const at = directory();
    const id = open(at);
    const before = readFileSync(join(at, 'identity.seed'));
    expect(open(at)).toBe(id);
    expect(readFileSync(join(at, 'identity.seed'))).toEqual(before);
    expect(readdirSync(at)).toEqual(['identity.seed']);
    expect([statSync(at).mode & 0o777, statSync(join(at, 'identity.seed')).mode & 0o777]).toEqual([0o700, 0o600]);
    expect(open(directory())).not.toBe(id);
  });

  it('is not used when others can read it, with what to do', () => {
    const at = directory();
    open(at);
    chmodSync(join(at, 'identity.seed'), 0o640);
    expect(errorOf(at)).toMatchObject({ code: 'exposed', retryable: false });
    expect(errorOf(at).message).toContain('chmod 600');
  });

  it('is not replaced by a new identity when one bit of it is wrong, or bytes are missing or too many', () => {
    const at = directory();
    open(at);
    const path = join(at, 'identity.seed');
    const good = readFileSync(path);
    for (let byte = 0; byte < good.length; byte++) {
      const bad = Buffer.from(good);
      bad[byte]! ^= 1 << (byte & 7);
      writeFileSync(path, bad);
      expect(errorOf(at).code).toBe('damaged');
    }
    for (const bad of [good.subarray(0, 43), Buffer.concat([good, Buffer.of(0)]), Buffer.alloc(0)]) {
      writeFileSync(path, bad);
      expect(errorOf(at).code).toBe('damaged');
      expect(errorOf(at).message).not.toContain(good.subarray(4, 36).toString('hex'));
    }
    writeFileSync(path, good);
    expect(open(at)).toHaveLength(32);
  });

  it('says so when the disk does not take it', () => {
    const at = directory();
    writeFileSync(at, 'a file where the directory should be');
    expect(errorOf(at).code).toBe('unavailable');
  });
});
