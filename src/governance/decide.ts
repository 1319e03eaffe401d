/**
 * One decision over compiled policies. Default deny, forbid over permit, and an error in any policy denies: in Cedar a `forbid`
 * that fails is skipped, which would let through what it was written against. Cedar's own answer is kept beside ours, so that
 * the two can be compared.
 */
import type { PolicyIndex } from './compile.ts';
import { EntityStore } from './entities.ts';
import type { Question } from './operators.ts';
import { type EntityRef, EvaluationError, type RecordValue } from './values.ts';

export interface PolicyRequest {
  readonly principal: EntityRef;
  readonly action: EntityRef;
  readonly resource: EntityRef;
  readonly context: RecordValue;
  readonly entities: EntityStore;
}

export interface PolicyFailure {
  readonly policy: string;
  readonly message: string;
}

export interface Answer {
  readonly decision: 'allow' | 'deny';
  /** What Cedar's evaluator says, which skips policies that fail. */
  readonly cedar: 'allow' | 'deny';
  /** Ids of the policies that determine it: the forbids that hold, or else the permits. */
  readonly reasons: readonly string[];
  readonly errors: readonly PolicyFailure[];
  /** Ids of all policies that hold, also of permits that a forbid outweighs. */
  readonly held: readonly string[];
}

const NO_FAILURES: readonly PolicyFailure[] = [];

export function decide(index: PolicyIndex, request: PolicyRequest): Answer {
  const { principal, action, resource, context, entities } = request;
  const question: Question = {
    principal,
    action,
    resource,
    context,
    entities,
    principalData: entities.get(principal.key),
  };
  const permits: string[] = [];
  let forbids: string[] | null = null;
  let errors: PolicyFailure[] | null = null;
  for (const { id, effect, holds } of index.byAction.get(action.key) ?? index.otherwise) {
    try {
      if (!holds(question)) continue;
      if (effect === 'permit') permits.push(id);
      else (forbids ??= []).push(id);
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      (errors ??= []).push({ policy: id, message: error.message });
    }
  }
  const cedar = forbids === null && permits.length > 0 ? 'allow' : 'deny';
  return {
    decision: errors === null ? cedar : 'deny',
    cedar,
    reasons: forbids ?? permits,
    errors: errors ?? NO_FAILURES,
    held: forbids === null ? permits : [...permits, ...forbids],
  };
}

/** Entities of a request on top of the actions of the schema. */
export function withActions(index: PolicyIndex, entities: ConstructorParameters<typeof EntityStore>[0]): EntityStore {
  return new EntityStore(entities, index.actions);
}
