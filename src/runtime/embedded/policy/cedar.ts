/**
 * The Cedar engine (cedar-wasm), for what happens while policies are written and checked: parsing, validation against the
 * schema, Cedar's JSON form, and the reference answer that the compiled policies are held to. Loaded on first use: it takes some
 * 50 ms and 20 MB, and deciding needs none of it. Never asked on the way of a message.
 */
import { createRequire } from 'node:module';
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';
import { markLongs, unmarkLongs } from './exact-longs.ts';

export interface CedarProblem {
  /** Id of a policy, or `*`. */
  readonly policy: string;
  readonly message: string;
  readonly help: string | null;
  /** 1-based, where the engine says where. */
  readonly line: number | null;
}

export interface CedarPolicy {
  /** From `@id`, or `policy0`, `policy1`, ... in the order of the text. */
  readonly id: string;
  readonly text: string;
  readonly json: unknown;
}

export type ParsedPolicies =
  | { readonly ok: true; readonly policies: readonly CedarPolicy[] }
  | { readonly ok: false; readonly problems: readonly CedarProblem[] };

/** A request in Cedar's JSON form. Longs only within 2^53. */
export interface CedarRequest {
  readonly principal: { readonly type: string; readonly id: string };
  readonly action: { readonly type: string; readonly id: string };
  readonly resource: { readonly type: string; readonly id: string };
  readonly context: Readonly<Record<string, unknown>>;
  readonly entities: readonly unknown[];
}

export type CedarAnswer =
  | {
      readonly ok: true;
      readonly decision: 'allow' | 'deny';
      readonly reasons: readonly string[];
      readonly errors: readonly { readonly policy: string; readonly message: string }[];
    }
  /** The request itself was refused: a float, an entity that is there twice, a context that the schema does not allow. */
  | { readonly ok: false; readonly message: string };

export interface CedarEngine {
  readonly version: string;
  parse(text: string): ParsedPolicies;
  /** Strict validation; what it finds refuses the set, warnings included. */
  validate(policies: readonly CedarPolicy[], schema: string): readonly CedarProblem[];
  /** Cedar's JSON form of a schema, or why there is none. */
  schemaJson(
    schema: string,
  ): { readonly ok: true; readonly json: unknown } | { readonly ok: false; readonly problems: readonly CedarProblem[] };
  /** Prepares a set once; the answer to many requests is then some 100 us each. */
  reference(policies: readonly CedarPolicy[]): (request: CedarRequest) => CedarAnswer;
}

let engine: CedarEngine | null = null;
let prepared = 0;

export function cedarEngine(): CedarEngine {
  engine ??= create(createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as typeof Cedar);
  return engine;
}

function create(cedar: typeof Cedar): CedarEngine {
  return {
    version: cedar.getCedarVersion(),
    parse: (text) => parse(cedar, text),
    validate: (policies, schema) => {
      const answer = cedar.validate({ schema, policies: named(policies), validationSettings: { mode: 'strict' } });
      if (answer.type === 'failure') return problemsOf(answer.errors);
      return [...answer.validationErrors, ...answer.validationWarnings].map(({ policyId, error }) => problem(error, policyId));
    },
    schemaJson: (schema) => {
      const answer = cedar.schemaToJson(schema);
      return answer.type === 'success'
        ? { ok: true, json: answer.json }
        : { ok: false, problems: problemsOf(answer.errors, schema) };
    },
    reference: (policies) => {
      const id = `set-${prepared++}`;
      const answer = cedar.preparsePolicySet(id, named(policies));
      if (answer.type === 'failure') throw new Error(`policies that parsed before do not any more: ${answer.errors[0]?.message}`);
      return (request) => ask(cedar, id, request);
    },
  };
}

function parse(cedar: typeof Cedar, text: string): ParsedPolicies {
  // A field of that name is lost where the engine builds JavaScript objects; the policy would then mean something else.
  if (text.includes('__proto__')) return failed('*', '__proto__ cannot be named in a policy');
  const parsed = cedar.checkParsePolicySet({ staticPolicies: text });
  if (parsed.type === 'failure') return { ok: false, problems: problemsOf(parsed.errors, text) };
  const marked = markLongs(text);
  const [texts, exact] = [partsOf(cedar, text), partsOf(cedar, marked.text)];
  if (typeof texts === 'string' || typeof exact === 'string')
    return failed('*', typeof texts === 'string' ? texts : String(exact));
  const policies: CedarPolicy[] = [];
  for (const [i, part] of exact.entries()) {
    const answer = cedar.policyToJson(part);
    if (answer.type === 'failure') return { ok: false, problems: problemsOf(answer.errors) };
    const id = answer.json.annotations?.['id'] ?? `policy${i}`;
    if (policies.some((each) => each.id === id)) return failed(id, `two policies have the id ${id}`);
    policies.push({ id, text: texts[i]!, json: unmarkLongs(answer.json, marked.mark) });
  }
  return { ok: true, policies };
}

/** The policies of a text in its order (the engine sorts them by id: policy10 before policy2), or what is wrong. */
function partsOf(cedar: typeof Cedar, text: string): readonly string[] | string {
  const parts = cedar.policySetTextToParts(text);
  if (parts.type === 'failure') return parts.errors.map((each) => each.message).join('; ');
  if (parts.policy_templates.length > 0) return 'templates are not supported: write one policy for each link';
  const after = new Map<string, number>();
  const places = parts.policies.map((part) => {
    const at = text.indexOf(part, after.get(part) ?? 0);
    after.set(part, at + part.length);
    return { part, at };
  });
  if (places.some(({ at }) => at === -1)) return 'the engine gives back other text than it was given';
  return places.toSorted((a, b) => a.at - b.at).map(({ part }) => part);
}

function named(policies: readonly CedarPolicy[]): Cedar.PolicySet {
  return { staticPolicies: Object.fromEntries(policies.map(({ id, text }) => [id, text])) };
}

function ask(cedar: typeof Cedar, preparsedPolicySetId: string, request: CedarRequest): CedarAnswer {
  const { principal, action, resource, context, entities } = request;
  let answer: Cedar.AuthorizationAnswer;
  try {
    answer = cedar.statefulIsAuthorized({
      principal,
      action,
      resource,
      context: context as Cedar.Context,
      entities: entities as Cedar.Entities,
      preparsedPolicySetId,
    });
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
  if (answer.type === 'failure') return { ok: false, message: answer.errors.map((each) => each.message).join('; ') };
  const { decision, diagnostics } = answer.response;
  const errors = diagnostics.errors.map(({ policyId, error }) => ({ policy: policyId, message: error.message }));
  return { ok: true, decision, reasons: diagnostics.reason, errors };
}

const failed = (policy: string, message: string): ParsedPolicies => ({
  ok: false,
  problems: [{ policy, message, help: null, line: null }],
});

function problemsOf(errors: readonly Cedar.DetailedError[], text?: string): readonly CedarProblem[] {
  return errors.map((each) => problem(each, '*', text));
}

function problem(error: Cedar.DetailedError, policy: string, text?: string): CedarProblem {
  const start = error.sourceLocations?.[0]?.start;
  const line =
    start === undefined || text === undefined ? null : Buffer.from(text).subarray(0, start).toString().split('\n').length;
  return { policy, message: error.message, help: error.help, line };
}
