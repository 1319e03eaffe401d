/** What every Gate promises: it only answers, it always answers, and what nobody allowed is denied. */
import { describe, expect, it } from 'vitest';
import { type Action, approvalText, type Gate, readApproval } from '../../src/ports/index.ts';

export interface GateBench {
  readonly gate: Gate;
  /** Allowed by its policy, by a rule that says so. */
  readonly allowed: Action;
}

export function gateConformance(name: string, makeGate: () => GateBench): void {
  describe(`${name} as a gate`, () => {
    it('allows what its policy allows, and says by which decision under which policy', () => {
      const { gate, allowed } = makeGate();
      const decision = gate.decide(allowed);
      expect(decision).toMatchObject({ verdict: 'allow', policy: gate.policy });
      expect(decision.id).not.toBe('');
      expect(readApproval(approvalText(decision))).toEqual({ id: decision.id, policy: gate.policy });
    });

    it('denies everything that no rule speaks of: another kind, name or principal', () => {
      const { gate, allowed } = makeGate();
      const others: Action[] = [
        { ...allowed, kind: allowed.kind === 'effect' ? 'message' : 'effect' },
        { ...allowed, name: `${allowed.name.slice(0, 1)}?` },
        { ...allowed, name: '' },
        { ...allowed, principal: 'agent:r/nobody' },
        { ...allowed, principal: '' },
      ];
      for (const action of others) {
        const decision = gate.decide(action);
        expect(decision.verdict, JSON.stringify(action)).toBe('deny');
        expect(decision.reason).toMatch(/^[a-z][a-z-]*$/);
      }
    });

    it('answers the same question in the same way', () => {
      const { gate, allowed } = makeGate();
      expect(gate.decide(allowed)).toEqual(gate.decide(allowed));
      expect(makeGate().gate.decide(allowed)).toEqual(gate.decide(allowed));
    });

    it('has a policy hash that changes with nothing but its policy and fits into an approval', () => {
      const { gate } = makeGate();
      expect(gate.policy).toMatch(/^[^\s@]{8,}$/);
      expect(makeGate().gate.policy).toBe(gate.policy);
    });
  });
}
