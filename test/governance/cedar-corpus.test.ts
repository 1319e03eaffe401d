/** Compiled policies against answers that nobody here wrote: the Cedar project's corpus, and the Cedar engine on random policies. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { corpusVerdict } from './corpus.ts';
import { compareRandom } from './equivalence.ts';

const archive = join(process.env.SKEIN_VECTORS ?? '', 'cedar/corpus-500.tar.gz');
const present = process.env.SKEIN_VECTORS !== undefined && existsSync(archive);

describe('compiled policies', () => {
  it.skipIf(!present)(
    'answer SKEIN_VECTORS/cedar (every tenth of 500 sets) with its decisions, reasons and errors',
    async ({ annotate }) => {
      await annotate('loads the Cedar engine');
      expect(corpusVerdict(archive, 10)).toEqual({ refused: [], differing: [], asked: 400 });
    },
  );

  it('answer random policies as the Cedar engine does, and deny where it skips what fails', async ({ annotate }) => {
    await annotate('loads the Cedar engine');
    const { asked, allowed, failed } = compareRandom(60, 20_261_120);
    expect([asked > 100, allowed > 10, failed > 10]).toEqual([true, true, true]);
  });
});
