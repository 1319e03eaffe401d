import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Compile } from 'typebox/schema';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/kernel/index.ts';
import { compareEditions, defineContract, projectMessage } from '../../src/protocol/index.ts';
import { randomDocument, randomEdit, randomSchema } from './random-schema.ts';

const vectors = process.env.SKEIN_VECTORS ?? '';
const directory = join(vectors, 'json-schema/tests/draft2020-12');
const present = vectors !== '' && existsSync(directory);
/** One of so many pairs of one file: all would take half a minute. */
const ONE_IN = 24;

interface Group {
  readonly schema: Record<string, unknown> | boolean;
  readonly tests: readonly { readonly data: unknown }[];
}

const PAIRS = 150;
const DOCUMENTS = 30;

describe('verdicts on random schemas', () => {
  it('never contradict a random document, read strictly or through projection', () => {
    const random = seededRandom('evolution/property');
    const counts = { yes: 0, no: 0, unsure: 0 };
    for (let i = 0; i < PAIRS; i++) {
      const before = randomSchema(random);
      const after = random.chance(0.7) ? randomEdit(random, before) : randomSchema(random);
      const { strict, live } = compareEditions({ schema: before }, { schema: after });
      for (const answer of [strict.backward, strict.forward]) counts[answer.answer] += 1;
      const [old, now] = [defineContract('a.event.b.v1', before), defineContract('a.event.b.v2', after)];
      for (let k = 0; k < DOCUMENTS; k++) {
        const document = randomDocument(random);
        const [was, is] = [old.check(document), now.check(document)];
        const said = JSON.stringify({ before, after, document });
        if (strict.backward.answer === 'yes') expect(!was || is, said).toBe(true);
        if (strict.forward.answer === 'yes') expect(!is || was, said).toBe(true);
        if (live.backward.answer === 'yes') expect(!was || projectMessage(now, document).ok, said).toBe(true);
        if (live.forward.answer === 'yes') expect(!is || projectMessage(old, document).ok, said).toBe(true);
      }
      // A refusal shows what it says.
      if (strict.backward.answer === 'no')
        expect([old, now].map((each) => each.check(strict.backward.answer === 'no' && strict.backward.counterExample))).toEqual([
          true,
          false,
        ]);
    }
    // All three answers are met, and "unsure" stays the exception, because it refuses what might be well.
    expect(counts.yes).toBeGreaterThan(PAIRS / 2);
    expect(counts.no).toBeGreaterThan(PAIRS / 2);
    expect(counts.unsure).toBeLessThan(PAIRS / 5);
  });
});

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
