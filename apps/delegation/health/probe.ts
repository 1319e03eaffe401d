/**
 * How well a repository's checks serve it: which tests do not always say the same, which are slow, how long each check takes alone
 * and side by side. It runs the checks, and only them, in its private checkout, one thing at a time.
 */
import { join } from 'node:path';
import { narrow } from 'skein/checks';
import { runChild } from '../programs/child.ts';
import { type Check, counted, inDirectory, openProbe, type Probe, quote, seconds } from '../programs/probe.ts';
import { seesTypesAlone } from '../programs/sources.ts';
import { runTests, serialOptions, shuffledOptions, type TestRun, type Timed } from './runs.ts';

/** Of the time left: re-runs are worth that much, and no more. */
const SHARE = 0.5;
/** Runs of each test check beside the baseline. */
const RERUNS_MIN = 2;
const RERUNS_MAX = 5;
const FLAKY_MAX = 10;
const SLOW_NAMED = 5;
const SLOW_MS = 1000;
const SLOW_SHARE = 0.2;
/** A fifth of a run that is over in the blink of an eye is nothing that anybody waits for. */
const SLOW_FLOOR_MS = 300;

const probe = openProbe();

async function main({ question, note, left, baseline, measure }: Probe): Promise<void> {
  const usable = question.checks.filter((check) => /^(?:green|red)$/.test(baseline(check)?.status ?? ''));
  if (usable.length === 0) {
    note(question.checks.length === 0 ? 'no checks to run' : 'no check could run at the base: nothing was re-run');
    return;
  }
  const known = usable.reduce((sum, check) => sum + baseline(check)!.durationMs, 0);
  if (known > left()) {
    note(`checks were not re-run: together they take ${seconds(known)}, and ${seconds(Math.max(0, left()))} were left`);
    return;
  }
  const until = Date.now() + left() * SHARE;
  const top = question.workspace;
  const runs = new Map<Check, TestRun[]>(
    usable.filter((check) => check.kind === 'tests' && !seesTypesAlone(check)).map((check) => [check, []]),
  );

  // One after the other, each alone: its own time, and the first re-run of the tests.
  const alone = new Map<Check, number>();
  for (const check of usable) {
    if (left() < baseline(check)!.durationMs) {
      note(`${check.name}: not re-run, the time was over`);
      continue;
    }
    const list = runs.get(check);
    if (list === undefined) {
      const ended = await runChild({ command: check.command, cwd: join(top, check.directory), top, timeoutMs: left() });
      if (ended.ended === 'exit') alone.set(check, ended.ms);
    } else {
      const run = await runTests(top, check, [], left());
      list.push(run);
      if (run.ended === 'exit') alone.set(check, run.ms);
    }
  }
  const serial = new Map<Check, number>();
  for (const [check, list] of runs) {
    const options = serialOptions(check);
    const took = alone.get(check);
    if (took === undefined || options === null || left() < took * 4) continue;
    const run = await runTests(top, check, options, left());
    list.push(run);
    if (run.ended === 'exit') serial.set(check, run.ms);
  }
  await sideBySide(alone);

  const steady: string[] = [];
  for (const [check, list] of runs) {
    const took = alone.get(check);
    if (took === undefined) continue;
    const shuffled = await shuffledOptions(top, check);
    while (list.length < RERUNS_MAX && left() > took * 1.5 && (list.length < RERUNS_MIN || Date.now() + took < until))
      list.push(await runTests(top, check, shuffled !== null && list.length % 2 === 0 ? shuffled : [], left()));
    if (list.length < RERUNS_MIN)
      note(
        `${check.name}: re-run ${list.length === 1 ? 'once' : 'not at all'}, one run takes ${seconds(took)}; flaky tests may hide`,
      );
    const flaky = flakyTests(check, list);
    if (flaky === 0 && list.length >= RERUNS_MIN) steady.push(`${check.name} said the same in ${list.length} more runs`);
    slowTests(
      check,
      list.find((run) => serial.has(check) && run.how !== '' && run.how === (serialOptions(check) ?? []).join(' ')) ?? list[0]!,
    );
  }
  timesOfTests(runs, serial);
  if (steady.length > 0)
    measure({ name: 'flaky-tests', value: 0, unit: 'tests', text: `no flaky test seen: ${steady.join(', ')}` });
}

/** The first run of all reads everything from the disk: the middle one of several is compared. */
function timesOfTests(runs: ReadonlyMap<Check, readonly TestRun[]>, serial: ReadonlyMap<Check, number>): void {
  if (serial.size === 0) return;
  const names = [...serial.keys()].map(({ name }) => name).join(', ');
  const usual = (check: Check): number => {
    const times = runs
      .get(check)!
      .filter((run) => run.how === '' && run.ended === 'exit')
      .map((run) => run.ms)
      .toSorted((a, b) => a - b);
    return times[Math.floor((times.length - 1) / 2)]!;
  };
  const one = [...serial.values()].reduce((sum, ms) => sum + ms, 0);
  const many = [...serial.keys()].reduce((sum, check) => sum + usual(check), 0);
  probe.measure({
    name: 'tests-serial',
    value: Math.round(one),
    unit: 'ms',
    text: `${names}: ${seconds(one)} with one test file at a time`,
  });
  probe.measure({
    name: 'tests-parallel',
    value: Math.round(many),
    unit: 'ms',
    text: `${names}: ${seconds(many)} as it is started`,
  });
}

/** Builds write what others read: only what looks is started together. */
async function sideBySide(alone: ReadonlyMap<Check, number>): Promise<void> {
  const { left, measure, question, baseline } = probe;
  const together = [...alone.keys()].filter(({ kind }) => kind !== 'build');
  const sum = together.reduce((total, check) => total + alone.get(check)!, 0);
  if (together.length < 2 || left() < sum * 2) return;
  const began = performance.now();
  const ends = await Promise.all(
    together.map((check) =>
      runChild({
        command: check.command,
        cwd: join(question.workspace, check.directory),
        top: question.workspace,
        timeoutMs: left(),
      }),
    ),
  );
  const ms = performance.now() - began;
  if (ends.some((end) => end.ended !== 'exit')) return;
  const disturbed = together.filter((check, n) => baseline(check)!.status === 'green' && ends[n]!.code !== 0);
  measure({
    name: 'checks-serial',
    value: Math.round(sum),
    unit: 'ms',
    text: `${counted(together.length, 'check')} one after the other: ${seconds(sum)} (${together.map((check) => `${check.name} ${seconds(alone.get(check)!)}`).join(', ')})`,
  });
  const but = disturbed.length === 0 ? '' : `, but ${disturbed.map(({ name }) => name).join(', ')} was red beside the others`;
  measure({ name: 'checks-parallel', value: Math.round(ms), unit: 'ms', text: `the same side by side: ${seconds(ms)}${but}` });
}

/** A test that passed in one run and failed in another of the same tree. Answers how many there are. */
function flakyTests(check: Check, list: readonly TestRun[]): number {
  const whole = list.filter((run) => run.ended === 'exit');
  const named = whole.filter((run) => run.states !== null);
  const names = new Set(named.flatMap((run) => [...run.states!.keys()]));
  const flaky = [...names].filter((name) => {
    const states = named.map((run) => run.states!.get(name));
    return states.includes('pass') && states.includes('fail');
  });
  for (const name of flaky.slice(0, FLAKY_MAX)) {
    const ran = named.filter((run) => /^(?:pass|fail)$/.test(run.states!.get(name) ?? ''));
    const failed = ran.filter((run) => run.states!.get(name) === 'fail');
    const timed = ran.flatMap((run) => run.timed).find((one) => `${one.file}:${one.line} ${one.name}` === name);
    const file = timed?.file ?? fileIn(name);
    const special = failed.every((run) => run.how !== '') && ran.some((run) => run.how === '');
    tell(
      file,
      timed?.line ?? null,
      `${timed?.name ?? name}: failed in ${failed.length} of ${ran.length} runs of the same tree`,
      outcomes(ran, name),
      special ? failed[0]!.how : '',
    );
  }
  if (flaky.length > FLAKY_MAX)
    probe.note(`${check.name}: ${flaky.length - FLAKY_MAX} more tests that do not always say the same`);
  const codes = new Set(whole.map((run) => run.code === 0));
  if (flaky.length === 0 && codes.size > 1 && named.length < whole.length)
    tell(
      '',
      null,
      `${check.name}: green in ${whole.filter((run) => run.code === 0).length} of ${whole.length} runs of the same tree`,
      whole.map((run, n) => `run ${n + 1}${run.how === '' ? '' : ` (${run.how})`}: exit code ${run.code}`).join('\n'),
      '',
    );
  return flaky.length;

  function tell(file: string, line: number | null, title: string, detail: string, how: string): void {
    const options = how === '' ? {} : { options: how.split(' ') };
    const part = file === '' || how !== '' ? null : narrow(check, [file]);
    const command = prompt(part ?? narrow(check, null, options) ?? check.command);
    probe.finding({
      kind: 'flaky',
      title: file === '' ? title : `${file}: ${title}`,
      detail,
      path: file === '' ? null : file,
      line,
      show: inDirectory(check.directory, `for i in 1 2 3 4 5; do ${command} || break; done`),
    });
  }
}

function outcomes(runs: readonly TestRun[], name: string): string {
  return runs
    .map(
      (run, n) =>
        `run ${n + 1}${run.how === '' ? '' : ` (${run.how})`}: ${run.states!.get(name) === 'pass' ? 'passed' : 'failed'}`,
    )
    .join('\n');
}

function fileIn(name: string): string {
  const first = name.split(' > ')[0]!;
  return /\.[cm]?[jt]sx?$/.test(first) ? first.replace(/^\.\//, '') : '';
}

function slowTests(check: Check, run: TestRun): void {
  if (run.ended !== 'exit' || run.timed.length < 2) return;
  const share = (ms: number): string => `${Math.round((100 * ms) / run.ms)} %`;
  const matters = (ms: number): boolean => ms > SLOW_MS || (ms > SLOW_FLOOR_MS && ms > run.ms * SLOW_SHARE);
  const slow = run.timed.filter((test) => !test.parent && matters(test.ms)).toSorted((a, b) => b.ms - a.ms);
  const name = (test: Timed): string =>
    test.file === '' || test.name.startsWith(test.file) ? test.name : `${test.file} > ${test.name}`;
  if (slow.length > 0) {
    const [first] = slow as [Timed];
    const sum = slow.reduce((total, test) => total + test.ms, 0);
    const rest = slow.length === 1 ? '' : `; ${slow.length} such tests take ${seconds(sum)} together`;
    const one = first.file === '' ? null : narrow(check, [first.file]);
    const pattern = /^node\b/.test(one ?? '') ? ` --test-name-pattern=${quote(first.name)}` : '';
    probe.finding({
      kind: 'slow',
      title: `${name(first)} takes ${seconds(first.ms)}, ${share(first.ms)} of ${check.name}${rest}`,
      detail:
        slow
          .slice(0, SLOW_NAMED)
          .map((test) => `${seconds(test.ms)}  ${name(test)}`)
          .join('\n') + (slow.length > SLOW_NAMED ? `\nand ${slow.length - SLOW_NAMED} more` : ''),
      path: first.file === '' ? null : first.file,
      line: first.line === 0 ? null : first.line,
      show: inDirectory(check.directory, prompt((one ?? check.command).replace(/^node --test\b/, `node --test${pattern}`))),
    });
  }
  const files = new Map<string, number>();
  for (const test of run.timed)
    if (test.file !== '' && test.nesting === 0 && !test.whole) files.set(test.file, (files.get(test.file) ?? 0) + test.ms);
  const [file, ms] = [...files].toSorted((a, b) => b[1] - a[1])[0] ?? ['', 0];
  // One slow test is the slow file, and was told already.
  if (files.size < 2 || !(ms > SLOW_MS && ms > run.ms * SLOW_SHARE) || (slow[0]?.file === file && slow[0].ms > ms * 0.6)) return;
  probe.finding({
    kind: 'slow',
    title: `${file} takes ${seconds(ms)} of the ${seconds(run.ms)} that ${check.name} takes one file at a time: no run can be shorter`,
    detail: [...files]
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, SLOW_NAMED)
      .map(([path, took]) => `${seconds(took)}  ${path}`)
      .join('\n'),
    path: file,
    line: null,
    show: inDirectory(check.directory, prompt(narrow(check, [file]) ?? check.command)),
  });
}

/** A runner of the repository's own as it is started at a prompt. */
function prompt(line: string): string {
  return /^(?:\w+=\S*\s+)*(?:tap|borp|mocha|vitest|jest|ava|tape)\b/.test(line)
    ? line.replace(/^((?:\w+=\S*\s+)*)/, '$1npx ')
    : line;
}

await main(probe);
