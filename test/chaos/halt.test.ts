/** Halts of real runs: from another terminal, with a host that hangs, with everything killed, with nobody there, in stages back. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Ended, killHard, leftOver, skein, type Skein, until, wardenOf } from '../run/process.ts';
import { repository } from '../run/repositories.ts';

const FILES = {
  'check.sh': 'test -f check.sh\n',
  'skein.yaml': 'checks: ["sh check.sh"]\nagents:\n  slow: { command: "sh slow.sh", price: 0 }\n',
  'slow.sh': 'sleep $PACE; touch $PACE-$SKEIN_TASK; exit $END\n',
  'tasks.md': ['one', 'two', 'three', 'four'].map((id) => `- [ ] ${id} (id: ${id}, agent: slow)\n`).join(''),
};
const RUN = ['run', 'tasks.md', '-a', 'slow', '--max-agents', '2', '--pass-env', 'PACE', '--pass-env', 'END'];
const LONG = '97';

const sitting = (top: string, args: readonly string[], pace: string, end = '0'): Skein =>
  skein(top, args, { PACE: pace, END: end });
const twoWork = async (running: Skein): Promise<void> => {
  const working = new Set<string>();
  await running.event(({ type, task, state }) => type === 'task' && state === 'working' && working.add(task!).size === 2);
};
interface Halted {
  readonly id: string;
  readonly acknowledgedMs: number | null;
  readonly fenced: number;
  readonly runs: readonly { run: string; acknowledged: boolean; stopped: readonly string[]; left: readonly string[] }[];
}
const haltSaid = ({ document }: Ended): Halted => document as unknown as Halted;
/** The agents themselves: what sleeps. */
const agents = (top: string): number[] => leftOver(top).filter((pid) => commandOf(pid).includes(`sleep\0${LONG}`));

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

describe.skipIf(!readdirSync('/').includes('proc'))('a halt of a real run (Linux)', () => {
  it('stops it from another terminal, holds through every start, and lets it go on in stages', { timeout: 120_000 }, async () => {
    const top = repository('halt', FILES);
    const first = sitting(top, RUN, LONG);
    await twoWork(first);
    await until('agents sleep', () => agents(top).length >= 2, 10_000);
    const halt = await skein(top, ['halt', 'run/1', '--reason', 'drill']).ended;
    const halted = haltSaid(halt);
    expect([halt.code, halted.id, halted.runs.map(({ acknowledged, left }) => [acknowledged, left])]).toEqual([
      0,
      'halt/1',
      [[true, []]],
    ]);
    expect(halted.runs[0]!.stopped).toHaveLength(2);
    expect(halted.acknowledgedMs).toBeLessThanOrEqual(1000);
    expect(agents(top)).toEqual([]);
    const ended = await first.ended;
    expect([ended.code, ended.document.phase]).toEqual([3, 'stopped']);

    const refused = await sitting(top, ['resume', '1'], '0').ended;
    expect([refused.code, refused.document.next]).toEqual([3, 'skein resume halt/1']);
    expect((await skein(top, ['resume', 'halt/1', '--reason', 'looked']).ended).code).toBe(0);
    expect((await skein(top, ['resume', 'halt/1']).ended).code).toBe(1);

    // An agent that fails at the first stage halts the run again by itself.
    const failing = await sitting(top, ['resume', '1'], '0', '1').ended;
    expect([failing.code, failing.document.phase]).toEqual([3, 'stopped']);
    const listed = (await skein(top, ['halt', '--list']).ended).document as unknown as {
      halts: { id: string; reason: string }[];
    };
    expect(listed.halts).toMatchObject([{ reason: 'an agent failed at 10 % of the resume of halt/1' }]);

    expect((await skein(top, ['resume', listed.halts[0]!.id]).ended).code).toBe(0);
    const last = await sitting(top, ['resume', '1'], '0').ended;
    expect([last.code, last.document.landed]).toEqual([0, 4]);
    expect(leftOver(top)).toEqual([]);
  });

  it(
    'ends the agents of a host that hangs within a second, and of one whose warden hangs too',
    { timeout: 120_000 },
    async () => {
      const top = repository('halt-hangs', FILES);
      const hung = sitting(top, RUN, LONG);
      await twoWork(hung);
      await until('agents sleep', () => agents(top).length >= 2, 10_000);
      hung.kill('SIGSTOP');
      const halting = skein(top, ['halt']);
      const acknowledged = haltSaid(await halting.ended);
      expect(acknowledged).toMatchObject({ fenced: 0, runs: [{ acknowledged: true, left: [] }] });
      expect(acknowledged.acknowledgedMs).toBeLessThanOrEqual(1000);
      expect(agents(top)).toEqual([]);
      hung.kill('SIGCONT');
      expect((await hung.ended).document.phase).toBe('stopped');
      expect((await skein(top, ['resume', 'halt/1']).ended).code).toBe(0);

      const deaf = sitting(top, ['resume', '1'], LONG);
      await deaf.event(({ type, state }) => type === 'task' && state === 'working');
      await until('an agent sleeps', () => agents(top).length >= 1, 10_000);
      const warden = wardenOf(deaf.pid)!;
      deaf.kill('SIGSTOP');
      process.kill(warden, 'SIGSTOP');
      const silent = await skein(top, ['halt', 'run/1']).ended;
      const report = haltSaid(silent);
      expect([silent.code, report.acknowledgedMs, report.runs[0]!.left]).toEqual([1, null, ['warden of run 1']]);
      expect(report.fenced).toBeGreaterThanOrEqual(1);
      expect(agents(top)).toEqual([]);
      process.kill(warden, 'SIGCONT');
      deaf.kill('SIGCONT');
      expect((await deaf.ended).document.phase).toBe('stopped');
      expect(leftOver(top)).toEqual([]);
    },
  );

  it('survives kill -9 of every process, and counts for a start that it meets half way', { timeout: 120_000 }, async () => {
    const top = repository('halt-killed', FILES);
    const first = sitting(top, RUN, LONG);
    await twoWork(first);
    const warden = wardenOf(first.pid)!;
    const halting = skein(top, ['halt', 'all']);
    killHard(warden);
    killHard(first.pid);
    await Promise.all([first.ended, halting.ended]);
    expect((await sitting(top, ['resume', '1'], LONG).ended).code).toBe(3);
    await until('nothing is left', () => leftOver(top).length === 0, 10_000);
    expect((await sitting(top, RUN, LONG).ended).code).toBe(3);
    expect((await skein(top, ['resume', 'halt/1']).ended).code).toBe(0);

    const starting = sitting(top, ['resume', '1'], LONG);
    const meeting = await skein(top, ['halt', 'run/1']).ended; // wherever its start is now
    expect([0, 1]).toContain(meeting.code);
    // Stopped; or done with nothing, where what was refused three times in a row was given up before the room heard of the halt.
    const met = await starting.ended;
    expect([1, 3]).toContain(met.code);
    expect(met.document.landed).toBe(0);
    expect(leftOver(top)).toEqual([]);
  });

  it('drains a frozen run, and starts nothing before the thaw', { timeout: 120_000 }, async () => {
    const top = repository('freeze', FILES);
    const first = sitting(top, RUN, '3');
    await twoWork(first);
    const frozen = haltSaid(await skein(top, ['freeze', 'run/1']).ended);
    expect(frozen.runs).toMatchObject([{ acknowledged: true, left: [] }]);
    const ended = await first.ended;
    expect([ended.document.phase, ended.document.landed]).toEqual(['stopped', 2]);
    expect((await sitting(top, ['resume', '1'], '0').ended).code).toBe(3);
    expect((await skein(top, ['thaw', 'run/1']).ended).code).toBe(0);
    expect((await sitting(top, ['resume', '1'], '0').ended).document.landed).toBe(4);
  });
});
