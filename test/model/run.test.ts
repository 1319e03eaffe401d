/** `skein run --agent model:...` as a person starts it: real processes, a real repository, an endpoint on loopback. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { CALCULATOR, git, repository } from '../run/repositories.ts';
import { skein } from '../run/process.ts';
import { calls, type Endpoint, endpoint, fails, says } from './endpoint.ts';
import { execFileSync } from 'node:child_process';

const KEY = 'sk-e2e-9876543210';
let server: Endpoint;
afterEach(() => server.close());

it('lands what a model did; its key is in no argument, environment, output or record', async ({ annotate }) => {
  await annotate('starts skein, a warden, checks and an agent');
  const top = repository('model', { 'sum.js': CALCULATOR['sum.js']! });
  server = await endpoint(
    fails(429, { 'retry-after': '0' }), // it says the key back: that is not kept either
    calls(['search', { text: 'teh' }]),
    (response, sent) => {
      const agents = execFileSync('ps', ['-axwwe', '-o', 'args='], { encoding: 'utf8' })
        .split('\n')
        .filter((line) => line.includes('--key-from'));
      expect(agents.length).toBeGreaterThan(0);
      expect(agents.join('\n')).not.toContain(`TEST_KEY=${KEY}`);
      calls(['edit', { path: 'sum.js', old: 'teh', new: 'the' }])(response, sent);
    },
    says('Corrected the typo.'),
  );
  writeFileSync(
    join(top, 'skein.yaml'),
    `agents:\n  mine: { model: openai-compatible/test, baseUrl: '${server.url}', apiKeyEnv: TEST_KEY, price: { input: 0.25, output: 2 } }\n`,
  );
  const run = skein(top, ['run', '-m', 'Correct the typo in sum.js', '--agent', 'mine', '--check', 'node sum.js'], {
    TEST_KEY: KEY,
  });
  const { code, out, err, document } = await run.ended;
  expect(`${code} ${err.slice(-2000)}`).toMatch(/^0 /);
  expect(git(top, 'show', 'skein/1:sum.js')).toContain('the sum');
  expect(server.sent.map(({ authorization }) => authorization)).toEqual(Array(4).fill(`Bearer ${KEY}`));
  expect(JSON.stringify(server.sent[0]!.body.messages)).toContain('Correct the typo in sum.js');
  // Three answers of 1,000 tokens in and 100 out.
  expect(document.cost).toMatchObject({ spent: 1350, total: 1350, unknownAttempts: 0 });
  expect(err).toContain(
    `model test at ${new URL(server.url).host}, key from TEST_KEY; at most 60 steps and 2000000 tokens an attempt; $0.25 in and $2 out`,
  );
  expect(out + err).not.toContain(KEY);
  expect(execFileSync('sh', ['-c', `grep -rlaF '${KEY}' .skein ../cache || true`], { cwd: top, encoding: 'utf8' })).toBe('');
});

it('takes the endpoint from SKEIN_MODEL_BASE_URL; a model that gives up leaves its task open with its words', async ({
  annotate,
}) => {
  await annotate('starts skein, a warden, checks and an agent');
  const top = repository('model-down', { 'readme.md': 'x\n' });
  server = await endpoint(fails(401));
  const args = ['run', '-m', 'Correct the typo', '--agent', 'model:openai-compatible/test', '--max-attempts', '1'];
  const { code, document } = await skein(top, args, { SKEIN_MODEL_BASE_URL: server.url }).ended;
  expect(code).toBe(1);
  expect(document.tasks[0]).toMatchObject({ state: 'open' });
  expect(document.tasks[0]!.attempts[0]).toMatchObject({
    outcome: 'agent-failed',
    failure: expect.stringContaining('the endpoint answered 401'),
  });
});

it('says before anything starts what is missing: an endpoint, a key, a package', async () => {
  const top = repository('model-missing', { 'readme.md': 'x\n' });
  server = await endpoint(says(''));
  const plan = async (agent: string, env: Record<string, string> = {}): Promise<string> => {
    const { code, document } = await skein(top, ['plan', '-m', 'x', '--agent', agent], env).ended;
    return `${code} ${document.what} | ${document.next}`;
  };
  const answers = await Promise.all([
    plan('model:openai-compatible/test'),
    plan('model:nobody/test', { NOBODY_API_KEY: 'x' }),
    plan('model:', {}),
  ]);
  expect(answers).toEqual([
    expect.stringMatching(/^4 agent test: nobody said where its endpoint is \| set SKEIN_MODEL_BASE_URL=/),
    '4 agent test: @ai-sdk/nobody is not installed | npm install ai@7 @ai-sdk/nobody',
    expect.stringMatching(/^2 .*is no model/),
  ]);
  expect(server.sent).toEqual([]);
  expect(readFileSync(join(top, 'readme.md'), 'utf8')).toBe('x\n');
});
