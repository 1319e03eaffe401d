/**
 * How a policy set comes into force: checked, compared with the Cedar engine, tried on recorded decisions, signed by two
 * reviewers, active; and how it goes back, by one. Owns what is signed, what is recorded and who may; never touches a file or a
 * clock. The reviewers of the set in force decide about the next one; of the first, its own.
 */
import { canonicalJson, fromHex, type Millis, sha256Hex, utf8 } from '../kernel/index.ts';
import type { Crypto } from '../protocol/index.ts';

export const SIGNATURES_MIN = 2; // nobody changes alone what everybody is held to
const REVIEWERS_MAX = 100;

export interface Reviewer {
  readonly name: string;
  /** Ed25519 public key, hex. */
  readonly key: string;
}

/** What the pipeline found; reviewers sign it together with the hash. */
export interface Evidence {
  readonly policies: number;
  readonly requestsCompared: number;
  readonly cases: number;
  /** Whole percent. */
  readonly coverage: number;
  readonly decisionsReplayed: number;
  readonly decisionsChanged: number;
}

export interface ReviewSignature {
  readonly key: string;
  readonly signature: string;
}

export interface ActivationRecord {
  readonly kind: 'activate' | 'rollback';
  readonly policy: string;
  /** In force before; null: none. */
  readonly previous: string | null;
  readonly evidence: Evidence | null;
  readonly signatures: readonly ReviewSignature[];
  readonly at: Millis;
  /** SHA-256 of the record before, so that a record that is changed or dropped shows. */
  readonly chain: string;
}

export const CHAIN_START: string = '0'.repeat(64);

export function recordHash(record: ActivationRecord): string {
  return sha256Hex(canonicalJson(record));
}

type Change = Pick<ActivationRecord, 'kind' | 'policy' | 'previous' | 'evidence'>;

/** The bytes that a reviewer signs. */
export function reviewStatement({ kind, policy, previous, evidence }: Change): Uint8Array {
  return utf8(canonicalJson({ purpose: 'skein.policy.v1', kind, policy, previous, evidence }));
}

/** Which of these signatures count, by the reviewers' names; each reviewer counts once. */
export function validReviews(
  change: Change,
  signatures: readonly ReviewSignature[],
  reviewers: readonly Reviewer[],
  primitives: Pick<Crypto, 'verify'>,
): readonly string[] {
  const bytes = reviewStatement(change);
  const names = signatures.flatMap(({ key, signature }) => {
    const reviewer = reviewers.find((each) => each.key === key);
    const [publicKey, signed] = [fromHex(key), fromHex(signature)];
    if (reviewer === undefined || publicKey === null || signed === null) return [];
    return primitives.verify(publicKey, bytes, signed) ? [reviewer.name] : [];
  });
  return [...new Set(names)];
}

export type History =
  | { readonly ok: true; readonly active: string | null; readonly previous: string | null; readonly tip: string }
  | { readonly ok: false; readonly problem: string };

/**
 * What is in force by the records alone. Every record must continue the chain and carry enough signatures of those who were
 * reviewers at its time: `reviewersOf` gives those of a set by its hash.
 */
export function replayActivations(
  records: readonly ActivationRecord[],
  reviewersOf: (policy: string) => readonly Reviewer[] | null,
  primitives: Pick<Crypto, 'verify'>,
): History {
  let active: string | null = null;
  let tip = CHAIN_START;
  const before: string[] = [];
  for (const [i, record] of records.entries()) {
    const wrong = (problem: string): History => ({ ok: false, problem: `activation ${i}: ${problem}` });
    if (record.chain !== tip) return wrong('a record before it was changed or dropped');
    if (record.previous !== active) return wrong('it does not continue what was in force');
    const reviewers = reviewersOf(active ?? record.policy);
    if (reviewers === null) return wrong(`the set ${(active ?? record.policy).slice(0, 12)} is missing`);
    const needed = record.kind === 'rollback' ? 1 : SIGNATURES_MIN;
    const signed = validReviews(record, record.signatures, reviewers, primitives);
    if (signed.length < needed) return wrong(`${signed.length} of ${needed} signatures of reviewers`);
    if (record.kind === 'rollback') {
      if (before.pop() !== record.policy) return wrong('it goes back to what was not in force before');
    } else if (active !== null) before.push(active);
    active = record.policy;
    tip = recordHash(record);
  }
  return { ok: true, active, previous: before.at(-1) ?? null, tip };
}

export type ReadReviewers =
  | { readonly ok: true; readonly reviewers: readonly Reviewer[] }
  | { readonly ok: false; readonly problem: string };

export function readReviewers(json: unknown): ReadReviewers {
  const bad = (problem: string): ReadReviewers => ({ ok: false, problem });
  if (!Array.isArray(json) || json.length > REVIEWERS_MAX) return bad(`reviewers are a list of up to ${REVIEWERS_MAX}`);
  const reviewers: Reviewer[] = [];
  for (const each of json as unknown[]) {
    const { name, key } = (each ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof name !== 'string' || name === '') return bad('a reviewer has a name');
    if (typeof key !== 'string' || !/^[0-9a-f]{64}$/.test(key)) return bad(`the key of ${name} is 32 bytes in hex`);
    if (reviewers.some((known) => known.name === name || known.key === key)) return bad(`${name} is there twice`);
    reviewers.push({ name, key });
  }
  if (reviewers.length < SIGNATURES_MIN) return bad(`${SIGNATURES_MIN} reviewers are needed, and ${reviewers.length} are named`);
  return { ok: true, reviewers };
}
