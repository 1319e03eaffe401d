/**
 * The probe behind `unwatched` and the detection power: how many small changes of meaning this repository's tests notice, and
 * which lines of its busiest files they do not watch. It changes files of its private checkout only, one at a time.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { narrow, testFiles } from 'skein/checks';
import { notIgnored } from '../programs/linted.ts';
import { type Check, claimOf, counted, inDirectory, openProbe, type Probe, quote, seconds, taskOf } from '../programs/probe.ts';
import { isSource, seesTypesAlone } from '../programs/sources.ts';
import { type Mutant, mutantsOf, sedOf } from './operators.ts';
import { interval, sampleOf, seedOf } from './sample.ts';
import { type Fate, reachable, Trials } from './trial.ts';

/** Enough for an interval that tells 70 % from 95 %. */
const SAMPLE = 30;
const SAMPLE_MIN = 10;
/** What a maintainer reads at one sitting. */
const FINDINGS_MAX = 10;
const FINDINGS_PER_FILE = 4;
const WATCHED_FILES = 5;
/** Tries for those findings; most mutants are killed. */
const TRIES_MAX = 60;
/** Files read for mutants: a larger repository is sampled by its first ones in the order of the tree. */
const SOURCES_MAX = 3000;

const probe = openProbe();

async function main({ question, note, left, read, baseline }: Probe): Promise<void> {
  const checks = question.checks.filter((check) => check.kind === 'tests');
  const green = checks.filter((check) => baseline(check)?.status === 'green');
  // What the others leave through, the one that is red might have noticed: without it nothing can be said of a line.
  const silent = checks.filter((check) => !green.includes(check)).map(({ name }) => name);
  if (green.length === 0 || silent.length > 0) {
    unmeasured(checks.length === 0 ? 'no check runs tests' : `${silent.join(', ')}: not green at the base`);
    return;
  }
  // One unchanged run under coverage, and ten mutants that run a part of it each: less is not worth beginning.
  const running = green.filter((check) => !seesTypesAlone(check));
  const known = running.reduce((sum, check) => sum + baseline(check)!.durationMs, 0);
  if (known * (running.every(reachable) ? 1.6 : 3) > left()) {
    unmeasured(`the tests take ${seconds(known)}, and ${seconds(Math.max(0, left()))} were left`);
    return;
  }
  const parser = await import('typescript-classic').then(
    (module) => module.default,
    () => null,
  );
  if (parser === null) {
    unmeasured('the parser is not installed');
    return;
  }
  const sources = await notIgnored(question.workspace, '', question.files.filter(isSource));
  const others = question.files.filter((path) => /\.(?:py|go|rs|java|rb)$/.test(path)).length;
  if (others > 0)
    note(
      `mutants: only JavaScript and TypeScript are changed; ${counted(others, 'file')} of other languages ${others === 1 ? 'was' : 'were'} not looked at`,
    );
  const texts = new Map<string, string>();
  for (const path of sources.slice(0, SOURCES_MAX)) texts.set(path, (await read(path)) ?? '');
  if (sources.length > SOURCES_MAX)
    note(`mutants: only the first ${SOURCES_MAX} of ${sources.length} source files were looked at`);
  const all = [...texts].flatMap(([path, text]) => mutantsOf(parser, path, text));
  if (all.length < SAMPLE_MIN) {
    unmeasured(
      sources.length === 0 ? 'no JavaScript or TypeScript source of its own' : `only ${counted(all.length, 'place')} to change`,
    );
    return;
  }
  const sample = sampleOf(all, SAMPLE, seedOf([...texts].map(([path, text]) => `${path}\0${text.length}`).join('\n')));
  const { files: busy, why } = await busiest(probe, [...texts.keys()]);
  const wanted = candidates(all, busy, sample);

  const trials = await Trials.open(question.workspace, green, question.files, [...sample, ...wanted], left);
  if (typeof trials === 'string') {
    unmeasured(trials);
    return;
  }
  try {
    const fates = new Map<Mutant, Fate>();
    await trials.all(sample, (mutant, fate) => fates.set(mutant, fate));
    power(
      sample.filter((mutant) => fates.has(mutant)).map((mutant) => fates.get(mutant)!.fate),
      green,
      trials.wholeMs,
    );

    const told = { all: 0, byFile: new Map<string, number>(), lines: new Set<string>() };
    const full = (path: string): boolean => (told.byFile.get(path) ?? 0) >= FINDINGS_PER_FILE;
    const tell = (mutant: Mutant, fate: Fate): void => {
      fates.set(mutant, fate);
      if (fate.fate === 'killed' || fate.fate === 'undecided' || told.all >= FINDINGS_MAX || full(mutant.path)) return;
      const at = `${mutant.path}:${mutant.line}`;
      if (told.lines.has(at) || (mutant.rank > 1 && fate.fate !== 'unreached')) return;
      if (!unwatched(mutant, fate, texts.get(mutant.path)!, why.get(mutant.path) ?? '', green)) return;
      told.all += 1;
      told.lines.add(at);
      told.byFile.set(mutant.path, (told.byFile.get(mutant.path) ?? 0) + 1);
    };
    const lines = new Set<string>();
    for (const mutant of sample) {
      const fate = fates.get(mutant);
      if (fate === undefined || !busy.includes(mutant.path)) continue;
      lines.add(`${mutant.path}:${mutant.line}`);
      tell(mutant, fate);
    }
    const rest = wanted.filter(
      (mutant) => !lines.has(`${mutant.path}:${mutant.line}`) && (mutant.rank === 1 || trials.isUnreached(mutant)),
    );
    let tried = 0;
    await trials.all(
      rest,
      (mutant, fate) => {
        tried += 1;
        tell(mutant, fate);
      },
      () => told.all >= FINDINGS_MAX,
    );
    if (told.all < FINDINGS_MAX && tried < rest.length && fates.size > 0)
      note(`mutants: time for ${tried} of ${rest.length} changes of ${busy.join(', ')}`);
    if (told.all === 0 && tried + lines.size >= SAMPLE_MIN)
      note(`the tests noticed every one of ${counted(tried + lines.size, 'change')} tried in ${busy.join(', ')}`);
  } finally {
    await trials.close();
  }
}

function unmeasured(why: string): void {
  probe.note(`detection power: not measured (${why})`);
}

function power(fates: readonly Fate['fate'][], checks: readonly Check[], wholeMs: number): void {
  const killed = fates.filter((fate) => fate === 'killed').length;
  const { length } = fates;
  if (length < SAMPLE_MIN) {
    unmeasured(`time for ${length} of the ${SAMPLE_MIN} mutants that it takes; one run of the tests takes ${seconds(wholeMs)}`);
    return;
  }
  const percent = Math.round((100 * killed) / length);
  const [low, high] = interval(killed, length).map((share) => Math.round(100 * share));
  probe.measure({
    name: 'detection-power',
    value: percent,
    unit: '%',
    text: `${killed} of ${length} (${percent} %, 95 % interval ${low}-${high} %) operator mutants were killed by ${checks.map(({ name }) => name).join(', ')}`,
  });
}

/** A finding and its task; false when one line of shell cannot show it. */
function unwatched(mutant: Mutant, fate: Fate, text: string, why: string, checks: readonly Check[]): boolean {
  const script = sedOf(text, mutant);
  if (script === null) return false;
  const check = checks[0]!;
  const file = quote(mutant.path);
  const run = inDirectory(check.directory, spelled(check));
  const change = `sed -i.orig ${quote(script)} ${file}`;
  const restore = `mv ${file}.orig ${file}`;
  const code = text.split('\n')[mutant.line - 1]!.trim().slice(0, 200);
  const at = `${mutant.path}:${mutant.line}`;
  const unreached = fate.fate === 'unreached';
  const title = unreached ? `${at}: no test runs ${short(mutant.within)}` : `${at}: a test would not notice if ${mutant.says}`;
  const ran =
    fate.fate === 'survived' && fate.ran !== null
      ? `${fate.ran === 1 ? 'The test file that runs it passes' : `All ${fate.ran} test files that run it pass`} with the change.`
      : 'The whole suite passes with the change.';
  probe.finding({
    kind: 'unwatched',
    title,
    detail: `${code}\n${unreached ? `So none would notice if ${mutant.says}.` : ran}${why === '' ? '' : ` ${why}`}`,
    path: mutant.path,
    line: mutant.line,
    show: `${change} && ${run}; ${restore}`,
  });
  const tests = checks.flatMap((one) => testFiles(one, probe.question.files) ?? []);
  const roots = [...new Set(tests.map((path) => path.slice(0, path.lastIndexOf('/') + 1)))];
  probe.task(
    taskOf({
      id: `unwatched-${mutant.path.replaceAll(/[^\w.-]+/g, '-')}-${mutant.line}`.slice(0, 200),
      title: `write a test that fails when ${now(mutant)} at ${at}`.slice(0, 500),
      text: `Line ${mutant.line} of ${mutant.path} is\n\n    ${code}\n\n${unreached ? `No test runs ${short(mutant.within)}.` : `No test fails when ${now(mutant)}.`} Write a test that passes now and fails with that change; do not change ${mutant.path}. To try it:\n\n    ${change} && ${run}; ${restore}\n`,
      claims:
        roots.length === 0 ? ['test/**'] : roots.slice(0, 64).map((root) => (root === '' ? '*.test.*' : `${claimOf(root)}**`)),
      checks: [`${change} && { ${run}; s=$?; ${restore}; test $s -ne 0; }`],
      estimate: 120_000,
    }),
  );
  return true;
}

function short(code: string): string {
  return `\`${code.length > 80 ? `${code.slice(0, 79)}…` : code}\``;
}

/** `< were <=` -> `< is <=`. */
function now(mutant: Mutant): string {
  return mutant.says.replace(' were ', ' is ');
}

/** The tests as a person starts them at a prompt, without what only measures coverage. */
function spelled(check: Check): string {
  const line = narrow(check, null) ?? check.command;
  return /^(?:\w+=\S*\s+)*(?:node|npm|pnpm|yarn|npx|sh|make|python3?|pytest)\b/.test(line)
    ? line
    : line.replace(/^((?:\w+=\S*\s+)*)/, '$1npx ');
}

/** The files changed most in the last 90 days, or the largest where nobody can tell. */
async function busiest(
  { question, read }: Probe,
  sources: readonly string[],
): Promise<{ files: readonly string[]; why: ReadonlyMap<string, string> }> {
  const changes = new Map(Object.entries(question.changes));
  const size = new Map<string, number>();
  for (const path of sources)
    size.set(
      path,
      ((await read(path)) ?? '').length || (await stat(join(question.workspace, path)).catch(() => ({ size: 0 }))).size,
    );
  const ordered = sources
    .toSorted((a, b) => (changes.get(b) ?? 0) - (changes.get(a) ?? 0) || size.get(b)! - size.get(a)!)
    .slice(0, WATCHED_FILES);
  const told = (path: string): string => {
    const count = changes.get(path) ?? 0;
    return count < 2 ? '' : `${path} changed in ${count} commits of the last 90 days.`;
  };
  return { files: ordered, why: new Map(ordered.map((path) => [path, told(path)])) };
}

/** One mutant a line, the files in turn: first what a test can nearly always tell, then what counts only when no test runs it. */
function candidates(all: readonly Mutant[], files: readonly string[], sample: readonly Mutant[]): readonly Mutant[] {
  const sampled = new Set(sample.map(({ path, line }) => `${path}:${line}`));
  const lines = new Map<string, Mutant>();
  for (const mutant of all) {
    const at = `${mutant.path}:${mutant.line}`;
    if (!sampled.has(at) && mutant.rank < (lines.get(at)?.rank ?? 3)) lines.set(at, mutant);
  }
  return ([1, 2] as const).flatMap((rank) => {
    const queues = files.map((path) => {
      const own = [...lines.values()].filter((mutant) => mutant.path === path && mutant.rank === rank);
      return sampleOf(own, TRIES_MAX, seedOf(path));
    });
    const taken: Mutant[] = [];
    for (let n = 0; n < TRIES_MAX; n += 1) for (const queue of queues) if (n < queue.length) taken.push(queue[n]!);
    return taken.slice(0, TRIES_MAX);
  });
}

await main(probe);
