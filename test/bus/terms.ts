/** What both processes of the socket bus tests know: the contract, and a seal that only tells accidents. */
import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import type { Id, Priority } from '../../src/kernel/index.ts';
import { type Contract, defineContract, type Envelope, makeEnvelope, WireTable } from '../../src/protocol/index.ts';
import type { FrameTerms } from '../../src/runtime/embedded/index.ts';

export const Say: Contract<{ n: number; text: string }> = defineContract(
  'test.event.say.v1',
  Type.Object({ n: Type.Integer(), text: Type.String() }),
  { durability: 'ephemeral' },
);
const tag = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest().subarray(0, 8);

export function terms(host: string): FrameTerms {
  return {
    host,
    incarnation: 1,
    table: new WireTable([Say]),
    seal: (sequence) => ({ authentication: 'stub', key: new Uint8Array(0), sequence, seal: tag }),
    unseal: (_, bytes, given) =>
      Buffer.compare(tag(bytes), given) === 0 ? null : { reason: 'bad-signature', detail: 'the tag is another one' },
  };
}

let serial = 0;

export function say(source: string, audience: string, n: number, priority: Priority = 2, text = ''): Envelope {
  const id = `${process.pid.toString(16).padStart(8, '0')}${(serial += 1).toString(16).padStart(24, '0')}` as Id;
  return makeEnvelope(Say, { n, text }, { id, source, audience, priority, time: Date.now(), subject: 'test', ttl: 600_000 });
}
