/** The recipes in docs/ as their reader would use them: their YAML is read, their commands meet the real flags. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseFlags, RUN } from '../../src/surfaces/cli/flags.ts';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly if?: string;
  readonly env?: Record<string, string>;
  readonly with?: Record<string, unknown>;
}

const text = readFileSync(new URL('../../docs/recipes/github-action.md', import.meta.url), 'utf8');
const [workflow, steps] = [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, yaml]) => parse(yaml!) as unknown) as [
  { on: unknown; permissions: unknown; jobs: Record<string, { 'timeout-minutes': number; steps: Step[]; env?: unknown }> },
  Step[],
];

function flagsOf(step: Step | undefined): (name: string) => string | null {
  const [command = ''] = (step?.run ?? '').split(' > ');
  const [npx, program, verb, ...args] = command.split(' ');
  expect([npx, program, verb]).toEqual(['npx', 'skein', 'run']);
  const parsed = parseFlags('run', args, RUN, 1);
  if (!parsed.ok) throw new Error(parsed.problem.what);
  return (name) => parsed.value.text(name) ?? parsed.value.all(name)[0] ?? null;
}

it('the action runs Skein within its time, fails on what is open, and keeps the page of the run whatever happened', () => {
  const { permissions, jobs } = workflow;
  const job = jobs.skein!;
  const flag = flagsOf(job.steps.find(({ run }) => run?.includes('skein run')));
  expect([flag('max-minutes'), flag('fail-on')]).toEqual(['8', 'open']);
  expect(job['timeout-minutes']).toBeGreaterThan(8);
  expect(permissions).toEqual({ contents: 'read' });
  const kept = job.steps.find(({ uses }) => uses?.startsWith('actions/upload-artifact@'));
  expect(kept).toMatchObject({ if: 'always()', with: { 'include-hidden-files': true } });
  expect(kept?.with?.path).toContain('.skein/runs/*/report.html');
});

it('the step with a model has the key, and no other has', () => {
  const [install, run] = steps;
  const flag = flagsOf(run);
  expect(flag('agent')).toMatch(/^model:openai-compatible\//);
  expect(flag('model-price')).toMatch(/^[\d.]+\/[\d.]+$/);
  expect(Object.keys(run!.env!)).toEqual(['SKEIN_MODEL_BASE_URL', 'OPENAI_COMPATIBLE_API_KEY']);
  expect([install!.env, workflow.jobs.skein!.env]).toEqual([undefined, undefined]);
  const { peerDependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    peerDependencies: Record<string, string>;
  };
  for (const [name, range] of Object.entries(peerDependencies).filter(([each]) => each.includes('ai'))) {
    const major = /\d+/.exec(range)![0];
    expect(install!.run).toContain(`${name}@${major}`);
  }
});
