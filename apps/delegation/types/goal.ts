/**
 * The goal `types`: JavaScript packages take strict types that are true, and `type-errors`: what a repository's own compiler
 * options already complain about. Both are the same programs with other options.
 */
import { fileURLToPath } from 'node:url';
import type { Goal, GoalPlan, GoalScene } from 'skein';

const entry = (name: string): string => fileURLToPath(new URL(`./${name}${import.meta.url.slice(-3)}`, import.meta.url));
/** Their programs by their names: two goals in one run need two of each, because an agent is of one goal. */
const AGENTS = {
  strict: { recorder: 'recorder-agent', infer: 'infer' },
  own: { 'recorder-own': 'recorder-agent', 'infer-own': 'infer' },
} as const;

/** Tests of a large package take over a minute, its compiler some seconds a file. */
const PROBE_MS_MAX = 10 * 60_000;
const AGENT_MS_MAX = 3 * 60_000;

const NOTHING: GoalPlan = { probes: [], agents: [], checks: [], services: [], notes: [] };

function plan(scene: GoalScene, name: string, mode: 'strict' | 'own'): GoalPlan {
  const rivals = Object.keys(AGENTS[mode]);
  return {
    probes: [
      {
        name,
        goal: name,
        says: mode === 'strict' ? 'types that its JavaScript could truly have' : 'errors under its own compiler options',
        argv: [process.execPath, entry('probe'), '--mode', mode, ...rivals.flatMap((rival) => ['--rivals', rival])],
        argument: scene.argument,
        timeout: PROBE_MS_MAX,
        when: 'first',
        sandboxed: false,
        keeps: false, // its tasks need the recording of this run
      },
    ],
    agents: Object.entries(AGENTS[mode]).map(([agent, program]) => ({
      name: agent,
      kind: 'shell',
      argv: [process.execPath, entry(program)],
      resume: [],
      usage: 'none',
      passEnv: [],
      timeout: AGENT_MS_MAX,
      attemptPrice: 0,
      network: false,
      only: name,
    })),
    checks: [],
    services: [{ name: 'types', argv: [process.execPath, entry('service')] }],
    notes: [],
  };
}

export const typesGoal: Goal = {
  name: 'types',
  says: 'types that are true, under strict',
  unasked: false,
  async plan(scene) {
    const some = scene.files.some((path) => /\.[cm]?jsx?$/.test(path));
    return some
      ? plan(scene, 'types', 'strict')
      : { ...NOTHING, notes: ['types: there is no JavaScript that people write here'] };
  },
};

export const typeErrorsGoal: Goal = {
  name: 'type-errors',
  says: "errors under the repository's own tsconfig.json",
  unasked: true,
  async plan(scene) {
    for (const path of scene.files.filter((file) => /(?:^|\/)[tj]sconfig\.json$/.test(file))) {
      const text = (await scene.read(path)) ?? '';
      if (!path.endsWith('jsconfig.json') || /"checkJs"\s*:\s*true/.test(text)) return plan(scene, 'type-errors', 'own');
    }
    return NOTHING;
  },
};
