import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { callHost, placesOf } from '../../src/runtime/embedded/index.ts';
import { CALCULATOR, repository } from '../run/repositories.ts';

const PRINTER = `node -e 'let n=0;const u=Date.now()+1500;(function p(){for(let i=0;i<40;i++)console.log(++n+" ".repeat(200));Date.now()<u&&setTimeout(p,2)})()'; echo "// noted" >> "$SKEIN_FILES"`;
const TASKS = ['sum.js', 'product.js', 'a.js', 'b.js'].map((file, i) => `- [ ] Note (id: t${i}, claims: ${file})`).join('\n');
const BIN = fileURLToPath(new URL('../../src/surfaces/cli/bin.ts', import.meta.url));
const DELAY_MS_MAX = 100; // the bench holds the claim of 5 ms on a quiet machine; here a blocked loop is to be told from a busy machine

interface Status {
  readonly lagP99Ms: number;
}

describe('the main loop of a host', () => {
  it('stays responsive while four agents print as fast as they can', async ({ annotate }) => {
    await annotate('four agents print for 1.5 s each and are checked');
    const top = repository('responsive', {
      ...CALCULATOR,
      'skein.yaml': `agents:\n  printer: { command: ${JSON.stringify(PRINTER)}, price: 0 }\n`,
      'tasks.md': `${TASKS}\n`,
    });
    const argv = ['--conditions=skein-source', BIN, 'run', 'tasks.md', '-a', 'printer', '--max-agents', '4', '--json'];
    const child = spawn(process.execPath, argv, { cwd: top, env: process.env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()));
    const asked: Promise<void>[] = [];
    let last: Status | null = null;
    // Each line that it prints is a moment to ask: the run goes on, nobody sleeps.
    child.stderr.on('data', (chunk: Buffer) => {
      output.err += chunk.toString();
      const asking = callHost(placesOf(top).hostFile('1'), { verb: 'status' }, 5000).then((reply) => {
        if (reply.kind === 'answer' && reply.answer.ok) last = reply.answer as unknown as Status;
      });
      asked.push(asking);
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    await Promise.all(asked);
    expect(code, output.err).toBe(0);
    expect(last).not.toBeNull();
    expect(last!.lagP99Ms).toBeLessThanOrEqual(DELAY_MS_MAX);
    expect(JSON.parse(output.out)).toMatchObject({ schema: 'skein.run-summary.v1' });
  }, 60_000);
});
