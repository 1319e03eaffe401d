/**
 * The question before everything risky: may this be done, and under which policy? The answer is synchronous and complete, so
 * that nobody acts while it is being thought over. Whoever asks takes an answer that never came, or threw, for `deny`.
 */
import type { Millis } from '../kernel/index.ts';

/** What somebody is about to do. */
export interface Action {
  /** message: under a contract of risk `gated`, on its way out or in; effect: an activity about to start. */
  readonly kind: 'message' | 'effect';
  /** The same for the same deed, however often it is asked about. */
  readonly id: string;
  /** The contract's type, or the activity's name. */
  readonly name: string;
  /** Who: the source of the message, or the room as `host:<realm>/<host>/<room>`. */
  readonly principal: string;
  /** On what: the audience of the message, or the activity's key. */
  readonly resource: string;
  readonly input: unknown;
  /** As `approvalText` writes them. */
  readonly approvals: readonly string[];
  readonly at: Millis;
  /** It failed or was cut short before, and is to be done again. */
  readonly retried: boolean;
}

/** `reason` is a code for programs: `no-rule`, `over-limit`; `policy` is the hash of the policy it was made under. */
export type Decision =
  | { readonly verdict: 'allow'; readonly id: string; readonly policy: string; readonly reason: string }
  | { readonly verdict: 'deny'; readonly id: string; readonly policy: string; readonly reason: string }
  /** Allowed with this input instead of the one asked for: less of it, never something else. */
  | {
      readonly verdict: 'trim';
      readonly id: string;
      readonly policy: string;
      readonly reason: string;
      readonly input: unknown;
    };

export interface Gate {
  /** Hash of the policy in force. Without white space and `@`. */
  readonly policy: string;
  /** Never starts anything; may throw, which denies. */
  decide(action: Action): Decision;
}

/** An approval as a message carries it. */
export function approvalText(decision: Pick<Decision, 'id' | 'policy'>): string {
  return `${decision.id}@${decision.policy}`;
}

export function readApproval(text: string): { readonly id: string; readonly policy: string } | null {
  const at = text.lastIndexOf('@');
  return at < 1 || at === text.length - 1 ? null : { id: text.slice(0, at), policy: text.slice(at + 1) };
}
