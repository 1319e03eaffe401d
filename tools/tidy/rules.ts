/**
 * The house rules, one small object each: what it forbids, why, and a check over the files. A rule is worth its place only
 * while it catches its planted violation (test/house/rules.test.ts).
 */
import type { Finding, RepositoryFile, Rule } from './files.ts';
import { isDeterministic, isRoom, mayImport, resolveImport, roomOf } from './rooms.ts';
import type { Token } from './tokens.ts';

/** One finding for every file and line that `look` reports. */
function perFile(look: (file: RepositoryFile, report: (line: number, message: string) => void) => void): Rule['check'] {
  return (files) =>
    files.flatMap((file) => {
      const findings: Finding[] = [];
      look(file, (line, message) => findings.push(file.finding(line, message)));
      return findings;
    });
}

const byPath = (files: readonly RepositoryFile[], path: string): RepositoryFile | undefined =>
  files.find((file) => file.path === path);

function parse<T>(file: RepositoryFile | undefined, otherwise: T): T {
  return file === undefined ? otherwise : (JSON.parse(file.text) as T);
}

interface Manifest {
  readonly license?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (files: readonly RepositoryFile[]): Manifest => parse<Manifest>(byPath(files, 'package.json'), {});

const arrows: Rule = {
  name: 'arrows',
  why: 'A room that imports against the arrows cannot be simulated, replaced or understood alone.',
  check: perFile((file, report) => {
    const from = roomOf(file.path);
    if (from === null || !file.isCode || file.isTest) return;
    for (const { specifier, line } of file.imports) {
      if (specifier === 'skein' || specifier.startsWith('skein/')) {
        report(line, `imports the package itself (${specifier}): import the room's index.ts instead`);
      }
      if (!specifier.startsWith('.')) continue;
      const to = roomOf(resolveImport(file.path, specifier));
      if (to === null) report(line, `${from} imports ${specifier} from outside src: move what it needs into a room`);
      else if (to !== from && !mayImport(from, to)) {
        report(line, `${from} may not import ${to}: talk to it by a contract, or move the code to where both may import it`);
      }
    }
  }),
};

const references: Rule = {
  name: 'references',
  why: 'The compiler keeps the arrows only while the project references draw them.',
  check: perFile((file, report) => {
    const from = roomOf(file.path);
    if (from === null || file.name !== 'tsconfig.json') return;
    const config = JSON.parse(file.text) as {
      references?: { path: string }[];
      compilerOptions?: { types?: string[]; lib?: string[] };
    };
    for (const { path } of config.references ?? []) {
      const to = roomOf(`${resolveImport(file.path, path)}/index.ts`);
      if (to === null || !mayImport(from, to))
        report(file.lineOf(`"${path}"`), `${from} may not refer to ${to ?? path}: remove it`);
    }
    if (isDeterministic(from) && (config.compilerOptions?.types !== undefined || config.compilerOptions?.lib !== undefined)) {
      report(1, `${from} is below runtime: leave "types" and "lib" to tsconfig.base.json, so that Node and the DOM stay unknown`);
    }
  }),
};

const doors: Rule = {
  name: 'doors',
  why: 'What index.ts does not export can be changed without asking anybody.',
  check: perFile((file, report) => {
    const from = roomOf(file.path);
    if (from === null || !file.isCode) return;
    for (const { specifier, line } of file.imports) {
      if (!specifier.startsWith('.')) continue;
      const target = resolveImport(file.path, specifier);
      const to = roomOf(target);
      if (to !== null && to !== from && target !== `src/${to}/index.ts`) {
        report(line, `reaches into ${to} past its door: import src/${to}/index.ts, or export there what is missing`);
      }
    }
  }),
};

const apps: Rule = {
  name: 'apps',
  why: 'An app is what a user could have written: it proves that the published package is enough.',
  check: (files) => {
    const published = Object.keys(manifestOf(files).exports ?? {}).map((key) => `skein${key.slice(1)}`);
    return perFile((file, report) => {
      const [top, app] = file.path.split('/');
      if (top !== 'apps' || !file.isCode || file.isTest) return;
      for (const { specifier, line } of file.imports) {
        if (specifier.startsWith('.')) {
          if (!resolveImport(file.path, specifier).startsWith(`apps/${app}/`)) {
            report(line, `leaves its app by ${specifier}: use a published subpath (${published.join(', ')})`);
          }
        } else if ((specifier === 'skein' || specifier.startsWith('skein/')) && !published.includes(specifier)) {
          report(line, `${specifier} is not published: package.json exports ${published.join(', ')}`);
        }
      }
    })(files);
  },
};

const HOST_ONLY = new Map<string, string>([
  ...['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'].map(
    (name) => [name, 'use the effect `timer`'] as const,
  ),
  ['queueMicrotask', 'answer with effects; nothing waits below runtime'],
  ['Promise', 'answer by callback or with effects; nothing waits below runtime'],
  ['async', 'make it an activity; nothing waits below runtime'],
  ['await', 'make it an activity; nothing waits below runtime'],
  ['console', 'use `measure`, `audit` or a returned value'],
  ['performance', 'take `now` from the context'],
  ['crypto', 'take ids and randomness from the context, hashes from the kernel'],
  ['globalThis', 'name what you need; it is handed in'],
  ['fetch', 'make it an activity'],
  ['require', 'import it'],
  ['WeakRef', 'garbage collection is not reproducible: delete entries yourself'],
  ['FinalizationRegistry', 'garbage collection is not reproducible: delete entries yourself'],
  ['Intl', 'locale data differs between machines: format in a surface'],
]);
const LOCALE = new Set([
  'localeCompare',
  'toLocaleString',
  'toLocaleDateString',
  'toLocaleTimeString',
  'toLocaleLowerCase',
  'toLocaleUpperCase',
]);
const PROCESS = new Set([
  'env',
  'argv',
  'exit',
  'exitCode',
  'cwd',
  'platform',
  'arch',
  'version',
  'hrtime',
  'nextTick',
  'stdout',
  'stderr',
  'stdin',
  'on',
  'kill',
  'uptime',
  'memoryUsage',
  'cpuUsage',
]);
const INEXACT = new Set([
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'atan2',
  'sinh',
  'cosh',
  'tanh',
  'asinh',
  'acosh',
  'atanh',
  'exp',
  'expm1',
  'log',
  'log1p',
  'log2',
  'log10',
  'pow',
  'cbrt',
  'hypot',
]);

/** Calls `look` for every token of the rooms below runtime, tests left out. */
function belowRuntime(look: (tokens: readonly Token[], i: number, report: (message: string) => void) => void): Rule['check'] {
  return perFile((file, report) => {
    const room = roomOf(file.path);
    if (room === null || !isDeterministic(room) || !file.isCode || file.isTest) return;
    const { tokens } = file;
    for (let i = 0; i < tokens.length; i++) look(tokens, i, (message) => report(tokens[i]!.line, message));
  });
}

const isMember = (tokens: readonly Token[], i: number): boolean => tokens[i - 1]?.text === '.' || tokens[i - 1]?.text === '?.';
/** `name:` in a type or an object, `name?:` and `name(` after `readonly` are names of fields, not uses. */
const isField = (tokens: readonly Token[], i: number): boolean =>
  tokens[i + 1]?.text === ':' && tokens[i - 1]?.text !== '?' && tokens[i - 1]?.text !== 'case';

const noNode: Rule = {
  name: 'no-node',
  why: 'Below runtime there is no machine: the same code runs in the simulation and on any host.',
  check: perFile((file, report) => {
    const room = roomOf(file.path);
    if (room === null || !isDeterministic(room) || !file.isCode || file.isTest) return;
    for (const { specifier, line, dynamic } of file.imports) {
      if (specifier.startsWith('node:'))
        report(line, `${room} is below runtime and imports ${specifier}: declare a port, or make it an activity`);
      if (dynamic) report(line, `import(${specifier}) is a promise: import it statically`);
    }
  }),
};

const noClock: Rule = {
  name: 'no-clock',
  why: 'Time is an input. A clock read below runtime makes a replay differ.',
  check: belowRuntime((tokens, i, report) => {
    const token = tokens[i]!;
    if (token.kind !== 'word' || token.text !== 'Date' || isMember(tokens, i)) return;
    const [next, after] = [tokens[i + 1]?.text, tokens[i + 2]?.text];
    if (next === '.' && after === 'now') report('reads the clock by Date.now: take `now` from the context');
    else if (tokens[i - 1]?.text === 'new' && (next !== '(' || after === ')'))
      report('reads the clock by new Date(): take `now` from the context');
    else if (tokens[i - 1]?.text !== 'new' && next === '(') report('reads the clock by Date(): take `now` from the context');
  }),
};

const noRandom: Rule = {
  name: 'no-random',
  why: 'Randomness is seeded by host, room and incarnation, so that a seed brings a failure back.',
  check: belowRuntime((tokens, i, report) => {
    if (tokens[i]!.text === 'Math' && tokens[i]!.kind === 'word' && tokens[i + 2]?.text === 'random') {
      report('draws from Math.random: take `random` from the context');
    }
  }),
};

const noWaiting: Rule = {
  name: 'no-waiting',
  why: 'A room answers at once, with effects. Whatever waits or touches the world is an activity.',
  check: belowRuntime((tokens, i, report) => {
    const token = tokens[i]!;
    if (token.kind !== 'word') return;
    const hint = HOST_ONLY.get(token.text);
    if (hint !== undefined && !isMember(tokens, i) && !isField(tokens, i)) report(`uses ${token.text} below runtime: ${hint}`);
    if (
      token.text === 'process' &&
      !isMember(tokens, i) &&
      tokens[i + 1]?.text === '.' &&
      PROCESS.has(tokens[i + 2]?.text ?? '')
    ) {
      report(`uses process.${tokens[i + 2]!.text} below runtime: what it needs is handed in`);
    }
    if (LOCALE.has(token.text) && isMember(tokens, i))
      report(`${token.text} depends on the machine's locale: compare code units`);
  }),
};

const exactMath: Rule = {
  name: 'exact-math',
  why: 'These functions may differ in the last bit between engines; two replicas would then decide differently.',
  check: belowRuntime((tokens, i, report) => {
    const token = tokens[i]!;
    if (token.kind === 'word' && token.text === 'Math' && INEXACT.has(tokens[i + 2]?.text ?? '')) {
      report(`Math.${tokens[i + 2]!.text} is not exact on every engine: use integers, or a function in kernel/math`);
    }
    const integer = (at: Token | undefined): boolean => at?.kind === 'number' && /^\d+n?$/.test(at.text);
    if (token.text === '**' && token.kind === 'punctuator' && !(integer(tokens[i - 1]) && integer(tokens[i + 1]))) {
      report('`**` is exact only between integer literals: multiply, or shift');
    }
  }),
};

const TEST_CALLS = new Set(['it', 'test']);

const testNames: Rule = {
  name: 'test-names',
  why: 'Tests are read as a specification, and a skipped test must say which tool it misses.',
  check: perFile((file, report) => {
    if (!file.isCode || !/\.(test|spec)\.ts$/.test(file.path)) return;
    if (file.path.endsWith('.spec.ts')) report(1, 'rename it to .test.ts: only those are collected and type-checked');
    const seen = new Set<string>();
    let describing = '';
    for (let i = 0; i < file.tokens.length; i++) {
      const token = file.tokens[i]!;
      if (token.kind !== 'word' || isMember(file.tokens, i)) continue;
      if (token.text === 'describe' && file.tokens[i + 2]?.kind === 'string') describing = file.tokens[i + 2]!.text;
      if (!TEST_CALLS.has(token.text) && token.text !== 'describe') continue;
      const modifier = file.tokens[i + 1]?.text === '.' ? (file.tokens[i + 2]?.text ?? '') : '';
      if (['only', 'todo', 'skip', 'fails'].includes(modifier)) {
        report(
          token.line,
          `${token.text}.${modifier} must not be committed: use skipIf(the missing tool) with the tool in the name`,
        );
      }
      const title = file.tokens[i + 1]?.text === '(' && file.tokens[i + 2]?.kind === 'string' ? file.tokens[i + 2]! : null;
      if (title === null || token.text === 'describe') continue;
      if (title.text.trim().split(/\s+/).length < 3)
        report(title.line, `"${title.text}" is not a sentence about behaviour: say what happens, and when`);
      const full = `${describing} ${title.text}`;
      if (seen.has(full)) report(title.line, `a second test is named "${title.text}": one name, one behaviour`);
      seen.add(full);
    }
  }),
};

const dependencies: Rule = {
  name: 'dependencies',
  why: 'A dependency is a decision: exact, with a written reason, and only what is imported.',
  check: (files) => {
    const file = byPath(files, 'package.json');
    if (file === undefined) return [];
    const manifest = manifestOf(files);
    const findings: Finding[] = [];
    const decisions = files.filter((each) => /^docs\/decisions\/.+\.md$/.test(each.path));
    for (const group of ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const) {
      for (const [name, version] of Object.entries(manifest[group] ?? {})) {
        const line = file.lineOf(`"${name}": "${version}"`);
        if (group !== 'peerDependencies' && !/^(?:npm:(?:@[\w-]+\/)?[\w.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
          findings.push(file.finding(line, `${name} is pinned to "${version}": write one exact version`));
        }
        if (!decisions.some((each) => each.text.includes(`\`${name}\``))) {
          findings.push(file.finding(line, `${name} has no reason: name it as \`${name}\` in a file of docs/decisions`));
        }
      }
    }
    const runtime = new Set(
      Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies }),
    );
    for (const each of files) {
      if (roomOf(each.path) === null || !each.isCode || each.isTest) continue;
      for (const { specifier, line } of each.imports) {
        if (specifier.startsWith('.') || specifier.startsWith('node:') || specifier.startsWith('#')) continue;
        const name = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/');
        if (name !== 'skein' && !runtime.has(name))
          findings.push(
            each.finding(line, `imports ${name}, which users do not get: add it to dependencies with a decision, or do without`),
          );
      }
    }
    return findings;
  },
};

const PRODUCTION_PACKAGES_MAX = 40; // what a user installs with skein, and has to trust

const production: Rule = {
  name: 'production-packages',
  why: "Everything installed with skein runs on the user's machine.",
  check: (files) => {
    const file = byPath(files, 'package-lock.json');
    if (file === undefined) return [];
    const { packages = {} } = JSON.parse(file.text) as {
      packages?: Record<string, { dev?: boolean; devOptional?: boolean; resolved?: string; hasInstallScript?: boolean }>;
    };
    const findings: Finding[] = [];
    const shipped = Object.entries(packages).filter(
      ([path, each]) => path !== '' && each.dev !== true && each.devOptional !== true,
    );
    if (shipped.length > PRODUCTION_PACKAGES_MAX) {
      findings.push(
        file.finding(
          1,
          `${shipped.length} production packages, at most ${PRODUCTION_PACKAGES_MAX}: make the heavy ones optional peers`,
        ),
      );
    }
    for (const [path, each] of shipped) {
      if (each.hasInstallScript === true)
        findings.push(file.finding(file.lineOf(`"${path}"`), `${path} runs a script when a user installs skein: do without it`));
    }
    for (const [path, each] of Object.entries(packages)) {
      if (each.resolved !== undefined && !each.resolved.startsWith('https://registry.npmjs.org/')) {
        findings.push(
          file.finding(file.lineOf(`"${path}"`), `${path} is resolved outside the public registry: nobody else can install it`),
        );
      }
    }
    return findings;
  },
};

/** A mechanism is declared (function, class or const with such a name) in its owner only. Types and calls may be anywhere. */
const OWNERS: readonly { readonly mechanism: string; readonly owner: readonly string[]; readonly declared: RegExp }[] = [
  { mechanism: 'circuit breaker', owner: ['structures'], declared: /^(circuit)?breaker$|CircuitBreaker|createBreaker/i },
  { mechanism: 'sliding rate', owner: ['structures'], declared: /slidingRate|rateLimiter|RateWindow/i },
  { mechanism: 'GCRA', owner: ['structures'], declared: /gcra|tokenBucket|leakyBucket/i },
  { mechanism: 'lease machine', owner: ['structures'], declared: /^lease(machine|table)?$|createLease|LeaseMachine/i },
  { mechanism: 'capability matcher', owner: ['structures'], declared: /capabilityMatch|matchCapabilit/i },
  { mechanism: 'retry schedule', owner: ['structures'], declared: /backoff|retrySchedule|retryDelay|fullJitter/i },
  { mechanism: 'ring buffer', owner: ['structures'], declared: /ringBuffer|disruptor/i },
  { mechanism: 'timing wheel', owner: ['structures'], declared: /timingWheel/i },
  { mechanism: 'DAG ranks', owner: ['structures'], declared: /upwardRank/i },
  { mechanism: 'bounded priority queue', owner: ['kernel'], declared: /^Lanes$|priorityLanes/i },
  { mechanism: 'canonical JSON', owner: ['kernel'], declared: /canonicalJson|stableStringify|sortedStringify/i },
  { mechanism: 'seeded randomness', owner: ['kernel'], declared: /seededRandom|mulberry|xoshiro|splitmix/i },
  { mechanism: 'permission lease', owner: ['host'], declared: /permissionLease/i },
  { mechanism: 'dedupe', owner: ['host'], declared: /^dedupe|Deduper|dedupeWindow/i },
  { mechanism: 'dead letters', owner: ['host'], declared: /^deadLetters?$|DeadLetter(s|Queue)?$/i },
  { mechanism: 'outbox', owner: ['host'], declared: /^outbox$|Outbox$/i },
  { mechanism: 'conflict record', owner: ['memory'], declared: /ConflictRecord/i },
  { mechanism: 'policy', owner: ['governance'], declared: /evaluatePolicy|PolicyEngine|policyGate/i },
  {
    mechanism: 'leadership',
    owner: ['ports', 'runtime/embedded', 'runtime/simulation', 'runtime/nats'],
    declared: /electLeader|leaderElection|LeadershipLease/i,
  },
];

/** Modules of the machine and the rooms that may hold them. */
const MODULE_OWNERS: readonly { readonly module: string; readonly owner: RegExp }[] = [
  { module: 'node:sqlite', owner: /^runtime\// },
  { module: 'node:child_process', owner: /^(runtime\/|surfaces\/)/ },
  { module: 'node:worker_threads', owner: /^(runtime\/|assembly$)/ },
];

const owners: Rule = {
  name: 'owners',
  why: 'One owner per mechanism: a second implementation is a second set of faults.',
  check: perFile((file, report) => {
    const room = roomOf(file.path);
    if (room === null || !file.isCode || file.isTest) return;
    for (const { specifier, line } of file.imports) {
      const row = MODULE_OWNERS.find((each) => each.module === specifier);
      if (row !== undefined && !row.owner.test(room) && !isDeterministic(room))
        report(line, `${room} does not hold ${specifier}: go through runtime`);
    }
    const { tokens } = file;
    let depth = 0;
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!;
      if (token.kind === 'punctuator' && token.text === '{') depth += 1;
      if (token.kind === 'punctuator' && token.text === '}') depth -= 1;
      if (depth > 0 || token.kind !== 'word' || !['function', 'class', 'const'].includes(token.text)) continue;
      const name = tokens[i + 1];
      if (name?.kind !== 'word') continue;
      const row = OWNERS.find((each) => each.declared.test(name.text) && !each.owner.includes(room));
      if (row !== undefined)
        report(name.line, `${name.text} looks like a second ${row.mechanism}: use the one of ${row.owner.join(' or ')}`);
    }
  }),
};

const NAMED_FOLDERS = /^(src|test|tools|bench|apps|docs)\//;
const KEBAB = /^(README\.md|LICENSE|[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)+)$/;

const fileNames: Rule = {
  name: 'file-names',
  why: 'One spelling works on every file system, and a name says the concept.',
  check: perFile((file, report) => {
    if (!NAMED_FOLDERS.test(file.path) || file.path.startsWith('test/fixtures/')) return;
    if (!KEBAB.test(file.name)) report(1, `${file.name} is not lower-case-kebab: rename it`);
    const empty = /(^|[-/.])(utils?|common|helpers?|managers?|misc)([-/.]|$)/.exec(file.path);
    if (empty !== null) report(1, `"${empty[2]}" says nothing: name the file after the concept it holds`);
  }),
};

// A path of one machine: after a quote, a space or an opening bracket; `src/work/` and addresses do not count, nor do the
// people of examples.
const MACHINE_PATH = new RegExp(
  `(?:^|[\\s"'\`(=\\[:])(/(?:${['work', 'root', 'home'].join('|')})/(?!(?:[a-z]|ada|user|you|me)\\b)[\\w.-]*)`,
);

const machinePaths: Rule = {
  name: 'machine-paths',
  why: 'A path of one machine means nothing on another, and tells strangers about the first.',
  check: perFile((file, report) => {
    file.text.split('\n').forEach((text, i) => {
      const found = MACHINE_PATH.exec(text);
      if (found !== null) report(i + 1, `names the machine path ${found[1]}: make it relative, or take it from the environment`);
    });
  }),
};

const licence: Rule = {
  name: 'licence',
  why: 'Without its text nobody may use the code.',
  check: (files) => {
    const text = byPath(files, 'LICENSE')?.text ?? '';
    const good = text.includes('Apache License') && text.includes('Version 2.0') && manifestOf(files).license === 'Apache-2.0';
    return good
      ? []
      : [
          {
            path: 'LICENSE',
            line: 1,
            message: 'LICENSE must hold the Apache License 2.0 and package.json "license": "Apache-2.0"',
          },
        ];
  },
};

const rooms: Rule = {
  name: 'rooms',
  why: 'A room is created with its first real file and opened by one door; `ls src` is the architecture.',
  check: (files) => {
    const contents = new Map<string, RepositoryFile[]>();
    for (const file of files) {
      const room = roomOf(file.path);
      if (room !== null) contents.set(room, [...(contents.get(room) ?? []), file]);
    }
    return [...contents].flatMap(([room, inside]): Finding[] => {
      const path = `src/${room}`;
      if (!isRoom(room))
        return [
          {
            path,
            line: 1,
            message: `${room} is no room of this house: put it into one, or draw it in tools/tidy/rooms.ts with a decision`,
          },
        ];
      const code = inside.filter((file) => file.isCode && !file.isTest);
      if (code.length === 0)
        return [{ path, line: 1, message: 'the room is empty: create it together with its first real file' }];
      const missing = ['index.ts', 'tsconfig.json'].filter((name) => byPath(inside, `${path}/${name}`) === undefined);
      return missing.map((name) => ({
        path,
        line: 1,
        message: `the room has no ${name}: every room has one door and one project`,
      }));
    });
  },
};

const TYPED_FOLDERS = /^(src|test|tools|bench|apps)\//;

const typed: Rule = {
  name: 'type-checked',
  why: 'A file that no tsconfig includes is checked by nobody.',
  check: perFile((file, report) => {
    if (file.isCode && !TYPED_FOLDERS.test(file.path) && file.path !== 'vitest.config.ts') {
      report(1, 'no tsconfig includes this file: move it to src, test, tools, bench or apps');
    }
    if (!file.isCode || !file.text.includes('@ts-')) return;
    for (const { text, line } of file.comments) {
      if (/^\/[/*]\s*@ts-(nocheck|ignore|expect-error)\b/.test(text))
        report(line, 'switches the compiler off: give the value its type');
    }
  }),
};

const ENTRY = 'src/surfaces/cli/bin.ts';
const NEW_SYNTAX = new Set(['?.', '??', '??=', '||=', '&&=', 'await', 'static']);

const entry: Rule = {
  name: 'entry',
  why: 'On an old Node the first line says which Node is needed; syntax that it cannot parse would be a stack trace instead.',
  check: perFile((file, report) => {
    if (file.path !== ENTRY) return;
    for (const { specifier, line, dynamic } of file.imports) {
      if (!dynamic) report(line, `imports ${specifier} before the version is checked: use import() behind the check`);
    }
    for (const token of file.tokens) {
      const fresh = token.kind !== 'string' && (NEW_SYNTAX.has(token.text) || token.text.startsWith('#'));
      if (fresh)
        report(token.line, `\`${token.text}\` does not parse on the Node that this file has to refuse: write it the old way`);
    }
  }),
};

const published: Rule = {
  name: 'published',
  why: 'The package runs as .js inside node_modules, where Node strips no types: a path that says .ts breaks for users only.',
  check: perFile((file, report) => {
    if (roomOf(file.path) === null || !file.isCode || file.isTest) return;
    const { tokens } = file;
    for (let i = 2; i < tokens.length; i++) {
      const { kind, text, line } = tokens[i]!;
      if (kind === 'string' && text.endsWith('.ts') && tokens[i - 1]!.text === '(' && tokens[i - 2]!.text === 'URL') {
        report(line, `'${text}' does not exist once published: give it the extension of this file (extname(import.meta.url))`);
      }
    }
  }),
};

const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];

const quiet: Rule = {
  name: 'install-scripts',
  why: "Installing Skein runs nothing of ours on the user's machine.",
  check: (files) => {
    const file = byPath(files, 'package.json');
    const scripts = Object.keys(manifestOf(files).scripts ?? {}).filter((name) => INSTALL_SCRIPTS.includes(name));
    return scripts.map((name) =>
      file!.finding(file!.lineOf(`"${name}":`), `the script ${name} runs when a user installs: do it at first use, when asked`),
    );
  },
};

export const RULES: readonly Rule[] = [
  arrows,
  references,
  doors,
  apps,
  noNode,
  noClock,
  noRandom,
  noWaiting,
  exactMath,
  testNames,
  dependencies,
  production,
  owners,
  fileNames,
  machinePaths,
  licence,
  rooms,
  typed,
  entry,
  published,
  quiet,
];
