/**
 * A policy set: policies, schema, guardrail packs and the entities that say who has which role, compiled, under one hash. The
 * hash is of what the set means: layout, comments and the order of policies do not change it, everything else does.
 */
import { assert, canonicalJson, sha256Hex } from '../kernel/index.ts';
import type { Reviewer } from './activation.ts';
import { compilePolicies, type CompileProblem, type PolicyIndex, type PolicySource } from './compile.ts';
import { EntityStore, readEntities } from './entities.ts';
import { canonicalPack, type GuardrailPack, packPolicies, type PackLimit } from './guardrails.ts';
import { actionsOf, decimalInputs } from './schema.ts';
import { EvaluationError } from './values.ts';

const PACKS_MAX = 100;

export interface PolicySetInput {
  /** Those of the packs included: `guardrailPolicies` wrote them, Cedar's parser read them. */
  readonly policies: readonly PolicySource[];
  /** Cedar's JSON form. */
  readonly schema: unknown;
  readonly packs: readonly GuardrailPack[];
  /** Cedar's JSON form of the entities that every request sees. */
  readonly entities: unknown;
  /** Who may sign the set that comes after this one. */
  readonly reviewers: readonly Reviewer[];
}

export interface PolicySet {
  /** SHA-256 of the canonical form, hex. */
  readonly hash: string;
  readonly index: PolicyIndex;
  readonly packs: readonly GuardrailPack[];
  readonly reviewers: readonly Reviewer[];
  readonly limits: readonly PackLimit[];
  readonly entities: EntityStore;
  /** By the key of an action: fields of its input that are decimals. */
  readonly decimals: ReadonlyMap<string, ReadonlySet<string>>;
}

export type PolicySetResult =
  | { readonly ok: true; readonly set: PolicySet }
  | { readonly ok: false; readonly problems: readonly CompileProblem[] };

/** Cedar text of the forbids of all packs. */
export function guardrailPolicies(packs: readonly GuardrailPack[]): string {
  return packs.map(packPolicies).join('\n');
}

/** Refuses what cannot be compiled or read; never guesses. */
export function makePolicySet({ policies, schema, packs, entities, reviewers }: PolicySetInput): PolicySetResult {
  assert(packs.length <= PACKS_MAX, `a policy set has at most ${PACKS_MAX} packs`);
  const compiled = compilePolicies(policies, actionsOf(schema));
  if (!compiled.ok) return compiled;
  const read = readEntities(entities);
  if (!read.ok) return { ok: false, problems: [{ policy: 'entities', problem: read.problem }] };
  let store: EntityStore;
  try {
    store = new EntityStore(read.value, compiled.index.actions);
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    return { ok: false, problems: [{ policy: 'entities', problem: error.message }] };
  }
  const hash = policySetHash({ policies, schema, packs, entities, reviewers });
  const limits = packs.flatMap((each) => each.limits);
  const decimals = decimalInputs(schema);
  return { ok: true, set: { hash, index: compiled.index, packs, reviewers, limits, entities: store, decimals } };
}

/** What a set is called: the hash of its meaning. Compiles nothing. */
export function policySetHash({ policies, schema, packs, entities, reviewers }: PolicySetInput): string {
  const sorted = policies.map(({ id, json }) => ({ id, json })).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return sha256Hex(canonicalJson(plain({ policies: sorted, schema, packs: packs.map(canonicalPack), entities, reviewers })));
}

/** Longs beyond 2^53 are bigint after exact reading; canonical JSON holds them as text with a mark of their own. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return { Long: String(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}
