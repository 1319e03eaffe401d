import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from './bytes.ts';
import { sha256, sha256Hex } from './hash.ts';

describe('SHA-256', () => {
  it('gives the digests published with FIPS 180', () => {
    expect(sha256Hex('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256Hex('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')).toBe(
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    );
  });

  it('agrees with the implementation of Node on any bytes', () => {
    const agrees = (content: Uint8Array): boolean => hex(sha256(content)) === createHash('sha256').update(content).digest('hex');
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), agrees));
  });
});
