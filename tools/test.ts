/**
 * `npm test [filter...]`: unit tests, properties and system tests. `npm run test:chaos`: the long ones that kill real processes.
 * What is printed at the end comes from closing-line.ts.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const [first, ...rest] = process.argv.slice(2);
const chaos = first === 'chaos';
const projects = chaos ? ['chaos'] : ['unit', 'system'];
const filters = chaos || first === undefined ? rest : [first, ...rest];

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const child = spawn(process.execPath, [vitest, 'run', ...projects.flatMap((name) => ['--project', name]), ...filters], {
  stdio: 'inherit',
});
// Ctrl-C reaches the whole process group; vitest ends its workers, and this process ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.once('close', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
