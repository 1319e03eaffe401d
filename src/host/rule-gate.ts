/**
 * A gate of plain rules: the first that fits decides, and what no rule fits is denied. For a runtime that grants its own work,
 * and for tests; a policy engine takes its place where people write policies. The same rules are the same policy everywhere.
 */
import { assert, canonicalJson, sha256Hex } from '../kernel/index.ts';
import type { Action, Decision, Gate } from '../ports/index.ts';

/** Names and principals end in `*` where only their beginning counts. */
export interface GateRule {
  readonly kind: Action['kind'];
  readonly name: string;
  readonly principal: string;
  readonly verdict: 'allow' | 'deny';
  /** A code for programs. */
  readonly reason: string;
}

const RULES_MAX = 1000; // read one after the other for each action

export function ruleGate(rules: readonly GateRule[]): Gate {
  assert(rules.length <= RULES_MAX, `a gate of rules has at most ${RULES_MAX}, not ${rules.length}: use a policy engine`);
  const policy = sha256Hex(canonicalJson(rules));
  return {
    policy,
    decide(action): Decision {
      const rule = rules.find(
        ({ kind, name, principal }) => kind === action.kind && fits(name, action.name) && fits(principal, action.principal),
      );
      const { verdict, reason } = rule ?? { verdict: 'deny', reason: 'no-rule' };
      return { verdict, id: `${action.kind}/${action.id}`, policy, reason };
    },
  };
}

function fits(pattern: string, text: string): boolean {
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}
