import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { work } from '../contracts/index.ts';
import { type ParsedTasks, parseTasks, taskFromMessage, tasksFromMessages } from './task-file.ts';

function tasksOf(text: string, fileName = 'tasks.md'): work.TaskSpec[] {
  const parsed = parseTasks(text, fileName);
  if (!parsed.ok) throw new Error(parsed.problems.map((p) => `${p.line}: ${p.what}: ${p.todo}`).join('\n'));
  return parsed.tasks;
}

function problemsOf(parsed: ParsedTasks): string[] {
  return parsed.ok ? [] : parsed.problems.map((p) => `${p.line}: ${p.what}: ${p.todo}`);
}

const spec = (change: Partial<work.TaskSpec>): work.TaskSpec => ({
  id: '',
  title: '',
  text: '',
  needs: [],
  claims: [],
  checks: [],
  agent: null,
  estimate: 0,
  given: true,
  ...work.WITHOUT_GOAL,
  ...change,
});

describe('a Markdown checklist', () => {
  it('becomes tasks with inline attributes, text from what stands below and the headings above', () => {
    const parsed = parseTasks(
      [
        '# Release',
        'Some prose.',
        '## Parser',
        '- [ ] fix the parser (id: parser, needs: lexer, scanner, claims: src/{parser,ast}/**, checks: `npm test`, agent: claude, estimate: 1h30m)',
        '      It loops on an empty file.',
        '',
        '  - keep the messages',
        '    - [ ] even the odd ones',
        '- [ ] Write the lexer (id: lexer)',
        '  (claims: src/lexer.ts)',
        '* [X] set up the repository (id: scanner)',
        '  - with all its notes',
        '## Docs ##',
        '1. [ ] describe it',
      ].join('\n'),
      'tasks.md',
    );
    expect(parsed).toEqual({
      ok: true,
      tasks: [
        spec({
          id: 'parser',
          title: 'fix the parser',
          text: 'Part of: Release > Parser\n\n    It loops on an empty file.\n\n- keep the messages\n  - [ ] even the odd ones'.replace(
            '    It',
            'It',
          ),
          needs: ['lexer'],
          claims: ['src/{parser,ast}/**'],
          checks: ['npm test'],
          agent: 'claude',
          estimate: 5_400_000,
        }),
        spec({ id: 'lexer', title: 'Write the lexer', text: 'Part of: Release > Parser', claims: ['src/lexer.ts'] }),
        spec({ id: 'describe-it', title: 'describe it', text: 'Part of: Release > Docs ##' }),
      ],
      notes: ['1 done, left out', '1 needs are done already'],
    });
  });

  it('leaves prose in parentheses in the title', () => {
    expect(tasksOf('- [ ] fix it (see: the log)\n- [ ] fix that (twice)').map((task) => task.title)).toEqual([
      'fix it (see: the log)',
      'fix that (twice)',
    ]);
  });

  it('keeps colons and commas in checks that are quoted', () => {
    expect(tasksOf('- [ ] a (checks: npm run test:unit, `node -e "f(1, 2)"`)')[0]!.checks).toEqual([
      'npm run test:unit',
      'node -e "f(1, 2)"',
    ]);
  });

  it('takes open tasks below a plain bullet and below a finished one, none from a code block', () => {
    const text = '- Area\n  - [ ] one\n- [x] epic\n  - [ ] two\n```\n- [ ] not me\n```\n';
    expect(tasksOf(text).map((task) => task.id)).toEqual(['one', 'two']);
  });

  it('keeps a code block in the text of its task', () => {
    expect(tasksOf('- [ ] one\n  ```\n  - [ ] sample\n  ```\n- [ ] two').map((task) => task.text)).toEqual([
      '```\n- [ ] sample\n```',
      '',
    ]);
  });

  it('survives a byte order mark, carriage returns, tabs and any script', () => {
    const tasks = tasksOf('\uFEFF- [ ] Überprüfe die Größe\r\n\t- mit Tabs\r\n- [ ] 修复解析器\r\n- [ ] 🎈\r\n');
    expect(tasks.map((task) => [task.id, task.title, task.text])).toEqual([
      ['uberprufe-die-gro-e', 'Überprüfe die Größe', '- mit Tabs'],
      ['task-2', '修复解析器', ''],
      ['task-3', '🎈', ''],
    ]);
  });

  it('takes out what would steer a terminal', () => {
    expect(tasksOf('- [ ] a\u001b[31m b\u0000\u202e (checks: x\u0007)')[0]).toMatchObject({ title: 'a[31m b', checks: ['x'] });
  });

  it('gives every task its own short id, never one that somebody chose', () => {
    const tasks = tasksOf('- [ ] fix it\n- [ ] fix it\n- [ ] other (id: fix-it-2)\n- [ ] fix it');
    expect(tasks.map((task) => task.id)).toEqual(['fix-it', 'fix-it-3', 'fix-it-2', 'fix-it-4']);
  });

  it('says that everything is done', () => {
    expect(parseTasks('- [x] a\n- [x] b', 'tasks.md')).toEqual({ ok: true, tasks: [], notes: ['all 2 tasks are done'] });
  });

  it.each([
    ['an empty file', ' \n\n', '1: the file is empty: write lines such as `- [ ] fix the parser'],
    ['no checklist', '# Plan\nsome text', '1: the file has no checklist item: write lines such as'],
    ['bullets without boxes', '- fix it\n- and that', '1: the file has 2 list items, but none with a checkbox'],
    ['a box without a blank', '- [ ] a\n- [] b', '2: `[]` is no checkbox: write `- [ ]`'],
    ['a box without a title', '- [ ]', '1: a task without a title'],
    ['a key with a slip', '- [ ] a (need: b)', '1: unknown key `need`: did you mean `needs`?'],
    ['an unknown key among known ones', '- [ ] a (id: b, prio: 1)', '1: unknown key `prio`: known keys'],
    ['a key twice', '- [ ] a (id: b, id: c)', '1: `id` is given twice'],
    ['an unknown need', '- [ ] a (id: a)\n- [ ] b (needs: aa)', '2: `b` needs `aa`, which is no task: did you mean `a`?'],
    ['a duplicate id', '- [ ] a (id: x)\n- [ ] b (id: X)', '2: the id `X` is used twice, first on line 1'],
    ['an id that is no ref', '- [ ] a (id: x/../y)', '1: `"x/../y"` is no id'],
    ['an id that git reserves', '- [ ] a (id: x.lock)', '1: `"x.lock"` is no id'],
    ['a claim outside', '- [ ] a (claims: ../x)', '1: the claim `../x` leaves the repository'],
    ['an estimate without a unit', '- [ ] a (estimate: 5)', '1: `"5"` is no estimate: write a time such as 90s'],
    [
      'a cycle',
      '- [ ] a (id: a, needs: b)\n- [ ] b (id: b, needs: a)',
      '1: tasks need each other in a circle: a -> b -> a (lines 1, 2)',
    ],
  ])('is refused for %s', (_story, text, expected) => {
    expect(problemsOf(parseTasks(text, 'tasks.md'))[0]).toContain(expected);
  });
});

describe('a YAML file', () => {
  it('holds a list, or `tasks:` with one, in every field', () => {
    const list = [
      '- title: fix the parser',
      '  id: parser',
      '  text: |',
      '    It loops.',
      '  needs: [lexer]',
      '  claims: src/parser/**, test/parser.ts',
      '  checks: npm run lint, fast',
      '  agent: codex',
      '  estimate: 5m',
      '  given: false',
      '- "write the lexer (id: lexer)"',
    ];
    const expected = [
      spec({
        id: 'parser',
        title: 'fix the parser',
        text: 'It loops.\n',
        needs: ['lexer'],
        claims: ['src/parser/**', 'test/parser.ts'],
        checks: ['npm run lint, fast'],
        agent: 'codex',
        estimate: 300_000,
        given: false,
      }),
      spec({ id: 'lexer', title: 'write the lexer' }),
    ];
    expect(tasksOf(list.join('\n'), 'tasks.yaml')).toEqual(expected);
    expect(tasksOf(`tasks:\n${list.map((line) => `  ${line}`).join('\n')}`, 'tasks')).toEqual(expected);
  });

  it.each([
    ['not YAML', '- title: "a', '1: not valid YAML'],
    ['no list', 'tasks: 5', '1: the file holds no list of tasks'],
    ['an unknown top key', 'task:\n  - a', '1: unknown key `task`'],
    ['an unknown key', '- title: a\n- title: b\n  claim: x', '2: unknown key `claim`: did you mean `claims`?'],
    ['a prototype', '- title: a\n  __proto__: {given: false}', '1: unknown key `__proto__`'],
    ['a key twice', '- title: a\n  title: b', '2: `title` is given twice'],
    ['no title', '- id: a', '1: task `a` has no title'],
    ['a number as a task', '- 5', '1: a task is 5'],
    ['two documents', '- a\n---\n- b', '2: not valid YAML'],
    ['a map as text', '- title: {a: 1}', '1: `title` is not text'],
  ])('is refused for %s', (_story, text, expected) => {
    expect(problemsOf(parseTasks(text, 'tasks.yml'))[0]).toContain(expected);
  });

  it('refuses a billion laughs', () => {
    const lines = ['- &a0 {title: x, needs: [y, y, y, y, y, y, y, y, y]}'];
    for (let i = 1; i < 9; i++)
      lines.push(`- &a${i} {title: x, text: [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(', ')}]}`);
    const start = performance.now();
    expect(problemsOf(parseTasks(lines.join('\n'), 'tasks.yaml')).join('\n')).toContain('not readable as YAML');
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});

describe('JSON', () => {
  it('holds a list, an object with one, or one task per line', () => {
    const expected = [spec({ id: 'a', title: 'A', estimate: 1_000 }), spec({ id: 'b', title: 'b' })];
    const one = '{"id": "a", "title": "A", "estimate": 1000}';
    expect(tasksOf(`[${one}, "b"]`, 'tasks.json')).toEqual(expected);
    expect(tasksOf(`{"tasks": [${one}, "b"]}`, '-')).toEqual(expected);
    expect(tasksOf(`${one}\n\n"b"\n`, 'tasks.jsonl')).toEqual(expected);
    expect(tasksOf(`${one}\n"b"\n`, '-')).toEqual(expected);
  });

  it('reads what it wrote', () => {
    const tasks = tasksOf('- [ ] a (needs: b, claims: x/**)\n- [ ] b (checks: make)');
    const written = tasks.map(({ goal, rivals, judge, mends, input, ...own }) => {
      expect({ goal, rivals, judge, mends, input }).toEqual(work.WITHOUT_GOAL); // a file cannot say what only a goal finds
      return own;
    });
    expect(tasksOf(JSON.stringify(written), 'tasks.json')).toEqual(tasks);
  });

  it('names the line of the entry that is wrong', () => {
    const text = '{"tasks": [\n  {"title": "a", "needs": ["b", "c"]},\n  {"title": "b"},\n  "c",\n  {"titel": "x"}\n]}';
    expect(problemsOf(parseTasks(text, 'x.json'))).toEqual([
      '5: unknown key `titel`: did you mean `title`?',
      '5: task `task-4` has no title: say in `title` what is to be done',
    ]);
    expect(problemsOf(parseTasks('{"title": "a"}\n{"title": \n', 'x.jsonl'))[0]).toContain('2: not valid JSON');
    expect(problemsOf(parseTasks('[\n{"title": "a",}\n]', 'x.json'))[0]).toContain('2: not valid JSON');
    expect(problemsOf(parseTasks('[{"title": "a", "__proto__": 1}]', 'x.json'))[0]).toContain('unknown key `__proto__`');
  });
});

describe('bounds', () => {
  it('takes 10,000 tasks and refuses one more by its line', () => {
    const lines = Array.from({ length: 10_001 }, (_, i) => `- [ ] fix it${i > 0 ? ` (needs: fix-it)` : ''}`);
    const start = performance.now();
    const tasks = tasksOf(lines.slice(0, 10_000).join('\n'));
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(new Set(tasks.map((task) => task.id)).size).toBe(10_000);
    expect(problemsOf(parseTasks(lines.join('\n'), 'tasks.md'))).toEqual([
      '10001: more than 10000 tasks: split the file into several runs',
    ]);
  });

  it('shortens a long title and keeps it whole in the text', () => {
    const title = 'word '.repeat(200).trim();
    const [task] = tasksOf(`- [ ] ${title}`);
    expect(task!.title).toHaveLength(500);
    expect(task!.text).toBe(title);
  });

  it('refuses text, lists and files that are too long', () => {
    expect(problemsOf(parseTasks(`- [ ] a\n  ${'x'.repeat(40_000)}`, 'a.md'))[0]).toContain('40000 characters of text');
    expect(problemsOf(parseTasks(`- [ ] a (needs: ${'b,'.repeat(300)})`, 'a.md'))[0]).toContain('`needs` has 300 entries');
    expect(problemsOf(parseTasks('x'.repeat(5_000_000), 'a.md'))[0]).toContain('more than');
    expect(problemsOf(parseTasks('- [ ] a (estimate: 900h)', 'a.md'))[0]).toContain('no estimate');
  });

  it('never throws and never hangs, whatever the text', () => {
    const piece = fc.constantFrom(
      '- [ ] ',
      '- [x] ',
      '# ',
      '(',
      ')',
      'needs: ',
      'id: a',
      ',',
      '\n',
      '  ',
      '\t',
      '`',
      '"',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a ',
      ': ',
      '```',
      'title',
      '\uFEFF',
    );
    const names = fc.constantFrom('a.md', 'a.yaml', 'a.json', 'a.jsonl', '-');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(piece, { maxLength: 60 }).map((all) => all.join('')),
        ),
        names,
        (text, name) => {
          const parsed = parseTasks(text, name);
          if (!parsed.ok) expect(parsed.problems.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 300 },
    );
    for (const text of ['[', '- ', '# ', ' ', '{"a":', '(', '- [ ] (', '`', '}   ', '&a ', 'a: 1\n']) {
      for (const name of ['a.md', 'a.yaml', 'a.json', '-']) {
        const start = performance.now();
        parseTasks(text.repeat(2_000), name);
        expect(performance.now() - start, `${JSON.stringify(text)} as ${name}`).toBeLessThan(5_000);
      }
    }
  });
});

describe('a message', () => {
  it('is one task', () => {
    expect(taskFromMessage('fix #12\n\nIt fails on Mondays.')).toEqual({
      ok: true,
      tasks: [spec({ id: 'fix-12', title: 'fix #12', text: 'It fails on Mondays.' })],
      notes: [],
    });
    expect(problemsOf(taskFromMessage('  '))[0]).toContain("say what is to be done: -m 'fix #12'");
  });

  it('among others may need them', () => {
    const parsed = tasksFromMessages(['write the lexer (id: lexer)', 'fix it (needs: lexer)', 'fix it']);
    expect(parsed.ok && parsed.tasks.map((task) => [task.id, ...task.needs])).toEqual([
      ['lexer'],
      ['fix-it', 'lexer'],
      ['fix-it-2'],
    ]);
  });
});
