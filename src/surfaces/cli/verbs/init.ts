/** `skein init`: writes skein.yaml with what was found here. Never needed, and it never overwrites. */
import { lstat, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requestOf, settingsOf } from '../config.ts';
import type { Parsed } from '../flags.ts';
import type { InitDocument } from '../schema.ts';
import { changedLines, skeinYaml } from '../skein-yaml.ts';
import { emit, type ExitCode, fail, type Surface, wantsJson } from '../surface.ts';

const LINES_MAX = 40; // a person reads the first ones; --print has all

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const opened = await surface.openFleet(surface.cwd);
  if (!opened.ok) return fail(surface, json, opened.problem);
  const fleet = opened.value;
  // As if nobody had said anything: neither a flag, nor a variable, nor a file that may be there already.
  const settings = settingsOf(flags, {}, {});
  if (!settings.ok) return fail(surface, json, settings.problem);
  const request = requestOf(surface.cwd, flags, {}, {}, settings.value);
  if (!request.ok) return fail(surface, json, request.problem);
  const prepared = await fleet.prepare(request.value);
  if (!prepared.ok) return fail(surface, json, prepared.problem);
  const text = skeinYaml(prepared.value);
  const path = join(fleet.repository, 'skein.yaml');

  if (flags.on('print')) {
    // The file itself, also when piped: `skein init --print > elsewhere` is what people write; --json gives the document.
    if (flags.on('json')) emit(surface, true, documentOf(path, false, text), () => []);
    else surface.stdout.write(text);
    return 0;
  }
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const there = (await lstat(path).catch(() => null)) !== null;
    if (code !== 'EEXIST' && !there)
      return fail(surface, json, {
        kind: 'missing',
        what: `skein.yaml cannot be written: ${message}`,
        details: [],
        next: 'skein init --print',
      });
    const changes = changedLines(await readFile(path, 'utf8').catch(() => ''), text);
    const more = changes.length > LINES_MAX ? [`and ${changes.length - LINES_MAX} more lines`] : [];
    return fail(surface, json, {
      kind: 'usage',
      what: `${path} is there already, and skein init never overwrites`,
      details:
        changes.length === 0
          ? ['it says what would be written']
          : ['what would be written differs in:', ...changes.slice(0, LINES_MAX), ...more],
      next: 'skein init --print shows all of it; move yours away to have it written',
    });
  }
  emit(surface, json, documentOf(path, true, text), () => [
    `wrote ${path}`,
    'As it stands it says what a run without it does: change it, or take it away. skein plan shows what it does.',
  ]);
  return 0;
}

function documentOf(path: string, written: boolean, text: string): InitDocument {
  return { schema: 'skein.init.v1', path, written, text };
}
