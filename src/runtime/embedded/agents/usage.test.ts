import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readUsage, usageReader } from './usage.ts';

const recorded = (name: string): string => readFileSync(new URL(`./recordings/${name}`, import.meta.url), 'utf8');

const steps = (kind: 'claude-stream-json' | 'codex-jsonl' | 'gemini-json', name: string): (string | null)[] =>
  recorded(name)
    .split('\n')
    .map((line) => usageReader(kind).trajectory(line))
    .filter((step) => step !== null);

describe('what agents report of themselves', () => {
  test('claude reports cost, all tokens including the cache, and its session', () => {
    expect(readUsage('claude-stream-json', recorded('claude.jsonl'))).toEqual({
      cost: 42318,
      tokens: 2300,
      session: '5d1c9a52-0a53-4c66-9a2f-0d3a6c8f4b11',
      saidDone: true,
      said: 'Fixed the off-by-one in parse().',
    });
  });

  test('a claude killed before its result has tokens, but an unknown cost and no claim to be done', () => {
    const lines = recorded('claude.jsonl').split('\n').slice(0, 5).join('\n');
    expect(readUsage('claude-stream-json', lines)).toMatchObject({ cost: null, tokens: 2300, saidDone: false });
  });

  test('codex reports tokens, never a cost', () => {
    expect(readUsage('codex-jsonl', recorded('codex.jsonl'))).toMatchObject({
      cost: null,
      tokens: 24885,
      session: '0199a213-81c0-7800-8aa1-bbab2a035a53',
      saidDone: true,
      said: 'The off-by-one is fixed.',
    });
  });

  test('a model agent reports sums, and unknown as soon as one answer was not reported', () => {
    const line = (body: object): string => JSON.stringify(body);
    const lines = [
      line({ type: 'usage', tokens: 1100, costMicros: 450 }),
      line({ type: 'text', text: 'Corrected it.' }),
      line({ type: 'end', ok: true, why: 'the model called no tool any more' }),
    ];
    const done = { cost: 450, tokens: 1100, session: null, saidDone: true, said: 'Corrected it.' };
    expect(readUsage('skein-jsonl', lines.join('\n'))).toEqual(done);
    lines.push(
      line({ type: 'usage', tokens: null, costMicros: null }),
      line({ type: 'end', ok: false, why: 'the endpoint answered 500' }),
    );
    expect(readUsage('skein-jsonl', lines.join('\n'))).toMatchObject({
      cost: null,
      tokens: null,
      saidDone: false,
      said: 'the endpoint answered 500',
    });
    const tool = line({ type: 'tool', tool: 'edit', input: 'x'.repeat(1000), ok: true });
    expect(usageReader('skein-jsonl').trajectory(tool)).toBe(`edit ${'x'.repeat(1000)}`);
  });

  test('a failed codex turn is not done and says why', () => {
    const stream = `${recorded('codex.jsonl')}{"type":"turn.failed","error":{"message":"usage limit reached"}}\n`;
    expect(readUsage('codex-jsonl', stream)).toMatchObject({ saidDone: false, said: 'usage limit reached' });
  });

  test('gemini is read the same as a stream and as one document', () => {
    const stream = readUsage('gemini-json', recorded('gemini.jsonl'));
    const document = readUsage('gemini-json', recorded('gemini-document.txt'));
    expect(stream).toMatchObject({ cost: null, tokens: 5120, saidDone: true, said: 'The off-by-one is fixed.' });
    expect(document).toMatchObject({ cost: null, tokens: 6000, saidDone: true, said: 'The off-by-one is fixed.' });
    expect(stream.session).toBe(document.session);
  });

  test('aider reports the cost of its whole session and rounded tokens', () => {
    expect(readUsage('aider-text', recorded('aider.txt'))).toMatchObject({ cost: 54200, tokens: 26000, session: null });
  });

  test('what is not reported is null, never 0', () => {
    for (const kind of ['none', 'claude-stream-json', 'codex-jsonl', 'gemini-json', 'aider-text'] as const)
      expect(readUsage(kind, 'hello\n{"type":"result"}\nTokens: 3k sent, 1k received.\n').cost).toBeNull();
  });

  test('the trajectory names what was done and leaves ids and times out', () => {
    expect(steps('claude-stream-json', 'claude.jsonl')).toEqual(['Read {"file_path":"/w/parser.js"}']);
    expect(steps('codex-jsonl', 'codex.jsonl')).toEqual(["bash -lc 'ls' -> 0", '[{"path":"parser.js","kind":"update"}]']);
    expect(steps('gemini-json', 'gemini.jsonl')).toEqual(['replace {"file_path":"parser.js"}']);
  });

  test('no stream, however broken, makes a reader throw', () => {
    const hostile = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({
          type: fc.constantFrom('result', 'assistant', 'turn.completed', 'message', 'init'),
          message: fc.jsonValue(),
          usage: fc.jsonValue(),
          stats: fc.jsonValue(),
          item: fc.jsonValue(),
          total_cost_usd: fc.jsonValue(),
        })
        .map((event) => JSON.stringify(event)),
    );
    const kind = fc.constantFrom('none', 'claude-stream-json', 'codex-jsonl', 'gemini-json', 'aider-text');
    fc.assert(
      fc.property(kind, fc.array(hostile, { maxLength: 8 }), (how, lines) => {
        const usage = readUsage(how, lines.join('\n'));
        for (const figure of [usage.cost, usage.tokens])
          expect(figure === null || (Number.isSafeInteger(figure) && figure >= 0)).toBe(true);
        for (const line of lines) usageReader(how).trajectory(line);
      }),
    );
  });
});
