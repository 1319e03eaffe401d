/**
 * The halt record of one machine: a file of JSON lines that is only appended to, synced before anybody is told, and looked at
 * before every effect, so that a halt written by another process counts from the next effect on. Whoever can read the record
 * here has permission: the lease is as fresh as the look. Without a path the record lives as long as the process.
 * What cannot be read permits nothing: the last lease runs out.
 */
import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock, Halt, HaltRecord, PermissionLease } from '../../ports/index.ts';

const LEASE_MS = 2000; // what a host may still start after its last look
const LINE_BYTES_MAX = 64 * 1024; // a scope, a name and a reason
const RECORD_BYTES_MAX = 64 * 1024 * 1024; // longer than any history of halts: it is no halt record
const STATES: readonly unknown[] = ['RUNNING', 'REDUCING', 'HALTED', 'KILLED'] satisfies HaltRecord['state'][];

export interface HaltFileOptions {
  readonly path: string | null;
  readonly clock: Pick<Clock, 'monotonic'>;
}

export function haltFile({ path, clock }: HaltFileOptions): Halt & { close(): void } {
  let file: number | null = null;
  let seen = 0; // bytes read, whole lines only
  let epoch = 0;
  let known: HaltRecord[] = [];
  let last: PermissionLease | null = null;
  let complete = false;
  const listeners: ((record: HaltRecord) => void)[] = [];

  const keep = (record: HaltRecord): void => {
    known.push(record);
    epoch = Math.max(epoch, record.epoch);
    if (complete) for (const listen of listeners) listen(record);
  };
  const opened = (): number => {
    if (file !== null) return file;
    mkdirSync(dirname(path!), { recursive: true, mode: 0o700 });
    return (file = openSync(path!, 'a+', 0o600));
  };
  /** Reads what was appended since the last look. A line without an end was never acknowledged. */
  const look = (): void => {
    if (path === null) return;
    const { size } = fstatSync(opened());
    if (size > RECORD_BYTES_MAX) throw new Error(`${path} has ${size} bytes: that is no halt record`);
    if (size === seen) return;
    if (size < seen) throw new Error(`${path} became shorter: a halt record only grows`);
    const bytes = Buffer.alloc(size - seen);
    const count = readSync(opened(), bytes, 0, bytes.length, seen);
    const end = bytes.subarray(0, count).lastIndexOf(10) + 1;
    for (const line of bytes.subarray(0, end).toString('utf8').split('\n')) if (line !== '') keep(parse(line, path));
    seen += end;
  };

  return {
    read(done) {
      let error: Error | null = null;
      try {
        look();
        complete = true;
      } catch (cause) {
        error = cause as Error;
      }
      const records = known;
      setImmediate(() => done(error, error === null ? records : []));
    },
    append(record, done) {
      let error: Error | null = null;
      try {
        if (path === null) keep(record);
        else {
          const line = JSON.stringify(record);
          if (Buffer.byteLength(line) > LINE_BYTES_MAX) throw new Error(`a halt record is at most ${LINE_BYTES_MAX} bytes`);
          parse(line, path);
          look();
          if (fstatSync(opened()).size > seen) throw new Error(`${path} ends amid a line, its writer died: remove that line`);
          writeSync(opened(), `${line}\n`);
          fsyncSync(opened());
          look();
        }
      } catch (cause) {
        error = cause as Error;
      }
      setImmediate(done, error);
    },
    onRecord: (listener) => void listeners.push(listener),
    lease() {
      try {
        look();
        last = { until: clock.monotonic() + LEASE_MS, epoch };
      } catch {
        // the one before goes on until it is over: longer is not permitted to who cannot see the record
      }
      return last;
    },
    close() {
      if (file !== null) closeSync(file);
      file = null;
      known = [];
    },
  };
}

function parse(line: string, path: string): HaltRecord {
  const { scope, epoch, state, by, reason, at } = JSON.parse(line) as Partial<HaltRecord>;
  const sound =
    typeof scope === 'string' &&
    Number.isSafeInteger(epoch) &&
    epoch! > 0 &&
    STATES.includes(state) &&
    typeof by === 'string' &&
    typeof reason === 'string' &&
    Number.isSafeInteger(at);
  if (!sound) throw new Error(`${path} holds a line that is no halt record: ${line.slice(0, 200)}`);
  return { scope, epoch: epoch!, state: state!, by, reason, at: at! };
}
