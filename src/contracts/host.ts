/**
 * What hosts say to each other and what a person says to one: acknowledgements of what is durable, and what to do with a dead
 * letter. Data and types only.
 */
import { type Static, Type } from 'typebox';
import { defineContract, type Contract, type RefusalReason, REFUSALS } from '../protocol/index.ts';

const closed = { additionalProperties: false } as const;
const MessageId = Type.String({ pattern: '^[0-9a-f]{32}$' });
const Reason = Type.Unsafe<RefusalReason>(Type.Enum(Object.keys(REFUSALS)));

export const RESULT_CHARS_MAX = 4096; // of canonical JSON: an answer, not a document; a day of them stays in memory
export const ACKS_MAX = 256; // one frame of messages is answered by one

export const Acknowledgement = Type.Object(
  {
    /** The message. */
    id: MessageId,
    /** null: it was handled, now or before, and that is durable. */
    refusal: Type.Union([Type.Null(), Type.Object({ reason: Reason, detail: Type.String({ maxLength: 4096 }) }, closed)]),
    /** Canonical JSON of what the room answered; null = nothing. */
    result: Type.Union([Type.Null(), Type.String({ maxLength: RESULT_CHARS_MAX })]),
  },
  closed,
);
export type Acknowledgement = Static<typeof Acknowledgement>;

const AckData = Type.Object({ acks: Type.Array(Acknowledgement, { minItems: 1, maxItems: ACKS_MAX }) }, closed);
/** Of durable messages between hosts. Ephemeral itself: when it is lost, the message comes again and is answered again. */
export const Ack: Contract<Static<typeof AckData>> = defineContract('host.event.ack.v1', AckData, {
  durability: 'ephemeral',
  journal: 'window',
  ttlMax: 60_000,
});

const LetterKey = Type.Object({ key: Type.String({ minLength: 1, maxLength: 1024 }) }, closed);
/** Hands a dead letter in again, through the same gates as the first time. Its ttl counts anew: a person decided. */
export const RetryDead: Contract<Static<typeof LetterKey>> = defineContract('host.intent.retry-dead-letter.v1', LetterKey);
/** Gives a dead letter up for good; the ledger says so. */
export const DropDead: Contract<Static<typeof LetterKey>> = defineContract('host.intent.drop-dead-letter.v1', LetterKey);

/** Name under which a host keeps its own records, and the room that `query` answers for. */
export const HOST_ROOM = 'host';
/** Table of the dead letters in it, under their keys. */
export const DEAD_TABLE = 'dead';

/** One try that did not succeed. */
export interface DeadTry {
  readonly at: number;
  readonly reason: RefusalReason;
  readonly detail: string;
}

/** What a host gave up on: a message it could not handle, one that its receiver never took, or a timer. */
export interface DeadLetter {
  /** `in/<id>`, `own/<id>`, `out/<id>` or `timer/<room>/<key>`. */
  readonly key: string;
  /** in: it came from outside; own: from a room of this host to another; out: to another host. */
  readonly kind: 'in' | 'own' | 'out' | 'timer';
  /** The room that failed or that sent it. */
  readonly room: string;
  /** Contract of the message; '' for a timer. */
  readonly type: string;
  readonly source: string;
  readonly audience: string;
  /** Why it was given up last. */
  readonly reason: RefusalReason;
  readonly detail: string;
  readonly at: number;
  /** The last 16. */
  readonly history: readonly DeadTry[];
  readonly triesTotal: number;
  /** The envelope as JSON, as it came; null for a timer. */
  readonly bytes: string | null;
  /** Its order among the messages to one peer; null: none was asked for. */
  readonly order: string | null;
  readonly gated: boolean;
  /** A person asked for it while the host was down: it is handed in when the host opens. */
  readonly retry?: true;
}

export type HostQuestion =
  /** In the order of their keys; at most 100 from after `after`. */
  | { readonly kind: 'dead-letters'; readonly after: string | null }
  | { readonly kind: 'dead-letter'; readonly key: string }
  | { readonly kind: 'outbox' };
export type HostAnswer =
  | { readonly kind: 'dead-letters'; readonly letters: readonly DeadLetter[]; readonly total: number }
  | { readonly kind: 'dead-letter'; readonly letter: DeadLetter | null }
  | {
      readonly kind: 'outbox';
      readonly peers: readonly { readonly audience: string; readonly pending: number; readonly bytes: number }[];
    };
