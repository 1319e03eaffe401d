import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256, utf8 } from '../kernel/index.ts';
import { checkpointText, noteKey, openNote, parseNote, parseNoteKey, signNote } from './checkpoint.ts';

const der = (prefix: string, bytes: Uint8Array): Buffer => Buffer.concat([Buffer.from(prefix, 'hex'), bytes]);
const secret = createPrivateKey({
  key: der('302e020100300506032b657004220420', new Uint8Array(32).fill(7)),
  format: 'der',
  type: 'pkcs8',
});
const publicKey = new Uint8Array(createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32));
const name = 'skein/test/0123456789ab';
const signer = { name, publicKey, sign: (bytes: Uint8Array) => new Uint8Array(sign(null, bytes, secret)) };
const verifies = (key: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean =>
  verify(null, bytes, { key: der('302a300506032b6570032100', key), format: 'der', type: 'spki' }, signature);
const checkpoint = { origin: name, size: 20_000, root: sha256(utf8('root')) };
const note = signNote(checkpointText(checkpoint), signer, sha256);

describe('a signed checkpoint', () => {
  it('says where it comes from, how long the log is and its root, and opens with the key that signed it', () => {
    expect(note.split('\n').slice(0, 4)).toEqual([name, '20000', expect.stringMatching(/^[\w+/]{43}=$/), '']);
    expect(openNote(note, [signer], verifies, sha256)).toMatchObject({ ok: true, checkpoint });
    expect(parseNoteKey(noteKey(signer, sha256), sha256)).toEqual({ name, publicKey });
  });

  it('does not open with any character changed', () => {
    fc.assert(
      fc.property(fc.nat({ max: note.length - 1 }), fc.constantFrom('x', '0', '\n', ' ', '—'), (at, character) => {
        fc.pre(note[at] !== character);
        const changed = note.slice(0, at) + character + note.slice(at + 1);
        expect(openNote(changed, [signer], verifies, sha256).ok).toBe(false);
      }),
      { seed: 1 },
    );
  });

  it('does not open with another key, also one of the same name, and keeps beside it the signature of a witness', () => {
    const other = { name, publicKey: publicKey.map((byte) => byte ^ 1) };
    expect(openNote(note, [other], verifies, sha256)).toMatchObject({
      detail: expect.stringContaining('none of the known keys'),
    });
    const witnessed = `${note}— witness ${Buffer.alloc(68).toString('base64')}\n`;
    expect(openNote(witnessed, [signer], verifies, sha256)).toMatchObject({ ok: true, checkpoint });
    expect(parseNote(witnessed)?.signatures).toHaveLength(2);
  });

  it.each(['', '\n', note.trimEnd(), note.replace('20000', '020000'), note.replace('20000', '1e3'), 'x\n1\nx\n\n— a b\n'])(
    'is not read from %j',
    (text) => expect(parseNote(text)).toBe(null),
  );

  it.each(['', 'name', `${name}+00000000+AQ==`, noteKey(signer, sha256).replace('+', '+0')])('no key is read from %j', (line) =>
    expect(parseNoteKey(line, sha256)).toBe(null),
  );
});
