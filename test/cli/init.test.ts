/** `skein init` in a real repository, through the verb and the runtime that a person calls. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Check } from 'typebox/value';
import { openFleet } from '../../src/assembly/index.ts';
import { main, processSurface, SCHEMAS, type Surface } from '../../src/surfaces/cli/index.ts';
import { CALCULATOR, repository } from '../run/repositories.ts';

async function skein(cwd: string, ...args: string[]): Promise<{ code: number; out: string; document: Record<string, unknown> }> {
  let out = '';
  const surface: Surface = {
    ...processSurface(openFleet),
    cwd,
    env: {},
    stdout: { write: (text) => void (out += text), isTTY: false, columns: 80, rows: 24, colors: 1 },
    stderr: { write: () => {}, isTTY: false, columns: 80, rows: 24, colors: 1 },
  };
  const code = await main(args, surface);
  return { code, out, document: (out.startsWith('{') ? JSON.parse(out) : {}) as Record<string, unknown> };
}

test('writes what was found, changes nothing that a run does, never overwrites and says what would change', async () => {
  const top = repository('init', CALCULATOR);
  const path = join(top, 'skein.yaml');
  const before = (await skein(top, 'plan')).document;

  const printed = await skein(top, 'init', '--print');
  expect([printed.code, existsSync(path)]).toEqual([0, false]);

  const written = await skein(join(top, 'test'), 'init');
  expect([written.code, Check(SCHEMAS['init.v1.json']!, written.document)]).toEqual([0, true]);
  expect(readFileSync(path, 'utf8')).toBe(printed.out);
  const saidAside = (plan: Record<string, unknown>): unknown => {
    const commands = (plan.commands as { source: string }[]).map((command) => ({ ...command, source: '' }));
    return { ...plan, commands, seed: '', notes: [] }; // the new file is not committed yet: a note says so
  };
  const after = (await skein(top, 'plan')).document;
  expect((after.commands as unknown[]).length).toBeGreaterThan(0);
  expect(saidAside(after)).toEqual(saidAside(before));

  writeFileSync(path, 'limits: { minutes: 3 }\n');
  const refused = await skein(top, 'init');
  expect([refused.code, readFileSync(path, 'utf8')]).toEqual([2, 'limits: { minutes: 3 }\n']);
  expect(refused.document.details).toContain('- limits: { minutes: 3 }');
  expect(refused.document.details).toContain('+   minutes: 10 # of one sitting');
  rmSync(path);
});
