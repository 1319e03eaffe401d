/** What the two ends of a connection say to each other beside the messages that they carry. Never leaves the two. */
import { Type } from 'typebox';
import type { Id, Millis, Priority } from '../../kernel/index.ts';
import { type Contract, defineContract, type Envelope, makeEnvelope } from '../../protocol/index.ts';

/** What the two ends say to each other beside the messages. */
export const LinkContract: Contract = defineContract(
  'bus.intent.link.v1',
  Type.Object({
    do: Type.Enum(['attach', 'detach', 'join', 'leave', 'to', 'got', 'taken', 'undelivered', 'certificate', 'signed']),
    /** signed: the id of the message that follows. */
    address: Type.String(),
    /** join, leave: of which group or pool. certificate, signed: its bytes in base64. */
    other: Type.String(),
    /** got: [frame]. taken: by lane. */
    counts: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 4 }),
    refusal: Type.Unknown(),
    envelope: Type.Unknown(),
  }),
  { durability: 'ephemeral', journal: 'none' },
);
export interface Link {
  readonly do: 'attach' | 'detach' | 'join' | 'leave' | 'to' | 'got' | 'taken' | 'undelivered' | 'certificate' | 'signed';
  readonly address: string;
  readonly other: string;
  readonly counts: readonly number[];
  readonly refusal: unknown;
  readonly envelope: unknown;
}

const NO_ID = '0'.repeat(32) as Id;

export function link(more: Partial<Link> & Pick<Link, 'do'>, now: Millis, priority: Priority = 0): Envelope {
  const data = { address: '', other: '', counts: [], refusal: null, envelope: null, ...more };
  const spoken = { id: NO_ID, source: 'host:link', time: now, subject: '', audience: 'host:link', priority };
  return makeEnvelope(LinkContract, data, spoken);
}

export function linkOf(envelope: Envelope): Link | null {
  if (envelope.type !== LinkContract.type) return null;
  return LinkContract.check(envelope.data) ? (envelope.data as Link) : null;
}

export const isMessage = (envelope: Envelope): boolean => envelope.type !== LinkContract.type;

/** Whether the other end answers a frame of these: what only acknowledges is acknowledged seldom. */
export function isOwed(envelopes: readonly Envelope[]): boolean {
  return envelopes.some((envelope) => linkOf(envelope)?.do !== 'got');
}
