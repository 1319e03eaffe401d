/**
 * The small fleet for a surface: seeds run one after another on virtual time, and the first that fails is made smaller. Nothing real
 * is touched: no file, no process, no network, no clock.
 */
import type { Crypto } from '../protocol/index.ts';
import { openCrypto } from '../runtime/embedded/index.ts';
import { type SimulationResult, spine } from '../runtime/simulation/index.ts';

export type FleetRequest = spine.FleetRequest;
export type FleetOptions = spine.FleetOptions;
export type FaultClass = spine.FaultClass;
export type FleetPlant = spine.FleetPlant;

export interface SimulatedSeed {
  readonly seed: string;
  readonly options: FleetOptions;
  readonly result: SimulationResult;
}

export interface SimulatedFailure {
  /** The command that shows it, as small as it could be made. */
  readonly command: string;
  readonly options: FleetOptions;
  readonly result: SimulationResult;
  /** Runs that making it smaller took. */
  readonly runs: number;
}

export const SIMULATION: {
  readonly faultClasses: readonly FaultClass[];
  readonly hostsMax: number;
  readonly agentsMax: number;
  readonly checkers: Readonly<Record<string, string>>;
} = {
  faultClasses: spine.FAULT_CLASSES,
  hostsMax: spine.HOSTS_MAX,
  agentsMax: spine.AGENTS_MAX,
  checkers: spine.CHECKERS,
};

/** The primitives of this machine, for the seeds that run the real codec; without them a stand-in signs. Needs no WebAssembly. */
export async function simulationCrypto(): Promise<Crypto> {
  return (await openCrypto(['hash-wasm'])).crypto;
}

export function simulateSeed(request: FleetRequest, trace = false, plant: FleetPlant = {}, crypto?: Crypto): SimulatedSeed {
  const options = spine.drawFleet(request);
  const result = spine.runFleet(options, plant, { trace, ...(crypto === undefined ? {} : { crypto }) });
  return { seed: request.seed, options, result };
}

export function shrinkSeed(
  request: FleetRequest,
  failed: SimulationResult,
  plant: () => FleetPlant = () => ({}),
): SimulatedFailure {
  const shrunk = spine.shrinkFleet(request, failed, (smaller) => simulateSeed(smaller, false, plant()).result);
  return {
    command: spine.commandOf(shrunk.request),
    options: spine.drawFleet(shrunk.request),
    result: shrunk.result,
    runs: shrunk.runs,
  };
}
