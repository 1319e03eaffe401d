/**
 * Contracts: what may be said on the bus. One definition gives the static type, the JSON Schema 2020-12 document,
 * the compiled checker, the topic and the hash by which two hosts find out whether they mean the same thing.
 */
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/schema'; // the same checker as typebox/compile at half its loading time
import { assert, canonicalJson, sha256Hex, type Millis } from '../kernel/index.ts';

export type ContractKind = 'intent' | 'event' | 'state' | 'audit' | 'dlq';

export interface ContractTerms {
  /** ephemeral: at least once while the sender lives; durable: in the sender's outbox until acknowledged. */
  readonly durability: 'ephemeral' | 'durable';
  readonly journal: 'full' | 'window' | 'none';
  readonly signing: 'each' | 'frame' | 'session';
  /** gated: refused without an approval that names the decision and the policy hash. */
  readonly risk: 'open' | 'gated';
  /** Field of the payload by which messages are kept in order, or null. */
  readonly orderingKey: string | null;
  /** `id`: every message is new; a field name: the same value is the same deed. */
  readonly idempotency: string;
  readonly ttlMin: Millis;
  readonly ttlMax: Millis;
  /** Handling time promised, in ms. */
  readonly p50: Millis;
  readonly p95: Millis;
}

export interface Contract<T = unknown> extends ContractTerms {
  /** `domain.kind.name.vN`. */
  readonly type: string;
  readonly domain: string;
  readonly kind: ContractKind;
  readonly name: string;
  readonly version: number;
  readonly schema: TSchema;
  /** SHA-256 of the canonical schema and terms, 64 hexadecimal digits. */
  readonly hash: string;
  check(value: unknown): value is T;
  /** Why `check` said no: at most ten findings, each `path: message`. Slow path. */
  explain(value: unknown): readonly string[];
}

const DEFAULTS: ContractTerms = {
  durability: 'durable',
  journal: 'full',
  signing: 'frame',
  risk: 'open',
  orderingKey: null,
  idempotency: 'id',
  ttlMin: 1,
  ttlMax: 24 * 60 * 60 * 1000,
  p50: 1,
  p95: 10,
};

const NAME = /^([a-z][a-z0-9-]*)\.(intent|event|state|audit|dlq)\.([a-z][a-z0-9-]*)\.v([1-9][0-9]*)$/;

/** Throws `InvariantError` for a name that is not `domain.kind.name.vN`. Compiling costs about a millisecond: define once, at module load. */
export function defineContract<S extends TSchema>(
  type: string,
  schema: S,
  terms: Partial<ContractTerms> = {},
): Contract<Static<S>> {
  const match = NAME.exec(type);
  assert(match, `a contract is named domain.kind.name.vN, not "${type}"`);
  const [, domain, kind, name, version] = match;
  const full = { ...DEFAULTS, ...terms };
  assert(full.ttlMin >= 1 && full.ttlMin <= full.ttlMax, `${type}: ttl ${full.ttlMin}..${full.ttlMax} ms is no range`);
  for (const field of [full.orderingKey, full.idempotency]) {
    const known = field === null || field === 'id' || Object.hasOwn((schema as { properties?: object }).properties ?? {}, field);
    assert(known, `${type}: ${field} is no field of its schema, so it can neither order nor deduplicate`);
  }
  let compiled: ReturnType<typeof Compile> | null = null;
  const checker = (): ReturnType<typeof Compile> => (compiled ??= Compile(schema));
  return Object.freeze({
    ...full,
    type,
    domain: domain!,
    kind: kind as ContractKind,
    name: name!,
    version: Number(version),
    schema,
    hash: sha256Hex(canonicalJson({ type, schema: JSON.parse(JSON.stringify(schema), sortRequired), terms: full })),
    check: (value: unknown): value is Static<S> => checker().Check(value),
    explain: (value: unknown) =>
      checker()
        .Errors(value)[1]
        .slice(0, 10)
        .map((error) => `${error.instancePath || '/'}: ${error.message}`),
  });
}

/** `required` is a set: the order in which the fields were written down must not change the hash. */
function sortRequired(key: string, value: unknown): unknown {
  return key === 'required' && Array.isArray(value) ? (value as string[]).toSorted((a, b) => (a < b ? -1 : 1)) : value;
}
