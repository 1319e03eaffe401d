/**
 * One attempt of a model at a task: question, answer, tools, again, until it calls no tool any more or a bound ends it. Owns the
 * bounds and the retries; reaches model, clock and output only through what it is given. It never says that a task is done: it says
 * that the model stopped, and the checks decide.
 *
 *   ask ──▶ answer with calls ──▶ run them ──▶ ask …            no calls ──▶ ended
 *    └─ 429, 5xx, silence, broken stream: wait (Retry-After, else jitter) and ask again, a bounded number of times
 */
import { fullJitter } from '../../../../structures/index.ts';
import type { TokenPrice } from './choice.ts';
import type { Answer, Ask, Call, ModelMessage } from './provider.ts';
import type { Tool } from './tools.ts';

export interface Bounds {
  readonly stepsMax: number;
  readonly tokensMax: number;
  /** Micro-USD that this attempt may cost; null = no cap. */
  readonly budget: number | null;
  readonly price: TokenPrice | null;
  /** Silence after which a stream counts as hanging. */
  readonly idleMs: number;
  /** Of `now`. */
  readonly deadline: number;
}

/** A line of its output; `usage.ts` reads them. */
export type Said =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool'; readonly tool: string; readonly input: string; readonly ok: boolean }
  | { readonly type: 'retry'; readonly why: string; readonly waitMs: number }
  /** Sums so far; null = unknown. */
  | { readonly type: 'usage'; readonly tokens: number | null; readonly costMicros: number | null }
  | { readonly type: 'end'; readonly ok: boolean; readonly why: string };

export interface World {
  readonly ask: Ask;
  readonly tools: Readonly<Record<string, Tool>>;
  readonly say: (said: Said) => void;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  readonly random: () => number;
}

export interface Ended {
  readonly ok: boolean;
  readonly why: string;
}

const TRIES_MAX = 5; // of one question: an endpoint that fails five times in a row is down
const WAIT_BASE_MS = 1_000;
const WAIT_CAP_MS = 30_000;
const WRONG_MAX = 5; // steps in a row with nothing but calls that cannot be run
const SAME_MAX = 4; // the same calls in a row: a file that did not change says the same again
const HISTORY_CHARS_MAX = 400_000; // some 100,000 tokens: what the smaller models of today can hold
const INPUT_SHOWN_MAX = 2_000;

const INSTRUCTIONS =
  'You are a software engineer at work in one repository, alone: nobody answers questions. Look before you change, make the smallest change ' +
  'that does the task, and change files only with the tools. When the change is in the files, say in one or two sentences what it is, and call no tool.';

export async function converse(prompt: string, bounds: Bounds, world: World): Promise<Ended> {
  const messages: ModelMessage[] = [{ role: 'user', content: prompt }];
  const signal = AbortSignal.timeout(Math.max(1, Math.min(Math.ceil(bounds.deadline - world.now()), 2 ** 31 - 1)));
  const spent = new Spending(bounds.price);
  const end = (ok: boolean, why: string): Ended => {
    world.say({ type: 'end', ok, why });
    return { ok, why };
  };
  let wrong = 0;
  let same = 0;
  let before = '';
  for (let step = 0; step < bounds.stepsMax; step++) {
    shorten(messages);
    // oxlint-disable-next-line no-await-in-loop -- a conversation
    const answer = await persist(messages, bounds, world, spent, signal);
    world.say({ type: 'usage', ...spent.sums() });
    if (!answer.ok) return end(false, answer.what);
    messages.push(...answer.messages);
    if (answer.text.trim() !== '') world.say({ type: 'text', text: answer.text });
    if (answer.finish === 'length') return end(false, "the model's answer was cut off at its output limit");
    if (answer.finish === 'content-filter') return end(false, 'the endpoint withheld the answer (content filter)');
    if (answer.calls.length === 0) return end(true, 'the model called no tool any more');
    const asked = JSON.stringify(answer.calls.map(({ tool, input }) => [tool, input]));
    same = asked === before ? same + 1 : 1;
    before = asked;
    if (same >= SAME_MAX) return end(false, `the model made the same calls ${SAME_MAX} times in a row: ${asked.slice(0, 200)}`);
    // oxlint-disable-next-line no-await-in-loop -- as above
    const problems = await perform(answer.calls, messages, world);
    wrong = problems.length === answer.calls.length ? wrong + 1 : 0;
    if (wrong >= WRONG_MAX)
      return end(false, `the model made calls that cannot be run ${WRONG_MAX} times in a row; the last: ${problems.at(-1)}`);
    const { known, tokens } = spent;
    if (bounds.budget !== null && known >= bounds.budget)
      return end(false, `its money is spent: $${known / 1e6} of $${bounds.budget / 1e6}`);
    if (tokens >= bounds.tokensMax) return end(false, `its tokens are spent: ${tokens} of ${bounds.tokensMax}`);
  }
  return end(false, `it was not ready after ${bounds.stepsMax} steps`);
}

/** Asks until there is an answer, at most so often and for so long. */
async function persist(
  messages: readonly ModelMessage[],
  bounds: Bounds,
  world: World,
  spent: Spending,
  signal: AbortSignal,
): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    // oxlint-disable-next-line no-await-in-loop -- one try after another
    const answer = await world.ask({ instructions: INSTRUCTIONS, messages, tools: world.tools, idleMs: bounds.idleMs, signal });
    spent.add(answer);
    if (answer.ok || !answer.retryable) return answer;
    if (tries === TRIES_MAX) return { ...answer, what: `${answer.what} (${TRIES_MAX} tries)` };
    const waitMs = answer.retryAfterMs ?? fullJitter(tries - 1, WAIT_BASE_MS, WAIT_CAP_MS, world.random());
    if (world.now() + waitMs >= bounds.deadline)
      return {
        ...answer,
        what: `${answer.what}; the next try would be in ${Math.ceil(waitMs / 1000)} s, after the attempt's time`,
      };
    world.say({ type: 'retry', why: answer.what, waitMs });
    // oxlint-disable-next-line no-await-in-loop -- as above
    await world.wait(waitMs);
  }
}

/** Runs the calls in order; gives back what was wrong with those that could not be run. */
async function perform(calls: readonly Call[], messages: ModelMessage[], world: World): Promise<string[]> {
  const problems: string[] = [];
  // The SDK has answered those that it could not read.
  const answered = new Set(
    messages.flatMap(({ role, content }) =>
      role === 'tool' ? content.flatMap((part) => (part.type === 'tool-result' ? [part.toolCallId] : [])) : [],
    ),
  );
  for (const { id, tool, input, wrong } of calls) {
    const known = Object.hasOwn(world.tools, tool) ? world.tools[tool] : undefined;
    const shown = (JSON.stringify(input) ?? '').slice(0, INPUT_SHOWN_MAX);
    const refusal = known === undefined ? `there is no tool ${tool}; there are ${Object.keys(world.tools).join(', ')}` : wrong;
    // oxlint-disable-next-line no-await-in-loop -- a later call may build on an earlier one
    const result = refusal === null ? await known!.run(input) : { ok: false, text: refusal };
    if (refusal !== null || result.text.startsWith('these arguments')) problems.push(`${tool}: ${result.text}`.slice(0, 500));
    world.say({ type: 'tool', tool, input: shown, ok: result.ok });
    if (answered.has(id)) continue;
    const output = { type: result.ok ? ('text' as const) : ('error-text' as const), value: result.text };
    messages.push({ role: 'tool', content: [{ type: 'tool-result', toolCallId: id, toolName: tool, output }] });
  }
  return problems;
}

/** Takes the texts of the oldest tool results away until the rest fits. */
function shorten(messages: ModelMessage[]): void {
  const sizes = messages.map((message) => JSON.stringify(message).length);
  let size = sizes.reduce((all, each) => all + each, 0);
  for (let i = 0; i < messages.length && size > HISTORY_CHARS_MAX; i++) {
    const message = messages[i]!;
    if (message.role !== 'tool') continue;
    const output = { type: 'text' as const, value: '[left out to save room: ask again if you need it]' };
    const content = message.content.map((part) => (part.type === 'tool-result' ? { ...part, output } : part));
    messages[i] = { ...message, content };
    size -= sizes[i]! - JSON.stringify(messages[i]).length;
  }
}

/** What was reported and what that costs; one answer without a report makes the sum unknown, never smaller. */
class Spending {
  readonly #price: TokenPrice | null;
  #input = 0;
  #output = 0;
  #unreported = 0;

  constructor(price: TokenPrice | null) {
    this.#price = price;
  }

  add(answer: Answer): void {
    if (!answer.ok) this.#unreported += answer.begun ? 1 : 0;
    else if (answer.tokens === null) this.#unreported += 1;
    else {
      this.#input += answer.tokens.input;
      this.#output += answer.tokens.output;
    }
  }

  get tokens(): number {
    return this.#input + this.#output;
  }

  /** Micro-USD, as far as reported and priced. */
  get known(): number {
    if (this.#price === null) return 0;
    return Math.ceil((this.#input * this.#price.input + this.#output * this.#price.output) / 1e6);
  }

  sums(): { tokens: number | null; costMicros: number | null } {
    const whole = this.#unreported === 0;
    return { tokens: whole ? this.tokens : null, costMicros: whole && this.#price !== null ? this.known : null };
  }
}
