import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { skein } from './fake.ts';

const plain = { env: { NO_COLOR: '1' } };
const directory = mkdtempSync(join(tmpdir(), 'skein-contracts-'));
afterAll(() => rmSync(directory, { recursive: true }));

const file = (name: string, content: unknown): string => {
  const path = join(directory, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};
const closed = (properties: object): object => ({ type: 'object', properties, required: ['a'], additionalProperties: false });
const before = file('before.json', closed({ a: { type: 'integer' } }));
const json = async (args: string[]): Promise<{ code: number; document: Record<string, unknown> }> => {
  const { code, out } = await skein(['contracts', ...args], { tty: 'none' }).done;
  return { code, document: JSON.parse(out) as Record<string, unknown> };
};

describe('skein contracts', () => {
  test('lists every contract with its number, and all of its terms for programs', async () => {
    const { code, out } = await skein(['contracts'], plain).done;
    expect([code, out]).toEqual([0, expect.stringMatching(/^ +413 {2}order\.intent\.route\.v2 .* gated +[0-9a-f]{12}$/m)]);
    const { document } = await json(['list']);
    expect(document).toMatchObject({ schema: 'skein.contracts.v1' });
    expect((document.contracts as object[]).find((each) => (each as { number: number }).number === 1)).toMatchObject({
      type: 'system.intent.halt.v1',
      aliases: ['system.halt.intent'],
      signing: 'each',
    });
  });

  test('shows one by its type, an older name, or its name without a version: then the newest', async () => {
    for (const [word, type] of [
      ['order.intent.route.v1', 'order.intent.route.v1'],
      ['order.intent.route', 'order.intent.route.v2'],
      ['system.halt.intent', 'system.intent.halt.v1'],
      ['dlq.order', 'system.dlq.letter.v1'],
    ] as const)
      expect((await json(['show', word])).document).toMatchObject({
        schema: 'skein.contract.v1',
        type,
        jsonSchema: { type: 'object' },
      });
    const { out } = await skein(['contracts', 'show', 'fleet.event.offer'], plain).done;
    expect(out).toContain('fleet.event.offer.v1\n');
    expect(out).toContain('"load_factor"');
  });

  test('a change that everybody understands is exit 0, with what to raise', async () => {
    const after = file('grown.json', closed({ a: { type: 'integer' }, b: { type: 'string' } }));
    const { code, out } = await skein(['contracts', 'check', before, after], plain).done;
    expect([code, out]).toEqual([0, expect.stringContaining('minor: old and new understand each other; raise minor')]);
    expect((await json(['check', before, before])).document).toMatchObject({ bump: 'none' });
  });

  test('a change that breaks somebody is exit 1, with the place, the rule and a document that shows it', async () => {
    const after = file('narrower.json', closed({ a: { type: 'integer', maximum: 10 } }));
    const { code, document } = await json(['check', before, after]);
    expect([code, document]).toMatchObject([
      1,
      {
        bump: 'major',
        live: { full: false, forward: { answer: 'yes' }, backward: { answer: 'no', path: '/a', counterExample: { a: 11 } } },
      },
    ]);
    const { out } = await skein(['contracts', 'check', before, after], plain).done;
    expect(out).toContain('      /a must be <= 10\n      {"a":11}\n');
  });

  test('what cannot be decided is refused, and says so', async () => {
    const remote = file('remote.json', { $ref: 'https://example.com/other.json' });
    const { code, out } = await skein(['contracts', 'check', before, remote], plain).done;
    expect([code, out]).toEqual([1, expect.stringContaining('not decided, so refused')]);
  });

  test('a contract that was written down can be checked against the one that is built in', async () => {
    const { document } = await json(['show', 'fleet.event.offer.v1']);
    const kept = file('offer.json', document);
    expect(await json(['check', kept, 'fleet.event.offer.v1'])).toMatchObject({ code: 0, document: { bump: 'none' } });
    const later = file('later.json', { ...document, ttlMax: 1 });
    expect(await json(['check', kept, later])).toMatchObject({
      code: 1,
      document: { terms: [{ term: 'ttlMax', bump: 'major' }] },
    });
  });

  test('prints one AsyncAPI document, also on a terminal', async () => {
    const { code, out } = await skein(['contracts', 'asyncapi'], plain).done;
    expect([code, JSON.parse(out)]).toMatchObject([0, { asyncapi: '3.1.0', channels: { 'mesh.intent.freeze.v1': {} } }]);
  });

  test.each([
    [['lst'], 2, 'skein contracts cannot "lst"; did you mean list?'],
    [['show'], 2, 'skein contracts show takes 1 name, not 0'],
    [['show', 'order.intent.rout.v2'], 2, 'there is no contract "order.intent.rout.v2"; did you mean order.intent.route.v2?'],
    [['check', 'order.intent.route.v2'], 2, 'skein contracts check takes 2 names, not 1'],
    [['check', join(directory, 'none.json'), before], 4, 'none.json cannot be read'],
    [['check', file('broken.json', '{'), before], 4, 'broken.json cannot be read'],
    [['check', file('large.json', ' '.repeat(1_048_577)), before], 4, 'is larger than 1 MiB'],
  ])('a mistake in %j is exit %i with what to do', async (args, exit, what) => {
    const { code, out, err } = await skein(['contracts', ...args], plain).done;
    expect([code, out, err]).toEqual([exit, '', expect.stringContaining(what)]);
    expect(err).toContain('next:  ');
  });
});
