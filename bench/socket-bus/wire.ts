/** What both processes of the socket bus bench know: who they are, and what they say. */
import { admitMember, ContractRegistry, type Crypto, HostKeys, KeyChain, KeyRing } from '../../src/protocol/index.ts';
import type { SocketIdentity } from '../../src/runtime/embedded/index.ts';
import { RouteOrder } from '../frame/wire.ts';

export const HUB = '00000000002b';
export const SPOKE = '00000000002a';
export const nameOf = (host: string): string => `host:default/${host}`;
const AUTHORITY = 'operator:default/root';
const HOUR = 60 * 60 * 1000;

export interface Order {
  readonly messages: number;
}
export interface Done {
  readonly cpuMicros: number;
  readonly refused: number;
}

export function identityOf(host: string, crypto: Crypto, frames: 'session' | 'signature'): SocketIdentity {
  const seed = (name: string): Uint8Array => crypto.hash(new TextEncoder().encode(name));
  const root = new KeyChain(seed(AUTHORITY), crypto).key(AUTHORITY, 0);
  const ring = new KeyRing([{ name: AUTHORITY, publicKey: root.publicKey }], crypto);
  const from = Date.now() - HOUR;
  for (const each of [HUB, SPOKE].map(nameOf)) {
    const key = new KeyChain(seed(each), crypto).key(each, 0);
    ring.apply(admitMember({ member: each, from, until: from + 24 * HOUR, key }, root), from);
  }
  const keys = new HostKeys(nameOf(host), seed(nameOf(host)), ring, crypto);
  const contracts = new ContractRegistry();
  contracts.add(RouteOrder);
  const signer: SocketIdentity['signer'] = (name, now) => keys.signer(name, now);
  return { realm: 'default', host, incarnation: process.pid, crypto, ring, signer, contracts, frames };
}
