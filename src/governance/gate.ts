/**
 * The compiled policy set as the port `Gate`. Owns how a deed becomes a Cedar request and how a denial by limits becomes a trim;
 * never starts anything and never reads a clock. The action is `Action::"<contract type>"` for a message and
 * `Action::"do <activity>"` for an effect; the deed's input is `context.input`, where text and integers are read as decimals
 * if the schema says so. A float anywhere denies.
 */
import type { Action, Decision, Gate } from '../ports/index.ts';
import { type Capability, covers } from './capability.ts';
import { type Answer, decide, type PolicyFailure } from './decide.ts';
import { EntityStore, readRecord } from './entities.ts';
import { decimal } from './extensions.ts';
import { type PackLimit, reviewDue } from './guardrails.ts';
import type { PolicySet } from './policy-set.ts';
import { Datetime, Decimal, decimalText, EntityRef, type RecordValue, type Value } from './values.ts';

/** One field made smaller: asked for, allowed, and the limit that was the strictest. */
export interface Trim {
  /** The action's id. */
  readonly intent: string;
  readonly field: string;
  /** Decimal text. */
  readonly before: string;
  readonly after: string;
  /** Id of the limit. */
  readonly limit: string;
}

/** All there is to say about one decision; the port says the short form. */
export interface PolicyDecision {
  readonly decision: Decision;
  /** Ids of the policies that determine it. */
  readonly policies: readonly string[];
  /** All that hold, also permits that a forbid outweighs. */
  readonly held: readonly string[];
  readonly errors: readonly PolicyFailure[];
  readonly trims: readonly Trim[];
  /** A pack that asks for a halt was breached. */
  readonly halt: boolean;
}

export interface PolicyGateOptions {
  readonly set: PolicySet;
  /** Verified capabilities of a principal, for its session. */
  readonly capabilities?: (principal: string) => readonly Capability[];
  /** What happens once the review of a pack is overdue: its actions are denied, or only said. */
  readonly overdue?: 'deny' | 'say';
  /** What whoever owns the host permitted beforehand, without a policy. A forbid or an error denies it all the same. */
  readonly granted?: (action: Action) => boolean;
  readonly onDecision?: (action: Action, decision: PolicyDecision) => void;
}

export interface PolicyGate extends Gate {
  explain(action: Action): PolicyDecision;
}

type Input = Readonly<Record<string, unknown>>;

export function createGate(options: PolicyGateOptions): PolicyGate {
  const { set, onDecision } = options;
  const explain = (action: Action): PolicyDecision => judge(options, action);
  return {
    policy: set.hash,
    explain,
    decide: (action) => {
      const full = explain(action);
      onDecision?.(action, full);
      return full.decision;
    },
  };
}

export function actionOf({ kind, name }: Pick<Action, 'kind' | 'name'>): EntityRef {
  return new EntityRef('Action', kind === 'message' ? name : `do ${name}`);
}

function judge(options: PolicyGateOptions, action: Action): PolicyDecision {
  const { set } = options;
  const said = { id: `${action.kind}/${action.id}`, policy: set.hash };
  const input = inputOf(action.input);
  const done = (decision: Decision, answer: Answer, trims: readonly Trim[] = []): PolicyDecision => {
    const halt = set.packs.some(
      (pack) => pack.haltOnBreach && answer.reasons.some((each) => isBreach(each, pack.name, set.limits)),
    );
    return { decision, policies: answer.reasons, held: answer.held, errors: answer.errors, trims, halt };
  };
  const answer = ask(options, action, input);
  if (answer === null) {
    const decision: Decision = { verdict: 'deny', ...said, reason: 'bad-input' };
    return { decision, policies: [], held: [], errors: [], trims: [], halt: false };
  }
  const overdue = set.packs.filter((pack) => action.at >= reviewDue(pack)).map((pack) => `${pack.name}/`);
  const ref = actionOf(action);
  const guarded = set.limits.some((each) => overdue.some((pack) => each.id.startsWith(pack)) && applies(set, each, ref));
  if (guarded && (options.overdue ?? 'deny') === 'deny')
    return done({ verdict: 'deny', ...said, reason: 'review-overdue' }, answer);
  if (answer.decision === 'allow') return done({ verdict: 'allow', ...said, reason: 'permitted' }, answer);
  if (answer.errors.length > 0) return done({ verdict: 'deny', ...said, reason: 'policy-error' }, answer);
  if (answer.reasons.length === 0) {
    const granted = options.granted?.(action) === true;
    return done({ verdict: granted ? 'allow' : 'deny', ...said, reason: granted ? 'own-work' : 'no-permit' }, answer);
  }
  const broken = set.limits.filter((each) => answer.reasons.includes(each.id));
  if (broken.length < answer.reasons.length) return done({ verdict: 'deny', ...said, reason: 'forbidden' }, answer);
  const trimmed = broken.every((each) => each.trims !== 'nothing') ? trim(set, action, input) : null;
  const after = trimmed === null ? null : ask(options, action, trimmed.input);
  if (trimmed === null || after?.decision !== 'allow') return done({ verdict: 'deny', ...said, reason: 'over-limit' }, answer);
  return {
    ...done({ verdict: 'trim', ...said, reason: 'over-limit', input: trimmed.input }, answer, trimmed.trims),
    halt: false,
  };
}

/** Limits that nothing can be trimmed to are breaches: the state of the book is beyond them, not one order. */
function isBreach(policy: string, pack: string, limits: readonly PackLimit[]): boolean {
  return limits.some((each) => each.id === policy && each.trims === 'nothing' && policy.startsWith(`${pack}/`));
}

/** A payload that is no object is `context.input.value`. */
function inputOf(input: unknown): Input {
  if (input === undefined || input === null) return {};
  return typeof input === 'object' && !Array.isArray(input) ? (input as Input) : { value: input };
}

function ask({ set, capabilities }: PolicyGateOptions, action: Action, input: Input): Answer | null {
  const read = readRecord(input, 'left out'); // a field that is null is a field that is not there
  if (!read.ok) return null;
  const decimals = set.decimals.get(actionOf(action).key);
  const fields = new Map<string, bigint>();
  const record = new Map<string, Value>();
  for (const [name, value] of read.value) {
    const exact = decimals?.has(name) === true ? asDecimal(value) : null;
    if (exact !== null) fields.set(name, exact.value);
    record.set(name, exact ?? value); // what is no decimal fails where it is compared as one, and that denies
  }
  const deed = { action: actionOf(action).id, resource: action.resource, at: action.at, fields };
  const context: RecordValue = new Map<string, Value>([
    ['input', record],
    ['retried', action.retried],
    ['at', new Datetime(BigInt(action.at))],
    ['capable', (capabilities?.(action.principal) ?? []).some((each) => covers(each, deed))],
  ]);
  return decide(set.index, {
    principal: new EntityRef('Agent', action.principal),
    action: actionOf(action),
    resource: new EntityRef('Resource', action.resource),
    context,
    entities: set.entities,
  });
}

function asDecimal(value: Value): Decimal | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const text = String(value);
  if (!/^-?[0-9]{1,14}(\.[0-9]{1,4})?$/.test(text)) return null;
  return decimal(text.includes('.') ? text : `${text}.0`);
}

function applies(set: PolicySet, limit: PackLimit, action: EntityRef): boolean {
  return set.index.actions.get(action.key)?.ancestors.has(new EntityRef('Action', limit.group).key) ?? false;
}

/** The largest input that no limit forbids: each field down to its strictest limit, and what grows with the size down with it. */
function trim(set: PolicySet, action: Action, input: Input): { input: Input; trims: readonly Trim[] } | null {
  const ref = actionOf(action);
  const limits = set.limits.filter(
    (each) => applies(set, each, ref) && (each.symbol === null || each.symbol === input['symbol']),
  );
  const of = (field: string): bigint | null => asDecimal(input[field] as Value)?.value ?? null;
  const down = new Map<string, { before: bigint; after: bigint; limit: string }>();
  const lower = (field: string, before: bigint, after: bigint, limit: string): void => {
    const known = down.get(field);
    if (after < before && (known === undefined || after < known.after)) down.set(field, { before, after, limit });
  };
  const size = of('size');
  for (const { id, field, max, trims } of limits) {
    const value = of(field);
    if (value === null) continue;
    if (trims === 'field') lower(field, value, max, id);
    // size and notional go down in the same proportion, rounded down
    if (trims === 'size' && size !== null && value > max) lower('size', size, (size * max) / value, id);
  }
  const smaller = down.get('size');
  if (smaller !== undefined) {
    if (smaller.after <= 0n) return null;
    for (const field of new Set(limits.filter((each) => each.trims === 'size').map((each) => each.field))) {
      const value = of(field);
      if (value !== null)
        down.set(field, { before: value, after: (value * smaller.after) / smaller.before, limit: smaller.limit });
    }
  }
  if ([...down.values()].some(({ after }) => after <= 0n)) return null;
  const trims = [...down].map(([field, { before, after, limit }]) => ({
    intent: action.id,
    field,
    before: decimalText(before),
    after: decimalText(after),
    limit,
  }));
  return { input: { ...input, ...Object.fromEntries(trims.map(({ field, after }) => [field, after])) }, trims };
}

/** The store of a set, for those who ask it about entities of their own. */
export function requestEntities(set: PolicySet, entities: ConstructorParameters<typeof EntityStore>[0]): EntityStore {
  return new EntityStore(entities, set.entities);
}
