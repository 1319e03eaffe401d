/**
 * What a call of `skein` costs before it does anything: the process, its modules, the first line. Cold is a call with an empty
 * compile cache, as after an installation; warm is every later one. Peers in the same run: the version of git and of npm.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiled, run } from '../tools/bench/command.ts';
import { median, quantile } from '../tools/bench/figures.ts';
import { smallPackage, temporary } from '../tools/bench/repositories.ts';
import type { Row } from '../tools/bench/row.ts';

const ROUNDS = 11;
const VERSION_MS = 150;
const FIRST_MS = 2000;

export default async function startBench(): Promise<readonly Row[]> {
  const home = temporary('start');
  try {
    const bin = compiled();
    const top = smallPackage(home, 'true');
    const env = { ...process.env, SKEIN_CACHE: join(home, 'cache') };
    const warm = join(home, 'compiled');
    const skein = (...words: string[]): string[] => [process.execPath, bin, ...words];
    // A run to ask about: `status` of nothing would be quicker.
    await run(skein('run', '--json'), top, env);
    const ways: Record<string, { argv: string[]; cold: boolean }> = {};
    for (const verb of ['--version', 'help', 'status']) {
      ways[`skein ${verb}, warm`] = { argv: skein(verb), cold: false };
      ways[`skein ${verb}, cold`] = { argv: skein(verb), cold: true };
    }
    ways['git --version'] = { argv: ['git', '--version'], cold: false };
    ways['npm --version'] = { argv: ['npm', '--version'], cold: false };
    const times: Record<string, { first: number; cpu: number }[]> = {};
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [name, { argv, cold }] of Object.entries(ways)) {
        const NODE_COMPILE_CACHE = cold ? mkdtempSync(join(tmpdir(), 'skein-bench-cold-')) : warm;
        const done = await run(argv, top, { ...env, NODE_COMPILE_CACHE });
        if (cold) rmSync(NODE_COMPILE_CACHE, { recursive: true, force: true });
        if (done.exitCode !== 0) throw new Error(`${name} ended with ${done.exitCode}: ${done.stderr}`);
        if (round > 0) (times[name] ??= []).push({ first: done.firstMs, cpu: done.cpuSeconds });
      }
    }
    const firsts = (name: string): number[] => times[name]!.map(({ first }) => first);
    const git = median(firsts('git --version'));
    const npm = median(firsts('npm --version'));
    return Object.keys(ways)
      .filter((name) => name.startsWith('skein'))
      .map((name) => {
        const p50 = median(firsts(name));
        const target = name === 'skein --version, warm' ? VERSION_MS : FIRST_MS;
        return {
          claim: `${name}: start to first line`,
          target: `<= ${target} ms`,
          ours: p50,
          unit: 'ms',
          baseline: `git --version ${git.toFixed(1)}`,
          peer: { name: 'npm --version', value: npm },
          ratio: npm / p50,
          p50,
          p99: quantile(firsts(name), 0.99),
          cpuSeconds: median(times[name]!.map(({ cpu }) => cpu)),
          met: p50 <= target,
        };
      });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
