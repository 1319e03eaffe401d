/** What most goals add to a run, as data. */
import type { GoalPlan, work } from 'skein';

export const NOTHING: GoalPlan = { probes: [], agents: [], checks: [], services: [], notes: [] };

export function probeOf(
  probe: Pick<work.ProbeSpec, 'name' | 'goal' | 'says' | 'argv' | 'timeout'> & Partial<work.ProbeSpec>,
): work.ProbeSpec {
  return { argument: null, when: 'first', sandboxed: false, keeps: true, ...probe };
}

/** A program that needs no model, no money and no network. */
export function agentOf(agent: Pick<work.AgentSpec, 'name' | 'argv' | 'timeout' | 'only'>): work.AgentSpec {
  return { kind: 'shell', resume: [], usage: 'none', passEnv: [], attemptPrice: 0, network: false, ...agent };
}
