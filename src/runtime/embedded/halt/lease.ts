/**
 * The permission lease of one host: 24 bytes beside its processes that its warden writes twice a second while it can read the
 * halt record, and that the host reads right before each effect. Both count on the machine's one monotonic clock, so a lease
 * is as old as it says even when the host's loop hung since. Not synced: after a crash of the machine nobody holds one.
 *
 *   f64 issued (ms) · f64 last epoch its issuer read · f64 their sum
 */
import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { PermissionLease } from '../../../ports/index.ts';

/** How often a lease is renewed, and how long one lives: three renewals may be lost. */
export const LEASE_PERIOD_MS = 500;
export const LEASE_MS = 2000;
const BYTES = 24;

/** The same for all processes of this machine since it started. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export interface LeaseWriter {
  issue(epoch: number): void;
  close(): void;
}

export function leaseWriter(path: string): LeaseWriter {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true }); // who reads the one before it reads a file that nobody renews
  const file = openSync(path, 'w', 0o600);
  const view = new DataView(new ArrayBuffer(BYTES));
  return {
    issue(epoch) {
      const issued = machineMs();
      for (const [at, value] of [issued, epoch, issued + epoch].entries()) view.setFloat64(at * 8, value);
      writeSync(file, view, 0, BYTES, 0);
    },
    close() {
      closeSync(file);
      rmSync(path, { force: true });
    },
  };
}

/** The lease on this process' clock; null when there is none or it is being written in this instant. */
export function readLease(path: string, monotonic: () => number, machine: () => number = machineMs): PermissionLease | null {
  const view = new DataView(new ArrayBuffer(BYTES));
  try {
    const file = openSync(path, 'r');
    try {
      if (readSync(file, view, 0, BYTES, 0) !== BYTES) return null;
    } finally {
      closeSync(file);
    }
  } catch {
    return null; // no warden yet, or none any more
  }
  const [issued, epoch, sum] = [view.getFloat64(0), view.getFloat64(8), view.getFloat64(16)];
  const age = machine() - issued;
  if (issued + epoch !== sum || age < 0) return null;
  return { until: monotonic() + LEASE_MS - age, epoch };
}
