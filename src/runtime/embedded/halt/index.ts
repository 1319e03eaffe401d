/** Halts on one machine: the record, the leases, the operator's key, and the port over them. */
export { HaltRecordError, HaltRegister, type HaltAck, type Appended, type HaltRegisterOptions } from './register.ts';
export { haltPort, type HaltPortOptions } from './port.ts';
export { LEASE_MS, LEASE_PERIOD_MS, leaseWriter, type LeaseWriter, machineMs, readLease } from './lease.ts';
export { openOperator, type Operator } from './operator.ts';
export { type HaltWatch, type HaltWatchActs, type HaltWatchSettings, watchHalts } from './watch.ts';
