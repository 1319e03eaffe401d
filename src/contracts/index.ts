/** The contracts of every room: pure data and types. */
export * as fleet from './fleet.ts';
export * as marketdata from './marketdata.ts';
export * as mesh from './mesh.ts';
export * as system from './system.ts';
export * as trading from './trading.ts';
export * as tradingLegacy from './trading-legacy.ts';
export * as tradingUpgrade from './trading-upgrade.ts';
export * as host from './host.ts';
export * as work from './work.ts';
export { catalogue, CATALOGUE } from './catalogue.ts';
