/** `skein freeze`: no new work; work in hand finishes and lands, the state is kept, and nothing starts before the thaw. */
import type { Parsed } from '../flags.ts';
import { order } from '../halting.ts';
import type { ExitCode, Surface } from '../surface.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  return order('FROZEN', flags, surface);
}
