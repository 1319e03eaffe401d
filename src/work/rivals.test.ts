import { describe, expect, it } from 'vitest';
import { work } from '../contracts/index.ts';
import { bestCandidate, followUp, nextTry, rivalsAgain, slim, vetOf } from './rivals.ts';

const agent = (name: string, only: string | null = null): work.AgentSpec => ({
  name,
  kind: 'shell',
  argv: [name],
  resume: [],
  usage: 'none',
  passEnv: [],
  timeout: 1000,
  attemptPrice: 0,
  network: false,
  only,
});

const vet = (closed: readonly string[]): work.VetResult => ({
  closed,
  more: 0,
  violations: [],
  failure: '',
  testFiles: 0,
  durationMs: 1,
});

const attempt = (
  fence: number,
  name: string,
  outcome: work.AttemptRecord['outcome'],
  closed: readonly string[] = [],
): work.AttemptRecord => ({
  fence,
  agent: name,
  base: 'base',
  tier: 1,
  startedAt: 0,
  endedAt: 1,
  outcome,
  vet: vet(closed),
  violations: [],
  failure: 'said',
  cost: null,
  durationMs: 1,
  change: `change ${fence}`,
  patch: null,
  files: [],
  filesTotal: 0,
});

const task = (spec: Partial<work.TaskSpec>, attempts: readonly work.AttemptRecord[] = []): work.TaskRecord => ({
  spec: {
    id: 'parse',
    title: 'types of parse',
    text: '',
    needs: [],
    claims: ['lib/parse.js'],
    checks: [],
    agent: null,
    estimate: 0,
    given: true,
    ...work.WITHOUT_GOAL,
    rivals: ['infer', 'recorder', 'nobody'],
    ...spec,
  },
  order: 0,
  state: 'ready',
  landing: null,
  detail: '',
  fence: attempts.length,
  step: 0,
  failures: 0,
  conflicts: 0,
  interruptions: 0,
  errors: 0,
  session: null,
  workspace: null,
  round: attempts.length === 0 ? null : { base: 'base', left: [], since: 0 },
  attempts,
  commit: null,
  verdicts: [],
});

const AGENTS = [agent('any'), agent('infer', 'types'), agent('recorder', 'types')];

describe('who tries a task', () => {
  it('an agent with tasks of its own does only what names it as a rival', () => {
    expect(nextTry(AGENTS, task({}))?.agent).toBe('infer');
    expect(nextTry(AGENTS, task({ rivals: [] }))?.agent).toBe('any');
    expect(nextTry(AGENTS, task({ rivals: ['nobody'] }))?.agent).toBe('any');
    expect(nextTry(AGENTS, task({ rivals: [], agent: 'infer' }))).toBeNull();
    expect(nextTry(AGENTS.slice(1), task({ rivals: [] }))).toBeNull();
  });

  it('who was refused tries once more with its own change, who lost a race tries anew, who had nothing does not', () => {
    const tried = task({ rivals: ['any', 'infer', 'recorder'] }, [
      attempt(1, 'any', 'nothing'),
      attempt(2, 'infer', 'refused'),
      attempt(3, 'recorder', 'conflict'),
    ]);
    const left = rivalsAgain(AGENTS, tried, 3, 5);
    expect(left).toEqual(['infer', 'recorder']);
    expect(rivalsAgain(AGENTS, tried, 1, 5)).toEqual(['recorder']);
    expect(rivalsAgain(AGENTS, { ...tried, conflicts: 5 }, 3, 5)).toEqual(['infer']);
    const next = nextTry(AGENTS, { ...tried, round: { base: null, left, since: 0 } });
    expect([next?.agent, next?.tier, next?.again?.change]).toEqual(['infer', 2, 'change 2']);
  });
});

describe('candidates', () => {
  it('the one that closes most goes first, of equals the first', () => {
    const tried = task({}, [
      attempt(1, 'any', 'refused', ['a', 'b', 'c']),
      attempt(2, 'infer', 'candidate', ['a']),
      attempt(3, 'recorder', 'candidate', ['b']),
    ]);
    expect(bestCandidate(tried)?.fence).toBe(2);
  });

  it('what only losers close follows as a task of theirs, and the chain ends with the rivals', () => {
    const winner = attempt(1, 'infer', 'landed', ['a', 'b']);
    const tried = task({}, [winner, attempt(2, 'recorder', 'candidate', ['b', 'c']), attempt(3, 'any', 'candidate', ['a'])]);
    const next = followUp(tried, winner, () => false);
    expect([next?.id, next?.needs, next?.rivals, next?.given, next?.claims]).toEqual([
      'parse.2',
      ['parse'],
      ['recorder'],
      false,
      ['lib/parse.js'],
    ]);
    expect(followUp({ ...tried, spec: next! }, winner, (id) => id === 'parse.3')?.id).toBe('parse.4');
    expect(followUp(task({}, [winner, attempt(2, 'recorder', 'candidate', ['b'])]), winner, () => false)).toBeNull();
  });
});

it('a record of sixteen rivals that closed thousands of items and failed at length stays under its bound', () => {
  const rivals = Array.from({ length: 16 }, (_, i) => `r${i}`);
  const spec = task({ rivals }).spec;
  const closed = Array.from({ length: 500 }, (_, i) => `lib/${'x'.repeat(180)}${i}`);
  const attempts = rivals.map((name, i) => ({ ...attempt(i + 1, name, 'candidate'), vet: vetOf(spec, vet(closed)) }));
  const record = task({ rivals }, attempts);
  expect(record.attempts[0]!.vet!.closed.length + record.attempts[0]!.vet!.more).toBe(500);
  expect(JSON.stringify({ ...record, attempts: slim(record) }).length).toBeLessThan(128 * 1024);
});
