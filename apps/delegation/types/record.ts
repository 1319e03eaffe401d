/**
 * The recorder: copies a checkout to a private directory, instruments the package's sources there, runs the package's own
 * tests and gathers what the functions were really given. The checkout itself is only read. A run that ends by its deadline
 * still gives what it saw, and says so.
 *
 *   node record.ts <checkout> [--package dir] [--command line]... [--deadline ms] [--out file] <source>...
 */
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { compilerFor } from './compiler.ts';
import { classesOf, codeHash, functionsOf } from './functions.ts';
import { instrument } from './instrument.ts';
import { unitTestLines } from './packages.ts';
import { recorderRuntime } from './recorder-runtime.ts';
import { union, type Shape, type Slot } from './shapes.ts';

export interface Recording {
  readonly commands: readonly string[];
  /** Exit code of each command in the instrumented copy; null = stopped at the deadline. */
  readonly exits: readonly (number | null)[];
  readonly durationMs: number;
  readonly notes: readonly string[];
  readonly files: Readonly<Record<string, FileRecording>>;
}

export interface FileRecording {
  /** Of the code without comments and types: the recording is worth nothing for other code. */
  readonly code: string;
  /** By place of the function in the file; null = never called to a good end. */
  readonly functions: readonly (Slot | null)[];
}

export interface RecordRequest {
  readonly workspace: string;
  readonly package: string;
  readonly files: readonly string[];
  readonly commands: readonly string[];
  readonly deadlineMs: number;
}

/** One process writes one; a test suite that starts more than this many is not read to the end. */
const PARTS_MAX = 4096;
const STAND_STILL_MS = 2_000; // after a polite signal, before the other one

export async function record(request: RecordRequest): Promise<Recording> {
  const started = Date.now();
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'skein-record-')));
  try {
    return await recordIn(directory, request, started);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function recordIn(directory: string, request: RecordRequest, started: number): Promise<Recording> {
  const { workspace, files } = request;
  const { ts } = compilerFor(join(workspace, request.package));
  const copy = join(directory, 'checkout');
  const parts = join(directory, 'parts');
  mkdirSync(parts);
  copyCheckout(realpathSync(workspace), copy);
  const runtime = join(directory, 'recorder.cjs');
  writeFileSync(runtime, `'use strict';(${recorderRuntime.toString()})(require, ${JSON.stringify(parts)});\n`);

  const notes: string[] = [];
  const owners = new Map<string, string>();
  const placed: { path: string; first: number; count: number; code: string }[] = [];
  let [firstFunction, firstClass] = [0, 0];
  for (const path of files) {
    const text = readFileSync(join(copy, path), 'utf8');
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    const done = instrument(ts, path, text, { firstFunction, firstClass, runtime, module: isModule(copy, path, source) });
    if (done === null) {
      notes.push(`${path} could not be read as a program: nothing is recorded there`);
      continue;
    }
    writeFileSync(join(copy, path), done.text);
    const count = functionsOf(ts, source).length;
    for (let i = 0; i < count; i++) owners.set(`own#f${firstFunction + i}`, `own:${path}#f${i}`);
    const classes = classesOf(ts, source).length;
    for (let i = 0; i < classes; i++) owners.set(`own#c${firstClass + i}`, `own:${path}#c${i}`);
    placed.push({ path, first: firstFunction, count, code: codeHash(ts, path, text) });
    firstFunction += count;
    firstClass += classes;
  }

  const exits: (number | null)[] = [];
  for (const line of request.commands) {
    const left = request.deadlineMs - (Date.now() - started);
    if (left <= 0) {
      exits.push(null);
      continue;
    }
    exits.push(await run(line, join(copy, request.package), left));
  }
  request.commands.forEach((line, i) => {
    if (exits[i] === null) notes.push(`${line}: stopped at the deadline, what it had seen until then is used`);
    else if (exits[i] !== 0) notes.push(`${line}: exit ${exits[i]} in the instrumented copy; calls that threw are no evidence`);
  });

  const seen = new Map<number, Slot[]>();
  for (const name of readdirSync(parts)
    .filter((file) => file.endsWith('.json'))
    .slice(0, PARTS_MAX)) {
    const slots = JSON.parse(rename(readFileSync(join(parts, name), 'utf8'), owners)) as Record<string, Slot>;
    for (const [id, slot] of Object.entries(slots)) {
      const list = seen.get(Number(id));
      if (list === undefined) seen.set(Number(id), [slot]);
      else list.push(slot);
    }
  }
  const out: Record<string, FileRecording> = {};
  for (const { path, first, count, code } of placed) {
    out[path] = { code, functions: Array.from({ length: count }, (_, i) => joined(seen.get(first + i) ?? [])) };
  }
  return { commands: request.commands, exits, durationMs: Date.now() - started, notes, files: out };
}

/** Class labels carry numbers of this one run; their names for others are file and place. */
function rename(text: string, owners: ReadonlyMap<string, string>): string {
  return text.replace(/own#[fc]\d+/g, (label) => owners.get(label) ?? label);
}

function joined(slots: readonly Slot[]): Slot | null {
  const good = slots.filter(({ calls }) => calls > 0);
  if (good.length === 0) return null;
  const most = Math.max(...good.map(({ given }) => given.length));
  const none: Shape = { n: 0 };
  return {
    calls: good.reduce((sum, { calls }) => sum + calls, 0),
    threw: slots.reduce((sum, { threw }) => sum + threw, 0),
    given: Array.from({ length: most }, (_, i) => union(good.map(({ given }) => given[i] ?? none))),
    self: union(good.map(({ self }) => self)),
    result: union(good.map(({ result }) => result)),
  };
}

/** Everything but history; installed packages are linked to where they really lie. */
function copyCheckout(from: string, to: string): void {
  cpSync(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source, target) => {
      const name = basename(source);
      if (name === '.git') return false;
      if (name !== 'node_modules') return true;
      mkdirSync(dirname(target), { recursive: true });
      if (existsSync(source)) symlinkSync(realpathSync(source), target);
      return false;
    },
  });
}

function isModule(root: string, path: string, source: { readonly statements: readonly unknown[] }): boolean {
  if (/\.m[jt]s$/.test(path)) return true;
  if (/\.c[jt]s$/.test(path)) return false;
  if ('externalModuleIndicator' in source && source.externalModuleIndicator !== undefined) return true;
  for (let directory = dirname(join(root, path)); directory.length >= root.length; directory = dirname(directory)) {
    const manifest = join(directory, 'package.json');
    if (existsSync(manifest)) return (JSON.parse(readFileSync(manifest, 'utf8')) as { type?: string }).type === 'module';
  }
  return false;
}

/** The exit code, or null when the deadline stopped it. Its output is of no interest. */
function run(line: string, cwd: string, deadlineMs: number): Promise<number | null> {
  return new Promise((resolve) => {
    const bins: string[] = [];
    for (let at = cwd; at !== dirname(at); at = dirname(at)) bins.push(join(at, 'node_modules', '.bin'));
    const child = spawn('sh', ['-c', line], {
      cwd,
      detached: true, // a group of its own, so that what the tests leave behind ends with it
      stdio: 'ignore',
      env: { ...process.env, PATH: [...bins, process.env['PATH'] ?? ''].join(delimiter), CI: 'true', FORCE_COLOR: '0' },
    });
    const end = (signal: NodeJS.Signals): void => {
      try {
        process.kill(-child.pid!, signal);
      } catch {
        // it is gone already
      }
    };
    let late = false;
    const timers = [
      setTimeout(() => {
        late = true;
        end('SIGTERM');
      }, deadlineMs),
      setTimeout(() => end('SIGKILL'), deadlineMs + STAND_STILL_MS),
    ];
    const done = (code: number | null): void => {
      timers.forEach(clearTimeout);
      end('SIGKILL');
      resolve(late ? null : (code ?? 1));
    };
    child.on('error', () => done(127));
    child.on('exit', done);
  });
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      package: { type: 'string', default: '' },
      command: { type: 'string', multiple: true },
      deadline: { type: 'string', default: '120000' },
      out: { type: 'string' },
    },
  });
  const [workspace, ...files] = positionals;
  if (workspace === undefined || files.length === 0) {
    console.error('record: name a checkout and at least one source: node record.ts <checkout> lib/index.js');
    process.exit(2);
  }
  const recording = await record({
    workspace,
    package: values.package,
    files,
    commands: values.command ?? unitTestLines(workspace, values.package, []),
    deadlineMs: Number(values.deadline),
  });
  if (values.out !== undefined) writeFileSync(values.out, JSON.stringify(recording));
  for (const [path, { functions }] of Object.entries(recording.files))
    console.log(`${path}: ${functions.filter((slot) => slot !== null).length} of ${functions.length} functions seen`);
  console.log(`${recording.commands.join(' && ')}: ${recording.exits.join(', ')} in ${recording.durationMs} ms`);
  for (const note of recording.notes) console.log(note);
}
