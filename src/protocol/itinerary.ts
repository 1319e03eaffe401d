/**
 * Pipeline routing: a message that visits its stages in order and then goes home. The way is part of the payload, so that the
 * audience is always just the next stage and every stage checks, dedupes and answers for itself as with any message.
 */
import { type TArray, type TInteger, type TObject, type TSchema, type TString, Type } from 'typebox';
import { assert, type Id, type Millis } from '../kernel/index.ts';
import type { Contract } from './contract.ts';
import { type Envelope, makeEnvelope } from './envelope.ts';
import type { Refusal } from './refusal.ts';

export const STAGES_MAX = 64; // a way longer than that is a loop

export interface Staged<T> {
  /** Names or pools, in order. */
  readonly stages: readonly string[];
  /** Index of the stage that this message is for; their number when it goes home. */
  readonly at: number;
  /** Whom the last stage sends the result. */
  readonly home: string;
  readonly value: T;
}

/** The schema of a contract whose messages visit stages. */
export function stagedSchema<V extends TSchema>(
  value: V,
): TObject<{ stages: TArray<TString>; at: TInteger; home: TString; value: V }> {
  const address = Type.String({ minLength: 1, maxLength: 256 });
  return Type.Object(
    {
      stages: Type.Array(address, { minItems: 1, maxItems: STAGES_MAX }),
      at: Type.Integer({ minimum: 0, maximum: STAGES_MAX }),
      home: address,
      value,
    },
    { additionalProperties: false },
  );
}

type Spoken = Pick<Envelope, 'id' | 'source' | 'time' | 'subject'>;

/** The message to the first stage. It begins a correlation, by which its result is known. */
export function setOut<T>(
  contract: Contract<Staged<T>>,
  way: Pick<Staged<T>, 'stages' | 'home'>,
  value: T,
  spoken: Spoken & { readonly ttl: Millis },
): Envelope<Staged<T>> {
  const { stages, home } = way;
  assert(stages.length >= 1 && stages.length <= STAGES_MAX, `a pipeline of ${stages.length} stages: give it 1 to ${STAGES_MAX}`);
  const audience = stages[0]!;
  return makeEnvelope(contract, { stages, home, at: 0, value }, { ...spoken, audience, routing: 'pipeline' });
}

export type PassedOn<T> =
  | { readonly ok: true; readonly envelope: Envelope<Staged<T>> }
  | { readonly ok: false; readonly refusal: Refusal };

/** From one stage to the next, or home. It lives as long as its first message may; the same stage says it once. */
export function passOn<T>(
  envelope: Envelope<Staged<T>>,
  contract: Contract<Staged<T>>,
  value: T,
  spoken: { readonly id: Id; readonly source: string; readonly time: Millis },
): PassedOn<T> {
  const { stages, home, at } = envelope.data;
  if (at >= stages.length) {
    const detail = `${envelope.type} ${envelope.id} is home after ${stages.length} stages: there is nowhere to pass it on to`;
    return { ok: false, refusal: { reason: 'invalid', detail } };
  }
  const ttl = envelope.time + envelope.ttl - spoken.time;
  if (ttl <= 0) {
    const detail = `${envelope.type} ${envelope.correlation} ran out of time at stage ${at + 1} of ${stages.length}, ${-ttl} ms ago`;
    return { ok: false, refusal: { reason: 'expired', detail } };
  }
  const next = at + 1;
  const isHome = next === stages.length;
  return {
    ok: true,
    envelope: makeEnvelope(
      contract,
      { stages, home, at: next, value },
      {
        ...spoken,
        subject: envelope.subject,
        audience: isHome ? home : stages[next]!,
        correlation: envelope.correlation,
        causation: envelope.id,
        idempotencyKey: `${envelope.correlation}/${next}`,
        ttl,
        priority: isHome ? 0 : envelope.priority,
        routing: 'pipeline',
        traceparent: envelope.traceparent,
      },
    ),
  };
}
