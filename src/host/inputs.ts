/** What a host handles one at a time, and the name by which it knows the same one again after a reload. */
import type { Envelope } from '../protocol/index.ts';
import type { HaltRecord, Outcome } from '../ports/index.ts';
import { flightKey, type InFlight } from './effects.ts';
import type { Acknowledge } from './options.ts';

export class Message {
  readonly kind = 'message';
  readonly envelope: Envelope;
  /** Its record, when it is from one room of this host to another. */
  readonly outbox: string | null;
  readonly acknowledge: Acknowledge | null;
  /** The dead letter that it was until a person asked for it again. */
  readonly letter: string | null;

  constructor(envelope: Envelope, outbox: string | null, acknowledge: Acknowledge | null, letter: string | null) {
    this.envelope = envelope;
    this.outbox = outbox;
    this.acknowledge = acknowledge;
    this.letter = letter;
  }
}

export type Input =
  | Message
  | { readonly kind: 'timer'; readonly key: string }
  | { readonly kind: 'outcome'; readonly flight: InFlight; readonly outcome: Outcome }
  | { readonly kind: 'halt'; readonly record: HaltRecord }
  /** Somebody set this host's clock by so many ms. */
  | { readonly kind: 'clock'; readonly by: number };

export function inputName(input: Input): string {
  switch (input.kind) {
    case 'message':
      return messageName(input.envelope);
    case 'timer':
      return `timer ${input.key.replace('\u0000', '/')}`;
    case 'outcome': {
      const { room, key, fence } = input.flight.request;
      return `outcome ${flightKey(room, key)} fence ${fence}`;
    }
    case 'clock':
      return `clock.stepped ${input.by}`;
    case 'halt':
      return `halt ${input.record.scope} epoch ${input.record.epoch}`;
  }
}

export function messageName({ id }: Pick<Envelope, 'id'>): string {
  return `message ${id}`;
}
