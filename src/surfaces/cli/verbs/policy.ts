/**
 * `skein policy`: check, test, shadow, activate, rollback, explain. Policies stand in the folder `policy` of the repository; what
 * is in force stands in `.skein/policy` and changes by two reviewers only.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ActivationReport, Explanation, Outcome, PolicyCase, Problem } from '../../../assembly/index.ts';
import type { Parsed } from '../flags.ts';
import { hint } from '../nearest.ts';
import { emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';
import { clean, plural, type Style } from '../terminal.ts';

const SUBVERBS = ['check', 'test', 'shadow', 'activate', 'rollback', 'explain'];

interface Here {
  readonly repository: string;
  readonly folder: string;
  readonly json: boolean;
  readonly flags: Parsed;
  readonly surface: Surface;
}

/** The assembly's half is loaded here: no other verb needs the Cedar engine. */
const assembly = (): Promise<typeof import('../../../assembly/index.ts')> => import('../../../assembly/index.ts');

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const [subverb = 'check', word] = flags.words;
  if (!SUBVERBS.includes(subverb)) {
    const what = `policy ${subverb} is nothing that can be done${hint(subverb, SUBVERBS)}`;
    return fail(surface, json, { kind: 'usage', what, details: [], next: 'skein policy --help' });
  }
  const opened = await openHere(surface);
  if (!opened.ok) return fail(surface, json, opened.problem);
  const { repository } = opened.value.fleet;
  const folder = resolve(surface.cwd, subverb === 'explain' || word === undefined ? join(repository, 'policy') : word);
  const here: Here = { repository, folder, json, flags, surface };
  if (subverb === 'check') return check(here);
  if (subverb === 'test') return test(here);
  if (subverb === 'shadow') return shadow(here);
  if (subverb === 'explain') return explain(here, word);
  return change(here, subverb);
}

const short = (hash: string): string => hash.slice(0, 12);

function whole(flags: Parsed, name: string): Outcome<number | null> {
  const text = flags.text(name);
  if (text === null || /^[1-9][0-9]{0,5}$/.test(text)) return { ok: true, value: text === null ? null : Number(text) };
  const what = `--${name} is a number from 1 to 999999, not ${text}`;
  return { ok: false, problem: { kind: 'usage', what, details: [], next: 'skein policy --help' } };
}

async function check({ folder, json, surface }: Here): Promise<ExitCode> {
  const { loadPolicy } = await assembly();
  const loaded = await loadPolicy(folder, surface.now());
  if (!loaded.ok) return fail(surface, json, loaded.problem);
  const { set, cases, notes } = loaded.value;
  const document = {
    schema: 'skein.policy-check.v1',
    policy: set.hash,
    policies: set.index.policies.map(({ id, effect }) => ({ id, effect })),
    packs: set.packs.map(({ name, owner, reviewCadenceDays }) => ({ name, owner, reviewCadenceDays })),
    limits: set.limits.length,
    cases: cases.length,
    notes,
  };
  emit(surface, json, document, (style) => [
    `${style.paint('strong', `policy ${short(set.hash)}`)}  ${plural(set.index.policies.length, 'policy', 'policies')}, ${plural(set.limits.length, 'limit', 'limits')}, ${plural(cases.length, 'case', 'cases')}: parsed, valid, compiled`,
    ...set.packs.map(
      (pack) => `  ${clean(pack.name)}  ${clean(pack.owner)}, reviewed every ${plural(pack.reviewCadenceDays, 'day', 'days')}`,
    ),
    ...notes.map((note) => style.paint('dim', note)),
  ]);
  return 0;
}

async function test({ folder, json, flags, surface }: Here): Promise<ExitCode> {
  const { COVERAGE_MIN, loadPolicy, testPolicy } = await assembly();
  const loaded = await loadPolicy(folder, surface.now());
  if (!loaded.ok) return fail(surface, json, loaded.problem);
  const report = testPolicy(loaded.value);
  const covered = report.coverage >= COVERAGE_MIN;
  emit(
    surface,
    json,
    { schema: 'skein.policy-test.v1', policy: loaded.value.set.hash, coverageMin: COVERAGE_MIN, ...report },
    (style) => [
      ...report.failed.map(
        ({ file, name, expected, got, policies }) =>
          `${style.paint('alarm', 'failed')}  ${clean(`${file}: ${name}`)}: expected ${clean(expected)}, got ${clean(got)}${policies.length > 0 ? ` (${clean(policies.join(', '))})` : ''}`,
      ),
      `${style.paint('strong', `${report.cases - report.failed.length} of ${plural(report.cases, 'case', 'cases')}`)} as expected`,
      style.paint(
        covered ? 'dim' : 'alarm',
        `${report.coverage} % of ${plural(report.policies, 'policy', 'policies')} reached, at least ${COVERAGE_MIN} % are needed`,
      ),
      ...(covered && !flags.on('coverage') ? [] : report.unreached.map((id) => `  no case reaches ${clean(id)}`)),
    ],
  );
  return report.failed.length === 0 && covered ? 0 : 1;
}

async function shadow({ repository, folder, json, flags, surface }: Here): Promise<ExitCode> {
  const { loadPolicy, policyFiles, shadowPolicy } = await assembly();
  const last = whole(flags, 'last');
  if (!last.ok) return fail(surface, json, last.problem);
  const loaded = await loadPolicy(folder, surface.now());
  if (!loaded.ok) return fail(surface, json, loaded.problem);
  const report = shadowPolicy(loaded.value, policyFiles(repository), last.value ?? undefined);
  emit(surface, json, { schema: 'skein.policy-shadow.v1', policy: loaded.value.set.hash, ...report }, (style) => [
    `${style.paint('strong', `${report.changed} of ${plural(report.replayed, 'recorded decision', 'recorded decisions')}`)} would change`,
    ...report.differences.map(
      ({ name, principal, before, after, policies }) =>
        `  ${clean(name)} by ${clean(principal)}: ${clean(before)} -> ${clean(after)}${policies.length > 0 ? ` (${clean(policies.join(', '))})` : ''}`,
    ),
  ]);
  return 0;
}

async function change({ repository, folder, json, flags, surface }: Here, subverb: string): Promise<ExitCode> {
  const { activatePolicy, loadPolicy, policyFiles, rollbackPolicy } = await assembly();
  const key = flags.text('key');
  if (key === null) {
    const problem: Problem = {
      kind: 'usage',
      what: `policy ${subverb} needs the key of a reviewer`,
      details: [],
      next: `skein policy ${subverb} --key reviewer.pem`,
    };
    return fail(surface, json, problem);
  }
  const requests = whole(flags, 'requests');
  if (!requests.ok) return fail(surface, json, requests.problem);
  const compared = requests.value === null ? {} : { compared: requests.value };
  const files = policyFiles(repository);
  const options = { key: resolve(surface.cwd, key), now: surface.now(), ...compared };
  let report: Outcome<ActivationReport>;
  if (subverb === 'rollback') report = rollbackPolicy(files, options);
  else {
    const loaded = await loadPolicy(folder, surface.now());
    report = loaded.ok ? activatePolicy(loaded.value, files, options) : loaded;
  }
  if (!report.ok) return fail(surface, json, report.problem);
  const { policy, previous, active, signed, needed, evidence } = report.value;
  emit(surface, json, { schema: 'skein.policy-change.v1', change: subverb, ...report.value }, (style) => [
    active
      ? `${style.paint('strong', `policy ${short(policy)}`)} is in force${previous === null ? '' : `, ${short(previous)} no longer is`}`
      : `${style.paint('strong', `policy ${short(policy)}`)} is proposed: ${signed.length} of ${needed} signatures`,
    `signed by ${clean(signed.join(', '))}`,
    ...(evidence === null
      ? []
      : [
          `${evidence.requestsCompared} requests answered as the Cedar engine does, ${evidence.cases} cases, ${evidence.coverage} % coverage, ${evidence.decisionsChanged} of ${evidence.decisionsReplayed} recorded decisions changed`,
        ]),
    ...(active ? [] : [`${style.paint('dim', 'next:')}  another reviewer runs skein policy activate --key`]),
  ]);
  return active ? 0 : 3;
}

async function explain({ repository, folder, json, surface }: Here, word: string | undefined): Promise<ExitCode> {
  const { explainCases, policyFiles, policyState, readCases } = await assembly();
  const files = policyFiles(repository);
  if (word === undefined) {
    const state = policyState(files);
    if (!state.ok) return fail(surface, json, state.problem);
    const { active, previous, activations } = state.value;
    emit(surface, json, { schema: 'skein.policy-state.v1', active, previous, activations }, (style) => [
      active === null ? 'no policy was activated here' : `${style.paint('strong', `policy ${short(active)}`)} is in force`,
      ...(previous === null ? [] : [`before it ${short(previous)}: skein policy rollback goes back to it`]),
    ]);
    return 0;
  }
  const path = resolve(surface.cwd, word);
  let cases: readonly PolicyCase[];
  try {
    const read = readCases([{ file: word, json: JSON.parse(await readFile(path, 'utf8')) as unknown }], surface.now());
    if (!read.ok)
      return fail(surface, json, {
        kind: 'usage',
        what: `${word} holds no cases`,
        details: read.problems,
        next: 'docs/reference/policy.md',
      });
    cases = read.cases;
  } catch (error) {
    return fail(surface, json, {
      kind: 'missing',
      what: `${word} cannot be read: ${(error as Error).message}`,
      details: [],
      next: 'a file like those in policy/tests',
    });
  }
  const explained = await explainCases(files, folder, cases, surface.now());
  if (!explained.ok) return fail(surface, json, explained.problem);
  emit(surface, json, { schema: 'skein.policy-explain.v1', ...explained.value }, (style) => [
    style.paint('dim', `policy ${short(explained.value.policy)}, ${explained.value.inForce ? 'in force' : 'not in force'}`),
    ...explained.value.decisions.flatMap((each) => sentences(each, style)),
  ]);
  return 0;
}

type Explained = Explanation['decisions'][number];

function sentences({ name, verdict, reason, policies, errors, trims, halt }: Explained, style: Style): readonly string[] {
  return [
    `${style.paint(verdict === 'deny' ? 'alarm' : 'strong', `${verdict} ${reason}`)}  ${clean(name)}`,
    ...policies.map(({ id, text }) => `  ${clean(id)}: ${clean(text.replaceAll(/\s+/g, ' '))}`),
    ...errors.map(({ policy, message }) => `  ${clean(policy)} failed, and that denies: ${clean(message)}`),
    ...trims.map(({ field, before, after, limit }) => `  ${clean(field)} ${before} -> ${after}, because of ${clean(limit)}`),
    ...(halt ? ['  a pack asks for a halt on such a breach'] : []),
  ];
}
