/**
 * The program that is a model agent: started by the runtime in the attempt's clone like any agent, so that sandbox, limits and ledger
 * hold. Its choice is in its arguments; prompt, key and bounds come on stdin, because an environment can be read by every child and by
 * everybody who lists processes. Prints NDJSON without the key; exits 0 when the model stopped by itself, else 1 with a line on stderr.
 */
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { modelOf } from './choice.ts';
import { converse, type Said } from './conversation.ts';
import { connectModel, wordsOf } from './provider.ts';
import { toolsOf } from './tools.ts';

/** What stands on stdin, as JSON. */
export interface ModelJob {
  readonly prompt: string;
  /** '' = none. */
  readonly key: string;
  /** Micro-USD; null = no cap. */
  readonly budget: number | null;
  /** For the whole attempt. */
  readonly timeoutMs: number;
  /** The task's own checks, where a sandbox holds them; else none. */
  readonly checks: readonly string[];
  /** The user's repository: where the SDK is looked for when it does not lie beside Skein. */
  readonly project: string;
}

const IDLE_MS = 120_000; // thinking models are silent for a minute before their first word
const GRACE_MS = 2_000; // to say why it ends, before the runtime ends it
const KEY_LENGTH_MIN = 8; // shorter ones would turn up by chance

const job = JSON.parse(await text(process.stdin)) as ModelJob;
const withoutKey = (line: string): string =>
  job.key.length < KEY_LENGTH_MIN
    ? line
    : line.replaceAll(job.key, '[key]').replaceAll(JSON.stringify(job.key).slice(1, -1), '[key]');
const say = (said: Said): void => void process.stdout.write(`${withoutKey(JSON.stringify(said))}\n`);

// Read by the SDK: its warnings are for the developer of a program, not for its output.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

async function attempt(): Promise<string> {
  const model = modelOf(['model', ...process.argv.slice(2)]);
  if (model === null) return `these arguments name no model: ${process.argv.slice(2).join(' ')}`;
  const { stepsMax, tokensMax, price } = model;
  const deadline = performance.now() + Math.max(job.timeoutMs - GRACE_MS, job.timeoutMs / 2);
  const ask = await connectModel(model, job.key, job.project);
  const env = Object.fromEntries(Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined));
  const tools = toolsOf({ root: process.cwd(), checks: job.checks, env, signal: AbortSignal.timeout(job.timeoutMs) });
  const ended = await converse(
    job.prompt,
    { stepsMax, tokensMax, price, budget: job.budget, idleMs: IDLE_MS, deadline },
    { ask, tools, say, now: () => performance.now(), wait: (ms) => wait(ms), random: () => Math.random() },
  );
  return ended.ok ? '' : ended.why;
}

const problem = await attempt().catch((error: unknown) => wordsOf(error));
if (problem !== '') process.stderr.write(`${withoutKey(problem)}\n`);
// A stream left open or a check still running must not keep it; what was printed is out before it goes.
process.stdout.write('', () => process.exit(problem === '' ? 0 : 1));
