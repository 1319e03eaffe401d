/** `skein verify`: recomputes a run's ledger from its file alone and says where it was changed; or proves one entry to others. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Fleet, Outcome } from '../../../assembly/index.ts';
import { type Parsed, usage } from '../flags.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';
import { plural } from '../terminal.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const run = await chosenRun(here.value.fleet, flags.words[0]);
  if (!run.ok) return fail(surface, json, run.problem);
  const entry = flags.text('proof');
  if (entry !== null) return prove(here.value.fleet, run.value, entry, json, surface);
  const against = await textOf(surface, flags.text('against'));
  if (!against.ok) return fail(surface, json, against.problem);
  const keys = await textOf(surface, flags.text('keys'));
  if (!keys.ok) return fail(surface, json, keys.problem);
  const verified = await here.value.fleet.verify(run.value, { ...named('against', against.value), ...named('keys', keys.value) });
  if (!verified.ok) return fail(surface, json, verified.problem);
  const { sound, entries, erased, erasures, root, signed, checkpoint, findings } = verified.value;
  if (flags.on('checkpoint')) return printCheckpoint(run.value, verified.value, json, surface);
  const document = {
    schema: 'skein.verify.v1',
    run: run.value,
    sound,
    entries,
    erased,
    erasures,
    root,
    signed,
    checkpoint,
    findings,
  };
  emit(surface, json, document, (style) => [
    sound
      ? `${style.paint('strong', `run ${run.value}`)}  ${plural(entries, 'ledger entry', 'ledger entries')}, none changed, dropped or reordered`
      : style.paint('alarm', `run ${run.value}: the ledger was changed`),
    ...findings.map((finding) => `  ${style.paint('alarm', `entry ${finding.index}`)}  ${finding.problem}: ${finding.detail}`),
    `root  ${style.paint('dim', root)}`,
    signed === 0 ? 'nothing of it is signed' : `signed up to entry ${signed - 1}`,
    ...(erased > 0
      ? [`${plural(erased, 'body', 'bodies')} erased; their hashes are kept`, ...erasures.map((one) => `  ${one}`)]
      : []),
    style.paint('dim', 'It proves that nothing was changed since it was written, not that its writer told the truth.'),
  ]);
  return sound ? 0 : 1;
}

/** The note itself is what somebody else keeps, so it stands alone on stdout. */
function printCheckpoint(
  run: string,
  { sound, checkpoint }: { readonly sound: boolean; readonly checkpoint: string | null },
  json: boolean,
  surface: Surface,
): ExitCode {
  if (!sound || checkpoint === null) {
    const what = sound
      ? `nothing of run ${run} is signed yet`
      : `the ledger of run ${run} was changed: its checkpoint is not worth keeping`;
    return fail(surface, json, { kind: sound ? 'missing' : 'refused', what, details: [], next: `skein verify ${run}` });
  }
  surface.stdout.write(
    json && surface.stdout.isTTY ? `${JSON.stringify({ schema: 'skein.checkpoint.v1', run, checkpoint })}\n` : checkpoint,
  );
  return 0;
}

async function prove(fleet: Fleet, run: string, entry: string, json: boolean, surface: Surface): Promise<ExitCode> {
  if (!/^\d{1,15}$/.test(entry))
    return fail(
      surface,
      json,
      usage(`--proof takes the number of a ledger entry, not "${entry}"`, `skein verify ${run} --proof 12`).problem,
    );
  const proven = await fleet.prove(run, Number(entry));
  if (!proven.ok) return fail(surface, json, proven.problem);
  // A document for somebody else: on a terminal too.
  surface.stdout.write(`${JSON.stringify({ schema: 'skein.proof.v1', ...proven.value }, null, 2)}\n`);
  return 0;
}

async function textOf(surface: Surface, file: string | null): Promise<Outcome<string | null>> {
  if (file === null) return { ok: true, value: null };
  try {
    return { ok: true, value: await readFile(resolve(surface.cwd, file), 'utf8') };
  } catch (error) {
    const what = `${file} cannot be read: ${(error as Error).message}`;
    return { ok: false, problem: { kind: 'missing', what, details: [], next: 'name a file that can be read' } };
  }
}

function named(name: string, value: string | null): Record<string, string> {
  return value === null ? {} : { [name]: value };
}
