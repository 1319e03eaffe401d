/**
 * Claim: a compiler that is kept warm judges a second checkout of light-my-request, one file changed, several times faster than
 * one that starts cold, and says the same. Baseline in the same run: a cold compiler for each checkout.
 */
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Compiler, type PackageScope } from '../apps/delegation/types/compiler.ts';
import { quantile } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';

const FILES = ['index.js', 'lib/cookies.js', 'lib/form-data.js', 'lib/parse-url.js', 'lib/request.js', 'lib/response.js'];
const ROUNDS = 7;
const TIMES_FASTER = 3;

export default function verdictBench(): Row[] {
  const modules = fileURLToPath(new URL('../node_modules', import.meta.url));
  const top = mkdtempSync(join(tmpdir(), 'skein-verdict-'));
  try {
    const checkout = (round: number): PackageScope => {
      const workspace = join(top, `${round}`);
      cpSync(join(modules, 'light-my-request'), workspace, {
        recursive: true,
        filter: (path) => !path.endsWith('/node_modules'),
      });
      symlinkSync(modules, join(workspace, 'node_modules'));
      writeFileSync(join(workspace, 'lib/extra.js'), `module.exports = function (n) { return n + ${round} }\n`);
      return { workspace, package: '', mode: 'strict', files: [...FILES, 'lib/extra.js'] };
    };
    const scopes = Array.from({ length: ROUNDS }, (_, round) => checkout(round));
    const warm = new Compiler(scopes[0]!);
    warm.diagnose();
    const [hot, cold]: [number[], number[]] = [[], []];
    let different = 0;
    for (const scope of scopes) {
      const start = performance.now();
      warm.open(scope);
      const kept = warm.diagnose();
      const between = performance.now();
      const fresh = new Compiler(scope).diagnose();
      cold.push(performance.now() - between);
      hot.push(between - start);
      if (JSON.stringify(kept) !== JSON.stringify(fresh)) different += 1;
    }
    const [p50, p99, baseline] = [quantile(hot, 0.5), quantile(hot, 0.99), quantile(cold, 0.5)];
    return [
      {
        claim: 'verdict of a warm compiler on a checkout with one file changed',
        target: `>= ${TIMES_FASTER} times faster than cold`,
        ours: p50,
        unit: 'ms',
        baseline,
        ratio: baseline / p50,
        p50,
        p99,
        met: baseline / p50 >= TIMES_FASTER,
      },
      {
        claim: 'warm verdicts that differ from cold ones',
        target: '= 0',
        ours: different,
        unit: 'verdicts',
        p50: different,
        p99: different,
        met: different === 0,
      },
    ];
  } finally {
    rmSync(top, { recursive: true, force: true });
  }
}
