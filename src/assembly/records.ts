/**
 * What the logs of a run can still show after it: the same inputs through the rooms of this build (replay), a new run from the
 * state at an entry (fork), and the way from what was observed to what came of it (explain). Read from files, never from a host;
 * nothing here changes the run it looks at. Where the journal does not cover what is asked, the gap is named instead.
 */
import { cp, stat } from 'node:fs/promises';
import { canonicalJson, type Id, type Json, utf8 } from '../kernel/index.ts';
import { replay } from '../host/index.ts';
import type { JournaledLife, JournalInput, LedgerEntry, RecordWrite, StoredWrite } from '../ports/index.ts';
import { decodeLedgerHeader, type LedgerHeader } from '../protocol/index.ts';
import { work } from '../contracts/index.ts';
import { type Places, readEntries, readJournal, SqliteStore } from '../runtime/embedded/index.ts';
import { WorkRoom } from '../work/index.ts';
import { refuse } from './problem.ts';
import type { Explanation, ExplanationLine, Outcome, ReplayReport } from './run.ts';
import { hostOf } from './work-host.ts';

interface Read {
  readonly entries: readonly LedgerEntry[];
  readonly lives: readonly JournaledLife[];
}

export async function replayRun(places: Places, repository: string, run: string): Promise<Outcome<ReplayReport>> {
  const read = logsOf(places, run);
  const { realm, host } = hostOf(repository, run);
  const gaps = gapsOf(read);
  if (gaps.length > 0) return uncovered(run, 'replayed', gaps);
  const sum = { lives: read.lives.length, commits: 0, inputs: 0, entries: 0 };
  for (const life of read.lives) {
    const rooms = [() => new WorkRoom()];
    const replayed = replay({ rooms, seed: `${realm}/${host}`, host, life, entries: read.entries });
    if (replayed.kind === 'refused') return uncovered(run, 'replayed', replayed.gaps);
    if (replayed.kind === 'diverged') return { ok: true, value: { ...sum, same: false, divergence: replayed.divergence } };
    sum.commits += replayed.commits;
    sum.inputs += replayed.inputs;
    sum.entries += replayed.entries;
  }
  return { ok: true, value: { ...sum, same: true, divergence: null } };
}

/** The records as they were when an entry was written: those of its opening, and every commit since, up to its own. */
export function stateAt(places: Places, run: string, entry: number): Outcome<readonly StoredWrite[]> {
  const { entries, lives } = logsOf(places, run);
  const header = entries[entry] === undefined ? null : decodeLedgerHeader(entries[entry].header);
  if (header === null)
    return refuse('missing', `run ${run} has no ledger entry ${entry}, it has ${entries.length}`, [], `skein explain ${run}`);
  const life = lives.find(({ incarnation }) => incarnation === header.incarnation);
  const gaps = life?.gaps ?? [`sitting ${header.incarnation} was not journaled`];
  if (life === undefined || life.records === null || gaps.length > 0) return uncovered(run, 'forked', gaps);
  const records = new Map<string, StoredWrite>();
  const put = ({ room, table, key, version, value }: RecordWrite): void => {
    const at = `${room}\u0000${table}\u0000${key}`;
    if (value === null) records.delete(at);
    else records.set(at, { room, table, key, version, value });
  };
  for (const record of life.records) put(record);
  for (const { sequence, writes } of life.commits) if (sequence <= header.commit) for (const write of writes) put(write);
  return { ok: true, value: [...records.values()] };
}

/** Writes the records of another run under a run of their own: its number, its branch and its places instead of the old ones. */
export async function writeFork(
  places: Places,
  repository: string,
  { from, run, entry }: { readonly from: string; readonly run: string; readonly entry: number },
  records: readonly StoredWrite[],
): Promise<void> {
  const before = await stat(places.blobs(from)).catch(() => null);
  if (before !== null) await cp(places.blobs(from), places.blobs(run), { recursive: true });
  const renamed = renaming(places, repository, from, run);
  const writes = records.map((record) => {
    const value = renamed(JSON.parse(record.value) as Json);
    // What was in flight then is not in flight now: its outcome is `cancelled`, and the room decides.
    const cancelled = record.room === 'host' && record.table === 'activity' ? { ...(value as object), cancelled: true } : value;
    const key = record.room === work.WORK_ROOM && record.table === 'run' && record.key === from ? run : record.key;
    return { ...record, key, value: canonicalJson(cancelled) };
  });
  const { realm, host } = hostOf(repository, run);
  const store = new SqliteStore({ path: places.store(run), realm, host, journal: 'contracts' });
  const incarnation = await new Promise<number>((resolve, reject) =>
    store.open((error, opened) => (error === null ? resolve(opened!.incarnation) : reject(error))),
  );
  const id = `${host}${incarnation.toString(16).padStart(8, '0')}${'f'.repeat(12)}` as Id; // the last of its incarnation: no host draws it
  const body = utf8(canonicalJson({ run, forked: from, entry }));
  const entries = [{ kind: 'config' as const, id, causation: null, time: Date.now(), body }];
  await new Promise<void>((resolve, reject) =>
    store.commit({ sequence: 1, writes, entries }, (error) => (error === null ? resolve() : reject(error))),
  );
  await new Promise<void>((resolve) => store.close(resolve));
}

/** Every place where a record names its run: the field `run`, the branch and refs, and paths. */
function renaming(places: Places, repository: string, from: string, run: string): (value: Json) => Json {
  const [old, now] = [hostOf(repository, from), hostOf(repository, run)];
  const starts: readonly (readonly [string, string])[] = [
    [`refs/heads/skein/${from}`, `refs/heads/skein/${run}`],
    [`refs/skein/${from}/`, `refs/skein/${run}/`],
    [places.workspaces(from), places.workspaces(run)],
    [places.runDirectory(from), places.runDirectory(run)],
    [`${old.realm}/${old.host}/`, `${now.realm}/${now.host}/`],
    [`host:${old.realm}/${old.host}`, `host:${now.realm}/${now.host}`],
  ];
  const rename = (value: Json): Json => {
    if (typeof value === 'string') {
      const start = starts.find(([before]) => value === before || value.startsWith(before.endsWith('/') ? before : `${before}/`));
      return start === undefined ? value : start[1] + value.slice(start[0].length);
    }
    if (Array.isArray(value)) return (value as readonly Json[]).map(rename);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, name === 'run' && inner === from ? run : rename(inner)]),
    );
  };
  return rename;
}

const LINES_MAX = 500; // a task with a hundred attempts; beyond it the last ones are left out and counted

/** The causal path of a task or of a message, oldest first. */
export function explainRun(places: Places, run: string, subject: string): Outcome<Explanation> {
  const read = logsOf(places, run);
  const gaps = gapsOf(read);
  if (gaps.length > 0) return uncovered(run, 'explained', gaps);
  const named = new Set<string>([subject]); // the message itself, and the ids that were drawn while its inputs were handled
  const observed: ExplanationLine[] = [];
  for (const { commits, incarnation } of read.lives) {
    for (const { inputs, sequence } of commits) {
      for (const input of inputs) {
        if (!concerns(input, subject)) continue;
        for (const id of input.ids) named.add(id);
        observed.push({ entry: null, at: input.at, incarnation, commit: sequence, ...lineOfInput(input) });
      }
    }
  }
  const written = read.entries.flatMap((entry) => lineOfEntry(entry, subject, named));
  const lines = [...observed, ...written].toSorted(byTime);
  if (lines.length === 0)
    return refuse('missing', `nothing in run ${run} is called ${subject}: no task and no message`, [], `skein runs show ${run}`);
  return { ok: true, value: { subject, lines: lines.slice(0, LINES_MAX), left: Math.max(0, lines.length - LINES_MAX) } };
}

function byTime(a: ExplanationLine, b: ExplanationLine): number {
  const inputFirst = (line: ExplanationLine): number => (line.entry === null ? 0 : 1);
  return (
    a.incarnation - b.incarnation ||
    a.commit - b.commit ||
    a.at - b.at ||
    inputFirst(a) - inputFirst(b) ||
    (a.entry ?? 0) - (b.entry ?? 0)
  );
}

function concerns({ input }: JournalInput, subject: string): boolean {
  switch (input.kind) {
    case 'message':
      return input.envelope.id === subject || namesTask(input.envelope.data, subject);
    case 'activity':
      return isPart(input.key, subject);
    case 'timer':
      return isPart(input.key, subject);
    case 'load':
      return false;
  }
}

/** The activities and timers of a task are called `agent/<task>/<fence>`, `discard/<task>/<fence>` and so on. */
function isPart(key: string, subject: string): boolean {
  return key.split('/')[1] === subject;
}

/** A start intent names its tasks, others name one. */
function namesTask(data: unknown, subject: string): boolean {
  if (typeof data !== 'object' || data === null) return false;
  const { task, tasks, spec } = data as { task?: unknown; tasks?: unknown; spec?: unknown };
  if (task === subject) return true;
  if (Array.isArray(tasks) && tasks.some((one: unknown) => (one as { id?: unknown } | null)?.id === subject)) return true;
  return namesTask(spec, subject);
}

function lineOfInput({ input, room }: JournalInput): Pick<ExplanationLine, 'kind' | 'who' | 'what'> {
  if (input.kind === 'message') {
    const { type, id, source } = input.envelope;
    return { kind: 'observed', who: source, what: `${type} (message ${id}) reached ${room}` };
  }
  if (input.kind === 'activity') {
    const { outcome } = input;
    const detail = 'detail' in outcome ? outcome.detail : outcome.status === 'refused' ? outcome.refusal.detail : '';
    return { kind: 'observed', who: input.key, what: `${outcome.status}${detail === '' ? '' : `: ${detail}`}` };
  }
  return { kind: 'observed', who: 'the clock', what: input.kind === 'timer' ? `the timer ${input.key} was due` : 'loaded' };
}

function lineOfEntry(entry: LedgerEntry, subject: string, named: ReadonlySet<string>): readonly ExplanationLine[] {
  const header = decodeLedgerHeader(entry.header);
  if (header === null) return [];
  const body = bodyOf(entry);
  const { task, key, tasks } = body;
  const own =
    task === subject ||
    (Array.isArray(tasks) && tasks.includes(subject)) ||
    (typeof key === 'string' && isPart(key, subject)) ||
    (named.has(header.id) && (typeof task !== 'string' || header.causation === subject)) || // not what else landed with it
    header.causation === subject;
  if (!own) return [];
  const { index, time: at, incarnation, commit } = header;
  return [
    { entry: index, at, incarnation, commit, kind: header.kind, who: whoOf(header, body), what: wordsOf(header, entry, body) },
  ];
}

function whoOf({ kind, host }: LedgerHeader, body: Readonly<Record<string, unknown>>): string {
  const { agent, room, name } = body;
  if (kind === 'activity.intent' || kind === 'activity.outcome') return `${String(room)} through ${String(name)}`;
  return typeof agent === 'string' ? `${work.WORK_ROOM} about ${agent}` : `${work.WORK_ROOM} on ${host}`;
}

function wordsOf({ kind }: LedgerHeader, entry: LedgerEntry, body: Readonly<Record<string, unknown>>): string {
  if (entry.body === null) return 'its body was erased';
  if (kind === 'activity.intent') return `${String(body.key)} was to start, attempt ${String(body.attempt)}`;
  if (kind === 'activity.outcome') return `${String(body.key)} ended: ${String(body.status)}`;
  return Object.entries(body)
    .filter(([name]) => name !== 'run')
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

function bodyOf({ body }: LedgerEntry): Readonly<Record<string, unknown>> {
  if (body === null) return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function logsOf(places: Places, run: string): Read {
  const path = places.store(run);
  return { entries: readEntries(path), lives: readJournal(path) };
}

/** What is missing of any sitting, in order. */
function gapsOf({ entries, lives }: Read): readonly string[] {
  const journaled = new Set(lives.map(({ incarnation }) => incarnation));
  const seen = new Set(entries.flatMap(({ header }) => decodeLedgerHeader(header)?.incarnation ?? []));
  const unknown = [...seen].filter((incarnation) => !journaled.has(incarnation));
  return [
    ...unknown.map((incarnation) => `sitting ${incarnation} was not journaled`),
    ...lives.flatMap(({ incarnation, gaps }) => gaps.map((gap) => `sitting ${incarnation}: ${gap}`)),
  ];
}

function uncovered(run: string, verb: string, gaps: readonly string[]): Outcome<never> {
  const what = `run ${run} cannot be ${verb}: its journal does not cover it`;
  return refuse('missing', what, gaps.slice(0, 10), 'skein run --record keeps every input of the next run');
}
