/** What every Query promises over the records that a host committed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type Json } from '../../src/kernel/index.ts';
import type { Query, QueryAnswer, QueryRequest, RecordWrite } from '../../src/ports/index.ts';

export interface QueryBench {
  readonly query: Query & { apply(writes: readonly RecordWrite[], loaded: boolean): void };
  readonly wait: <T>(promise: Promise<T>) => Promise<T>;
  readonly dispose: () => void;
}

const ALL = { room: 'memory', table: 'engram', limit: 1000 };

export function queryConformance(name: string, makeBench: () => QueryBench): void {
  const withBench = (run: (bench: QueryBench) => Promise<void>) => async (): Promise<void> => {
    const bench = makeBench();
    try {
      await run(bench);
    } finally {
      bench.dispose();
    }
  };
  const keys = async (bench: QueryBench, request: Partial<QueryRequest>): Promise<string[]> =>
    (await bench.wait(find(bench.query, { ...ALL, ...request }))).records.map(({ key }) => key);

  describe(`${name} as a query`, () => {
    it(
      'finds the records that hold all the words, whatever their case and place, and no operators in them',
      withBench(async (bench) => {
        bench.query.apply(
          [
            write('a', { title: 'The Lead rotates', notes: ['geese', { deep: 'Formation' }] }),
            write('b', { title: 'leading' }),
            write('c', { title: 'or NOT "lead" near(formation' }),
          ],
          true,
        );
        expect(await keys(bench, { text: 'LEAD formation' })).toEqual(['a', 'c']);
        expect(await keys(bench, { text: 'lead*' })).toEqual(['a', 'b', 'c']);
        expect(await keys(bench, { text: 'lead OR leading' })).toEqual([]);
        expect(await keys(bench, { text: '") NOT (' })).toEqual(['c']);
        expect(await keys(bench, { text: ' -- ' })).toEqual(['a', 'b', 'c']);
        expect(await keys(bench, { text: 'title' })).toEqual([]);
      }),
    );

    it(
      'filters by fields: numbers as numbers, texts by code points, no kind taken for another',
      withBench(async (bench) => {
        bench.query.apply(
          [
            write('a', { n: 9, s: 'b', deep: { list: [true, null] } }),
            write('b', { n: 10, s: '\u{1f9f6}' }),
            write('c', { n: '10', s: '\uffee', deep: { list: [false] } }),
          ],
          true,
        );
        const by = (field: string, is: 'equal' | 'at-least' | 'at-most', value: string | number | boolean | null) =>
          keys(bench, { filters: [{ field, is, value }] });
        expect(await by('n', 'at-least', 10)).toEqual(['b']);
        expect(await by('n', 'at-most', 10)).toEqual(['a', 'b']);
        expect(await by('n', 'equal', '10')).toEqual(['c']);
        expect(await by('s', 'at-least', '\uffee')).toEqual(['b', 'c']);
        expect(await by('deep/list/0', 'equal', true)).toEqual(['a']);
        expect(await by('deep/list/1', 'equal', null)).toEqual(['a']);
        expect(await by('missing', 'equal', null)).toEqual([]);
        expect(await keys(bench, { filters: [{ field: 'n', is: 'equal', value: 9 }], text: 'b' })).toEqual(['a']);
      }),
    );

    it(
      'answers in pages that a cursor joins, with nothing missed or told twice',
      withBench(async (bench) => {
        bench.query.apply(
          Array.from({ length: 95 }, (_, n) => write(`k${String(n).padStart(3, '0')}`, { n })),
          true,
        );
        const got: string[] = [];
        for (let cursor: string | null | undefined; cursor !== null;) {
          const page: QueryAnswer = await bench.wait(
            find(bench.query, { ...ALL, limit: 10, ...(cursor === undefined ? {} : { cursor }) }),
          );
          expect(page.records.length).toBeLessThanOrEqual(10);
          got.push(...page.records.map(({ key }) => key));
          cursor = page.cursor;
          bench.query.apply([write(`k${String(got.length - 1).padStart(3, '0')}`, { changed: true })], false);
        }
        expect(got).toEqual(Array.from({ length: 95 }, (_, n) => `k${String(n).padStart(3, '0')}`));
      }),
    );

    it(
      'knows the last committed value of each record of the asked table, and nothing from before a reload',
      withBench(async (bench) => {
        const { query, wait } = bench;
        query.apply([write('a', { w: 'old' }), write('b', { w: 'old' }), { ...write('a', { w: 'old' }), room: 'work' }], true);
        query.apply([write('a', { w: 'new' }), { ...write('b', {}), value: null }], false);
        expect(await keys(bench, { text: 'old' })).toEqual([]);
        expect((await wait(find(query, ALL))).records).toEqual([{ key: 'a', version: 1, value: { w: 'new' } }]);
        expect(await keys(bench, { room: 'work', text: 'old' })).toEqual(['a']);
        query.apply([write('c', { w: 'only' })], true);
        expect(await keys(bench, {})).toEqual(['c']);
        expect(await keys(bench, { room: 'work' })).toEqual([]);
        expect(await keys(bench, { text: 'new' })).toEqual([]);
      }),
    );

    it(
      'refuses what it would have to guess about',
      withBench(async ({ query, wait }) => {
        const filter = { field: 'a"b', is: 'equal', value: 1 } as const;
        query.apply([write('a', { n: 1 })], true);
        await expect(wait(find(query, { ...ALL, limit: 0 }))).rejects.toMatchObject({ code: 'invalid' });
        await expect(wait(find(query, { ...ALL, limit: 1001 }))).rejects.toMatchObject({ code: 'invalid' });
        await expect(wait(find(query, { ...ALL, filters: [filter] }))).rejects.toMatchObject({ code: 'invalid' });
        const many = Array.from({ length: 17 }, () => ({ ...filter, field: 'n' }));
        await expect(wait(find(query, { ...ALL, filters: many }))).rejects.toMatchObject({ code: 'invalid' });
      }),
    );

    it(
      'agrees with the plain meaning on any records and questions',
      withBench(async ({ query, wait }) => {
        const word = fc.constantFrom('goose', 'Geese', 'gander', 'g', 'größe', 'ΛΑΜΔΑ', 'x1');
        const value = fc.record({
          t: fc.array(word, { maxLength: 4 }).map((words) => words.join(' - ')),
          n: fc.integer({ min: 0, max: 5 }),
        });
        const property = fc.asyncProperty(
          fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.option(value)), { maxLength: 12 }),
          fc.array(fc.tuple(word, fc.boolean()), { maxLength: 2 }),
          fc.integer({ min: 0, max: 5 }),
          async (writes, words, least) => {
            query.apply([], true);
            const model = new Map<string, { t: string; n: number }>();
            for (const [key, each] of writes) {
              query.apply([{ ...write(key, {}), value: each === null ? null : canonicalJson(each) }], false);
              if (each === null) model.delete(key);
              else model.set(key, each);
            }
            const expected = [...model].filter(([, { t, n }]) => {
              const has = t.toLowerCase().split(' - ');
              const fits = ([each, begins]: [string, boolean]): boolean =>
                has.some((one) => (begins ? one.startsWith(each.toLowerCase()) : one === each.toLowerCase()));
              return n >= least && words.every(fits);
            });
            const text = words.map(([each, begins]) => each + (begins ? '*' : '')).join(' ');
            const answer = await wait(find(query, { ...ALL, text, filters: [{ field: 'n', is: 'at-least', value: least }] }));
            expect(answer.records.map(({ key }) => key)).toEqual(
              expected.map(([key]) => key).toSorted((a, b) => (a < b ? -1 : 1)),
            );
          },
        );
        await fc.assert(property, { numRuns: 60 });
      }),
    );
  });
}

function write(key: string, value: Json): RecordWrite {
  return { room: 'memory', table: 'engram', key, version: 1, value: canonicalJson(value) };
}

function find(query: Query, request: QueryRequest): Promise<QueryAnswer> {
  return new Promise((resolve, reject) => query.find(request, (error, answer) => (error ? reject(error) : resolve(answer!))));
}
