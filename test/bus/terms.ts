/** What the processes of the socket bus tests know: the contract, who is a member, and the keys of each, which follow from names. */
import { Type } from 'typebox';
import type { Id, Priority } from '../../src/kernel/index.ts';
import {
  admitMember,
  type Contract,
  ContractRegistry,
  type Crypto,
  defineContract,
  type Envelope,
  HostKeys,
  KeyChain,
  KeyRing,
  makeEnvelope,
  succeedKey,
} from '../../src/protocol/index.ts';
import { openCrypto, type SocketIdentity } from '../../src/runtime/embedded/index.ts';

export const REALM = 'r';
export const HUB = '00000000000a';
export const CHILD = '00000000000c';
export const OTHER = '00000000000d';
export const STRANGER = '00000000000f';
export const nameOf = (host: string): string => `host:${REALM}/${host}`;
export const AGENT = `agent:${REALM}/mind`;

const AUTHORITY = `operator:${REALM}/root`;
const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;

export const Say: Contract<{ n: number; text: string }> = defineContract(
  'test.event.say.v1',
  Type.Object({ n: Type.Integer(), text: Type.String() }, { additionalProperties: false }),
  { durability: 'ephemeral' },
);
/** A day later: one field more. */
export const SayMore: Contract<{ n: number; text: string; loud: boolean }> = defineContract(
  'test.event.say.v1',
  Type.Object({ n: Type.Integer(), text: Type.String(), loud: Type.Boolean() }, { additionalProperties: false }),
  { durability: 'ephemeral', minor: 1 },
);
/** No certificate covers it. */
export const Stop: Contract<{ why: string }> = defineContract(
  'test.intent.stop.v1',
  Type.Object({ why: Type.String() }, { additionalProperties: false }),
  { durability: 'ephemeral', signing: 'each' },
);
export const Give: Contract<{ from: number; count: number; to: string }> = defineContract(
  'test.intent.give.v1',
  Type.Object({ from: Type.Integer(), count: Type.Integer(), to: Type.String() }, { additionalProperties: false }),
);
export const Note: Contract<{ n: number }> = defineContract(
  'test.intent.note.v1',
  Type.Object({ n: Type.Integer() }, { additionalProperties: false }),
);

const { crypto: primitives } = await openCrypto();
export const crypto: Crypto = primitives;
const seedOf = (name: string): Uint8Array => crypto.hash(new TextEncoder().encode(name));

export interface Member {
  readonly identity: SocketIdentity;
  readonly ring: KeyRing;
  readonly keys: HostKeys;
}

/** One host as it knows itself and the others. A stranger's keys are nowhere in the ring. */
export function member(host: string, more: Partial<SocketIdentity> & { contracts?: ContractRegistry } = {}): Member {
  const now = Date.now();
  const root = new KeyChain(seedOf(AUTHORITY), crypto).key(AUTHORITY, 0);
  const ring = new KeyRing([{ name: AUTHORITY, publicKey: root.publicKey }], crypto);
  const admit = (name: string, holder: string): void => {
    const key = new KeyChain(seedOf(holder), crypto).key(name, 0);
    const refused = ring.apply(admitMember({ member: name, from: now - HOUR, until: now + DAY, key }, root), now - HOUR);
    if (refused !== null) throw new Error(refused.detail);
  };
  for (const each of [HUB, CHILD, OTHER]) admit(nameOf(each), nameOf(each));
  admit(AGENT, nameOf(CHILD));
  const keys = new HostKeys(nameOf(host), seedOf(nameOf(host)), ring, crypto);
  const contracts = new ContractRegistry();
  for (const each of [Say, Stop]) contracts.add(each);
  const identity: SocketIdentity = {
    realm: REALM,
    host,
    incarnation: 1,
    crypto,
    ring,
    signer: (name, at) => keys.signer(name, at),
    contracts,
    ...more,
  };
  return { identity, ring, keys };
}

/** From that time on another key signs for the host; the same record in every process that is told. */
export function succession(host: string, from: number): Uint8Array {
  const chain = new KeyChain(seedOf(nameOf(host)), crypto);
  const next = { member: nameOf(host), from, until: from + DAY, key: chain.key(nameOf(host), 1) };
  return succeedKey(next, chain.key(nameOf(host), 0));
}

let serial = 0;

export const newId = (): Id =>
  `${process.pid.toString(16).padStart(8, '0')}${(serial += 1).toString(16).padStart(24, '0')}` as Id;

export function say(source: string, audience: string, n: number, priority: Priority = 2, text = ''): Envelope {
  const spoken = { id: newId(), source, audience, priority, time: Date.now(), subject: 'test', ttl: 600_000 };
  return makeEnvelope(Say, { n, text }, spoken);
}
