/** Runs to look at: one in which much happened, one in which nothing had to, one with a thousand tasks. */
import type { RunEvidence, RunView } from '../../src/assembly/index.ts';
import type { work } from '../../src/contracts/index.ts';
import type { ReportData } from '../../src/surfaces/cli/report-page/data.ts';
import { summarise } from '../../src/surfaces/cli/summary.ts';
import { attempt, spec, T0, task, verdict, view } from '../cli/fake.ts';

const sha = (n: number): string => ((n + 1) * 2_654_435_761).toString(16).padEnd(40, 'b');
const ROOT = '9f3c41'.padEnd(64, '7a');

const AGENTS = ['infer', 'recorder', 'lint-fix', 'cheater', 'saboteur'];

function diffFor(path: string, at: number, before: readonly string[], after: readonly string[]): string {
  const context = ["'use strict'", '', 'function parse (url, method) {'];
  const size = context.length + 1;
  return `diff --git a/${path} b/${path}
index 3b18e51..9daeafb 100644
--- a/${path}
+++ b/${path}
@@ -${at},${size + before.length} +${at},${size + after.length} @@ const { Readable } = require('node:stream')
${[...context.map((line) => ` ${line}`), ...before.map((line) => `-${line}`), ...after.map((line) => `+${line}`)].join('\n')}
 }
`;
}

const tests = (over: Partial<work.VerdictSummary> = {}): work.VerdictSummary =>
  verdict({ check: 'npm test', passed: 184, durationMs: 6400, ...over });
const types = (): work.VerdictSummary => verdict({ check: 'tsc --strict', passed: 0, durationMs: 2100 });

const vet = (closed: readonly string[]): work.VetResult => ({
  closed,
  more: 0,
  violations: [],
  failure: '',
  testFiles: 3,
  durationMs: 900,
});

const FILES = [
  'parse-url',
  'request',
  'response',
  'config-validator',
  'index',
  'form-data',
  'chain',
  'cookies',
  'headers',
  'payload',
];

/** A fleet on the types of a small package, with two agents that mean no good. */
export function rich(): ReportData {
  const diffs = new Map<string, string>();
  const tasks: work.TaskRecord[] = FILES.map((name, i) => {
    const path = `lib/${name}.js`;
    const needs =
      i === 0
        ? []
        : i < 4
          ? [`types-${FILES[0]}`]
          : i < 8
            ? [`types-${FILES[1 + (i % 3)]}`]
            : [`types-${FILES[4 + (i % 3)]}`, `types-${FILES[7]}`];
    const start = T0 + 4000 + [0, 9000, 9000, 9000, 18_000, 19_000, 19_000, 18_500, 28_000, 29_000][i]!;
    const items = Array.from({ length: 3 + (i % 4) }, (_, k) => `${path}: Parameter ${k} implicitly has an 'any' type`);
    const files = [{ path, status: 'modified' as const, added: 5, removed: 1, binary: false }];
    const attempts: work.AttemptRecord[] = [];
    const of = (over: Partial<work.AttemptRecord>): void => {
      attempts.push(
        attempt({ fence: attempts.length + 1, cost: 0, files, filesTotal: 1, startedAt: start, durationMs: 3200, ...over }),
      );
    };
    const winner = i % 3 === 1 ? 'recorder' : 'infer';
    const loser = winner === 'infer' ? 'recorder' : 'infer';
    if (i === 2) {
      diffs.set(
        sha(900),
        diffFor(
          path,
          12,
          ['function end (data) {'],
          ['/** @param {any} data */ // eslint-disable-line', 'function end (data) {'],
        ),
      );
      of({
        agent: 'cheater',
        outcome: 'refused',
        endedAt: start + 4100,
        change: sha(900),
        violations: [{ rule: 'suppression-added', detail: `${path}: /** @param {any} data */ // eslint-disable-line` }],
      });
    }
    if (i === 5) {
      diffs.set(sha(901), diffFor(path, 88, ["  if (field === 'set-cookie') {"], ["  if (field !== 'set-cookie') {"]));
      of({
        agent: 'saboteur',
        outcome: 'refused',
        endedAt: start + 7600,
        change: sha(901),
        violations: [
          { rule: 'test-failed', detail: 'npm test: form-data > sends a multipart body' },
          { rule: 'green-turned-red', detail: 'npm test: exit code 1' },
        ],
        failure: `The change was refused:
- test-failed: npm test: form-data > sends a multipart body
- green-turned-red: npm test: exit code 1

Output of \`npm test\` (exit code 1):
\`\`\`
not ok 41 - form-data > sends a multipart body
  AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:
  + actual - expected
  + 'multipart/form-data'
  - 'multipart/form-data; boundary=----x'
      at Test.<anonymous> (test/form-data.test.js:112:10)
\`\`\``,
      });
    }
    const untrue = i === 9;
    if (!untrue) {
      of({ agent: loser, outcome: 'outscored', endedAt: start + 4300, durationMs: 3600, vet: vet(items.slice(0, -1)) });
      of({
        agent: winner,
        outcome: 'landed',
        startedAt: start + 200,
        durationMs: 4200 + i * 150,
        endedAt: start + 8000 + i * 120,
        vet: vet(items),
        change: sha(100 + i),
      });
      diffs.set(
        sha(200 + i),
        diffFor(
          path,
          40 + i,
          ['function build (options, callback) {', '  const url = options.url'],
          [
            '/**',
            ' * @param {import("./types").InjectOptions} options',
            ' * @param {(error: Error | null, response: Response) => void} callback',
            ' */',
            'function build (options, callback) {',
            '  const url = options.url ?? options.path',
          ],
        ),
      );
    }
    if (untrue) {
      diffs.set(sha(902), diffFor(path, 3, ['function end (data) {'], ['function end (/** @type {null} */ data) {']));
      for (const tier of [1, 2, 3] as const)
        of({
          agent: tier === 3 ? 'recorder' : 'infer',
          tier,
          outcome: 'refused',
          startedAt: start + tier * 3000 - 3000,
          durationMs: 2500,
          endedAt: start + tier * 3000 - 200,
          change: sha(902),
          violations: [
            { rule: 'refused-by-judge', detail: `${path}:6: not true: data is null, but test/payload.test.js:31 passes 'hello'` },
          ],
        });
    }
    const landed = !untrue;
    return task(`types-${name}`, `Types that are true in ${path}`, {
      needs,
      given: false,
      order: i,
      state: landed ? 'landed' : 'open',
      attempts,
      commit: landed ? sha(200 + i) : null,
      verdicts: landed ? [tests({ cached: i % 4 === 3 }), types()] : [],
    });
  });
  const probes: work.ProbeRecord[] = [
    {
      spec: {
        name: 'types',
        goal: 'types',
        says: 'types that are true, under strict',
        argv: ['node'],
        argument: null,
        timeout: 60_000,
        when: 'first',
        sandboxed: false,
        keeps: false,
      },
      order: 0,
      state: 'done',
      detail: '',
      fence: 1,
      startedAt: T0 + 1500,
      endedAt: T0 + 3800,
      tasks: tasks.map((each) => each.spec.id),
      result: {
        findings: [],
        more: 0,
        measures: [
          {
            name: 'strict-errors',
            value: 61,
            unit: 'errors',
            text: '61 errors under strict in 10 hand-written files at the start',
          },
        ],
        notes: ['3 generated files were left alone: lib/config-validator.js says "do not edit"'],
        durationMs: 2300,
      },
    },
    {
      spec: {
        name: 'mutants',
        goal: 'unwatched',
        says: 'lines that no test would notice',
        argv: ['node'],
        argument: null,
        timeout: 60_000,
        when: 'last',
        sandboxed: true,
        keeps: false,
      },
      order: 1,
      state: 'done',
      detail: '',
      fence: 1,
      startedAt: T0 + 38_000,
      endedAt: T0 + 44_000,
      tasks: [],
      result: {
        findings: [
          {
            kind: 'unwatched',
            title: 'lib/parse-url.js:31: no test would notice if > were >=',
            detail: '-  if (path.length > 1) {\n+  if (path.length >= 1) {',
            path: 'lib/parse-url.js',
            line: 31,
            show: "sed -i '31s/>/>=/' lib/parse-url.js && npm test",
          },
          {
            kind: 'unwatched',
            title: 'lib/response.js:88: no test would notice if && were ||',
            detail: '',
            path: 'lib/response.js',
            line: 88,
            show: "sed -i '88s/&&/||/' lib/response.js && npm test",
          },
          {
            kind: 'flaky',
            title: 'test/stream.test.js: passed 4 of 5 times',
            detail: '',
            path: 'test/stream.test.js',
            line: null,
            show: 'for i in 1 2 3 4 5; do node --test test/stream.test.js; done',
          },
          {
            kind: 'fixable',
            title: 'lib/index.js:12: prefer-const',
            detail: '',
            path: 'lib/index.js',
            line: 12,
            show: 'npx eslint --fix-dry-run lib',
          },
          {
            kind: 'fixable',
            title: 'lib/chain.js:40: object-shorthand',
            detail: '',
            path: 'lib/chain.js',
            line: 40,
            show: 'npx eslint --fix-dry-run lib',
          },
        ],
        more: 0,
        measures: [
          { name: 'detection-power', value: 83.3, unit: '%', text: '25 of 30 operator mutants were killed by npm test' },
        ],
        notes: [],
        durationMs: 6000,
      },
    },
  ];
  const run = view(tasks, {
    endedAt: T0 + 46_200,
    spent: 0,
    baseline: {
      verdicts: [tests(), types()],
      blob: { sha256: 'ab'.repeat(32), bytes: 1 },
      unstable: ['npm test: stream > ends when destroyed'],
      serial: false,
      notes: ['npm test takes 6.4 s; two at once take 7.1 s'],
    },
    spec: {
      ...spec({
        repository: '/home/ada/light-my-request',
        limits: { agentsMax: 4, checksMax: 2, attemptsMax: 3, wallTime: 600_000, costMax: 5_000_000 },
        checks: [
          {
            name: 'npm test',
            command: 'npm test',
            directory: '',
            kind: 'tests',
            timeout: 60_000,
            source: 'package.json scripts.test',
          },
          {
            name: 'tsc --strict',
            command: 'tsc --strict',
            directory: '',
            kind: 'findings',
            timeout: 60_000,
            source: '--goal types',
          },
        ],
        agents: AGENTS.map((name) => ({ ...spec().agents[0]!, name, kind: 'shell' as const })),
      }),
    },
  });
  return dataOf({ ...run, probes }, diffs, ledgerOf(tasks));
}

/** Everything green, nothing to find. */
export function nothing(): ReportData {
  const looked = (name: string, says: string, order: number): work.ProbeRecord => ({
    spec: { name, goal: name, says, argv: ['node'], argument: null, timeout: 1, when: 'first', sandboxed: false, keeps: false },
    order,
    state: 'done',
    detail: '',
    fence: 1,
    startedAt: T0 + 1000,
    endedAt: T0 + 2200,
    tasks: [],
    result: { findings: [], more: 0, measures: [], notes: [], durationMs: 1200 },
  });
  const run = view([], { endedAt: T0 + 9400, spent: 0, tip: spec().base });
  const probes = [
    looked('lint', 'findings that its own linter can fix', 0),
    looked('types', 'errors under its own tsconfig', 1),
    looked('steady', 'tests that do not always give the same answer', 2),
  ];
  return dataOf({ ...run, probes }, new Map(), ledgerOf([]));
}

/** Nobody found a check, nobody had a task: the least there can be. */
export function bare(): ReportData {
  const run = view([], {
    endedAt: T0 + 900,
    spent: 0,
    baseline: { verdicts: [], blob: { sha256: 'ab'.repeat(32), bytes: 1 }, unstable: [], serial: false, notes: [] },
  });
  return dataOf(run, new Map(), null);
}

export function thousand(): ReportData {
  const line = 'const x = require("./some/module").call(this, argument, another) // and why\n';
  const diffs = new Map<string, string>();
  const tasks = Array.from({ length: 1000 }, (_, i) => {
    const change = sha(10_000 + i);
    diffs.set(
      sha(i),
      `diff --git a/src/f${i}.ts b/src/f${i}.ts\n--- a/src/f${i}.ts\n+++ b/src/f${i}.ts\n@@ -1,0 +1,100 @@\n${`+${line}`.repeat(100)}`,
    );
    const start = T0 + Math.floor(i / 8) * 9000;
    const refused = attempt({
      outcome: 'refused',
      startedAt: start,
      endedAt: start + 3000,
      durationMs: 2500,
      change,
      violations: Array.from({ length: 5 }, (_unused, k) => ({
        rule: 'test-failed' as const,
        detail: `npm test: suite ${k} > fails for ${i}`,
      })),
      failure: `not ok - suite 0 > fails for ${i}\n${'  at somewhere (file.js:1:1)\n'.repeat(200)}`,
    });
    return task(`t${i}`, `task number ${i} with a title of an ordinary length`, {
      order: i,
      needs: i < 20 ? [] : [`t${i - 20}`, `t${i - 7 - (i % 5)}`],
      commit: sha(i),
      attempts: [
        refused,
        attempt({
          fence: 2,
          startedAt: start + 3100,
          endedAt: start + 9000,
          durationMs: 4000,
          files: [{ path: `src/f${i}.ts`, status: 'modified', added: 100, removed: 0, binary: false }],
        }),
      ],
    });
  });
  return dataOf(view(tasks, { endedAt: T0 + 1_130_000 }), diffs, ledgerOf(tasks));
}

export function dataOf(run: RunView, diffs: ReadonlyMap<string, string>, ledger: RunEvidence['ledger']): ReportData {
  const versions = { skein: '0.1.0', node: '24.21.0', platform: 'linux-x64' };
  const context = { versions, now: T0 + 65_000, failOnOpen: false, agentsFound: [], notes: [], interrupted: false };
  return { summary: summarise(run, context), view: run, evidence: { diffs, ledger } };
}

function ledgerOf(tasks: readonly work.TaskRecord[]): RunEvidence['ledger'] {
  const rows = tasks
    .filter((each) => each.state === 'landed')
    .slice(0, 200)
    .map((each, i) => ({
      index: 40 + i * 11,
      kind: i % 3 === 0 ? 'decision' : 'effect',
      at: T0 + 9000 + i * 2000,
      leaf: (i + 1).toString(16).padStart(64, '5e'),
      body: { run: '12', task: each.spec.id, landed: each.commit },
    }));
  const first = { index: 0, kind: 'host.started', at: T0, leaf: '01'.repeat(32), body: { host: 'a1b2c3', records: 0 } };
  const kinds = { 'activity.intent': 84, 'activity.outcome': 84, effect: 9, decision: 6, cost: 13, 'host.started': 1 };
  const report = { sound: true, entries: 197, erased: 0, erasures: [], root: ROOT, signed: 197, checkpoint: null, findings: [] };
  return { ...report, kinds, rows: [first, ...rows] };
}
