/**
 * Checkpoints: what a log says about itself, signed, in a text that tools of others read as well: its origin, how many entries
 * it has and their root. Signing and verifying are handed in; who holds which key is not decided here.
 * Source: C2SP tlog-checkpoint and signed-note (Ed25519, signature type 0x01).
 *
 *   skein/default/0123456789ab                                        origin, also the key's name
 *   20000                                                             entries
 *   CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=                      Merkle root
 *
 *   — skein/default/0123456789ab Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
 */
import { assert, base64, concat, equalBytes, fromBase64, fromHex, hex, utf8 } from '../kernel/index.ts';
import type { Hash } from './ledger.ts';

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** A public key and the name it signs under. */
export interface NoteKey {
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

export interface NoteSigner extends NoteKey {
  /** Ed25519 over these bytes, 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

/** A note as it reads; nothing about it is proven. */
export interface Note {
  readonly checkpoint: Checkpoint;
  /** What is signed. */
  readonly text: string;
  readonly signatures: readonly { readonly name: string; readonly keyHash: Uint8Array; readonly signature: Uint8Array }[];
}

export type OpenedNote =
  | { readonly ok: true; readonly checkpoint: Checkpoint; readonly key: NoteKey }
  | { readonly ok: false; readonly detail: string };

const NOTE_CHARACTERS_MAX = 16 * 1024; // a checkpoint with a hundred witnesses
const SIGNATURES_MAX = 100;
const ED25519 = 0x01;
const NAME = /^[^\s+]+$/;

export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${base64(root)}\n`;
}

export function signNote(text: string, signer: NoteSigner, hash: Hash): string {
  assert(NAME.test(signer.name), `"${signer.name}" cannot sign: a key's name has no blanks and no +`);
  const signature = base64(concat(keyHash(signer, hash), signer.sign(utf8(text))));
  return `${text}\n— ${signer.name} ${signature}\n`;
}

/** Null for a text that is no checkpoint in a signed note. */
export function parseNote(note: string): Note | null {
  if (note.length > NOTE_CHARACTERS_MAX || !note.endsWith('\n')) return null;
  const end = note.lastIndexOf('\n\n');
  if (end < 0) return null;
  const text = note.slice(0, end + 1);
  const [origin = '', size = '', root = ''] = text.split('\n');
  const rootBytes = fromBase64(root);
  const entries = Number(size);
  if (origin === '' || !/^(0|[1-9]\d*)$/.test(size) || !Number.isSafeInteger(entries) || rootBytes?.length !== 32) return null;
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) return null;
  const signatures: { name: string; keyHash: Uint8Array; signature: Uint8Array }[] = [];
  for (const line of lines) {
    const [, name, written] = /^— (\S+) (\S+)$/.exec(line) ?? [];
    const bytes = fromBase64(written ?? '');
    if (name === undefined || bytes === null || bytes.length < 5) return null;
    signatures.push({ name, keyHash: bytes.subarray(0, 4), signature: bytes.subarray(4) });
  }
  return { checkpoint: { origin, size: entries, root: rootBytes }, text, signatures };
}

/** Whether one of these keys signed the note; a signature of a key that is known and does not verify refuses all of it. */
export function openNote(
  note: string,
  keys: readonly NoteKey[],
  verify: (publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array) => boolean,
  hash: Hash,
): OpenedNote {
  const parsed = parseNote(note);
  if (parsed === null) return { ok: false, detail: 'it is no checkpoint in a signed note' };
  const { checkpoint, text, signatures } = parsed;
  let signedBy: NoteKey | null = null;
  for (const { name, keyHash: named, signature } of signatures) {
    const key = keys.find((one) => one.name === name && equalBytes(keyHash(one, hash), named));
    if (key === undefined) continue;
    if (!verify(key.publicKey, utf8(text), signature))
      return { ok: false, detail: `the signature of ${name} does not fit its text` };
    signedBy ??= key;
  }
  if (signedBy !== null) return { ok: true, checkpoint, key: signedBy };
  const names = signatures.map(({ name }) => name).join(', ');
  return { ok: false, detail: `none of the known keys signed it, only ${names}` };
}

/** The key as one line of text: name, hash of name and key, type and key. */
export function noteKey(key: NoteKey, hash: Hash): string {
  return `${key.name}+${hex(keyHash(key, hash))}+${base64(concat(new Uint8Array([ED25519]), key.publicKey))}`;
}

export function parseNoteKey(line: string, hash: Hash): NoteKey | null {
  const [, name = '', named = '', written = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(line.trim()) ?? [];
  const bytes = fromBase64(written);
  if (bytes === null || bytes.length !== 33 || bytes[0] !== ED25519) return null;
  const key = { name, publicKey: bytes.subarray(1) };
  return equalBytes(keyHash(key, hash), fromHex(named) ?? new Uint8Array(0)) ? key : null;
}

/** The first four bytes of SHA-256(name || newline || type || public key). */
function keyHash({ name, publicKey }: NoteKey, hash: Hash): Uint8Array {
  return hash(concat(utf8(`${name}\n`), new Uint8Array([ED25519]), publicKey)).subarray(0, 4);
}
