/** What both processes of the frame bench know: the contract, the keys, and the three ways to send. */
import { Type } from 'typebox';
import { type Contract, type Crypto, defineContract, type FrameHeader, WireTable } from '../../src/protocol/index.ts';

/** frame: our frames of 64 under one signature; each: one message under one signature; json: 64 as JSON under one signature. */
export type Way = 'frame' | 'each' | 'json';

export const MESSAGES_PER_FRAME: Readonly<Record<Way, number>> = { frame: 64, each: 1, json: 64 };
export const PREFIX_BYTES = 4; // length of a JSON frame; our own say theirs in their header
export const TAG_BYTES = 64;

const closed = { additionalProperties: false } as const;
export const RouteOrder: Contract = defineContract(
  'order.intent.route.v1',
  Type.Object(
    {
      account: Type.String({ minLength: 3, maxLength: 32 }),
      symbol: Type.String({ pattern: '^[A-Z]{3,8}$' }),
      side: Type.Union([Type.Literal('buy'), Type.Literal('sell')]),
      quantity: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
      price: Type.Number({ minimum: 0 }),
      tags: Type.Array(Type.String({ maxLength: 16 }), { maxItems: 8 }),
      limits: Type.Object({ slippage: Type.Integer({ minimum: 0 }), urgent: Type.Boolean() }, closed),
    },
    closed,
  ),
);
export const TABLE: WireTable = new WireTable([RouteOrder]);

export const HEADER: Omit<FrameHeader, 'key' | 'sequence'> = {
  authentication: 'signature',
  from: '00000000002a',
  to: '00000000002b',
  incarnation: 1,
};

export function keyOf(crypto: Crypto): {
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly id: Uint8Array;
} {
  const { secretKey, publicKey } = crypto.keyPair(new Uint8Array(32).fill(7));
  return { secretKey, publicKey, id: crypto.hash(publicKey).subarray(0, 16) };
}

/** From the producer: count this many messages, as they are sent in this way. From the consumer: what that took. */
export interface Order {
  readonly way: Way;
  readonly messages: number;
}
export interface Done {
  readonly cpuMicros: number;
  readonly dispatched: number;
  readonly refused: number;
}
