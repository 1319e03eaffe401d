import { Compile } from 'typebox/schema';
import { describe, expect, it } from 'vitest';
import { randomDocument, randomEdit, randomSchema } from './random-schema.ts';
import { seededRandom } from '../../src/kernel/index.ts';
import { Projector } from '../../src/protocol/contract-projection.ts';
import { compareEditions } from '../../src/protocol/evolution.ts';
import { bundle } from '../../src/protocol/json-schema.ts';
import { Effort, type Part } from '../../src/protocol/evolution/clauses.ts';
import { FEW, Samples } from '../../src/protocol/evolution/samples.ts';

const PAIRS = 120;
const DOCUMENTS = 15;

const partsOf = (schema: object): Part[] => {
  const of = bundle(schema);
  return [{ schema: of.root, of }];
};

describe('verdicts on random schemas', () => {
  it('never contradict a document, random or at a border, read strictly or through projection', () => {
    const random = seededRandom('evolution/property');
    const counts = { yes: 0, no: 0, unsure: 0 };
    for (let i = 0; i < PAIRS; i++) {
      const before = randomSchema(random);
      const after = random.chance(0.7) ? randomEdit(random, before) : randomSchema(random);
      const { strict, live } = compareEditions({ schema: before }, { schema: after });
      for (const [from, to, plain, read] of [
        [before, after, strict.backward, live.backward],
        [after, before, strict.forward, live.forward],
      ] as const) {
        counts[plain.answer] += 1;
        const [writes, reads, projector] = [Compile(from), Compile(to), new Projector(bundle(to))];
        if (plain.answer === 'no')
          expect([writes.Check(plain.counterExample), reads.Check(plain.counterExample)]).toEqual([true, false]);
        if (plain.answer !== 'yes' && read.answer !== 'yes') continue;
        const documents = Array.from({ length: DOCUMENTS }, () => randomDocument(random));
        documents.push(...new Samples(new Effort(10_000), FEW).documents(partsOf(from), partsOf(to)));
        for (const document of documents) {
          if (!writes.Check(document)) continue;
          const said = (): string => JSON.stringify({ from, to, document });
          if (plain.answer === 'yes' && !reads.Check(document)) expect.fail(said());
          if (read.answer === 'yes' && !reads.Check(document) && !reads.Check(projector.project(document).value))
            expect.fail(said());
        }
      }
    }
    // All three answers are met, and "unsure" stays the exception, because it refuses what might be well.
    expect(counts.yes).toBeGreaterThan(PAIRS / 2);
    expect(counts.no).toBeGreaterThan(PAIRS / 2);
    expect(counts.unsure).toBeLessThan(PAIRS / 5);
  });
});
