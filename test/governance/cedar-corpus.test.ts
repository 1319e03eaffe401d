/** Compiled policies against the Cedar project's own corpus: 500 policy sets with 8 requests each that nobody here wrote. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileCase, judgeCase, readCorpus } from './corpus.ts';

const archive = join(process.env.SKEIN_VECTORS ?? '', 'cedar/corpus-500.tar.gz');
const present = process.env.SKEIN_VECTORS !== undefined && existsSync(archive);

describe('compiled policies', () => {
  it.skipIf(!present)('answer SKEIN_VECTORS/cedar (500 sets, 4,000 requests) with the same decision, reasons and errors', () => {
    const refused: string[] = [];
    const differing: string[] = [];
    let asked = 0;
    for (const each of readCorpus(archive)) {
      const index = compileCase(each);
      if (typeof index === 'string') refused.push(`${each.name}: ${index}`);
      else {
        asked += each.requests.length;
        differing.push(...judgeCase(index, each));
      }
    }
    expect({ refused, differing, asked }).toEqual({ refused: [], differing: [], asked: 4000 });
  });
});
