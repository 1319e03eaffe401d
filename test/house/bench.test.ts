import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkRows } from '../../tools/bench/row.ts';

const tool = fileURLToPath(new URL('../../tools/bench.ts', import.meta.url));
const row = {
  claim: 'geese arrive together',
  target: '<= 5 ms',
  ours: 2.345678,
  unit: 'ms',
  baseline: 10,
  ratio: 4.26,
  p50: 2.3,
  p99: 3,
  met: true,
};

describe('npm run bench', () => {
  let project = '';
  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), 'skein-bench-'));
    mkdirSync(join(project, 'bench'));
  });
  afterEach(() => rmSync(project, { recursive: true, force: true }));
  const bench = (name: string, body: string): void => writeFileSync(join(project, `bench/${name}.bench.ts`), body);
  const run = (...names: string[]): { code: number | null; out: string } => {
    const result = spawnSync(process.execPath, [tool, ...names], { cwd: project, encoding: 'utf8' });
    return { code: result.status, out: result.stdout + result.stderr };
  };

  it('prints a table and keeps each result with its machine, commit and date', () => {
    bench('geese', `console.log('a word of its own');\nexport default () => [${JSON.stringify(row)}];`);
    const { code, out } = run('geese');
    expect(code).toBe(0);
    expect(out).toMatch(/geese arrive together +<= 5 ms +2\.35 ms +2\.3 +3 +10 +- +4\.26x +met/);
    const result = JSON.parse(readFileSync(join(project, 'bench/results/geese.json'), 'utf8'));
    expect(result).toMatchObject({ name: 'geese', commit: 'unknown', machine: { node: process.version }, rows: [row] });
    expect(Date.parse(result.date)).toBeGreaterThan(0);
    expect(result.cpuSeconds).toBeGreaterThan(0);
  });

  it('fails when a target is missed or a bench breaks, and still runs the others', () => {
    bench('a-broken', "export default () => { throw new Error('no wind'); };");
    bench('b-missed', `export default async () => [${JSON.stringify({ ...row, met: false })}];`);
    const { code, out } = run();
    expect(code).toBe(1);
    expect(out).toContain('no wind');
    expect(out).toContain('a-broken: failed');
    expect(out).toContain('MISSED');
  });

  it('names the benches there are when asked for another', () => {
    bench('geese', '');
    expect(run('ducks')).toMatchObject({ code: 2, out: 'no bench named ducks: there are geese\n' });
  });

  it('keeps no row that could not be compared later', () => {
    expect(() => checkRows('geese', [])).toThrow('at least one');
    expect(() => checkRows('geese', [{ ...row, p99: Number.NaN }])).toThrow('a figure that is no number');
    expect(() => checkRows('geese', [{ ...row, met: 'yes' }])).toThrow('whether it was met');
  });
});
