import { describe, expect, it } from 'vitest';
import { fleetOf, git, repository } from './repositories.ts';
import { type Ended, killHard, leftOver, skein, type Skein, until } from './process.ts';

/** How long its agents take is said anew at each sitting. */
const FILES = {
  'check.sh': 'test -f check.sh\n',
  'skein.yaml': 'checks: ["sh check.sh"]\nagents:\n  slow: { command: "sleep $PACE; touch $PACE-$SKEIN_TASK", price: 0 }\n',
  'tasks.md': ['one', 'two', 'three'].map((id) => `- [ ] ${id} (id: ${id}, agent: slow)\n`).join(''),
};
const RUN = ['run', 'tasks.md', '-a', 'slow', '--max-agents', '2', '--pass-env', 'PACE'];
const LONG = '97';
const BUSY = /run 1 is being worked on/;
const UNCHANGED = { agentsMax: null, attemptsMax: null, wallTimeMs: null, costMax: null };

const sitting = (top: string, args: readonly string[], pace: string): Skein => skein(top, args, { PACE: pace });
const twoWork = async (running: Skein): Promise<void> => {
  const working = new Set<string>();
  await running.event(({ type, task, state }) => type === 'task' && state === 'working' && working.add(task!).size === 2);
};
const states = ({ document }: Ended): string[] => document.tasks.map(({ state }) => state).toSorted();

describe('the same run, interrupted in every way', () => {
  it('is live with its processes while it works, interrupted after kill -9, and complete at the end', async ({ annotate }) => {
    await annotate('six sittings of a real process');
    const top = repository('signals', FILES);
    const fleet = await fleetOf(top);

    const first = sitting(top, RUN, LONG);
    await twoWork(first);
    const live = (await skein(top, ['status']).ended).document as unknown as {
      state: string;
      processes: { pid: number; task: string }[];
      summary: { phase: string };
    };
    expect([live.state, live.summary.phase]).toEqual(['live', 'working']);
    expect(live.processes.map(({ task }) => task).toSorted()).toEqual(['one', 'two']);
    for (const { pid } of live.processes) expect(leftOver(top)).toContain(pid);
    expect(await fleet.drop('1', { force: true })).toMatchObject({
      ok: false,
      problem: { what: expect.stringMatching(BUSY) as unknown },
    });
    expect(await fleet.resume('1', UNCHANGED)).toMatchObject({
      ok: false,
      problem: { what: expect.stringMatching(BUSY) as unknown },
    });

    first.kill('SIGTERM');
    const terminated = await first.ended;
    expect([terminated.code, terminated.document.phase, terminated.document.reason]).toEqual([1, 'stopped', 'killed']);
    expect(leftOver(top)).toEqual([]);

    const second = sitting(top, ['resume', '1'], LONG);
    await twoWork(second);
    second.kill('SIGHUP');
    const hungUp = await second.ended;
    expect([hungUp.code, hungUp.document.phase, hungUp.document.sittings]).toEqual([1, 'stopped', 2]);
    expect(leftOver(top)).toEqual([]);

    const third = sitting(top, ['resume', '1'], LONG);
    await twoWork(third);
    killHard(third.pid);
    await third.ended;
    await until('its agents are gone', () => leftOver(top).length === 0, 5000);
    expect(await fleet.read('1')).toMatchObject({ ok: true, value: { state: 'stored', processes: [] } });
    expect(await fleet.list()).toMatchObject([{ run: '1', phase: 'interrupted' }]);
    expect(await fleet.prune({ keep: 0, days: 0, dryRun: false })).toEqual([]);

    const fourth = sitting(top, ['resume', '1'], '0.5');
    await twoWork(fourth);
    fourth.kill('SIGINT');
    const drained = await fourth.ended;
    expect([drained.code, drained.document.phase, drained.document.reason]).toEqual([1, 'stopped', 'drained']);
    expect(states(drained)).toEqual(['landed', 'landed', 'ready']);

    const fifth = sitting(top, ['resume', '1'], LONG);
    await fifth.event(({ type, state }) => type === 'task' && state === 'working');
    fifth.kill('SIGINT');
    await fifth.event(({ type, phase }) => type === 'phase' && phase === 'draining');
    fifth.kill('SIGINT');
    const killed = await fifth.ended;
    expect([killed.code, killed.document.phase, killed.document.landed]).toEqual([1, 'stopped', 2]);
    expect(leftOver(top)).toEqual([]);

    const last = await sitting(top, ['resume', '1'], '0').ended;
    expect([last.code, last.document.phase, states(last)]).toEqual([0, 'finished', ['landed', 'landed', 'landed']]);
    expect(git(top, 'log', '--format=%s', 'main..skein/1').split('\n').toSorted()).toEqual(['one', 'three', 'two']);
    expect(last.document.tasks.flatMap(({ attempts }) => attempts.map(({ outcome }) => outcome)).toSorted()).toEqual(
      [...Array.from({ length: 7 }, () => 'interrupted'), 'landed', 'landed', 'landed'].toSorted(),
    );

    git(top, 'switch', '-q', 'skein/1');
    const checkedOut = { ok: false, problem: { what: expect.stringContaining('is checked out in') as unknown } };
    expect(await fleet.drop('1', { force: true })).toMatchObject(checkedOut);
    git(top, 'switch', '-q', 'main');
    expect(await fleet.prune({ keep: 0, days: 0, dryRun: false })).toEqual([]); // its work is in no other branch
    const unmerged = { ok: false, problem: { what: expect.stringContaining('3 landed commits') as unknown } };
    expect(await fleet.drop('1', { force: false })).toMatchObject(unmerged);
    expect(await fleet.drop('1', { force: true })).toMatchObject({ ok: true });
    expect(git(top, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
  });
});
