/**
 * Contract checking against the JSON Schema Test Suite, draft 2020-12, mandatory part: cases that nobody here wrote.
 * Where contracts are narrower than the standard on purpose, the file is listed with the reason and the number of cases.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defineContract } from '../../src/protocol/index.ts';

const vectors = process.env.SKEIN_VECTORS ?? '';
const directory = join(vectors, 'json-schema/tests/draft2020-12');
const present = vectors !== '' && existsSync(directory);

/** Cases where the answer differs from the suite's, by file. */
const NARROWER: Readonly<Record<string, readonly [cases: number, why: string]>> = {
  'defs.json': [1, 'a reference to the meta-schema is remote'],
  'dynamicRef.json': [5, 'contracts have no dynamic references'],
  'format.json': [19, 'a format is enforced, not only an annotation'],
  'ref.json': [1, 'a reference to another document is remote'],
  'refRemote.json': [16, 'nothing is fetched'],
  'vocabulary.json': [1, 'there is one vocabulary'],
};
/** Groups of cases whose schema is refused when the contract is defined, because it holds floats or unsafe integers. */
const REFUSED: Readonly<Record<string, number>> = {
  'const.json': 1,
  'exclusiveMinimum.json': 1,
  'minimum.json': 1,
  'multipleOf.json': 4,
};

interface Group {
  readonly description: string;
  readonly schema: unknown;
  readonly tests: readonly { readonly description: string; readonly data: unknown; readonly valid: boolean }[];
}

describe('contract checking', () => {
  it.skipIf(!present)('agrees with SKEIN_VECTORS/json-schema (1,299 cases) but for what it refuses on purpose', () => {
    const differing: Record<string, number> = {};
    const refused: Record<string, number> = {};
    let agreeing = 0;
    for (const file of readdirSync(directory).filter((name) => name.endsWith('.json'))) {
      for (const group of JSON.parse(readFileSync(join(directory, file), 'utf8')) as Group[]) {
        let contract;
        try {
          contract = defineContract('suite.event.case.v1', group.schema as Parameters<typeof defineContract>[1]);
        } catch (error) {
          expect(String(error)).toContain('safe integers only');
          refused[file] = (refused[file] ?? 0) + 1;
          continue;
        }
        for (const test of group.tests) {
          if (contract.check(test.data) === test.valid) agreeing += 1;
          else differing[file] = (differing[file] ?? 0) + 1;
        }
      }
    }
    expect(differing).toEqual(Object.fromEntries(Object.entries(NARROWER).map(([file, [cases]]) => [file, cases])));
    expect(refused).toEqual(REFUSED);
    expect(agreeing).toBe(1236);
  });
});
