/**
 * `npm test [filter...]`: unit tests, properties and system tests.
 * `npm run test:chaos [-- short]`: the long ones that kill real processes, and 1,000 simulated runs; `short` is a tenth of both.
 * What is printed at the end comes from closing-line.ts.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CHAOS_ROUNDS = 50;
const CHAOS_SEEDS = 1000;

const [first, ...rest] = process.argv.slice(2);
const chaos = first === 'chaos';
const short = chaos && rest[0] === 'short';
const projects = chaos ? ['chaos'] : ['unit', 'system', 'alone'];
const filters = chaos ? rest.slice(short ? 1 : 0) : process.argv.slice(2);
const part = short ? 10 : 1;
const long = { SKEIN_CHAOS_ROUNDS: String(CHAOS_ROUNDS / part), ...(chaos ? { SKEIN_SEEDS: String(CHAOS_SEEDS / part) } : {}) };

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const child = spawn(process.execPath, [vitest, 'run', ...projects.flatMap((name) => ['--project', name]), ...filters], {
  stdio: 'inherit',
  // Read by the tests in test/chaos and test/simulation; set them to go on for longer.
  env: { ...long, ...process.env },
});
// Ctrl-C reaches the whole process group; vitest ends its workers, and this process ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.once('close', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
