/** A small fleet of hosts, everything that goes wrong in it, and its checkers. */
export { Board } from './board.ts';
export { type Cell, Cells, CellSet, type CellWrite, type Progress, SetCell, Step } from './contracts.ts';
export { Counters, type CountersView } from './counters.ts';
export { type Admits, type FleetPlant, FleetWorld, runFleet } from './fleet.ts';
export {
  AGENTS_MAX,
  drawFleet,
  FAULT_CLASSES,
  type FaultClass,
  type FleetOptions,
  type FleetRequest,
  HOSTS_MAX,
  type Incident,
} from './options.ts';
export { type Checker, CHECKERS } from './watch.ts';
export { commandOf, shrinkFleet, type Shrunk } from './shrink.ts';
