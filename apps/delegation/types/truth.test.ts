import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { answer, type JudgeVerdict } from './answers.ts';
import { ask } from './client.ts';
import { Compiler, type PackageScope } from './compiler.ts';
import { record } from './record.ts';

const top = mkdtempSync(join(tmpdir(), 'skein-truth-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const MANIFEST = JSON.stringify({ name: 'small', main: 'lib.js', types: 'lib.d.ts', scripts: { test: 'node test.js' } });
const CODE = `'use strict'

let kept

class Box {
  constructor (label) {
    this.label = label
  }
}

function size (text) {
  return text.length
}

function end (data, done) {
  if (typeof data === 'function') {
    done = data
    data = null
  }
  done(data)
}

function open (box) {
  return box.label
}

function rarely (x) {
  return x
}

function keep (value) {
  kept = value
  return kept
}

function twice (n = 1) {
  return n * 2
}

function greet (name) {
  return 'hello ' + name
}

module.exports = { Box, size, end, open, rarely, keep, twice, greet }
`;
const SHIPPED = 'export function greet(name: string | number): string\n';
const TEST = `const { Box, size, end, open, keep, twice, greet } = require('./lib.js')
for (const word of ['a', 'bb', 'ccc']) { size(word); open(new Box(word)); greet(word); twice(); keep(word) }
end('hello', () => {}); end(() => {})
twice(2); twice(3)
for (const wrong of [null, undefined]) try { size(wrong) } catch {}
try { open(null) } catch {}
`;

function checkout(name: string, code: string): string {
  const directory = join(top, name);
  mkdirSync(directory);
  for (const [path, text] of [
    ['package.json', MANIFEST],
    ['lib.js', code],
    ['lib.d.ts', SHIPPED],
    ['test.js', TEST],
  ] as const)
    writeFileSync(join(directory, path), text);
  return directory;
}

const base = checkout('base', CODE);
const scope: PackageScope = { workspace: base, package: '', mode: 'strict', files: ['lib.js'] };
const recording = join(top, 'recording.json');
let count = 0;

const recorded = record({ workspace: base, package: '', files: ['lib.js'], commands: ['node test.js'], deadlineMs: 20_000 }).then(
  (seen) => {
    writeFileSync(recording, JSON.stringify(seen));
    return seen;
  },
);

async function judged(before: string, after: string): Promise<JudgeVerdict> {
  await recorded;
  const workspace = checkout(
    `candidate-${count++}`,
    CODE.replace(before, () => after),
  );
  return answer({ op: 'judge', scope: { ...scope, workspace }, base, recording });
}

const typed = (name: string, tags: string): [string, string] => [`function ${name} (`, `/** ${tags} */\nfunction ${name} (`];

describe('a recording', () => {
  it('forgets what calls were given that threw, and knows the classes of the package', async () => {
    const { files, exits } = await recorded;
    expect(exits).toEqual([0]);
    const [, size, , open] = files['lib.js']!.functions;
    expect(size!.given[0]).toMatchObject({ s: { n: 3, v: ['a', 'bb', 'ccc'] } });
    expect(size!.given[0]).not.toHaveProperty('l');
    expect(Object.keys(open!.given[0]!.c!)).toEqual(['own:lib.js#c0']);
    expect(readdirSync(base).toSorted()).toEqual(['lib.d.ts', 'lib.js', 'package.json', 'test.js']);
  });
});

describe('a new type', () => {
  it('lands when it is true, and closes its error', async ({ annotate }) => {
    await annotate('the first to ask: compiles the standard library');
    expect(await judged(...typed('open', '@param {Box} box'))).toMatchObject({
      closed: ['lib.js TS7006 box in open #1'],
      refused: [],
    });
  });

  it.each([
    [
      'untrue',
      'a value outside it was passed',
      ...typed('end', '@param {null} data @param {(x: null) => void} done'),
      /untrue|only-nullish/,
    ],
    ['untrue', 'its code asks for more', ...typed('end', '@param {string} data @param {(x: string) => void} done'), /untrue/],
    ['untrue', 'it is another class', ...typed('open', '@param {Map<string, string>} box'), /untrue|noise/],
    ['untrue', 'nobody set the variable yet', 'let kept', '/** @type {string} */\nlet kept', /untrue/],
    ['untrue', 'a cast hides what it is', 'return kept', 'return /** @type {string} */ (kept)', /untrue/],
    ['any', 'it says any', ...typed('size', '@param {any} text'), /^any/],
    ['any', 'it says Function', ...typed('size', '@param {Function} text'), /^any/],
    ['any', 'it says object inside', ...typed('size', '@param {object[]} text'), /^any/],
    ['any', 'it cannot be resolved', ...typed('size', "@param {import('./nowhere').X} text"), /^any|noise/],
    ['only-nullish', 'it is only null', ...typed('size', '@param {null} text'), /only-nullish/],
    ['unlike-dts', 'the package ships a wider one', ...typed('greet', '@param {string} name'), /unlike-dts/],
    ['needless', 'the compiler knows it', ...typed('twice', '@param {number} [n]'), /needless/],
    ['no-evidence', 'no test reaches it', ...typed('rarely', '@param {string} x'), /no-evidence/],
    ['no-evidence', 'a part of it was never passed', ...typed('size', '@param {string | number[]} text'), /no-evidence/],
    ['noise', 'it opens an error', ...typed('size', '@param {string | undefined} text'), /noise/],
    ['noise', 'it silences the compiler', ...typed('size', '@ts-ignore'), /noise/],
  ])('is refused as %s because %s', async (_rule, _why, before, after, rules) => {
    const { refused } = await judged(before, after);
    expect(refused.map(({ rule }) => rule).join(' ')).toMatch(rules);
  });

  it('says what the package ships', async () => {
    expect(await judged(...typed('greet', '@param {string | number} name'))).toMatchObject({ refused: [] });
  });

  it('has no evidence once the code is another', async () => {
    const { refused } = await judged(
      'function size (text) {\n  return text.length',
      '/** @param {string} text */\nfunction size (text) {\n  return text.length + 1',
    );
    expect(refused.map(({ rule }) => rule)).toEqual(['no-evidence']);
  });
});

describe('the warm compiler', () => {
  it('says of a second checkout what a cold one says', async ({ annotate }) => {
    await annotate('compiles the standard library once more, cold');
    const changed = CODE.replace('function size (text)', '/** @param {string} text */\nfunction size (text)').replace(
      'text.length',
      'text.size',
    );
    const workspace = checkout('warm', changed);
    answer({ op: 'diagnose', scope, coverage: false });
    const warm = answer({ op: 'diagnose', scope: { ...scope, workspace }, coverage: false });
    expect(warm).toEqual({ ...new Compiler({ ...scope, workspace }).diagnose(), coverage: null });
    expect(warm.items.map(({ key }) => key)).toContain('lib.js TS2339 size in size #1');
  });
});

describe('the service', () => {
  it('answers as one would oneself, and is not missed when it is gone', async ({ annotate }) => {
    await annotate('starts a process that compiles the standard library');
    const socket = join(top, 's');
    const service = spawn(process.execPath, [fileURLToPath(new URL('./service.ts', import.meta.url))], {
      env: { ...process.env, SKEIN_SERVICE_TYPES: socket },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const question = { op: 'diagnose', scope, coverage: true } as const;
    const alone = answer(question);
    try {
      await once(service.stdout, 'data'); // its first word is that it listens
      expect(await ask(question, socket)).toEqual(alone);
      expect(await ask({ ...question, op: 'nonsense' } as never, socket)).toBeUndefined();
    } finally {
      service.kill('SIGKILL');
    }
    await once(service, 'exit');
    expect(await ask(question, socket)).toEqual(alone);
  });
});

describe('an agent', () => {
  it('gives every function a type whose values it saw, and leaves the others alone', async () => {
    await recorded;
    const { text, closed } = answer({
      op: 'annotate',
      scope,
      agent: 'recorder',
      file: 'lib.js',
      recording,
      deadline: Number.POSITIVE_INFINITY,
    });
    expect(closed).toEqual([
      'lib.js TS7006 label in Box.constructor #1',
      'lib.js TS7006 text in size #1',
      'lib.js TS7006 box in open #1',
      'lib.js TS7006 value in keep #1',
      'lib.js TS7006 name in greet #1',
    ]);
    expect(text).toContain(' * @param {string | number} name\n');
    expect(text).toContain(' * @param {Box} box\n');
    const workspace = checkout('adopted', text);
    expect(answer({ op: 'judge', scope: { ...scope, workspace }, base, recording })).toMatchObject({ closed, refused: [] });
  });
});
