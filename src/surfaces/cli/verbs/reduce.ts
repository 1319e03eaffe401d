/** `skein reduce`: only what makes smaller what is in flight; of a run, work in hand finishes and no new agent starts. */
import type { Parsed } from '../flags.ts';
import { order } from '../halting.ts';
import type { ExitCode, Surface } from '../surface.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  return order('REDUCING', flags, surface);
}
