/**
 * The probe behind `--goal codemod <rule>`: where a rule matches and its fix makes the match go away. It tries the fix in memory or in
 * its private checkout; only what is gone afterwards is offered.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { extname, isAbsolute, join } from 'node:path';
import { programArgv } from '../programs/entry.ts';
import { notIgnored } from '../programs/linted.ts';
import { claimOf, counted, openProbe, quote, taskOf } from '../programs/probe.ts';
import { CODE } from '../programs/sources.ts';
import { astGrep, covers, fixed, matchesOf, readRules, type Rule } from './ast-grep.ts';
import type { CodemodJob } from './job.ts';
import { transform } from './jscodeshift.ts';

const CLUSTER_FILES_MAX = 25;
/** `input` of a task is bounded by its contract. */
const INPUT_MAX = 14_000;
/** Findings that a person reads; the tasks hold all files. */
const FINDINGS_MAX = 50;

interface Change {
  readonly path: string;
  /** By rule: matches, and how many of them the fix makes go away. */
  readonly gone: Readonly<Record<string, readonly [was: number, goes: number]>>;
  readonly line: number;
}

const probe = openProbe();
const { question, note, left, read } = probe;

async function main(): Promise<void> {
  const argument = question.argument ?? '';
  if (argument === '') note('codemod: it needs a rule: --goal "codemod rules/x.yml", or a jscodeshift transform');
  else if (/\.(?:[cm]?[jt]s|[jt]sx)$/.test(argument)) await shifted(argument);
  else await grepped(argument);
}

// ---- ast-grep -----------------------------------------------------------------------------------------------------------

async function grepped(argument: string): Promise<void> {
  const api = await astGrep();
  if (api === null) {
    note('codemod: rule files need ast-grep: npm install --save-dev @ast-grep/napi');
    return;
  }
  const found = await ruleText(argument);
  if (found === null) {
    note(`codemod: ${argument} is neither a file of this repository nor a rule that its sgconfig.yml knows`);
    return;
  }
  const file = await readRules(found.text, found.id);
  if (!file.ok) {
    note(`codemod: ${found.path}: ${file.why}`);
    return;
  }
  for (const said of file.notes) note(`codemod: ${said}`);
  const { rules } = file;
  const changes: Change[] = [];
  for (const path of await notIgnored(question.workspace, '', question.files)) {
    const own = rules.filter((rule) => covers(rule, path));
    if (own.length === 0) continue;
    if (left() < 500) {
      note(`codemod: the time was over before ${path}`);
      break;
    }
    const change = tried(api, own, path, (await read(path)) ?? '');
    if (change !== null) changes.push(change);
  }
  const kept = await keep(rulesText(rules, found.text, found.id), '.yml');
  const messages = rules.map(({ message }) => message).filter((message) => message !== '');
  tell(
    changes,
    { kind: 'ast-grep', file: kept },
    (files) => `npx --package @ast-grep/cli ast-grep scan --rule ${quote(found.path)} ${files.map(quote).join(' ')}`,
    messages.join(' '),
  );
}

function tried(
  api: NonNullable<Awaited<ReturnType<typeof astGrep>>>,
  rules: readonly Rule[],
  path: string,
  text: string,
): Change | null {
  const gone: Record<string, readonly [number, number]> = {};
  let line = Infinity;
  let now = text;
  for (const rule of rules) {
    const lines = matchesOf(api, rule, now);
    if (lines.length === 0) continue;
    const first = matchesOf(api, rule, text)[0] ?? lines[0]!;
    const next = fixed(api, rule, now);
    const rest = matchesOf(api, rule, next).length;
    if (rest >= lines.length) {
      note(`codemod: ${path}:${first}: the fix of ${rule.id} gives code that it matches again; not offered`);
      continue;
    }
    gone[rule.id] = [lines.length, lines.length - rest];
    line = Math.min(line, first);
    now = next;
  }
  return Object.keys(gone).length === 0 ? null : { path, gone, line };
}

interface Found {
  readonly path: string;
  readonly text: string;
  readonly id: string | null;
}

/** A file, a file and an id behind `#`, or an id in the rule directories of sgconfig.yml. */
async function ruleText(argument: string): Promise<Found | null> {
  const [path = '', id = null] = argument.split('#');
  const text = await atPath(path);
  if (text !== null) return { path, text, id };
  const config = (await read('sgconfig.yml')) ?? (await read('sgconfig.yaml'));
  if (config === null) return null;
  const directories = [...config.matchAll(/^\s*-\s*(?:ruleDir:\s*)?['"]?([\w./-]+)['"]?\s*$/gm)].map((match) =>
    match[1]!.replace(/^\.\//, '').replace(/\/$/, ''),
  );
  for (const file of question.files.filter(
    (one) => /\.ya?ml$/.test(one) && directories.some((directory) => one.startsWith(`${directory}/`)),
  )) {
    const rules = (await read(file)) ?? '';
    if (new RegExp(`^id:\\s*['"]?${argument.replaceAll(/[^\w-]/g, '\\$&')}['"]?\\s*$`, 'm').test(rules))
      return { path: file, text: rules, id: argument };
  }
  return null;
}

function atPath(path: string): Promise<string | null> {
  return readFile(isAbsolute(path) ? path : join(question.workspace, path), 'utf8').catch(() => null);
}

/** Only the rule that was asked for, so that agent and judge look at nothing else. */
function rulesText(rules: readonly Rule[], text: string, id: string | null): string {
  if (id === null) return text;
  return text
    .split(/^---\s*$/m)
    .filter((part) => new RegExp(`^id:\\s*['"]?${rules[0]?.id ?? ''}['"]?\\s*$`, 'm').test(part))
    .join('---\n');
}

// ---- jscodeshift --------------------------------------------------------------------------------------------------------

async function shifted(argument: string): Promise<void> {
  const text = await atPath(argument);
  if (text === null) {
    note(`codemod: ${argument} does not exist`);
    return;
  }
  // A transform may import its neighbours: it stays where it is when it is tracked.
  const own = isAbsolute(argument) ? await keep(text, extname(argument)) : argument;
  const files = question.files.filter((path) => CODE.test(path) && !path.endsWith('.d.ts') && path !== argument);
  const texts = new Map<string, string>();
  for (const path of files) texts.set(path, (await read(path)) ?? '');
  const at = isAbsolute(argument) ? join(question.shared, own) : join(question.workspace, own);
  try {
    const failed = await transform(question.workspace, at, files, left());
    if (failed !== null) {
      note(`codemod: ${failed}`);
      return;
    }
    const once = new Map<string, string>();
    for (const [path, before] of texts) {
      const after = (await read(path)) ?? before;
      if (after !== before) once.set(path, after);
    }
    if (once.size > 0) await transform(question.workspace, at, [...once.keys()], left());
    const changes: Change[] = [];
    for (const [path, after] of once)
      if ((await read(path)) === after)
        changes.push({ path, gone: { [argument]: [1, 1] }, line: firstChange(texts.get(path)!, after) });
      else
        note(`codemod: ${path}: a second run of ${argument} changes it again, so nobody can tell when it is done; not offered`);
    tell(
      changes,
      { kind: 'jscodeshift', file: own },
      (paths) => `npx jscodeshift --dry --print --transform ${quote(argument)} ${paths.map(quote).join(' ')}`,
      '',
    );
  } finally {
    for (const [path, before] of texts) await writeFile(join(question.workspace, path), before);
  }
}

function firstChange(before: string, after: string): number {
  const lines = after.split('\n');
  const n = before.split('\n').findIndex((line, i) => line !== lines[i]);
  return n < 0 ? 1 : n + 1;
}

// ---- both ---------------------------------------------------------------------------------------------------------------

/** A copy in the run's shared directory: the person's file may be gone or changed when an agent comes to it. */
async function keep(text: string, ending: string): Promise<string> {
  const name = `codemod-${createHash('sha256').update(text).digest('hex').slice(0, 12)}${ending}`;
  await writeFile(join(question.shared, name), text);
  return name;
}

function tell(
  changes: readonly Change[],
  job: Pick<CodemodJob, 'kind' | 'file'>,
  show: (files: readonly string[]) => string,
  message: string,
): void {
  const argument = question.argument!;
  if (changes.length === 0) {
    note(`codemod: ${argument} matches nothing that it can change`);
    return;
  }
  for (const { path, gone, line } of changes.slice(0, FINDINGS_MAX)) {
    const parts = Object.entries(gone).map(([rule, [, goes]]) =>
      job.kind === 'ast-grep' ? `${counted(goes, 'match', 'matches')} of ${rule}` : `${rule} changes it`,
    );
    probe.finding({
      kind: 'codemod',
      title: `${path}:${line}: ${parts.join(', ')}`,
      detail: message,
      path,
      line,
      show: show([path]),
    });
  }
  if (changes.length > FINDINGS_MAX)
    note(`codemod: ${counted(changes.length - FINDINGS_MAX, 'more file')} that the rule matches`);
  clustersOf(changes, job).forEach((files, n) => {
    const total = files.flatMap(({ gone }) => Object.values(gone)).reduce((sum, [, goes]) => sum + goes, 0);
    const paths = files.map(({ path }) => path);
    const where = paths.length === 1 ? paths[0]! : counted(paths.length, 'file');
    probe.task(
      taskOf({
        id: `codemod-${n + 1}`,
        title: `apply ${argument} to ${counted(total, 'place')} in ${where}`.slice(0, 500),
        text: `${message === '' ? `Apply ${argument}` : message}\n\n    ${show(paths)}\n`,
        claims: paths.map(claimOf),
        rivals: ['codemod'],
        judge: programArgv(import.meta.url, './judge'),
        estimate: 5000,
        input: JSON.stringify(jobOf(files, job)),
      }),
    );
  });
}

function jobOf(files: readonly Change[], job: Pick<CodemodJob, 'kind' | 'file'>): CodemodJob {
  return {
    ...job,
    files: files.map(({ path }) => path),
    before: Object.fromEntries(files.map(({ path, gone }) => [path, gone])),
  };
}

function clustersOf(changes: readonly Change[], job: Pick<CodemodJob, 'kind' | 'file'>): Change[][] {
  const clusters: Change[][] = [];
  for (const change of changes) {
    const last = clusters.at(-1);
    if (
      last !== undefined &&
      last.length < CLUSTER_FILES_MAX &&
      JSON.stringify(jobOf([...last, change], job)).length <= INPUT_MAX
    )
      last.push(change);
    else clusters.push([change]);
  }
  return clusters;
}

await main();
