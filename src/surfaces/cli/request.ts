/** From parsed flags to a prepared run: what `run` and `plan` do alike. Starts nothing. */
import type { Fleet, Outcome, Prepared } from '../../assembly/index.ts';
import { requestOf, type Settings, settingsOf, type SkeinFile } from './config.ts';
import type { Parsed } from './flags.ts';
import { openHere, type Surface } from './surface.ts';

export interface Ready {
  readonly fleet: Fleet;
  readonly prepared: Prepared;
  readonly settings: Settings;
  readonly file: SkeinFile;
}

/** `alone`: as if no agent had been asked for. */
export async function prepareFrom(flags: Parsed, surface: Surface, alone = false): Promise<Outcome<Ready>> {
  const here = await openHere(surface);
  if (!here.ok) return here;
  const { fleet, file } = here.value;
  const settings = settingsOf(flags, surface.env, file);
  if (!settings.ok) return settings;
  const hasTasks = flags.words.length > 0 || flags.all('message').length > 0;
  const packs = hasTasks && flags.all('goal').length === 0 ? [] : await surface.packs();
  const request = requestOf(surface.cwd, flags, surface.env, file, settings.value, packs);
  if (!request.ok) return request;
  const prepared = await fleet.prepare(alone ? { ...request.value, agents: [] } : request.value);
  if (!prepared.ok) return prepared;
  return { ok: true, value: { fleet, prepared: prepared.value, settings: settings.value, file } };
}
