import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { work } from '../../../contracts/index.ts';
import { readJudgeAnswer, readProbeLine } from './line.ts';

const finding = { kind: 'slow', title: 'a.test.js takes 4 s', show: 'node --test a.test.js' };

describe('a line of a probe', () => {
  it('is read field by field, and what is left out gets its default', () => {
    expect(readProbeLine(JSON.stringify({ finding: { ...finding, line: 3, extra: 1 } }), 'health')).toEqual({
      kind: 'finding',
      finding: { ...finding, detail: '', path: null, line: 3 },
    });
    expect(readProbeLine(JSON.stringify({ note: 'nothing was slow' }), 'health')).toEqual({
      kind: 'note',
      note: 'nothing was slow',
    });
    expect(readProbeLine(JSON.stringify({ measure: { name: 'modules', value: 3, text: '3 modules' } }), 'health')).toEqual({
      kind: 'measure',
      measure: { name: 'modules', value: 3, unit: '', text: '3 modules' },
    });
    expect(readProbeLine('  ', 'health')).toBeNull();
  });

  it('becomes a task of its goal that nobody gave, whatever it says about that', () => {
    const line = readProbeLine(JSON.stringify({ task: { id: 'a', title: 'type a', rivals: ['infer'], given: true } }), 'types');
    expect(line).toMatchObject({ kind: 'task', task: { id: 'a', goal: 'types', given: false, rivals: ['infer'], needs: [] } });
  });

  it('that does not fit is told with its reason', () => {
    const why = (value: unknown): string => {
      const line = readProbeLine(typeof value === 'string' ? value : JSON.stringify(value), 'types');
      return line?.kind === 'bad' ? line.why : `read as ${line?.kind}`;
    };
    expect(why('not json')).toContain('not a JSON object');
    expect(why([1])).toContain('not a JSON object');
    expect(why({ finding: { ...finding, show: '' } })).toContain('without the command that shows it');
    expect(why({ finding: { ...finding, kind: 'Very Slow' } })).toContain('no lower-case word');
    expect(why({ task: { title: 'no id' } })).toContain('id');
    expect(why({ task: { id: 'x', title: 'too much', input: 'i'.repeat(20_000) } })).toContain('/input');
    expect(why({ measure: { name: 'm', value: 'many', text: '' } })).toContain('no number');
    expect(why({ other: 1 })).toContain('neither finding');
  });

  it('never throws and never gives a task that the room would refuse', () => {
    const lines = fc.oneof(
      fc.string(),
      fc.json(),
      fc.record({
        task: fc.record({ id: fc.string(), title: fc.string(), claims: fc.array(fc.string()) }, { requiredKeys: [] }),
      }),
      fc.record({ finding: fc.record({ kind: fc.string(), title: fc.string(), show: fc.anything() }, { requiredKeys: [] }) }),
    );
    fc.assert(
      fc.property(lines, (value) => {
        const line = readProbeLine(typeof value === 'string' ? value : JSON.stringify(value), 'types');
        if (line?.kind === 'task') expect(work.TaskFound.check(line.task)).toBe(true);
        if (line?.kind === 'finding') expect(line.finding.title).not.toMatch(/\n/);
      }),
    );
  });
});

describe('the answer of a judge', () => {
  it('keeps each closed item once, sorted, and counts what is over the bound', () => {
    expect(readJudgeAnswer('{"closed":["b","a","b"],"refused":[]}')).toEqual({ closed: ['a', 'b'], more: 0, refused: [] });
    const many = Array.from({ length: 600 }, (_, i) => `item ${i}`);
    expect(readJudgeAnswer(JSON.stringify({ closed: many, refused: [] }))).toMatchObject({ more: 100 });
  });

  it('that cannot be read is no answer: a refusal must not get lost', () => {
    for (const text of ['', '[]', '{"closed":[]}', '{"closed":[],"refused":["no object"]}', '{"closed":[],'])
      expect(readJudgeAnswer(text), text).toBeNull();
  });
});
