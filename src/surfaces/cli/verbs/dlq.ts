/** `skein dlq`: what a run's host gave up on; one letter whole; hand it in again, through the same gates, or drop it. */
import type { Fleet } from '../../../assembly/index.ts';
import type { host } from '../../../contracts/index.ts';
import { type Parsed, usage } from '../flags.ts';
import { hint } from '../nearest.ts';
import { iso } from '../summary.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';
import { type Cell, clean, plural, type Style, table } from '../terminal.ts';

const ACTIONS = ['list', 'show', 'retry', 'drop'];
const SHOWN_MAX = 200; // beyond it a person reads the JSON
const BYTES_SHOWN_MAX = 4000;

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const action = flags.words[0] ?? 'list';
  if (!ACTIONS.includes(action)) {
    const wrong = usage(`skein dlq cannot "${action}"${hint(action, ACTIONS)}`, `skein dlq [${ACTIONS.join('|')}] [letter]`);
    return fail(surface, json, wrong.problem);
  }
  const word = flags.words[1];
  if (action !== 'list' && word === undefined)
    return fail(surface, json, usage(`skein dlq ${action} needs a letter: its key, or the end of it`, 'skein dlq list').problem);
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const { fleet } = here.value;
  const run = await chosenRun(fleet, flags.text('run') ?? undefined);
  if (!run.ok) return fail(surface, json, run.problem);
  const read = await fleet.deadLetters(run.value);
  if (!read.ok) return fail(surface, json, read.problem);
  const letters = read.value;
  if (action === 'list') {
    const document = { schema: 'skein.dead-letters.v1', run: run.value, letters: letters.map(withTimes) };
    emit(surface, json, document, (style) => listText(run.value, letters, style));
    return 0;
  }
  const found = letters.filter(({ key }) => key === word || key.endsWith(word!));
  if (found.length !== 1) {
    const what =
      found.length === 0 ? `run ${run.value} has no dead letter "${word}"` : `"${word}" ends the keys of ${found.length} letters`;
    return fail(surface, json, usage(what, `skein dlq list --run ${run.value}`).problem);
  }
  const letter = found[0]!;
  if (action === 'show') {
    const document = { schema: 'skein.dead-letter.v1', run: run.value, letter: withTimes(letter) };
    emit(surface, json, document, (style) => letterText(run.value, letter, style));
    return 0;
  }
  return settle(fleet, run.value, letter.key, action === 'retry' ? 'retry' : 'drop', json, surface);
}

async function settle(
  fleet: Fleet,
  run: string,
  key: string,
  action: 'retry' | 'drop',
  json: boolean,
  surface: Surface,
): Promise<ExitCode> {
  const settled = await fleet.settleDeadLetter(run, key, action);
  if (!settled.ok) return fail(surface, json, settled.problem);
  const words = {
    dropped: `${key} dropped; the ledger says so`,
    'handed-in': `${key} handed in again; skein dlq list --run ${run} shows it if it fails again`,
    noted: `${key} is handed in when the run goes on: skein resume ${run}`,
  } as const;
  const document = { schema: 'skein.dead-letter-done.v1', run, key, done: settled.value };
  emit(surface, json, document, () => [clean(words[settled.value])]);
  return 0;
}

function withTimes(letter: host.DeadLetter): object {
  const history = letter.history.map((one) => ({ ...one, at: iso(one.at) }));
  return { ...letter, at: iso(letter.at), history };
}

function listText(run: string, letters: readonly host.DeadLetter[], style: Style): string[] {
  if (letters.length === 0) return [`run ${run} has no dead letters`];
  const rows = letters
    .slice(-SHOWN_MAX)
    .map((letter): Cell[] => [
      { text: clean(shortKey(letter)) },
      { text: letter.type === '' ? letter.kind : clean(letter.type), tone: 'dim' },
      { text: letter.reason, tone: 'alarm' },
      { text: plural(letter.triesTotal, 'try', 'tries'), tone: 'dim' },
      { text: iso(letter.at).slice(0, 16).replace('T', ' '), tone: 'dim' },
      { text: clean(letter.detail), tone: 'dim' },
    ]);
  const more = letters.length > SHOWN_MAX ? [`and ${letters.length - SHOWN_MAX} older: --json`] : [];
  return [`run ${run}  ${plural(letters.length, 'dead letter')}`, ...table(style, rows, [5, 1]), ...more];
}

/** Its end is what tells one from another, and enough for the other actions. */
function shortKey({ key, kind }: host.DeadLetter): string {
  return kind === 'timer' ? key : `${kind}/...${key.slice(-12)}`;
}

function letterText(run: string, letter: host.DeadLetter, style: Style): string[] {
  const { key, type, room, source, audience, history, triesTotal, bytes } = letter;
  const said = type === '' ? [] : [`${type} from ${source} to ${audience}`];
  const shown =
    bytes === null ? [] : ['', bytes.length > BYTES_SHOWN_MAX ? `${bytes.slice(0, BYTES_SHOWN_MAX)} ... --json has all` : bytes];
  return [
    `${style.paint('strong', clean(key))}  room ${clean(room)}, ${plural(triesTotal, 'try', 'tries')}`,
    ...said.map((line) => clean(line)),
    ...history.map(({ at, reason, detail }) => `  ${iso(at)}  ${style.paint('alarm', reason)}  ${clean(detail)}`),
    ...shown.map((line) => clean(line)),
    '',
    `skein dlq retry ${clean(key)} --run ${run}`,
  ];
}
