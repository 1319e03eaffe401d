/** Entry of the thread for pure computations: rules of rooms that read much and touch nothing. */
import type { work } from '../contracts/index.ts';
import { servePure } from '../runtime/embedded/index.ts';
import { screen } from '../work/index.ts';

export interface ScreenQuestion {
  readonly files: readonly work.FileChange[];
  /** UTF-8. */
  readonly patch: Uint8Array;
  readonly task: work.TaskSpec;
}

servePure({
  'work.screen': ({ files, patch, task }: ScreenQuestion) => screen({ files, patch: new TextDecoder().decode(patch) }, task),
});
