/**
 * Every contract of Skein with its number on the wire. A number is given once and never again to another contract, also after
 * its contract is gone; the gaps leave room for each domain. A fleet's own contracts are counted by its registry from 4,096.
 */
import { type Contract, ContractRegistry } from '../protocol/index.ts';
import * as fleet from './fleet.ts';
import * as host from './host.ts';
import * as marketdata from './marketdata.ts';
import * as mesh from './mesh.ts';
import * as system from './system.ts';
import * as legacy from './trading-legacy.ts';
import * as trading from './trading.ts';
import * as work from './work.ts';

export const CATALOGUE: readonly (readonly [number: number, contract: Contract])[] = [
  [1, system.HaltIntent],
  [2, system.ResumeIntent],
  [3, system.AuditEntry],
  [4, system.DeadLetterNotice],

  [10, host.Ack],
  [11, host.RetryDead],
  [12, host.DropDead],

  [100, work.RunIntent],
  [101, work.DrainIntent],
  [102, work.KillIntent],
  [103, work.ResumeIntent],
  [104, work.TaskFound],

  [200, fleet.OfferEvent],
  [201, fleet.NeedIntent],
  [202, fleet.RequestIntent],
  [203, fleet.StateDelta],
  [204, fleet.HandoffIntent],

  [300, mesh.HeartbeatState],
  [301, mesh.CoordinateIntent],
  [302, mesh.AcknowledgeEvent],
  [303, mesh.CircuitEvent],
  [304, mesh.FreezeIntent],

  [400, marketdata.TickEvent],
  [401, marketdata.BarEvent],
  [410, trading.OpportunityEvent],
  [411, trading.AllocateIntent],
  [412, trading.RiskContextState],
  [413, trading.RouteIntent],
  [414, trading.FillEvent],
  [415, trading.AlertEvent],
  [416, trading.SnapshotEvent],

  [450, legacy.OpportunityV1],
  [451, legacy.AllocateV1],
  [452, legacy.RiskContextV1],
  [453, legacy.RouteV1],
  [454, legacy.FillV1],
  [455, legacy.AlertV1],
  [456, legacy.SnapshotV1],
];

/** A registry with the whole catalogue; a fleet adds its own. */
export function catalogue(): ContractRegistry {
  const registry = new ContractRegistry();
  for (const [number, contract] of CATALOGUE) registry.add(contract, number);
  return registry;
}
