/**
 * Delegation certificates: an agent's own key says that a host may speak for the agent until a time, in messages of some kinds.
 * So the host's key, or its session, can answer for whole frames. Names a host, not its key: the host's keys rotate.
 * Owns the bytes and their check; what needs the agent's own signature all the same is `needsOwnSignature`.
 *
 *   0 u8 layout (1) · 1 u8 kinds (bit 0 intent, 1 event, 2 state, 3 audit, 4 dlq) · 2 u8 agent's length · 3 u8 host's length
 *   4 16 B key id of the agent · 20 u64 from ms · 28 u64 until ms · 36 agent · host · then 64 B signature over all before it
 *
 * Big endian. One meaning has one form: unknown bits, other lengths and names of other shapes are refused. Nothing but the
 * fixed part is looked at before the signature holds.
 */
import { assert, concat, fromUtf8, type Millis, utf8 } from '../kernel/index.ts';
import type { Contract, ContractKind } from './contract.ts';
import { type KeyRing, SKEW } from './key-ring.ts';
import { isPrincipal, KEY_ID_BYTES, SIGNATURE_BYTES, type Signer } from './keys.ts';
import type { Refusal } from './refusal.ts';

const HEAD_BYTES = 36;
export const CERTIFICATE_BYTES_MAX: number = HEAD_BYTES + 255 + 255 + SIGNATURE_BYTES;
/** Renewing costs one signature on the same host; a day bounds what a lost host can still say. */
export const CERTIFICATE_LIFE_MAX: Millis = 24 * 60 * 60 * 1000;

const KINDS: readonly ContractKind[] = ['intent', 'event', 'state', 'audit', 'dlq'];

export interface Delegation {
  readonly agent: string;
  readonly host: string;
  /** In the order of `ContractKind`: intent, event, state, audit, dlq. */
  readonly kinds: readonly ContractKind[];
  readonly from: Millis;
  readonly until: Millis;
}

/** Throws `InvariantError` for names, kinds or times that a certificate cannot hold: the caller chose them. */
export function issueCertificate(delegation: Delegation, key: Signer): Uint8Array {
  const { agent, host, kinds, from, until } = delegation;
  assert(isPrincipal(agent) && agent.startsWith('agent:'), `"${agent}" is no agent that could delegate`);
  assert(isPrincipal(host) && host.startsWith('host:'), `"${host}" is no host that could speak for an agent`);
  assert(kinds.length > 0, 'a certificate for no kind of message says nothing');
  assert(
    Number.isSafeInteger(from) &&
      Number.isSafeInteger(until) &&
      from >= 0 &&
      until > from &&
      until - from <= CERTIFICATE_LIFE_MAX,
    `a certificate lasts 1 to ${CERTIFICATE_LIFE_MAX} ms, not from ${from} until ${until}`,
  );
  const head = new Uint8Array(HEAD_BYTES);
  const view = new DataView(head.buffer);
  head[0] = 1;
  for (const kind of kinds) head[1]! |= 1 << KINDS.indexOf(kind);
  head[2] = agent.length;
  head[3] = host.length;
  head.set(key.id, 4);
  view.setBigUint64(20, BigInt(from));
  view.setBigUint64(28, BigInt(until));
  const body = concat(head, utf8(agent), utf8(host));
  return concat(body, key.sign('certificate', body));
}

export type OpenedCertificate =
  | { readonly ok: true; readonly delegation: Delegation }
  | { readonly ok: false; readonly refusal: Refusal };

/** Reads a certificate that came from outside: bounds, then the key and its signature at `now`, then the rest. Never throws. */
export function openCertificate(bytes: Uint8Array, ring: KeyRing, now: Millis): OpenedCertificate {
  const end = bytes.length - SIGNATURE_BYTES;
  if (bytes.length > CERTIFICATE_BYTES_MAX || end < HEAD_BYTES || end !== HEAD_BYTES + bytes[2]! + bytes[3]!) {
    return refuse('invalid', `${bytes.length} bytes are no certificate`);
  }
  const body = bytes.subarray(0, end);
  const id = body.subarray(4, 4 + KEY_ID_BYTES);
  const bad = ring.verify(id, 'certificate', body, bytes.subarray(end), now);
  if (bad !== null) return { ok: false, refusal: bad };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [layout, bits] = [body[0]!, body[1]!];
  if (layout !== 1 || bits === 0 || bits >= 1 << KINDS.length) return refuse('invalid', 'a certificate of another layout');
  const [from, until] = [Number(view.getBigUint64(20)), Number(view.getBigUint64(28))];
  if (!Number.isSafeInteger(until) || until <= from || until - from > CERTIFICATE_LIFE_MAX) {
    return refuse('invalid', `a certificate from ${from} until ${until}: it lasts at most ${CERTIFICATE_LIFE_MAX} ms`);
  }
  const agent = ascii(body.subarray(HEAD_BYTES, HEAD_BYTES + body[2]!));
  const host = ascii(body.subarray(HEAD_BYTES + body[2]!));
  if (!agent.startsWith('agent:') || !host.startsWith('host:')) return refuse('invalid', 'a certificate with other names');
  if (ring.memberOf(id) !== agent) return refuse('bad-signature', `the key of ${ring.memberOf(id)} does not speak for ${agent}`);
  const kinds = KINDS.filter((_, bit) => (bits & (1 << bit)) !== 0);
  return { ok: true, delegation: { agent, host, kinds, from, until } };
}

/** Whether the host may say this for the agent now; null: it may. */
export function speaksFor(
  delegation: Delegation,
  said: { readonly agent: string; readonly host: string; readonly kind: ContractKind },
  now: Millis,
): Refusal | null {
  const { agent, host, kinds, from, until } = delegation;
  const may = `${host} for ${agent}`;
  if (said.agent !== agent || said.host !== host) {
    return { reason: 'bad-signature', detail: `${said.host} spoke for ${said.agent} by a certificate of ${may}` };
  }
  if (!kinds.includes(said.kind)) return { reason: 'denied', detail: `${may}: messages of kind ${said.kind} are not delegated` };
  if (now < from - SKEW) return { reason: 'bad-signature', detail: `${may}: not before ${from - now} ms from now` };
  if (now >= until + SKEW) return { reason: 'expired', detail: `${may} ended ${now - until} ms ago: renew the certificate` };
  return null;
}

/** No certificate covers these: intents with a risk, and every contract that says so (halt, resume, policy, membership, negotiation of peers). */
export function needsOwnSignature(contract: Pick<Contract, 'kind' | 'risk' | 'signing'>): boolean {
  return contract.signing === 'each' || (contract.kind === 'intent' && contract.risk === 'gated');
}

function ascii(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte < 0x21 || byte > 0x7e)) return '';
  const text = fromUtf8(bytes);
  return isPrincipal(text) ? text : '';
}

function refuse(reason: Refusal['reason'], detail: string): OpenedCertificate {
  return { ok: false, refusal: { reason, detail } };
}
