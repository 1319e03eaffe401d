/** `skein halt`: everything of a run, or of this repository, stops at once and stays stopped until it is resumed by name. */
import type { Parsed } from '../flags.ts';
import { list, order } from '../halting.ts';
import type { ExitCode, Surface } from '../surface.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  return flags.on('list') ? list(flags, surface) : order(flags.on('kill') ? 'KILLED' : 'HALTED', flags, surface);
}
