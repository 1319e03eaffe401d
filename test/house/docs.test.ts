import { describe, expect, it } from 'vitest';
import { checkDocuments } from '../../tools/docs/check.ts';
import { RepositoryFile } from '../../tools/tidy/files.ts';

function says(files: Readonly<Record<string, string>>): string {
  const all = Object.entries(files).map(([path, text]) => new RepositoryFile(path, text));
  return checkDocuments(all)
    .map(({ path, line, message }) => `${path}:${line}: ${message}`)
    .join('\n');
}

describe('the docs check', () => {
  it('refuses a link that leads nowhere, and follows folders and headings', () => {
    expect(says({ 'docs/a.md': '\nsee [b](b.md)' })).toContain('docs/a.md:2: b.md leads nowhere');
    expect(says({ 'docs/a.md': '[b](../src/x.ts) [c](../src/)', 'src/x.ts': '' })).toBe('');
    expect(says({ 'docs/a.md': '[b](b.md#the-run--twice)', 'docs/b.md': '## The run, & `twice`' })).toBe('');
    expect(says({ 'docs/a.md': '[b](b.md#elsewhere)', 'docs/b.md': '## Here' })).toContain('no heading #elsewhere');
    expect(says({ 'docs/a.md': 'https is fine [x](https://example.org/x) and `[code](nowhere)`' })).toBe('');
  });

  it('refuses an example that no test executes, and one whose test does not exist', () => {
    const example = '```sh\nnpm start\n```';
    expect(says({ 'a.md': example })).toContain('a.md:1: an example that no test executes');
    expect(says({ 'a.md': `<!-- tested by: test/a.test.ts -->\n${example}` })).toContain('test/a.test.ts, which does not exist');
    expect(says({ 'a.md': `<!-- tested by: test/a.test.ts -->\n\n${example}`, 'test/a.test.ts': '' })).toBe('');
    expect(says({ 'a.md': `<!-- not executed: it costs money -->\n${example}` })).toBe('');
    expect(says({ 'a.md': '```text\nwhat it prints\n```' })).toBe('');
  });

  it('refuses a figure in the README without a link to what measured it', () => {
    expect(says({ 'README.md': 'It plans 2,000 tasks in 5 ms.' })).toContain('"5 ms" is a figure without its bench');
    expect(says({ 'README.md': '| plan | 3.2x |' })).toContain('"3.2x"');
    expect(
      says({ 'README.md': 'It lands\n9 % more.\n\nElsewhere [x](bench/results/plan.json).', 'bench/results/plan.json': '' }),
    ).toContain('"9 %"');
    expect(says({ 'README.md': 'It plans in 5 ms\n([plan](bench/results/plan.json)).', 'bench/results/plan.json': '' })).toBe('');
    expect(says({ 'README.md': 'Node 22.18, `sleep 5 s`, 30 agents, light-my-request 6.8.1' })).toBe('');
  });

  it('refuses an invariant in ARCHITECTURE without a link to its test', () => {
    const table = '## Invariants\n\n| Invariant | Test |\n|---|---|\n| nothing lands twice | sure |';
    expect(says({ 'ARCHITECTURE.md': table })).toContain('ARCHITECTURE.md:5: an invariant without a link');
    expect(says({ 'ARCHITECTURE.md': table.replace('sure', '[x](test/x.test.ts)'), 'test/x.test.ts': '' })).toBe('');
    expect(says({ 'ARCHITECTURE.md': '# Map' })).toContain('no section "Invariants"');
  });
});
