/**
 * Membership records: which key belongs to whom, from when until when. Signed, so that the log they are kept in (the ledger) can
 * answer "which key signed then" to somebody who trusts only the authorities' keys. Owns their bytes; what they mean together
 * is the key ring's.
 *
 *   0 u8 layout (1) · 1 u8 kind (1 admitted, 2 succeeded, 3 revoked) · 2 u8 zero · 3 u8 length of the member's name
 *   4 16 B key id of who signs · 20 u64 from ms · 28 u64 until ms (revoked: 0)
 *   36 32 B public key (revoked: zeros) · 68 16 B key id this is about: predecessor or revoked key (admitted: zeros) · 84 name
 *   then 64 B signature over all before it; admitted and succeeded: 64 B more, the new key over the same bytes
 *
 * Big endian. The second signature shows that the member holds the key: nobody can claim a key of somebody else.
 */
import { assert, concat, equalBytes, fromUtf8, type Millis, utf8 } from '../kernel/index.ts';
import type { Crypto } from './crypto.ts';
import { isPrincipal, KEY_ID_BYTES, keyIdOf, SIGNATURE_BYTES, type Signer, verifyIn } from './keys.ts';

const HEAD_BYTES = 84;
const KINDS = ['admitted', 'succeeded', 'revoked'] as const;
const NO_ID = new Uint8Array(KEY_ID_BYTES);
const NO_KEY = new Uint8Array(32);

export interface Membership {
  readonly kind: (typeof KINDS)[number];
  readonly member: string;
  readonly from: Millis;
  /** 0 for a revocation. */
  readonly until: Millis;
  /** 32 bytes; zeros for a revocation. */
  readonly publicKey: Uint8Array;
  /** 16 bytes: the key that is succeeded or revoked; zeros for an admission. */
  readonly about: Uint8Array;
}

export interface Admission {
  readonly member: string;
  readonly from: Millis;
  readonly until: Millis;
  /** The member's: it shows that it is held. */
  readonly key: Signer;
}

/** What a member sends to the authority of that key id: the record with the member's own signature, and room for the authority's. */
export function requestAdmission({ key, ...record }: Admission, authorityId: Uint8Array): Uint8Array {
  const body = bodyOf({ kind: 'admitted', about: NO_ID, publicKey: key.publicKey, ...record }, authorityId);
  return concat(body, new Uint8Array(SIGNATURE_BYTES), key.sign('possession', body));
}

/** The authority's answer to a request of the member and key that somebody decided to let in; null where it is for anything else. */
export function grantAdmission(
  request: Uint8Array,
  decided: { readonly member: string; readonly publicKey: Uint8Array },
  authority: Signer,
): Uint8Array | null {
  const id = membershipSigner(request);
  if (id === null || !equalBytes(id, authority.id) || KINDS[request[1]! - 1] !== 'admitted') return null;
  const end = bodyBytes(request);
  const isDecided =
    equalBytes(request.subarray(HEAD_BYTES, end), utf8(decided.member)) &&
    equalBytes(request.subarray(36, 68), decided.publicKey);
  if (!isDecided) return null;
  const record = request.slice();
  record.set(authority.sign('membership', request.subarray(0, end)), end);
  return record;
}

/** Both in one, where member and authority are on one machine. */
export function admitMember(admission: Admission, authority: Signer): Uint8Array {
  const decided = { member: admission.member, publicKey: admission.key.publicKey };
  return grantAdmission(requestAdmission(admission, authority.id), decided, authority)!;
}

/** A member hands over from its active key to its next one, itself. */
export function succeedKey(
  record: { readonly member: string; readonly from: Millis; readonly until: Millis; readonly key: Signer },
  active: Signer,
): Uint8Array {
  return write({ kind: 'succeeded', about: active.id, publicKey: record.key.publicKey, ...record }, active, record.key);
}

/** An authority, or the member by its active key, takes a key out. An authority's `from` may lie in the past: since when it is not believed. */
export function revokeKey(
  record: { readonly member: string; readonly from: Millis; readonly about: Uint8Array },
  signer: Signer,
): Uint8Array {
  return write({ kind: 'revoked', until: 0, publicKey: NO_KEY, ...record }, signer, null);
}

function write(record: Membership, signer: Signer, holder: Signer | null): Uint8Array {
  const body = bodyOf(record, signer.id);
  const signature = signer.sign('membership', body);
  return holder === null ? concat(body, signature) : concat(body, signature, holder.sign('possession', body));
}

function bodyOf({ kind, member, from, until, publicKey, about }: Membership, signerId: Uint8Array): Uint8Array {
  assert(isPrincipal(member), `"${member}" is no name of a member`);
  assert(Number.isSafeInteger(from) && Number.isSafeInteger(until) && from >= 0, `from ${from} until ${until} are no times`);
  const head = new Uint8Array(HEAD_BYTES);
  const view = new DataView(head.buffer);
  head[0] = 1;
  head[1] = KINDS.indexOf(kind) + 1;
  head[3] = member.length;
  head.set(signerId, 4);
  view.setBigUint64(20, BigInt(from));
  view.setBigUint64(28, BigInt(until));
  head.set(publicKey, 36);
  head.set(about, 68);
  return concat(head, utf8(member));
}

/** The key id of who says that it signed; null where the bytes are no record. Only the fixed part is looked at. */
export function membershipSigner(bytes: Uint8Array): Uint8Array | null {
  if (bytes.length < HEAD_BYTES + SIGNATURE_BYTES || bytes[0] !== 1 || bytes[1]! < 1 || bytes[1]! > KINDS.length) return null;
  return bytes.length === bodyBytes(bytes) + signatures(bytes) * SIGNATURE_BYTES ? bytes.subarray(4, 4 + KEY_ID_BYTES) : null;
}

export type ReadMembership = { readonly record: Membership } | { readonly why: string };

/** After `membershipSigner`, with that signer's key: signatures first, then the rest. Never throws. */
export function readMembership(bytes: Uint8Array, signerKey: Uint8Array, primitives: Crypto): ReadMembership {
  const end = bodyBytes(bytes);
  const body = bytes.subarray(0, end);
  const signature = bytes.subarray(end, end + SIGNATURE_BYTES);
  if (!verifyIn('membership', body, signature, signerKey, primitives)) return { why: 'the signature does not hold' };
  const kind = KINDS[body[1]! - 1]!;
  const publicKey = body.slice(36, 68);
  const about = body.slice(68, HEAD_BYTES);
  if (kind !== 'revoked' && !verifyIn('possession', body, bytes.subarray(end + SIGNATURE_BYTES), publicKey, primitives)) {
    return { why: 'the new key did not sign: whoever sent it does not hold it' };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [from, until] = [Number(view.getBigUint64(20)), Number(view.getBigUint64(28))];
  const name = body.subarray(HEAD_BYTES);
  const member = name.every((byte) => byte < 0x80) ? fromUtf8(name) : '';
  const empty = kind === 'revoked' ? until === 0 && equalBytes(publicKey, NO_KEY) : true;
  const named = kind === 'admitted' ? equalBytes(about, NO_ID) : !equalBytes(about, NO_ID);
  if (body[2] !== 0 || !isPrincipal(member) || !empty || !named || !Number.isSafeInteger(from) || !Number.isSafeInteger(until)) {
    return { why: 'a field holds what no record of its kind has' };
  }
  return { record: { kind, member, from, until, publicKey, about } };
}

/** The id of the key that a record brings. */
export function newKeyId(record: Membership, primitives: Crypto): Uint8Array {
  return keyIdOf(record.publicKey, primitives);
}

function bodyBytes(bytes: Uint8Array): number {
  return HEAD_BYTES + bytes[3]!;
}

function signatures(bytes: Uint8Array): number {
  return KINDS[bytes[1]! - 1] === 'revoked' ? 1 : 2;
}
