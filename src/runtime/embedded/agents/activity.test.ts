import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { work } from '../../../contracts/index.ts';
import { fileBlobs } from '../blobs.ts';
import { direct, type Exec, type ExecOptions } from '../exec.ts';
import { agentActivity } from './activity.ts';
import { agentsOnPath, PRESETS, resolveAgent } from './presets.ts';

let home: string;
let workspace: string;
const started: { argv: readonly string[]; options: ExecOptions }[] = [];
const exec: Exec = (argv, options) => {
  started.push({ argv, options });
  return direct(argv, options);
};

beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'skein-agents-')));
  workspace = join(home, 'work space');
  await mkdir(join(home, 'bin'), { recursive: true });
  await mkdir(workspace);
  started.length = 0;
});
afterEach(() => rm(home, { recursive: true, force: true }));

const path = (): string => `${join(home, 'bin')}:${process.env.PATH}`;
const agentFor = (spec: string, more: { args?: string[] } = {}): work.AgentSpec => {
  const wish = {
    name: spec.split(':')[0]!,
    spec,
    args: more.args ?? [],
    passEnv: ['TOKEN'],
    timeoutMs: 5000,
    attemptPrice: null,
  };
  const answer = resolveAgent(wish, { cwd: home, path: path() });
  if (!answer.ok) throw new Error(answer.what);
  return answer.agent;
};

async function run(agent: work.AgentSpec, over: Partial<work.AgentPayload> = {}): Promise<work.AgentResult> {
  const watched: string[] = [];
  const activity = agentActivity({
    environment: async (passEnv, temp) => ({
      PATH: path(),
      TMPDIR: temp,
      ...Object.fromEntries(passEnv.map((name) => [name, `given ${name}`])),
    }),
    loop: () => ({ feed: (line) => (watched.push(line), watched.filter((other) => other === line).length >= 5) }),
    watch: async () => async () => ['refs/heads/main moved'],
  });
  const task = {
    id: 'T1',
    title: 'fix',
    text: '',
    needs: [],
    claims: ['src/**'],
    checks: [],
    agent: null,
    estimate: 0,
    given: true,
    ...work.WITHOUT_GOAL,
  };
  const payload: work.AgentPayload = {
    run: '1',
    repository: home,
    task,
    fence: 1,
    agent,
    workspace,
    failures: [],
    session: null,
    budget: null,
    sandbox: 'none',
    ...over,
  };
  const io = { idempotencyKey: 'k', signal: new AbortController().signal, exec, blobs: fileBlobs(join(home, 'blobs')) };
  return activity(payload, io);
}

async function program(name: string, body: string): Promise<void> {
  await writeFile(join(home, 'bin', name), `#!/bin/sh\n${body}\n`);
  await chmod(join(home, 'bin', name), 0o755);
}

describe('an agent at work', () => {
  test('a shell agent gets its task as a value and as a file, runs in the workspace and leaves nothing beside it', async () => {
    const line = 'printf "%s|%s|" {task} "$TOKEN" > out; cat "$SKEIN_TASK_FILE" >> out; pwd >> out; echo done';
    const result = await run(agentFor(`sh:${line}`), { failures: ['it was red'] });
    expect(result).toMatchObject({ exitCode: 0, ended: 'exit', cost: null, tokens: null, tail: 'done' });
    const out = await readFile(join(workspace, 'out'), 'utf8');
    expect(out).toMatch(/^fix\|given TOKEN\|/);
    expect(out).toContain('"failures": [\n    "it was red"');
    expect(out.trim().endsWith(workspace)).toBe(true);
    expect((await readdir(home)).toSorted()).toEqual(['bin', 'blobs', 'work space']);
  });

  test("what changed in the user's repository is named without a full sandbox", async () => {
    expect((await run(agentFor('sh:true'))).touched).toEqual(['refs/heads/main moved']);
    expect((await run(agentFor('sh:true'), { sandbox: 'full' })).touched).toEqual([]);
  });

  test('a preset is started with its message as one argument, its budget, its session, and its usage is read', async () => {
    const stream = await readFile(new URL('./recordings/claude.jsonl', import.meta.url), 'utf8');
    await program('claude', `printf '%s\\n' "$@" > args; cat <<'END'\n${stream}END`);
    const result = await run(agentFor('claude', { args: ['--model', 'haiku'] }), { session: 's-1', budget: 1_250_000 });
    expect(result).toMatchObject({ exitCode: 0, cost: 42318, tokens: 2300, session: '5d1c9a52-0a53-4c66-9a2f-0d3a6c8f4b11' });
    expect(result.tail).toBe('Fixed the off-by-one in parse().');
    const args = (await readFile(join(workspace, 'args'), 'utf8')).split('\n');
    expect(args.slice(0, 12)).toEqual([
      '-p',
      '--output-format',
      'stream-json',
      '--verbose',
      '--permission-mode',
      'acceptEdits',
      '--model',
      'haiku',
      '--max-budget-usd',
      '1.25',
      '--resume',
      's-1',
    ]);
    expect(args[12]).toBe('Task T1: fix');
    expect(started[0]!.options.sandbox).toMatchObject({ network: true, mode: 'none' });
    expect(started[0]!.options.env).toMatchObject({ ANTHROPIC_API_KEY: 'given ANTHROPIC_API_KEY' });
  });

  test('a session that is gone is started afresh once, because nothing was spent on it', async () => {
    await program(
      'claude',
      'case "$*" in *--resume*) echo "No conversation found with session ID: s" >&2; exit 1;; esac; echo fresh',
    );
    expect(await run(agentFor('claude'), { session: 's' })).toMatchObject({ exitCode: 0, tail: 'fresh' });
    expect(started.length).toBe(2);
  });

  test('what aider keeps for itself in the tree is not part of its work', async () => {
    await program(
      'aider',
      "mkdir .aider.tags.cache.v4; echo x > .aider.chat; echo work > work; echo 'Cost: $0.02 message, $0.02 session.'",
    );
    await writeFile(join(workspace, '.aider.conf.yml'), 'model: sonnet\n');
    expect(await run(agentFor('aider'))).toMatchObject({ exitCode: 0, cost: 20_000 });
    expect((await readdir(workspace)).toSorted()).toEqual(['.aider.conf.yml', 'work']);
  });

  test('an agent that goes in circles is stopped as a loop', async () => {
    const result = await run(agentFor('sh:i=0; while [ $i -lt 50 ]; do echo same; i=$((i+1)); done; sleep 5'));
    expect(result.ended).toBe('loop');
  });

  test('a program that vanished is an error that says how to install it', async () => {
    await program('codex', 'true');
    const agent = agentFor('codex');
    await rm(join(home, 'bin', 'codex'));
    await expect(run(agent)).rejects.toThrow(/agent codex did not start: .*npm install -g @openai\/codex/);
  });
});

const patch = (text: string): string =>
  `diff --git a/a b/a\nnew file mode 100644\n--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+${text}\n`;

describe('a recorded agent', () => {
  test('plays the diff of this attempt, else the diff of the task, at no cost', async () => {
    execFileSync('git', ['init', '-q', workspace]);
    await mkdir(join(home, 'tape'));
    await writeFile(join(home, 'tape', 'T1.patch'), patch('any'));
    await writeFile(join(home, 'tape', 'T1.2.patch'), patch('second'));
    const agent = agentFor('recorded:tape');
    expect(await run(agent)).toMatchObject({ exitCode: 0, cost: 0, tail: 'played T1.patch' });
    expect(await readFile(join(workspace, 'a'), 'utf8')).toBe('any\n');
    expect((await run(agent, { failures: ['red'] })).tail).toContain('T1.2.patch does not apply');
    await rm(join(workspace, 'a'));
    expect(await run(agent, { failures: ['red'] })).toMatchObject({ exitCode: 0, tail: 'played T1.2.patch' });
  });

  test('says which file is missing', async () => {
    await mkdir(join(home, 'tape'));
    const result = await run(agentFor('recorded:tape'));
    expect(result).toMatchObject({ exitCode: 1, tail: expect.stringContaining('has neither T1.1.patch nor T1.patch') });
  });
});

const ask = (spec: string): ReturnType<typeof resolveAgent> =>
  resolveAgent(
    { name: spec, spec, args: [], passEnv: [], timeoutMs: null, attemptPrice: null },
    { cwd: home, path: join(home, 'bin') },
  );

describe('choosing an agent', () => {
  test('a known program that is missing is answered with its install line', () => {
    expect(ask('claude')).toMatchObject({
      ok: false,
      kind: 'missing',
      next: expect.stringContaining('npm install -g @anthropic-ai/claude-code'),
    });
  });

  test('an unknown single word is not run as a command by accident', () => {
    expect(ask('cluade')).toMatchObject({ ok: false, kind: 'unknown' });
    expect(ask('sh:cluade')).toMatchObject({ ok: true, agent: { kind: 'shell', argv: ['sh', '-c', 'cluade'], network: true } });
    expect(ask('./fix.sh {task}')).toMatchObject({ ok: true, agent: { argv: ['sh', '-c', './fix.sh {task}'] } });
  });

  test('flags after a preset are the preset with these flags; a placeholder makes it a command of its own', async () => {
    await program('codex', 'true');
    expect(ask('codex --model mini')).toMatchObject({
      agent: { kind: 'preset', argv: expect.arrayContaining(['--skip-git-repo-check', '--model', 'mini', '{prompt}']) },
    });
    expect(ask('codex exec {task}')).toMatchObject({ agent: { kind: 'shell', argv: ['sh', '-c', 'codex exec {task}'] } });
  });

  test('programs on PATH are named with the whole line that would start them', async () => {
    await program('gemini', 'true');
    expect(agentsOnPath(join(home, 'bin'))).toEqual([
      { name: 'gemini', command: 'gemini --output-format stream-json --approval-mode auto_edit --prompt={prompt}' },
    ]);
  });

  test('every row has its message in exactly one argument', () => {
    for (const row of PRESETS) expect(row.command.filter((argument) => argument.includes('{prompt}'))).toHaveLength(1);
  });
});
