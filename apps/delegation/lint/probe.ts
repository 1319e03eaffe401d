/**
 * The probe behind `fixable` and `lint`: what the repository's own linter, under its own settings, finds and can repair by
 * itself. It lets the linter repair its private checkout and asks again, because only that shows what a repair really removes;
 * then it puts the checkout back. Suggestions are never applied.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { programArgv } from '../programs/entry.ts';
import { claimOf, counted, inDirectory, openProbe, type Probe, quote, seconds, taskOf } from '../programs/probe.ts';
import { CHANGES_BEHAVIOUR } from './behaviour.ts';
import { lintCommand } from './command.ts';
import type { LintJob } from './job.ts';
import { Linter, type Report } from './linter.ts';

/** What a person reviews at one sitting. */
const CLUSTER_FILES_MAX = 25;
const CLUSTER_FINDINGS_MAX = 200;
/** `input` of a task is bounded by its contract; this leaves room for names. */
const INPUT_MAX = 14_000;
const NAMED_FILES_MAX = 5;
/** So many rules are still a short list, and a rule says more than a number of files. */
const RULES_TOLD = 5;

interface Repair {
  readonly path: string;
  /** Findings gone, by rule. */
  readonly gone: ReadonlyMap<string, number>;
  readonly count: number;
}

const probe = openProbe();

async function main({ question, note, left }: Probe): Promise<void> {
  const asked = question.goal === 'lint';
  const linters = await lintersOf(probe, asked);
  if (linters.length === 0) {
    note(
      asked
        ? 'no linter of its own was found: eslint, oxlint, biome, standard, prettier, ruff and black are known'
        : 'no check is a linter that repairs',
    );
    return;
  }
  const files = new Set(question.files);
  for (const { linter, mends } of linters) {
    const name = linter.command.tool + (linter.directory === '' ? '' : ` in ${linter.directory}`);
    if (left() < 2000) {
      note(`${name}: not asked, the time was over`);
      continue;
    }
    if (!(await linter.installed())) {
      note(`${name}: not installed`);
      continue;
    }
    const began = performance.now();
    const before = await linter.ask(null, left());
    if (!before.ok) {
      note(`${name} could not be asked: ${before.why}`);
      continue;
    }
    const found = [...before.counts.keys()].filter((path) => files.has(path));
    const total = sum(found.flatMap((path) => [...before.counts.get(path)!.values()]));
    const without = asked ? [] : CHANGES_BEHAVIOUR.filter((rule) => before.fixable?.has(rule) === true);
    const hopeless = before.fixable !== null && [...before.fixable].every((rule) => without.includes(rule));
    const repairs = total === 0 || hopeless ? [] : await tryRepairs(linter, before, found, without);
    if (typeof repairs === 'string') {
      note(`${name} could not repair anything: ${repairs}`);
      continue;
    }
    if (without.length > 0)
      note(`${name}: repairs of ${without.join(', ')} may change behaviour and are left out; --goal lint offers them`);
    if (repairs.length === 0) {
      const rest = total === 0 ? 'finds nothing' : `${counted(total, 'finding')}, none that it repairs itself`;
      note(`${name}: ${rest} (${seconds(performance.now() - began)})`);
      continue;
    }
    report(linter, before, repairs, without, mends, question.goal);
  }
}

interface Known {
  readonly linter: Linter;
  readonly mends: string | null;
}

/** The linters that checks start; on demand also those that are set up without a check. */
async function lintersOf({ question, read }: Probe, asked: boolean): Promise<readonly Known[]> {
  const { workspace, checks } = question;
  const known: Known[] = [];
  for (const check of checks) {
    const command = lintCommand(check.command);
    if (command !== null) known.push({ linter: new Linter(workspace, check.directory, command), mends: check.name });
    else if (/\b(?:eslint|oxlint|biome|standard|ruff)\b/.test(check.command))
      probe.note(`${check.name}: its command is too involved to take its linter out (${check.command})`);
  }
  if (!asked) return known;
  const has = (tool: string, directory: string): boolean =>
    known.some(({ linter }) => linter.command.tool === tool && linter.directory === directory);
  for (const [tool, settings, line] of SETTINGS)
    for (const path of question.files) {
      const directory = dirname(path) === '.' ? '' : dirname(path);
      if (!settings.test(path.slice(path.lastIndexOf('/') + 1)) || has(tool, directory) || has(tool, '')) continue;
      if (tool === 'ruff' && !/(?:^|\/)\.?ruff\.toml$/.test(path) && !/\[tool\.ruff/.test((await read(path)) ?? '')) continue;
      known.push({ linter: new Linter(workspace, directory, lintCommand(line)!), mends: null });
    }
  return known;
}

const SETTINGS: readonly (readonly [string, RegExp, string])[] = [
  ['eslint', /^(?:eslint\.config\.[cm]?[jt]s|\.eslintrc(?:\.(?:[cm]?js|json|ya?ml))?)$/, 'eslint .'],
  ['oxlint', /^\.?oxlintrc\.json$/, 'oxlint'],
  ['biome', /^biome\.jsonc?$/, 'biome check .'],
  ['ruff', /^(?:\.?ruff|pyproject)\.toml$/, 'ruff check .'],
];

/** Repairs the checkout, asks again, puts it back. A file that got a new finding by its repair is not offered. */
async function tryRepairs(
  linter: Linter,
  before: Report,
  found: readonly string[],
  without: readonly string[],
): Promise<readonly Repair[] | string> {
  const { workspace } = probe.question;
  const candidates = found.filter(
    (path) =>
      before.fixable === null ||
      [...before.counts.get(path)!.keys()].some((rule) => before.fixable!.has(rule) && !without.includes(rule)),
  );
  const texts = new Map<string, string>();
  for (const path of candidates) texts.set(path, await readFile(join(workspace, path), 'utf8'));
  try {
    const failed = await linter.fix(candidates, without, probe.left());
    if (failed !== null) return failed;
    const changed: string[] = [];
    for (const [path, text] of texts) if ((await readFile(join(workspace, path), 'utf8')) !== text) changed.push(path);
    if (changed.length === 0) return [];
    const after = await linter.ask(changed, probe.left());
    if (!after.ok) return after.why;
    return changed.flatMap((path): Repair[] => {
      const was = before.counts.get(path)!;
      const is = after.counts.get(path) ?? new Map<string, number>();
      const added = [...is].find(([rule, count]) => count > (was.get(rule) ?? 0));
      if (added !== undefined) {
        probe.note(`${path}: the linter's own repair would bring a finding of ${added[0]}; not offered`);
        return [];
      }
      const gone = new Map(
        [...was].map(([rule, count]) => [rule, count - (is.get(rule) ?? 0)] as const).filter(([, count]) => count > 0),
      );
      return gone.size === 0 ? [] : [{ path, gone, count: sum(gone.values()) }];
    });
  } finally {
    for (const [path, text] of texts) await writeFile(join(workspace, path), text);
  }
}

function report(
  linter: Linter,
  before: Report,
  repairs: readonly Repair[],
  without: readonly string[],
  mends: string | null,
  goal: string,
): void {
  const { tool } = linter.command;
  const clusters = clustersOf(repairs, linter, before, without);
  const byRule = new Map<string, Repair[]>();
  for (const repair of repairs) for (const rule of repair.gone.keys()) byRule.set(rule, [...(byRule.get(rule) ?? []), repair]);
  const show = (files: readonly Repair[]): string => {
    const below = linter.directory === '' ? 0 : linter.directory.length + 1;
    const named = files.length <= NAMED_FILES_MAX ? files.map(({ path }) => path.slice(below)) : linter.command.paths;
    const flag = tool === 'prettier' || tool === 'black' ? ['--check'] : [];
    return inDirectory(
      linter.directory,
      [linter.spelled, ...linter.command.options, ...flag, ...named].map((word, n) => (n === 0 ? word : quote(word))).join(' '),
    );
  };
  const where = (files: readonly Repair[]): string => (files.length === 1 ? files[0]!.path : counted(files.length, 'file'));
  // Whichever list is the shorter one to read.
  if (byRule.size <= Math.max(clusters.length, RULES_TOLD))
    for (const [rule, files] of [...byRule].toSorted((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1))) {
      const count = sum(files.map((file) => file.gone.get(rule)!));
      const first = files[0]!;
      const line = before.lines.get(`${first.path} ${rule}`) ?? null;
      const said =
        rule === 'format'
          ? `${counted(files.length, 'file')} not laid out as ${tool} does it`
          : `${tool} repairs ${counted(count, 'finding')} of ${rule} in ${where(files)}`;
      probe.finding({
        kind: 'fixable',
        title: said,
        detail: files
          .slice(0, 20)
          .map(
            (file) =>
              `${file.path}:${before.lines.get(`${file.path} ${rule}`) ?? 1}${file.gone.get(rule)! > 1 ? ` (${file.gone.get(rule)} times)` : ''}`,
          )
          .join('\n'),
        path: files.length === 1 ? first.path : null,
        line: files.length === 1 ? line : null,
        show: show(files),
      });
    }
  else
    for (const files of clusters)
      probe.finding({
        kind: 'fixable',
        title: `${tool} repairs ${counted(sum(files.map(({ count }) => count)), 'finding')} in ${where(files)} (${rulesOf(files)})`,
        detail: files.map(({ path, count }) => `${path}: ${count}`).join('\n'),
        path: files.length === 1 ? files[0]!.path : null,
        line: null,
        show: show(files),
      });
  clusters.forEach((files, n) => {
    const count = sum(files.map((file) => file.count));
    probe.task(
      taskOf({
        id: `${goal}-${tool.replace(' ', '-')}${linter.directory === '' ? '' : `-${linter.directory.replaceAll('/', '-')}`}-${n + 1}`.slice(
          0,
          200,
        ),
        title: `repair ${counted(count, 'finding')} of ${tool} in ${where(files)} (${rulesOf(files)})`.slice(0, 500),
        text: `Repair what ${tool} finds, without changing what the code does:\n\n    ${show(files)}\n`,
        claims: files.map(({ path }) => claimOf(path)),
        rivals: ['lint-fix'],
        judge: programArgv(import.meta.url, './judge'),
        mends,
        estimate: Math.round(before.ms) + 1000,
        input: JSON.stringify(jobOf(files, linter, before, without)),
      }),
    );
  });
}

function jobOf(files: readonly Repair[], linter: Linter, before: Report, without: readonly string[]): LintJob {
  return {
    directory: linter.directory,
    command: linter.command,
    files: files.map(({ path }) => path),
    without,
    before: Object.fromEntries(files.map(({ path }) => [path, Object.fromEntries(before.counts.get(path)!)])),
  };
}

/** Neighbours together, as much as one review and one task hold. */
function clustersOf(repairs: readonly Repair[], linter: Linter, before: Report, without: readonly string[]): Repair[][] {
  const clusters: Repair[][] = [];
  for (const repair of repairs.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const last = clusters.at(-1);
    const next = [...(last ?? []), repair];
    const fits =
      last !== undefined &&
      next.length <= CLUSTER_FILES_MAX &&
      sum(next.map(({ count }) => count)) <= CLUSTER_FINDINGS_MAX &&
      JSON.stringify(jobOf(next, linter, before, without)).length <= INPUT_MAX;
    if (fits) last.push(repair);
    else clusters.push([repair]);
  }
  return clusters;
}

function rulesOf(files: readonly Repair[]): string {
  const counts = new Map<string, number>();
  for (const { gone } of files) for (const [rule, count] of gone) counts.set(rule, (counts.get(rule) ?? 0) + count);
  const rules = [...counts].toSorted((a, b) => b[1] - a[1]).map(([rule]) => rule);
  return rules.length <= 3 ? rules.join(', ') : `${rules.slice(0, 3).join(', ')} and ${counted(rules.length - 3, 'more rule')}`;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

await main(probe);
