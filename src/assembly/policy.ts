/**
 * Policies of a repository, from the files that people write to the gate that is in force: checking, testing, trying on what was
 * decided before, activating with two reviewers, going back, explaining. Puts the room's rules together with the Cedar engine and
 * the files; decides nothing itself. The engine is loaded for checking and activating only; the gate in force runs without it.
 */
import { join } from 'node:path';
import {
  type ActivationRecord,
  createGate,
  decide,
  type Evidence,
  type GuardrailPack,
  guardrailPolicies,
  type History,
  makePolicySet,
  type PolicyDecision,
  type PolicyGate,
  type PolicySet,
  policySetHash,
  type PolicySetInput,
  randomRequests,
  readEntities,
  readEntityRef,
  readPack,
  readRecord,
  readReviewers,
  replayActivations,
  requestEntities,
  reviewDue,
  type Reviewer,
  type ReviewSignature,
  reviewStatement,
  SIGNATURES_MIN,
  validReviews,
} from '../governance/index.ts';
import { seededRandom } from '../kernel/index.ts';
import type { Action, Gate } from '../ports/index.ts';
import {
  type CedarPolicy,
  type CedarRequest,
  cedarEngine,
  PolicyFiles,
  readPolicySources,
  readReviewerKey,
  verifyReview,
} from '../runtime/embedded/index.ts';
import { type PolicyCase, readCases } from './policy-cases.ts';
import { refuse } from './problem.ts';
import type { Outcome } from './run.ts';

const COMPARED = 10_000; // random requests put to both evaluators before activation; some seconds
const REPLAYED_MAX = 10_000; // recorded decisions of a shadow run
const SHOWN_MAX = 20; // differences in words; the count says the rest
export const COVERAGE_MIN = 80; // percent of policies that a case reaches

export interface LoadedPolicy {
  readonly set: PolicySet;
  readonly cedar: readonly CedarPolicy[];
  readonly schema: unknown;
  readonly entities: unknown;
  readonly cases: readonly PolicyCase[];
  /** True and worth saying, but no reason to refuse. */
  readonly notes: readonly string[];
  /** As it is stored under its hash. */
  readonly stored: unknown;
}

export interface TestReport {
  readonly cases: number;
  readonly failed: readonly {
    readonly file: string;
    readonly name: string;
    readonly expected: string;
    readonly got: string;
    readonly policies: readonly string[];
  }[];
  /** Whole percent of the policies that held in at least one case. */
  readonly coverage: number;
  readonly policies: number;
  readonly unreached: readonly string[];
}

export interface ShadowReport {
  readonly replayed: number;
  readonly changed: number;
  /** The first of them. */
  readonly differences: readonly {
    readonly id: string;
    readonly name: string;
    readonly principal: string;
    readonly before: string;
    readonly after: string;
    readonly policies: readonly string[];
  }[];
}

export interface ActivationReport {
  readonly policy: string;
  readonly previous: string | null;
  readonly active: boolean;
  /** Names of the reviewers whose signatures count. */
  readonly signed: readonly string[];
  readonly needed: number;
  readonly evidence: Evidence | null;
}

export interface PolicyState {
  readonly active: string | null;
  readonly previous: string | null;
  readonly activations: number;
}

const PRIMITIVES = { verify: verifyReview };

export function policyFiles(repository: string): PolicyFiles {
  return new PolicyFiles(join(repository, '.skein', 'policy'));
}

/** Parses, validates and compiles what stands in a folder. Whatever is wrong with it, all of it is said at once. */
export async function loadPolicy(folder: string, now: number): Promise<Outcome<LoadedPolicy>> {
  const read = await readPolicySources(folder);
  if (!read.ok) return refuse('missing', `${folder} holds no policies`, read.problems, 'skein policy --help');
  const { cedar: text, schema, packs: tomls, entities, reviewers: named, cases: files } = read.sources;
  const problems: string[] = [];
  const packs = tomls.flatMap(({ file, toml }): readonly GuardrailPack[] => {
    const pack = readPack(toml);
    if (pack.ok) return [pack.pack];
    problems.push(...pack.problems.map((each) => `${file}: ${each}`));
    return [];
  });
  const cases = readCases(files, now);
  if (!cases.ok) problems.push(...cases.problems.map((each) => `tests/${each}`));
  const reviewers = Array.isArray(named) && named.length === 0 ? null : readReviewers(named);
  if (reviewers?.ok === false) problems.push(`reviewers.json: ${reviewers.problem}`);
  const engine = cedarEngine();
  const parsed = engine.parse(`${text}\n${guardrailPolicies(packs)}`);
  const schemaRead = engine.schemaJson(schema);
  if (!parsed.ok)
    problems.push(
      ...parsed.problems.map(({ policy, message, line }) => `${line === null ? policy : `line ${line}`}: ${message}`),
    );
  if (!schemaRead.ok)
    problems.push(...schemaRead.problems.map(({ message, line }) => `schema${line === null ? '' : ` line ${line}`}: ${message}`));
  if (!parsed.ok || !schemaRead.ok || !cases.ok) return broken(folder, problems);
  problems.push(...engine.validate(parsed.policies, schema).map(({ policy, message }) => `${policy}: ${message}`));
  const reviewerList = reviewers?.ok === true ? reviewers.reviewers : [];
  const made = makePolicySet({ policies: parsed.policies, schema: schemaRead.json, packs, entities, reviewers: reviewerList });
  if (!made.ok) problems.push(...made.problems.map(({ policy, problem }) => `${policy}: ${problem}`));
  problems.push(...packs.filter((pack) => now >= reviewDue(pack)).map(overdue));
  if (problems.length > 0 || !made.ok) return broken(folder, problems);
  const notes = reviewerList.length === 0 ? [`no reviewers.json: this set cannot be activated`] : [];
  const stored = {
    policies: parsed.policies,
    schema: schemaRead.json,
    packs: tomls.map(({ toml }) => toml),
    entities,
    reviewers: reviewerList,
  };
  const value = { set: made.set, cedar: parsed.policies, schema: schemaRead.json, entities, cases: cases.cases, notes, stored };
  return { ok: true, value };
}

const overdue = (pack: GuardrailPack): string =>
  `${pack.name}: its review was due ${new Date(reviewDue(pack)).toISOString().slice(0, 10)}: ${pack.owner} reviews it and moves last_review`;

function broken(folder: string, problems: readonly string[]): Outcome<never> {
  const words = problems.length === 1 ? 'one thing is wrong' : `${problems.length} things are wrong`;
  return refuse('refused', `${folder}: ${words} with these policies`, problems, 'correct them, then skein policy check');
}

/** Runs the cases and says which policies none of them reached. */
export function testPolicy({ set, cases }: LoadedPolicy): TestReport {
  const gate = createGate({ set });
  const held = new Set<string>();
  const failed = cases.flatMap(({ file, name, action, expect, reason }) => {
    const full = gate.explain(action);
    for (const each of full.held) held.add(each);
    const got = verdictOf(full);
    if (full.decision.verdict === expect && (reason === null || reason === full.decision.reason)) return [];
    const errors = full.errors.map((each) => `${each.policy}: ${each.message}`);
    return [
      { file, name, expected: reason === null ? expect : `${expect} ${reason}`, got, policies: [...full.policies, ...errors] },
    ];
  });
  const ids = set.index.policies.map((each) => each.id);
  const unreached = ids.filter((each) => !held.has(each));
  const coverage = ids.length === 0 ? 100 : Math.floor(((ids.length - unreached.length) / ids.length) * 100);
  return { cases: cases.length, failed, coverage, policies: ids.length, unreached };
}

const verdictOf = ({ decision }: PolicyDecision): string => `${decision.verdict} ${decision.reason}`;

interface RecordedDecision {
  readonly action: Action;
  readonly verdict: string;
  readonly reason: string;
}

/** The last recorded decisions under this set instead of the one that made them. */
export function shadowPolicy({ set }: LoadedPolicy, files: PolicyFiles, max: number = REPLAYED_MAX): ShadowReport {
  const recorded = files.decisions(Math.min(max, REPLAYED_MAX)) as readonly RecordedDecision[];
  const own = new Set(recorded.filter(({ reason }) => reason === 'own-work').map(({ action }) => action.id));
  // Time has passed since: a review that is due now says nothing about then.
  const gate = createGate({ set, overdue: 'say', granted: ({ id }) => own.has(id) });
  const differences = recorded.flatMap(({ action, verdict, reason }) => {
    const full = gate.explain(action);
    if (full.decision.verdict === verdict) return [];
    const { id, name, principal } = action;
    return [{ id, name, principal, before: `${verdict} ${reason}`, after: verdictOf(full), policies: full.policies }];
  });
  return { replayed: recorded.length, changed: differences.length, differences: differences.slice(0, SHOWN_MAX) };
}

/** What is in force, by the records alone. */
export function policyState(files: PolicyFiles): Outcome<PolicyState & { readonly tip: string }> {
  try {
    const records = files.activations() as readonly ActivationRecord[];
    const history: History = replayActivations(records, (hash) => reviewersOf(files, hash), PRIMITIVES);
    if (!history.ok) return untrusted(history.problem);
    if (history.active !== null && storedSet(files, history.active) === null)
      return untrusted(`${SET_LOST} ${history.active.slice(0, 12)}`);
    return { ok: true, value: { ...history, activations: records.length } };
  } catch (error) {
    return untrusted(`a file cannot be read: ${(error as Error).message}`); // a line that is no JSON, a set of another shape
  }
}

const SET_LOST = 'missing, or not what was signed: the set';

function untrusted(problem: string): Outcome<never> {
  const next = 'restore .skein/policy from a backup; until then nothing starts here';
  return refuse('policy', 'the record of activations cannot be trusted', [problem], next);
}

function reviewersOf(files: PolicyFiles, hash: string): readonly Reviewer[] | null {
  return storedSet(files, hash)?.reviewers ?? null;
}

/** A stored set whose content is what its name says, else null. */
function storedSet(files: PolicyFiles, hash: string): PolicySetInput | null {
  const stored = files.set(hash) as (Omit<PolicySetInput, 'packs'> & { readonly packs: readonly unknown[] }) | null;
  if (stored === null) return null;
  const packs = stored.packs.map(readPack).flatMap((each) => (each.ok ? [each.pack] : []));
  const { policies, schema, entities, reviewers } = stored;
  const input = { policies, schema, packs, entities, reviewers };
  return policySetHash(input) === hash ? input : null;
}

/** A stored set, compiled again. Needs no Cedar engine. */
function openStored(files: PolicyFiles, hash: string): PolicySet | null {
  const stored = storedSet(files, hash);
  const made = stored === null ? null : makePolicySet(stored);
  return made?.ok === true ? made.set : null;
}

/** The gate in force, which records what it decides; null where nothing was ever activated. */
export function openGate(files: PolicyFiles, granted?: (action: Action) => boolean): Outcome<PolicyGate | null> {
  const state = policyState(files);
  if (!state.ok) return state;
  if (state.value.active === null) return { ok: true, value: null };
  const set = openStored(files, state.value.active);
  if (set === null) return untrusted(`${SET_LOST} ${state.value.active.slice(0, 12)}`);
  const onDecision = (action: Action, { decision, policies }: PolicyDecision): void =>
    files.recordDecision({ action, verdict: decision.verdict, reason: decision.reason, policies, policy: decision.policy });
  return { ok: true, value: createGate({ set, onDecision, ...(granted === undefined ? {} : { granted }) }) };
}

/** Around what a host grants itself: the policy in force forbids what it forbids. Null where none was activated. */
export function policyInForce(repository: string): Outcome<((ownWork: Gate) => Gate) | null> {
  let own: Gate | null = null;
  const opened = openGate(policyFiles(repository), (action) => own?.decide(action).verdict === 'allow');
  if (!opened.ok || opened.value === null) return opened.ok ? { ok: true, value: null } : opened;
  const gate = opened.value;
  const around = (ownWork: Gate): Gate => {
    own = ownWork;
    return gate;
  };
  return { ok: true, value: around };
}

/** Random requests of the schema to the compiled set and to the Cedar engine; the first difference in words, or null. */
export function compareWithEngine({ set, cedar, schema, entities }: LoadedPolicy, requests: number): string | null {
  const draw = randomRequests(
    schema,
    cedar.map((each) => each.json),
    entities as readonly unknown[],
    seededRandom(set.hash),
  );
  if (draw === null) return 'the schema has no action that applies to anything';
  // Permits and forbids apart: together the engine names no permit that a forbid outweighs, and would hide what differs there.
  const ids = (effect: string): Set<string> =>
    new Set(set.index.policies.filter((each) => each.effect === effect).map(({ id }) => id));
  const references = [ids('permit'), ids('forbid')].map((side) =>
    cedarEngine().reference(cedar.filter(({ id }) => side.has(id))),
  );
  const actions = set.index.actions
    .list()
    .map(({ ref, parents }) => ({ uid: named(ref), attrs: {}, parents: parents.map(named) }));
  const listed = readEntities(entities);
  const known = (entities as readonly unknown[]).map((json, i) => ({ json, key: listed.ok ? listed.value[i]!.ref.key : '' }));
  for (let i = 0; i < requests; i++) {
    const request = draw();
    const own = readEntities(request.entities);
    const context = readRecord(request.context);
    const [principal, action, resource] = [request.principal, request.action, request.resource].map(readEntityRef);
    if (!own.ok || !context.ok || !principal?.ok || !action?.ok || !resource?.ok)
      return `a request of the schema cannot be read: ${JSON.stringify(request)}`;
    const ours = decide(set.index, {
      principal: principal.value,
      action: action.value,
      resource: resource.value,
      context: context.value,
      entities: requestEntities(set, own.value),
    });
    const replaced = new Set(own.value.map(({ ref }) => ref.key));
    const all = [...request.entities, ...known.filter(({ key }) => !replaced.has(key)).map(({ json }) => json), ...actions];
    const answers = references.map((reference) => reference({ ...request, entities: all } satisfies CedarRequest));
    const refused = answers.find((each) => !each.ok);
    if (refused?.ok === false) return `the engine refuses a request of the schema: ${refused.message}`;
    const theirs = answers.flatMap((each) => (each.ok ? [each] : []));
    const text = (held: readonly string[], errors: readonly { readonly policy: string }[]): string =>
      `${held.toSorted().join(', ')} failed: ${errors
        .map((each) => each.policy)
        .toSorted()
        .join(', ')}`;
    const left = text(ours.held, ours.errors);
    const right = text(
      theirs.flatMap((each) => each.reasons),
      theirs.flatMap((each) => each.errors),
    );
    if (left !== right) return `compiled: held ${left}; Cedar: held ${right}; ${JSON.stringify(request)}`;
  }
  return null;
}

const named = ({ type, id }: { readonly type: string; readonly id: string }): { type: string; id: string } => ({ type, id });

export interface ActivateOptions {
  /** Private key of the reviewer, PEM. */
  readonly key: string;
  readonly now: number;
  readonly compared?: number;
}

/** The whole way of a set into force. Signed by one reviewer it is proposed; signed by two it is active. */
export function activatePolicy(loaded: LoadedPolicy, files: PolicyFiles, options: ActivateOptions): Outcome<ActivationReport> {
  const { set } = loaded;
  const compared = options.compared ?? COMPARED;
  const state = policyState(files);
  if (!state.ok) return state;
  const { active: previous, tip } = state.value;
  if (previous === set.hash)
    return refuse('usage', `policy ${set.hash.slice(0, 12)} is in force already`, [], 'skein policy explain');
  const tested = testPolicy(loaded);
  if (tested.failed.length > 0)
    return refuse('refused', `${tested.failed.length} of ${tested.cases} cases fail`, [], 'skein policy test');
  if (tested.coverage < COVERAGE_MIN)
    return refuse(
      'refused',
      `the cases reach ${tested.coverage} % of the policies, not ${COVERAGE_MIN} %`,
      tested.unreached,
      'write cases for them',
    );
  const difference = compareWithEngine(loaded, compared);
  if (difference !== null)
    return refuse('refused', 'compiled policies and the Cedar engine differ', [difference], 'report it; this set stays inactive');
  const shadow = shadowPolicy(loaded, files);
  const evidence: Evidence = {
    policies: tested.policies,
    requestsCompared: compared,
    cases: tested.cases,
    coverage: tested.coverage,
    decisionsReplayed: shadow.replayed,
    decisionsChanged: shadow.changed,
  };
  const reviewers = previous === null ? set.reviewers : (reviewersOf(files, previous) ?? []);
  const proposal = files.proposal(set.hash) as {
    readonly evidence: Evidence;
    readonly previous: string | null;
    readonly signatures: readonly ReviewSignature[];
  } | null;
  // Another state or other evidence: what was signed before was something else.
  const same =
    proposal !== null && proposal.previous === previous && JSON.stringify(proposal.evidence) === JSON.stringify(evidence);
  const change = { kind: 'activate', policy: set.hash, previous, evidence } as const;
  const own = signedBy(options.key, change, reviewers);
  if (!own.ok) return own;
  const signatures = [...(same ? proposal.signatures : []).filter(({ key }) => key !== own.value.key), own.value];
  const signed = validReviews(change, signatures, reviewers, PRIMITIVES);
  files.putSet(set.hash, loaded.stored);
  if (reviewersOf(files, set.hash) === null)
    return refuse('refused', 'the stored set is not what was compiled', [], 'report it; nothing was activated');
  const active = signed.length >= SIGNATURES_MIN;
  if (active) files.appendActivation({ ...change, signatures, at: options.now, chain: tip } satisfies ActivationRecord);
  else files.putProposal(set.hash, { previous, evidence, signatures });
  return { ok: true, value: { policy: set.hash, previous, active, signed, needed: SIGNATURES_MIN, evidence } };
}

/** Back to what was in force before, at once and by one reviewer: two had signed it. */
export function rollbackPolicy(files: PolicyFiles, { key, now }: ActivateOptions): Outcome<ActivationReport> {
  const state = policyState(files);
  if (!state.ok) return state;
  const { active, previous, tip } = state.value;
  if (active === null || previous === null)
    return refuse('refused', 'no other policy was in force before', [], 'skein halt stops everything');
  const change = { kind: 'rollback', policy: previous, previous: active, evidence: null } as const;
  const reviewers = reviewersOf(files, active) ?? [];
  const own = signedBy(key, change, reviewers);
  if (!own.ok) return own;
  files.appendActivation({ ...change, signatures: [own.value], at: now, chain: tip } satisfies ActivationRecord);
  const signed = validReviews(change, [own.value], reviewers, PRIMITIVES);
  return { ok: true, value: { policy: previous, previous: active, active: true, signed, needed: 1, evidence: null } };
}

function signedBy(
  path: string,
  change: Parameters<typeof reviewStatement>[0],
  reviewers: readonly Reviewer[],
): Outcome<ReviewSignature> {
  const key = readReviewerKey(path);
  if (typeof key === 'string') return refuse('missing', key, [], 'openssl genpkey -algorithm ed25519 -out reviewer.pem');
  if (!reviewers.some((each) => each.key === key.publicKey)) {
    const who = reviewers.map((each) => `${each.name} ${each.key}`);
    return refuse('policy', `${key.publicKey} is no reviewer of the policy in force`, who, 'one of these signs');
  }
  return { ok: true, value: { key: key.publicKey, signature: key.sign(reviewStatement(change)) } };
}

export interface Explanation {
  readonly policy: string;
  /** Else it is the set of the folder. */
  readonly inForce: boolean;
  readonly decisions: readonly {
    readonly name: string;
    readonly verdict: string;
    readonly reason: string;
    readonly policies: readonly { readonly id: string; readonly text: string }[];
    readonly errors: PolicyDecision['errors'];
    readonly trims: PolicyDecision['trims'];
    readonly halt: boolean;
  }[];
}

/** Why the gate in force answers these deeds as it does; where nothing is in force, why the set of the folder would. */
export async function explainCases(
  files: PolicyFiles,
  folder: string,
  cases: readonly PolicyCase[],
  now: number,
): Promise<Outcome<Explanation>> {
  const state = policyState(files);
  if (!state.ok) return state;
  const { active } = state.value;
  const loaded = active === null ? await loadPolicy(folder, now) : null;
  if (loaded?.ok === false) return loaded;
  const set = active === null ? loaded!.value.set : openStored(files, active)!;
  const stored = active === null ? loaded!.value.stored : files.set(active);
  const texts = new Map((stored as { readonly policies: readonly CedarPolicy[] }).policies.map(({ id, text }) => [id, text]));
  const gate = createGate({ set });
  const decisions = cases.map(({ name, action }) => {
    const { decision, policies, errors, trims, halt } = gate.explain(action);
    const quoted = policies.map((id) => ({ id, text: texts.get(id) ?? '' }));
    return { name, verdict: decision.verdict, reason: decision.reason, policies: quoted, errors, trims, halt };
  });
  return { ok: true, value: { policy: set.hash, inForce: active !== null, decisions } };
}
