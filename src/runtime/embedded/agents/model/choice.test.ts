import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveAgent } from '../presets.ts';
import { argvOf, chooseModel, modelOf, NO_WISH, type ModelWish } from './choice.ts';

const cwd = import.meta.dirname;
const choose = (spec: string, wish: Partial<ModelWish> = {}, env: Record<string, string> = {}): ReturnType<typeof chooseModel> =>
  chooseModel('m', spec, { ...NO_WISH, ...wish }, { cwd, env });
const baseUrl = 'http://127.0.0.1:8080/v1';

describe('a model that is asked for', () => {
  test('is words in the arguments of its agent, and the same model when they are read back', () => {
    const price = fc.option(fc.record({ input: fc.nat(1e9), output: fc.nat(1e9) }), { nil: null });
    const wish = fc.record({
      baseUrl: fc.constantFrom(baseUrl, 'https://h/v1'),
      apiKeyEnv: fc.constantFrom(null, 'K'),
      price,
      steps: fc.option(fc.integer({ min: 1, max: 1000 }), { nil: null }),
      tokens: fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: null }),
    });
    fc.assert(
      fc.property(wish, fc.constantFrom('qwen3', 'a/b-c:free', '--steps'), (wanted, name) => {
        const chosen = choose(`model:openai-compatible/${name}`, wanted, { K: 'x' });
        if (!chosen.ok) throw new Error(chosen.what);
        expect(modelOf(argvOf(chosen.model))).toEqual(chosen.model);
      }),
    );
  });

  test('gets its key by the name of a variable, and by no other way', () => {
    const env = { OPENAI_COMPATIBLE_API_KEY: 'sk-secret', OPENAI_API_KEY: 'sk-other' };
    const answer = resolveAgent(
      {
        name: 'm',
        spec: 'model:openai-compatible/x',
        args: [],
        passEnv: [],
        timeoutMs: null,
        attemptPrice: null,
        model: { ...NO_WISH, baseUrl },
      },
      { cwd, path: '', env },
    );
    if (!answer.ok) throw new Error(answer.what);
    expect(answer.agent).toMatchObject({
      kind: 'model',
      network: true,
      passEnv: ['OPENAI_COMPATIBLE_API_KEY'],
      attemptPrice: null,
    });
    expect(JSON.stringify(answer.agent)).not.toContain('sk-');
    expect(choose('model:openai-compatible/x', { baseUrl })).toMatchObject({ ok: true, model: { keyFrom: '' } });
  });

  test('is refused with what to do when a part of it is missing or wrong', () => {
    const said = (...args: Parameters<typeof choose>): string => {
      const chosen = choose(...args);
      return chosen.ok ? 'taken' : `${chosen.kind}: ${chosen.what}; ${chosen.next}`;
    };
    expect(said('model:qwen')).toMatch(/^unknown: .*is no model/);
    expect(said('model:openai-compatible/x', { baseUrl: 'ftp://h' })).toMatch(/^unknown: .*no address/);
    expect(said('model:openai-compatible/x', { baseUrl: 'https://me:key@h/v1' })).toMatch(/^unknown: .*more than host and path/);
    expect(said('model:openai-compatible/x', { baseUrl, apiKeyEnv: 'MY_KEY' })).toMatch(/^missing: .*MY_KEY is not set/);
    expect(said('model:nobody/x', {}, { NOBODY_API_KEY: 'k' })).toMatch(
      /^missing: .*@ai-sdk\/nobody is not installed; npm install ai@7/,
    );
  });
});
