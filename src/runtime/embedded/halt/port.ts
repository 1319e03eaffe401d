/**
 * The halt port of one host over the record of its repository: looked at before every effect, with the lease that its warden
 * renews. Until the warden is there its own look stands for the lease, because nothing can start before the warden does.
 * What cannot be read permits nothing.
 */
import type { Clock, Halt, HaltRecord, PermissionLease } from '../../../ports/index.ts';
import { haltId, type HaltOrder } from '../../../protocol/index.ts';
import { LEASE_MS, machineMs, readLease } from './lease.ts';
import type { HaltRegister } from './register.ts';

const LOOK_COUNTS_MS = 1; // a turn of 64 messages looks once; a halt is that much later for it

export interface HaltPortOptions {
  readonly register: HaltRegister;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Path of the lease; null = there is no warden, and the look at the record is the lease. */
  readonly lease: () => string | null;
  /** Orders of a host are signed outside; appending through the port is for tests of the port. */
  readonly append?: (record: HaltRecord) => HaltOrder;
  /** The machine's clock; replaced in tests. */
  readonly machine?: () => number;
}

export function haltPort({ register, clock, lease, append, machine = machineMs }: HaltPortOptions): Halt {
  const listeners: ((record: HaltRecord) => void)[] = [];
  let told = 0;
  let last: PermissionLease | null = null;
  let lookedAt = -Infinity;

  /** Tells of what is new; answers the epoch that this host knows now. */
  const look = (): number => {
    const log = register.read();
    for (const order of log.orders.slice(told)) {
      told += 1;
      for (const listen of listeners) listen(recordOf(order));
    }
    return log.epoch;
  };

  return {
    read(done) {
      let error: Error | null = null;
      let records: HaltRecord[] = [];
      try {
        const { orders } = register.read();
        told = orders.length;
        records = orders.map(recordOf);
      } catch (cause) {
        error = cause as Error;
      }
      setImmediate(() => done(error, records));
    },
    append(record, done) {
      let error: Error | null = null;
      try {
        if (append === undefined) throw new Error('this host signs no orders: skein halt does');
        append(record);
        look();
      } catch (cause) {
        error = cause as Error;
      }
      setImmediate(done, error);
    },
    onRecord: (listener) => void listeners.push(listener),
    lease() {
      const now = machine();
      if (now - lookedAt < LOOK_COUNTS_MS) return last;
      let epoch: number;
      try {
        epoch = look();
        lookedAt = now;
      } catch {
        return last; // the one before goes on until it is over: longer is not permitted to who cannot see the record
      }
      const path = lease();
      const granted =
        path === null ? { until: clock.monotonic() + LEASE_MS, epoch } : readLease(path, () => clock.monotonic(), machine);
      if (granted !== null) last = granted;
      return last;
    },
  };
}

/** A freeze stops no effect, its host drains; a stage ends nothing more. Both are told for their epoch, which the lease names. */
function recordOf({ epoch, scope, kind, level, names, by, reason, at }: HaltOrder): HaltRecord {
  if (kind !== 'halt') return { scope, epoch, state: 'RUNNING', ends: names!, by, reason: `${haltId(names!)}: ${reason}`, at };
  return { scope, epoch, state: level === null || level === 'FROZEN' ? 'RUNNING' : level, by, reason, at };
}
