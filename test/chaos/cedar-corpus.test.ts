/** All of the Cedar corpus, and thousands of random policies against the Cedar engine. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { corpusVerdict } from '../governance/corpus.ts';
import { compareRandom } from '../governance/equivalence.ts';

const archive = join(process.env.SKEIN_VECTORS ?? '', 'cedar/corpus-500.tar.gz');
const present = process.env.SKEIN_VECTORS !== undefined && existsSync(archive);

describe('compiled policies, all of them', () => {
  it.skipIf(!present)(
    'answer SKEIN_VECTORS/cedar (500 sets, 4,000 requests) with its decisions, reasons and errors',
    async ({ annotate }) => {
      await annotate('parses 500 policy sets and their schemas');
      expect(corpusVerdict(archive, 1)).toEqual({ refused: [], differing: [], asked: 4000 });
    },
  );

  it('answer 20,000 random requests as the Cedar engine does', async ({ annotate }) => {
    await annotate('asks the Cedar engine 20,000 times');
    const { asked } = compareRandom(4_500, Date.now() & 0xffff_ffff);
    expect(asked).toBeGreaterThan(15_000);
  });
});
