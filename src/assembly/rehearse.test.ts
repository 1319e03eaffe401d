import { describe, expect, it } from 'vitest';
import { work } from '../contracts/index.ts';
import { rehearse, type Rehearsal, REHEARSAL_MODEL, type RehearsalModel } from './rehearse.ts';
import type { Prepared } from './run.ts';

function prepared(needs: readonly (readonly string[])[], over: Partial<work.Limits> = {}): Prepared {
  const tasks = needs.map((each, i) => ({
    id: `t${i}`,
    title: `do ${i}`,
    text: '',
    needs: [...each],
    claims: [],
    checks: [],
    agent: i === 0 ? 'somebody' : null,
    estimate: 0,
    given: true,
    ...work.WITHOUT_GOAL,
  }));
  const check = { name: 'npm test', command: 'npm test', directory: '', kind: 'tests' as const, timeout: 600_000, source: '' };
  const spec: Prepared['spec'] = {
    repository: '/r',
    base: 'a'.repeat(40),
    baseTree: 'b'.repeat(40),
    tasks,
    agents: [],
    checks: [check],
    probes: [],
    services: [],
    setup: null,
    limits: { agentsMax: 4, checksMax: 1, attemptsMax: 3, wallTime: 600_000, costMax: null, ...over },
    sandbox: 'full',
    passEnv: [],
    planHash: 'c'.repeat(64),
  };
  const swarm = { worth: true, why: '' };
  const plan = { tasks: [], criticalPath: [], makespanMs: 0, sequentialMs: 0, agentsAtOnce: 4, swarm };
  return { spec, plan, commands: [], agentsFound: [], notes: [] };
}

function played(from: Prepared, measured: Record<string, number> = {}, model: Partial<RehearsalModel> = {}): Rehearsal {
  const result = rehearse(from, measured, { ...REHEARSAL_MODEL, ...model }, 3); // three virtual runs tell what thirty do
  if (!result.ok) throw new Error(result.why);
  return result.rehearsal;
}

const FREE = Array.from({ length: 8 }, () => []);
const CHAIN = Array.from({ length: 8 }, (_, i) => (i === 0 ? [] : [`t${i - 1}`]));
const CERTAIN = { spread: 1, refusedShare: 0, failedShare: 0, attemptMs: 60_000 };

describe('a rehearsal', () => {
  it('gives the same answer for the same input, and another for another seed', () => {
    const once = played(prepared(FREE));
    expect(played(prepared(FREE))).toEqual(once);
    expect(once).toMatchObject({ mode: 'rehearsal', tasks: 8, model: { seed: 'rehearsal' } });
    expect(played(prepared(FREE), {}, { seed: 'other' }).makespanMs).not.toEqual(once.makespanMs);
  });

  it('is arithmetic where nothing is left to luck', () => {
    const { makespanMs, attempts, wouldLand, wouldLandInTime, gate } = played(prepared(CHAIN), { 'npm test': 10_000 }, CERTAIN);
    expect(gate).toEqual({ ms: 10_000, measured: 1, checks: 1 });
    expect(attempts).toEqual({ p50: 8, p90: 8 });
    expect(wouldLand).toEqual({ p50: 8, p10: 8 });
    // Eight times a minute and a check of 9 to 11 s, after a baseline of two checks.
    expect(makespanMs.p50).toBeGreaterThan(8 * 69_000);
    expect(makespanMs.p90).toBeLessThan(8 * 72_000 + 25_000);
    expect(wouldLandInTime.p50).toBe(8);
    expect(played(prepared(CHAIN, { wallTime: 300_000 }), { 'npm test': 10_000 }, CERTAIN).wouldLandInTime.p50).toBe(3);
  });

  it('says how many agents pay: one for a chain, more for tasks that wait for nobody, none beyond a slow gate', () => {
    const quick = { 'npm test': 1000 };
    expect(played(prepared(CHAIN), quick, CERTAIN).agentsThatPay).toBe(1);
    expect(played(prepared(FREE), quick, CERTAIN).agentsThatPay).toBe(8);
    expect(played(prepared(FREE), { 'npm test': 300_000 }, CERTAIN).agentsThatPay).toBe(1);
  });

  it('lets refused attempts be made again, and leaves what fails too often to a person', () => {
    const half = played(prepared(FREE), {}, { refusedShare: 0.5, failedShare: 0.1 });
    expect(half.attempts.p50).toBeGreaterThan(10);
    expect(half.wouldLand.p10).toBeLessThan(8);
    expect(played(prepared(FREE), {}, { refusedShare: 1, failedShare: 0 })).toMatchObject({
      attempts: { p50: 24 },
      wouldLand: { p50: 0 },
    });
  });

  it('knows a cost only where a price is declared', () => {
    expect(played(prepared(FREE)).cost).toBeNull();
    expect(played(prepared(FREE), {}, { ...CERTAIN, attemptPrice: { low: 100, high: 300 } }).cost).toEqual({
      low: 800,
      high: 2400,
    });
  });

  it('takes less than two seconds of a processor for a hundred tasks, and says no to more', async ({ annotate }) => {
    await annotate('some ten virtual runs of a hundred tasks');
    const before = process.threadCpuUsage(); // other tests may run in other threads
    rehearse(prepared(Array.from({ length: 100 }, () => [])), {});
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(2);
    expect(rehearse(prepared(Array.from({ length: 101 }, () => [])), {})).toMatchObject({ ok: false });
  });
});
