/**
 * Attempts of a model, one after another, in a process of their own that is started as an agent is: without the export condition
 * `source`, which packages of others know too. Waits take no time: the clock of an attempt moves by what it wanted to wait.
 */
import { type Bounds, converse, type Ended, type Said } from '../../src/runtime/embedded/agents/model/conversation.ts';
import { connectModel } from '../../src/runtime/embedded/agents/model/provider.ts';
import { toolsOf } from '../../src/runtime/embedded/agents/model/tools.ts';

export interface Wanted {
  readonly url: string;
  readonly root: string;
  readonly key: string;
  readonly checks: readonly string[];
  readonly provider: string;
  readonly bounds: Partial<Bounds>;
}

export interface Attempted extends Ended {
  readonly said: readonly Said[];
  readonly waits: readonly number[];
}

async function attempt({ url, root, key, checks, provider, bounds }: Wanted): Promise<Attempted> {
  const limits = { stepsMax: 9, tokensMax: 1e6, price: null };
  const ask = await connectModel({ provider, name: 'test', keyFrom: 'KEY', baseUrl: url, ...limits }, key, root);
  const said: Said[] = [];
  const waits: number[] = [];
  let now = 0;
  const ended = await converse(
    'Correct the typo in sum.js',
    { ...limits, budget: null, idleMs: 5000, deadline: 600_000, ...bounds },
    {
      ask,
      tools: toolsOf({ root, checks, env: { PATH: process.env.PATH ?? '' }, signal: AbortSignal.timeout(60_000) }),
      say: (line) => void said.push(line),
      now: () => now,
      wait: async (ms) => {
        waits.push(ms);
        now += ms;
      },
      random: () => 0.5,
    },
  );
  return { ...ended, said, waits };
}

process.on('message', (wanted) => {
  void attempt(wanted as Wanted).then(
    (attempted) => process.send!(attempted),
    (error: unknown) => process.send!({ ok: false, why: String(error), said: [], waits: [] }),
  );
});
