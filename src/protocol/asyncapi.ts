/**
 * AsyncAPI 3.1 of a registry: one document that other tools read. Deterministic: sorted by name, no time, no machine. Channels
 * are topics with the realm and the bucket as parameters; what AsyncAPI has no word for stands under `x-skein`.
 * Source: https://www.asyncapi.com/docs/reference/specification/v3.1.0
 */
import { assert } from '../kernel/index.ts';
import type { Contract } from './contract.ts';
import { TOPIC_BUCKETS } from './subject.ts';
import type { ContractRegistry } from './contract-registry.ts';
import { bundle, isSchemaObject, type JsonSchema, mapSchemas, type SchemaObject } from './json-schema.ts';

type Tree = Readonly<Record<string, unknown>>;

export interface AsyncApi {
  readonly asyncapi: '3.1.0';
  readonly info: Tree;
  readonly defaultContentType: string;
  readonly channels: Readonly<Record<string, Tree>>;
  readonly operations: Readonly<Record<string, Tree>>;
  readonly components: {
    readonly messages: Readonly<Record<string, Tree>>;
    readonly schemas: Readonly<Record<string, JsonSchema>>;
  } & Tree;
}

export interface AsyncApiInfo {
  readonly title: string;
  /** Of the document: usually the version of the program that wrote it. */
  readonly version: string;
  /** Older names by type. */
  readonly aliases?: (type: string) => readonly string[];
}

const KINDS = {
  intent: 'asks for something to be done',
  event: 'says what happened',
  state: 'says how something is now; the latest value of its key counts',
  audit: 'is kept for ever',
  dlq: 'is what was given up',
} as const;

export function asyncApiOf(registry: ContractRegistry, { title, version, aliases }: AsyncApiInfo): AsyncApi {
  const contracts = registry.list().toSorted((a, b) => (a.type < b.type ? -1 : 1));
  const schemas: Record<string, JsonSchema> = {};
  const messages: Record<string, Tree> = {};
  const channels: Record<string, Tree> = {};
  const operations: Record<string, Tree> = {};
  for (const contract of contracts) {
    const { type } = contract;
    addSchema(contract, schemas);
    messages[type] = {
      name: type,
      title: type,
      summary: `${contract.domain}: ${contract.name} ${KINDS[contract.kind]}`,
      contentType: 'application/json',
      headers: { $ref: '#/components/schemas/Envelope' },
      payload: { schemaFormat: SCHEMA_FORMAT, schema: { $ref: `#/components/schemas/${type}` } },
      correlationId: { $ref: '#/components/correlationIds/correlation' },
      tags: [{ name: contract.domain }, { name: contract.kind }],
      'x-skein': termsOf(contract, registry.numberOf(type)!, aliases?.(type) ?? []),
    };
    channels[type] = {
      address: `sk.{realm}.t.${contract.domain}.${contract.kind}.${contract.name}.v${contract.version}.{bucket}`,
      messages: { [type]: { $ref: `#/components/messages/${type}` } },
      parameters: { realm: { $ref: '#/components/parameters/realm' }, bucket: { $ref: '#/components/parameters/bucket' } },
    };
    for (const action of ['send', 'receive'] as const) {
      operations[`${action}.${type}`] = {
        action,
        channel: { $ref: `#/channels/${type}` },
        messages: [{ $ref: `#/channels/${type}/messages/${type}` }],
      };
    }
  }
  return {
    asyncapi: '3.1.0',
    info: { title, version, description: 'Every message between hosts. Closed at the producer, projected at the consumer.' },
    defaultContentType: 'application/json',
    channels,
    operations,
    components: {
      messages,
      schemas: { Envelope: ENVELOPE, ...schemas },
      parameters: {
        realm: { description: 'The name space of one fleet' },
        bucket: { description: `Hash of the ordering key: 0 to ${TOPIC_BUCKETS - 1}` },
      },
      correlationIds: { correlation: { description: 'What belongs to one deed', location: '$message.header#/correlation' } },
    },
  };
}

const SCHEMA_FORMAT = 'application/schema+json;version=2020-12';

function termsOf(contract: Contract, number: number, aliases: readonly string[]): Tree {
  const { version, minor, hash, durability, journal, signing, risk, orderingKey, idempotency, ttlMin, ttlMax, p50, p95 } =
    contract;
  const terms = { durability, journal, signing, risk, orderingKey, idempotency, ttlMin, ttlMax, p50, p95 };
  return { number, version: `${version}.${minor}`, hash, ...terms, ...(aliases.length === 0 ? {} : { aliases }) };
}

/** The schema under the name of its contract; what it refers to beside it, so that every reference is one of this document. */
function addSchema({ type, schema }: Contract, schemas: Record<string, JsonSchema>): void {
  const { root, defs, trouble, malformed } = bundle(schema);
  assert(trouble.length === 0 && malformed === null, `${type} cannot be written down: ${malformed ?? trouble[0]}`);
  const moved = (part: JsonSchema): JsonSchema => {
    if (!isSchemaObject(part)) return part;
    const out = mapSchemas(part, moved);
    const key = typeof out.$ref === 'string' ? out.$ref.slice('#/$defs/'.length) : null;
    return key === null ? out : ({ ...out, $ref: `#/components/schemas/${type}.${key}` } satisfies SchemaObject);
  };
  schemas[type] = moved(root);
  for (const [key, part] of Object.entries(defs)) schemas[`${type}.${key}`] = moved(part);
}

const text = { type: 'string' } as const;
/** CloudEvents know integers of 32 bits only; counters are larger and travel as text. */
const counter = { type: 'string', pattern: '^[0-9]{1,16}$' } as const;

/** The attributes of a message as JSON at the edges: CloudEvents 1.0.2, whose extension names are lower case. */
const ENVELOPE: SchemaObject = {
  type: 'object',
  description: 'The attributes of the CloudEvent that carries a message',
  required: ['specversion', 'id', 'source', 'type'],
  properties: {
    specversion: { const: '1.0' },
    id: { type: 'string', pattern: '^[0-9a-f]{32}$' },
    source: { ...text, minLength: 1 },
    type: { ...text, minLength: 1 },
    subject: text,
    time: { type: 'string', format: 'date-time' },
    dataschema: text,
    datacontenttype: text,
    correlation: text,
    causation: text,
    idempotencykey: text,
    priority: { type: 'integer', minimum: 0, maximum: 3 },
    routing: { enum: ['direct', 'broadcast', 'scatter-gather', 'pipeline'] },
    audience: text,
    keyid: text,
    session: text,
    ttl: counter,
    sequence: counter,
    haltepoch: counter,
    dependson: counter,
    approvals: text,
    traceparent: text,
  },
};
