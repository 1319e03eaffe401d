import { createRequire } from 'node:module';
import { afterEach, describe, expect, it } from 'vitest';
import { programArgv } from '../programs/entry.ts';
import { type Fixture, fixture, type Heard } from '../programs/fixture.ts';
import { astGrep, fixed, matchesOf, readRules } from './ast-grep.ts';

const here = (name: string): string[] => programArgv(import.meta.url, name);
const astGrepFound = ((): boolean => {
  try {
    return createRequire(import.meta.url).resolve('@ast-grep/napi') !== '';
  } catch {
    return false;
  }
})();

const RULES = `id: no-substr
language: JavaScript
message: substr is a legacy function.
rule:
  pattern: $S.substr($A)
fix: $S.slice($A)
---
id: call-with
language: js
rule:
  pattern: old($FIRST, $$$REST)
constraints:
  FIRST: { kind: string }
fix: |
  renew({
    name: $FIRST,
    rest: [$$$REST]
  })
---
id: no-fix
language: TypeScript
rule: { kind: debugger_statement }
---
id: again
language: JavaScript
rule: { pattern: again($A) }
fix: again($A)
`;

let made: Fixture | null = null;
afterEach(() => made?.remove());

describe('a codemod', () => {
  const files = {
    'rules/all.yml': RULES,
    'lib/a.js':
      "const é = '😀', x = y.substr(1)\nfunction f () {\n  return old('n', 1,   g(2)).substr(old('m', 3))\n}\nagain(1)\n",
    'lib/b.js': 'z.substr(2); z.substr(3)\n',
    'lib/c.js': 'z.slice(2)\n',
  };
  const ask = (argument: string): Promise<Heard> => (made = fixture(files)).probe(here('./probe'), { goal: 'codemod', argument });

  it.skipIf(!astGrepFound)('is found by file, applied by its agent and closed by its judge (tool: @ast-grep/napi)', async () => {
    const { findings, tasks, notes } = await ask('rules/all.yml');
    expect(findings.map(({ title }) => title)).toEqual([
      'lib/a.js:1: 2 matches of no-substr, 2 matches of call-with',
      'lib/b.js:1: 2 matches of no-substr',
    ]);
    expect(findings[1]!.show).toBe('npx --package @ast-grep/cli ast-grep scan --rule rules/all.yml lib/b.js');
    expect(notes).toEqual([
      'codemod: no-fix: it has no fix, so there is nothing to apply',
      'codemod: lib/a.js:5: the fix of again gives code that it matches again; not offered',
    ]);
    const task = { ...tasks[0]!, given: false, goal: 'codemod' };
    expect(task).toMatchObject({ rivals: ['codemod'], claims: ['lib/a.js', 'lib/b.js'] });
    expect(made!.read('lib/b.js')).toBe(files['lib/b.js']);

    expect(await made!.agent(here('./apply'), task)).toBe('');
    expect(made!.read('lib/b.js')).toBe('z.slice(2); z.slice(3)\n');
    const judged = await made!.judge(here('./judge'), { task, paths: ['lib/a.js', 'lib/c.js'] });
    expect(judged.closed).toEqual(
      ['no-substr', 'call-with']
        .flatMap((rule) => [1, 2].map((n) => `codemod lib/a.js ${rule} ${n}`))
        .concat(['codemod lib/b.js no-substr 1', 'codemod lib/b.js no-substr 2']),
    );
    expect(judged.refused).toEqual([{ rule: 'outside-the-task', detail: 'lib/c.js is none of its files' }]);
    expect(made!.read('lib/a.js')).toContain('x = y.slice(1)\n');
  });

  it.skipIf(!astGrepFound)(
    'may be one rule of a file, and says when there is none (tool: @ast-grep/napi)',
    async ({ annotate }) => {
      await annotate('the probe is started four times');
      expect((await ask('rules/all.yml#call-with')).findings.map(({ title }) => title)).toEqual([
        'lib/a.js:3: 2 matches of call-with',
      ]);
      expect((await ask('rules/all.yml#nobody')).notes).toEqual(['codemod: rules/all.yml: it holds no rule named nobody']);
      expect((await ask('nobody')).notes[0]).toContain('is neither a file of this repository nor a rule');
      expect((await ask('transform.js')).notes).toEqual(['codemod: transform.js does not exist']);
    },
  );

  it.skipIf(!astGrepFound)(
    'keeps what it does not change, also beside letters of several bytes (tool: @ast-grep/napi)',
    async () => {
      const api = (await astGrep())!;
      const file = await readRules(RULES, 'call-with');
      if (!file.ok) throw new Error(file.why);
      const [rule] = file.rules;
      const text = "const é = '😀'; if (é) {\n  run(old('ü', [1,  2], '😀'), b)\n}\n";
      expect(matchesOf(api, rule!, text)).toEqual([2]);
      expect(fixed(api, rule!, text)).toBe(
        "const é = '😀'; if (é) {\n  run(renew({\n    name: 'ü',\n    rest: [[1,  2], '😀']\n  }), b)\n}\n",
      );
      expect(fixed(api, rule!, 'old(x, 1)')).toBe('old(x, 1)');
    },
  );
});
