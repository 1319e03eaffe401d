/** The simulated runtime: virtual time, seeded faults, hosts that die between any two steps, one hash per seed. */
export {
  type ActivityScene,
  type ActivityStep,
  SimActivities,
  type SimActivitiesOptions,
  type SimActivity,
} from './activities.ts';
export { withoutAmbient } from './ambient.ts';
export { SimBus, type SimBusOptions } from './bus.ts';
export { EPOCH, SimClock, type SimClockOptions, Oscillator } from './clock.ts';
export { simCrypto } from './crypto.ts';
export { drawFaults, type Faults, NO_FAULTS } from './faults.ts';
export { SimHost, type SimHostOptions, type SimPorts } from './host.ts';
export {
  describeRun,
  type Scenario,
  simulate,
  Simulation,
  type SimulationOptions,
  type SimulationResult,
  type Violation,
} from './simulation.ts';
export { type CrashKind, SimDisk, SimStore, type SimStoreOptions } from './store.ts';
export { type Scheduled, Timeline } from './timeline.ts';
export { SimRegister, type SimRegisterOptions } from './register.ts';
export { SimQuery } from './query.ts';
export { simKeys, type SimKeysOptions } from './keys.ts';
export { FROZEN, type Lost, type NetworkFaults, type Sealed, SimNetwork, type SimNetworkOptions, type Wire } from './network.ts';
export { SimHalt, type SimHaltOptions, SimHaltRegister } from './halt.ts';
export { SimJournal } from './journal.ts';
export * as spine from './spine/index.ts';
export { codecWire } from './codec-wire.ts';
