/** `skein simulate` as a process: one seed is one run whatever the engine does, and what it prints is enough to see it again. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { shrinkSeed, simulateSeed } from '../../../src/assembly/simulate.ts';
import { PLANTED } from './planted.ts';

const BIN = new URL('../../../src/surfaces/cli/bin.ts', import.meta.url).pathname;

interface Document {
  readonly hash: string;
  readonly hashOfAll: string;
  readonly failed: number;
  readonly options: { readonly hosts: number; readonly faults: object; readonly incidents: readonly object[] };
  readonly build: object;
  readonly what: string;
}

function simulate(args: readonly string[], node: readonly string[] = []): { status: number | null; document: Document } {
  const { status, stdout } = spawnSync(process.execPath, [...node, BIN, 'simulate', ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, document: JSON.parse(stdout) as Document };
}

describe('skein simulate', () => {
  const SMALL = ['--seed', '11', '--storm', '4000'];

  it('gives a seed the same hash under another hash seed and without the optimising compiler', () => {
    const here = hashHere();
    for (const engine of [
      ['--hash-seed=99', '--random-seed=7'],
      ['--no-opt', '--max-semi-space-size=1'],
    ]) {
      const { status, document } = simulate(SMALL, engine);
      expect([engine, status, document.hash]).toEqual([engine, 0, here]);
    }
  });

  it('gives a seed the same hash without any compiler', () => {
    const program = withoutTypes('src/runtime/simulation/index.ts', (entry) => [
      `import { spine } from '${entry}';`,
      `console.log(spine.runFleet(spine.drawFleet({ seed: '11', storm: 4000 })).hash);`,
    ]);
    try {
      expect(execFileSync(process.execPath, ['--jitless', program.path], { encoding: 'utf8' }).trim()).toBe(hashHere());
    } finally {
      program.remove();
    }
  });

  it('prints the build and everything that the seed decided', () => {
    const { document } = simulate([...SMALL, '--seeds', '3', '--hosts', '4', '--without', 'crash,disk']);
    expect(document).toMatchObject({ failed: 0, options: { hosts: 4, faults: { crash: 0, torn: 0 } } });
    expect(document.build).toHaveProperty('skein');
    expect(document.hashOfAll).toMatch(/^[0-9a-f]{16}$/);
  });

  it('refuses what it does not know before it runs anything', () => {
    const refused = simulate(['--without', 'weather']);
    expect([refused.status, refused.document.what]).toEqual([2, expect.stringContaining('not "weather"')]);
    expect(simulate(['--hosts', '1']).status).toBe(2);
  });
});

describe('a seed that fails', () => {
  it.each(['a dead letter that is retried passes by the gate', 'a timer of an old incarnation reaches the new one'])(
    'is made smaller and still fails in the same way: %s',
    { timeout: 60_000 },
    (bug) => {
      const planted = PLANTED.find((each) => each.bug === bug)!;
      for (let n = -1; n < 1000; n++) {
        const seed = n < 0 ? planted.near : n;
        const request = { seed: String(seed) };
        const { result } = simulateSeed(request, false, planted.plant());
        if (result.violations[0]?.checker !== planted.caughtBy) continue;
        const shrunk = shrinkSeed(request, result, () => planted.plant());
        expect(shrunk.result.violations[0]?.checker).toBe(planted.caughtBy);
        expect(shrunk.result.events).toBeLessThan(result.events);
        expect(shrunk.options.without.length).toBeGreaterThan(0);
        expect(shrunk.command).toMatch(new RegExp(`^skein simulate --seed ${request.seed} `));
        return;
      }
      expect.fail('no seed failed');
    },
  );
});

function hashHere(): string {
  return simulateSeed({ seed: '11', storm: 4000 }).result.hash;
}

/** The module and all it imports as JavaScript: stripping types needs WebAssembly, which an engine without compiler has not. */
function withoutTypes(entry: string, lines: (entry: string) => readonly string[]): { path: string; remove(): void } {
  const root = resolve(import.meta.dirname, '../../..');
  const out = mkdtempSync(join(tmpdir(), 'skein-jitless-'));
  symlinkSync(join(root, 'node_modules'), join(out, 'node_modules'));
  const name = (path: string): string => join(out, relative(root, path).replace(/\.ts$/, '.mjs'));
  const done = new Set<string>();
  const visit = (path: string): void => {
    if (done.has(path)) return;
    done.add(path);
    const code = stripTypeScriptTypes(readFileSync(path, 'utf8'));
    mkdirSync(dirname(name(path)), { recursive: true });
    writeFileSync(name(path), code.replaceAll(/(from '\.[^']*)\.ts'/g, "$1.mjs'"));
    for (const [, specifier] of code.matchAll(/from '(\.[^']*)'/g)) visit(resolve(dirname(path), specifier!));
  };
  visit(join(root, entry));
  const path = join(out, 'main.mjs');
  writeFileSync(path, lines(name(join(root, entry))).join('\n'));
  return { path, remove: () => rmSync(out, { recursive: true }) };
}
