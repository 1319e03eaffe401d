import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Compile } from 'typebox/schema';
import { describe, expect, it } from 'vitest';
import { compareEditions } from '../../src/protocol/index.ts';

const vectors = process.env.SKEIN_VECTORS ?? '';
const directory = join(vectors, 'json-schema/tests/draft2020-12');
const present = vectors !== '' && existsSync(directory);
/** One of so many pairs of one file: all would take half a minute. */
const ONE_IN = 24;

interface Group {
  readonly schema: Record<string, unknown> | boolean;
  readonly tests: readonly { readonly data: unknown }[];
}

describe('verdicts on schemas of others', () => {
  it.skipIf(!present)('never contradict the documents of SKEIN_VECTORS/json-schema', () => {
    let [seen, pairs, yes, no] = [0, 0, 0, 0];
    for (const file of readdirSync(directory).filter((name) => name.endsWith('.json'))) {
      const groups = JSON.parse(readFileSync(join(directory, file), 'utf8')) as Group[];
      const documents = groups.flatMap(({ tests }) => tests.map(({ data }) => data));
      for (const [i, before] of groups.entries()) {
        for (const [j, after] of groups.entries()) {
          if (i === j || (seen += 1) % ONE_IN > 0) continue;
          const { backward } = compareEditions({ schema: before.schema }, { schema: after.schema }).strict;
          pairs += 1;
          if (backward.answer === 'no') no += 1;
          if (backward.answer !== 'yes') continue;
          yes += 1;
          const [old, now] = [before, after].map(({ schema }) =>
            Compile(typeof schema === 'boolean' ? { allOf: [schema] } : schema),
          );
          for (const document of documents)
            expect(!old!.Check(document) || now!.Check(document), `${file} ${i} ${j} ${JSON.stringify(document)}`).toBe(true);
        }
      }
    }
    expect([pairs > 150, yes > 10, no > 80]).toEqual([true, true, true]);
  });
});
