/** The goals about the repository's own linter: what it can repair is asked for by having it; everything else is opt-in. */
import type { Goal, GoalPlan, GoalScene } from 'skein';
import { programArgv } from '../programs/entry.ts';
import { agentOf, NOTHING, probeOf } from '../programs/plan.ts';
import { lintCommand } from './command.ts';

/** A linter over a large repository takes minutes; it is asked three times. */
const PROBE_MS = 600_000;
const AGENT_MS = 300_000;

function plan(goal: string, says: string): GoalPlan {
  return {
    ...NOTHING,
    probes: [probeOf({ name: goal, goal, says, argv: programArgv(import.meta.url, './probe'), timeout: PROBE_MS })],
    agents: [agentOf({ name: 'lint-fix', argv: programArgv(import.meta.url, './fix'), timeout: AGENT_MS, only: goal })],
  };
}

const isLinted = ({ checks }: GoalScene): boolean =>
  checks.some(({ command }) => lintCommand(command) !== null || /\b(?:eslint|oxlint|biome|standard|ruff)\b/.test(command));

/** Part of a run without tasks: only what a check of the repository reports and its own tool repairs. */
export const fixable: Goal = {
  name: 'fixable',
  says: 'findings that its own linter repairs',
  unasked: true,
  plan: (scene) => Promise.resolve(isLinted(scene) ? plan('fixable', 'findings that its own linter repairs') : NOTHING),
};

/** `--goal lint`. */
export const lint: Goal = {
  name: 'lint',
  says: 'everything that its own linter can repair',
  unasked: false,
  plan: () => Promise.resolve(plan('lint', 'everything that its own linter can repair')),
};
