/**
 * Contracts: what may be said on the bus. One definition gives the static type, the JSON Schema 2020-12 document,
 * the compiled checker, the topic and the hash by which two hosts find out whether they mean the same thing.
 */
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/schema'; // the same checker as typebox/compile at half its loading time
import { assert, canonicalJson, sha256Hex, type Millis } from '../kernel/index.ts';

export type ContractKind = 'intent' | 'event' | 'state' | 'audit' | 'dlq';

export interface ContractTerms {
  /** Raised by every change that leaves both sides of version N able to talk: see `evolution`. */
  readonly minor: number;
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
  /** SHA-256 of the canonical schema and terms without words for people, 64 hexadecimal digits; computed when first asked for. */
  readonly hash: string;
  /** What a producer must satisfy: closed, exactly the schema. Compiled at the first call, about a millisecond. */
  check(value: unknown): value is T;
  /** Why `check` said no: at most ten findings, each `path: message`. Slow path. */
  explain(value: unknown): readonly string[];
}

const DEFAULTS: ContractTerms = {
  minor: 0,
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

/** Throws `InvariantError` for a name that is not `domain.kind.name.vN`. Define once, at module load: the hash and the checker wait until they are asked for. */
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
  assert(Number.isSafeInteger(full.minor) && full.minor >= 0, `${type}: minor ${full.minor} is no whole number`);
  const { minor, ...rest } = full; // minor 0 is not in the hash: it is what a contract has that never changed
  refuseFractions(schema, type);
  let digest: string | null = null;
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
    get hash(): string {
      return (digest ??= sha256Hex(
        canonicalJson({ type: minor === 0 ? type : `${type}.${minor}`, schema: meaningOf(schema), terms: rest }),
      ));
    },
    check: (value: unknown): value is Static<S> => checker().Check(value),
    explain: (value: unknown) =>
      checker()
        .Errors(value)[1]
        .slice(0, 10)
        .map((error) => `${error.instancePath || '/'}: ${error.message}`),
  });
}

/** A schema with fractions has no canonical text: said when it is defined, not when somebody first asks for its hash. */
function refuseFractions(value: unknown, type: string): void {
  if (typeof value === 'number')
    assert(Number.isSafeInteger(value), `${type}: canonical JSON holds safe integers only, not ${value}`);
  if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) refuseFractions(each, type);
}

/** Words for people: they may be corrected without anybody noticing on the wire. */
const ANNOTATIONS = new Set(['title', 'description', '$comment', 'examples', 'default', 'deprecated', 'readOnly', 'writeOnly']);
/** Under these, keys are names that the author chose, and under those, data. */
const NAMED = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
const DATA = new Set(['const', 'enum']);

/** The schema as the hash sees it: without annotations, `required` as the set that it is. */
export function meaningOf(schema: unknown): unknown {
  const walk = (value: unknown, names: boolean): unknown => {
    if (Array.isArray(value)) return value.map((each) => walk(each, false));
    if (value === null || typeof value !== 'object') return value;
    const out: Record<string, unknown> = {};
    for (const [key, each] of Object.entries(value)) {
      if (!names && ANNOTATIONS.has(key)) continue;
      let kept: unknown;
      if (!names && DATA.has(key)) kept = each;
      else if (!names && key === 'required' && Array.isArray(each))
        kept = (each as string[]).toSorted((a, b) => (a < b ? -1 : 1));
      else kept = walk(each, !names && NAMED.has(key));
      // A property may be called `__proto__`; assignment would lose it.
      Object.defineProperty(out, key, { value: kept, enumerable: true });
    }
    return out;
  };
  return walk(JSON.parse(JSON.stringify(schema ?? true)), false);
}
