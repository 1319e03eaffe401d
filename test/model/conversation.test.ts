/** One attempt of a model against a real endpoint on loopback: what it may do, and how each failure ends. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Bounds, Said } from '../../src/runtime/embedded/agents/model/conversation.ts';
import type { Attempted, Wanted } from './attempts.ts';
import { breaksOff, calls, type Endpoint, endpoint, fails, hangs, malformed, noJson, says, type Script } from './endpoint.ts';

const KEY = 'sk-test-0123456789';
let root = '';
let server: Endpoint | null = null;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'skein-model-'));
  writeFileSync(join(root, 'sum.js'), 'export const sum = (a, b) => a + b; // teh sum\n');
});
afterEach(async () => {
  rmSync(root, { recursive: true, force: true });
  await server?.close();
  server = null;
});

let child: ChildProcess;
beforeAll(() => {
  child = fork(fileURLToPath(new URL('./attempts.ts', import.meta.url)), { execArgv: [], env: { PATH: process.env.PATH } });
});
afterAll(() => void child.kill());

interface Outcome extends Attempted {
  readonly sent: Endpoint['sent'];
}

async function attemptAt(url: string, bounds: Partial<Bounds> = {}, over: Partial<Wanted> = {}): Promise<Attempted> {
  child.send({ url, root, key: KEY, checks: [], provider: 'openai-compatible', bounds, ...over } satisfies Wanted);
  const [attempted] = (await once(child, 'message')) as [Attempted];
  return attempted;
}

async function attempt(
  script: readonly Script[],
  bounds: Partial<Bounds> = {},
  checks: readonly string[] = [],
): Promise<Outcome> {
  await server?.close();
  server = await endpoint(...script);
  return { ...(await attemptAt(server.url, bounds, { checks })), sent: server.sent };
}

const EDIT = calls(['edit', { path: 'sum.js', old: 'teh', new: 'the' }]);
const resultsOf = ({ sent }: Outcome): string[] =>
  (sent.at(-1)?.body.messages ?? []).flatMap(({ role, content }) => (role === 'tool' ? [String(content)] : []));
const usage = ({ said }: Outcome): Said | undefined => said.findLast(({ type }) => type === 'usage');

describe('a model at work', () => {
  it('streams, calls tools, changes the files and stops by itself', async () => {
    const done = await attempt([calls(['read', { path: 'sum.js' }]), EDIT, says('Corrected the typo in the comment.')]);
    expect(done).toMatchObject({ ok: true, why: 'the model called no tool any more' });
    expect(readFileSync(join(root, 'sum.js'), 'utf8')).toContain('the sum');
    expect(done.said).toContainEqual({ type: 'text', text: 'Corrected the typo in the comment.' });
    expect(done.sent[0]).toMatchObject({ authorization: `Bearer ${KEY}`, body: { model: 'test', stream: true } });
    expect(resultsOf(done)[0]).toContain('1\texport const sum');
  });

  it('costs what its tokens cost at the declared price, and unknown where no price or no usage is known', async () => {
    const price = { input: 250_000, output: 2_000_000 };
    expect(usage(await attempt([EDIT, says('done')], { price }))).toMatchObject({ tokens: 2200, costMicros: 900 });
    expect(usage(await attempt([says('done')]))).toMatchObject({ tokens: 1100, costMicros: null });
    expect(usage(await attempt([says('done', null)], { price }))).toMatchObject({ tokens: null, costMicros: null });
  });

  it('reaches nothing outside the clone and nothing of git', async () => {
    symlinkSync(tmpdir(), join(root, 'out'));
    symlinkSync(join(root, '..', 'skein-model-nothing'), join(root, 'nowhere'));
    mkdirSync(join(root, '.git'));
    const done = await attempt([
      calls(
        ['read', { path: '../../etc/passwd' }],
        ['write', { path: 'out/new', text: 'x' }],
        ['write', { path: '.git/hooks/pre-commit', text: 'x' }],
        ['list', { path: '/' }],
        ['write', { path: 'nowhere', text: 'x' }],
      ),
      says('I cannot'),
    ]);
    expect(resultsOf(done)).toEqual([
      expect.stringContaining('outside the repository'),
      expect.stringContaining('outside the repository'),
      expect.stringContaining('belongs to git'),
      expect.stringContaining('outside the repository'),
      expect.stringContaining('a link to nowhere'),
    ]);
  });

  it('may be of any provider whose package lies in the project', async () => {
    const directory = join(root, 'node_modules', '@ai-sdk', 'other');
    mkdirSync(directory, { recursive: true });
    writeFileSync(
      join(directory, 'package.json'),
      '{ "name": "@ai-sdk/other", "version": "1.0.0", "type": "module", "exports": { ".": "./index.js", "./package.json": "./package.json" } }',
    );
    const like = pathToFileURL(createRequire(import.meta.url).resolve('@ai-sdk/openai-compatible')).href;
    writeFileSync(
      join(directory, 'index.js'),
      `import { createOpenAICompatible } from '${like}';\nexport const VERSION = '1';\nexport const createOther = (settings) => createOpenAICompatible({ name: 'other', ...settings });\n`,
    );
    server = await endpoint(EDIT, says('done'));
    expect(await attemptAt(server.url, {}, { provider: 'other' })).toMatchObject({ ok: true });
    expect(server.sent[0]).toMatchObject({ authorization: `Bearer ${KEY}`, body: { model: 'test' } });
    expect(await attemptAt(server.url, {}, { provider: 'absent' })).toMatchObject({
      ok: false,
      why: expect.stringContaining('npm install @ai-sdk/absent'),
    });
  });

  it('lists, searches, writes, removes, refuses an edit that is not exact, and runs the checks of its task', async () => {
    const done = await attempt(
      [
        calls(['list', {}], ['search', { text: 'teh' }], ['edit', { path: 'sum.js', old: 'a', new: 'b' }], ['check', {}]),
        calls(['write', { path: 'deep/new.txt', text: 'x' }], ['remove', { path: 'sum.js' }], ['check', {}]),
        says('done'),
      ],
      {},
      ['test ! -e sum.js || { echo still there; exit 3; }'],
    );
    expect(resultsOf(done)).toEqual([
      'sum.js',
      expect.stringMatching(/^sum\.js:1: .*teh sum/),
      expect.stringMatching(/the old text is \d+ times in sum\.js/),
      expect.stringContaining('still there'),
      'wrote deep/new.txt',
      'removed sum.js',
      'all of them pass',
    ]);
  });
});

describe('an endpoint that fails', () => {
  it('is asked again after the time it names, else after a growing one with jitter', async () => {
    const done = await attempt([fails(429, { 'retry-after': '7' }), fails(500), fails(503), EDIT, says('done')]);
    expect(done.ok).toBe(true);
    expect(done.waits).toEqual([7000, 1000, 2000]); // half of 2000 and 4000, the caps after one and two failures
  });

  it('is given up after five tries, and at once where another try cannot help', async () => {
    const down = await attempt([fails(500)]);
    expect(down).toMatchObject({ ok: false, why: expect.stringMatching(/^the endpoint answered 500: .*\(5 tries\)$/) });
    expect(down.sent.length).toBe(5);
    const denied = await attempt([fails(401)]);
    expect(denied).toMatchObject({ ok: false, why: expect.stringMatching(/^the endpoint answered 401/), waits: [] });
  });

  it('is not waited for beyond the time of the attempt', async () => {
    const late = await attempt([fails(429, { 'retry-after': '3600' })]);
    expect(late).toMatchObject({ ok: false, why: expect.stringContaining("in 3600 s, after the attempt's time"), waits: [] });
  });

  it.for([
    ['hangs in its answer', hangs, 'the endpoint said nothing for 0.05 s'],
    ['breaks off', breaksOff, "the endpoint's answer broke off or makes no sense"],
    ['sends malformed JSON', malformed, "the endpoint's answer broke off or makes no sense"],
    ['sends a page instead', noJson, "the endpoint's answer broke off or makes no sense"],
  ] as const)('ends in words when it %s, after five tries', async ([, script, words]) => {
    const done = await attempt([script], { idleMs: script === hangs ? 50 : 5000 });
    expect(done).toMatchObject({ ok: false, why: expect.stringContaining(words) });
    expect(done.why).toMatch(/\(5 tries\)$/);
    expect(done.sent.length).toBe(5);
  });

  it('makes the cost unknown when it had begun to answer', async () => {
    const price = { input: 1_000_000, output: 1_000_000 };
    expect(usage(await attempt([breaksOff, says('done')], { price }))).toMatchObject({ tokens: null, costMicros: null });
    expect(usage(await attempt([fails(500), says('done')], { price }))).toMatchObject({ tokens: 1100, costMicros: 1100 });
  });

  it('cannot be reached: that is said with the reason', async () => {
    const gone = await endpoint(says(''));
    await gone.close();
    const answer = await attemptAt(gone.url);
    expect(answer).toMatchObject({ ok: false, why: expect.stringMatching(/cannot be reached: .*ECONNREFUSED.*\(5 tries\)/) });
  });
});

describe('a model that goes wrong', () => {
  it('is told about arguments that do not fit and tools that are not there, and stopped after five of them', async () => {
    const mended = await attempt([
      calls(['edit', { path: 7 }], ['fly', {}]),
      calls(['read', '{"path": "su']),
      EDIT,
      says('done'),
    ]);
    expect(mended.ok).toBe(true);
    expect(resultsOf(mended)).toEqual([
      expect.stringContaining("unavailable tool 'fly'"), // the SDK's own answers come first
      expect.stringContaining('do not fit'),
      expect.stringContaining('JSON'),
      'replaced 1 in sum.js',
    ]);
    const flying = [1, 2, 3, 4, 5].map((height) => calls(['fly', { height }]));
    expect(await attempt(flying)).toMatchObject({
      ok: false,
      why: expect.stringMatching(/cannot be run 5 times in a row; the last: fly/),
    });
  });

  it('is stopped when it repeats itself, and after its steps, its tokens or its money', async () => {
    const list = calls(['list', {}]);
    expect((await attempt([list])).why).toMatch(/^the model made the same calls 4 times in a row/);
    const busy = [1, 2, 3, 4, 5].map((from) => calls(['read', { path: 'sum.js', from }]));
    const why = async (over: Partial<Bounds>): Promise<string> => {
      return (await attempt(busy, over)).why;
    };
    expect(await why({ stepsMax: 3 })).toBe('it was not ready after 3 steps');
    expect(await why({ tokensMax: 2000 })).toBe('its tokens are spent: 2200 of 2000');
    expect(await why({ budget: 2000, price: { input: 1_000_000, output: 1_000_000 } })).toBe(
      'its money is spent: $0.0022 of $0.002',
    );
  });

  it('cannot fill the memory: an answer without end is cut off', async () => {
    const endless: Script = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const piece = JSON.stringify({ choices: [{ index: 0, delta: { content: 'x'.repeat(64 * 1024) }, finish_reason: null }] });
      const more = (): void => {
        while (!response.destroyed && response.write(`data: ${piece}\n\n`));
      };
      response.on('drain', more);
      more();
    };
    expect(await attempt([endless])).toMatchObject({ ok: false, why: expect.stringContaining('and no end') });
  });
});
