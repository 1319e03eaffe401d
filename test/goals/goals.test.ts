import { beforeAll, describe, expect, it } from 'vitest';
import type { RunNews, RunView } from '../../src/assembly/index.ts';
import { openFleet } from '../../src/assembly/index.ts';
import { git, repository, request } from '../run/repositories.ts';
import { pack } from './tidy-lines/pack.ts';

describe('a goal of somebody else, through the public types alone', () => {
  let top: string;
  let view: RunView;
  const news: RunNews[] = [];

  beforeAll(async () => {
    top = repository('goals', {
      'a.txt': 'one  \ntwo\nthree \n',
      'b.txt': 'clean\n',
      'gen.txt': '// @generated, do not edit\nx  \n',
    });
    const opened = await openFleet(top);
    if (!opened.ok) throw new Error(opened.problem.what);
    const prepared = await opened.value.prepare(request(top, { goals: ['tidy-lines'], packs: [pack], checks: [] }));
    if (!prepared.ok) throw new Error(prepared.problem.what);
    const live = await opened.value.start(prepared.value);
    if (!live.ok) throw new Error(live.problem.what);
    live.value.onNews((each) => news.push(each));
    view = await live.value.ended;
  }, 60_000);

  it('looks at files that people write, and says what it found while it looks', () => {
    expect(news).toMatchObject([{ kind: 'finding', probe: 'tidy-lines', finding: { title: 'a.txt: 2 lines end in blanks' } }]);
    expect(view.probes).toMatchObject([
      { state: 'done', tasks: ['tidy-a-txt'], result: { measures: [{ name: 'blank-lines', value: 2 }] } },
    ]);
  });

  it('lands the change that closes most, and refuses the one that its judge calls untrue', () => {
    const [task] = view.tasks;
    expect(task).toMatchObject({ state: 'landed', spec: { given: false, goal: 'tidy-lines' } });
    expect(Object.fromEntries(task!.attempts.map(({ agent, outcome }) => [agent, outcome]))).toEqual({
      'first-line': 'outscored',
      liar: 'refused',
      'all-lines': 'landed',
    });
    const lie = task!.attempts.find((attempt) => attempt.agent === 'liar')!;
    expect(lie.violations[0]).toEqual({ rule: 'refused-by-judge', detail: 'words: a.txt:1 says something else now' });
    expect(git(top, 'show', 'skein/1:a.txt')).toBe('one\ntwo\nthree');
  });

  it('leaves what a program wrote as it is', () => {
    expect(git(top, 'diff', '--name-only', 'main', 'skein/1')).toBe('a.txt');
  });
});
