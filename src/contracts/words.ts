/** Words that several domains share on the wire: decimal amounts, names, times. No floats: amounts are signed, hashed and compared. */
import { type TSchema, type TUnsafe, Type } from 'typebox';

export const closed = { additionalProperties: false } as const;

/** `-12.5`: at most 18 digits before the point and 12 after it; no exponent, no leading zeros, no plus. */
export const Decimal = Type.String({ pattern: '^-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,12})?$' });
/** A decimal that is not below zero. */
export const Amount = Type.String({ pattern: '^(0|[1-9][0-9]{0,17})(\\.[0-9]{1,12})?$' });
/** A decimal above zero. */
export const Positive = Type.String({
  pattern: '^([1-9][0-9]{0,17}(\\.[0-9]{1,12})?|0\\.0{0,11}[1-9][0-9]{0,11})$',
  maxLength: 31,
});
/** A decimal from 0 to 1. */
export const Ratio = Type.String({ pattern: '^(0(\\.[0-9]{1,12})?|1(\\.0{1,12})?)$' });

/** `agent:<realm>/<path>`, `shard_abc123`: who. */
export const Who = Type.String({ minLength: 1, maxLength: 256 });
export const Key = Type.String({ minLength: 1, maxLength: 128 });
export const Word = Type.String({ minLength: 1, maxLength: 200 });
export const Text = Type.String({ maxLength: 4096 });
/** Host time in ms. */
export const Time = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** A span in ms. */
export const Span = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** A share of one in thousandths. */
export const Permille = Type.Integer({ minimum: 0, maximum: 1000 });
export const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
/** Ed25519: 64 bytes in base 64. */
export const Signature = Type.String({ pattern: '^[A-Za-z0-9+/]{86}==$' });

/** An object with any names whose values are all of one schema. */
export function recordOf<T>(value: TSchema): TUnsafe<Readonly<Record<string, T>>> {
  return Type.Unsafe<Readonly<Record<string, T>>>({ type: 'object', additionalProperties: value });
}

/** What its contract does not look into; bounded by the limits of a frame. */
export const Document: TUnsafe<Readonly<Record<string, unknown>>> = Type.Unsafe({ type: 'object' });
