/**
 * Random requests of a schema, for the comparison with the Cedar engine before a set comes into force. Values are taken from what
 * the policies themselves compare with, one more and one less, because that is where two evaluators would differ.
 */
import type { Random } from '../kernel/index.ts';

interface SchemaType {
  readonly type?: string;
  readonly name?: string;
  readonly element?: SchemaType;
  readonly attributes?: Readonly<Record<string, SchemaType & { readonly required?: boolean }>>;
}
interface EntityShape {
  readonly shape?: SchemaType;
  readonly memberOfTypes?: readonly string[];
  readonly enum?: readonly string[];
}
interface Namespace {
  readonly commonTypes?: Readonly<Record<string, SchemaType>>;
  readonly entityTypes?: Readonly<Record<string, EntityShape>>;
  readonly actions?: Readonly<
    Record<
      string,
      {
        readonly appliesTo?: {
          readonly principalTypes?: readonly string[];
          readonly resourceTypes?: readonly string[];
          readonly context?: SchemaType;
        } | null;
      }
    >
  >;
}

/** In Cedar's JSON form. Its entities take the place of those of the set with the same name. */
export interface RandomRequest {
  readonly principal: Uid;
  readonly action: Uid;
  readonly resource: Uid;
  readonly context: Readonly<Record<string, unknown>>;
  readonly entities: readonly unknown[];
}
interface Uid {
  readonly type: string;
  readonly id: string;
}

const DEPTH_MAX = 6; // of values in values
const EXTENSIONS: Readonly<Record<string, readonly string[]>> = {
  decimal: ['0.0', '1.0', '-1.0', '0.0001', '922337203685477.5807'],
  ipaddr: ['10.0.0.1', '127.0.0.1', '::1', '10.0.0.0/8'],
  datetime: ['1970-01-01', '2024-02-29T23:59:59.999Z', '2026-11-20T12:00:00Z'],
  duration: ['0ms', '1h', '-1d', '30m'],
};
const CONSTRUCTOR: Readonly<Record<string, string>> = { ipaddr: 'ip' };

/** What the policies compare with, from their JSON form. */
interface Constants {
  readonly longs: Set<number>;
  readonly texts: Set<string>;
  readonly uids: Map<string, Uid>;
  readonly extensions: Map<string, Set<string>>;
}

function collect(json: unknown, found: Constants): void {
  if (typeof json !== 'object' || json === null) return;
  for (const [name, each] of Object.entries(json)) {
    const called = EXTENSIONS[name === 'ip' ? 'ipaddr' : name] === undefined ? null : argumentOf(each);
    if (called !== null) addTo(found.extensions, name === 'ip' ? 'ipaddr' : name, called);
    if (name === 'Value' && typeof each === 'number') for (const near of [each - 1, each, each + 1]) found.longs.add(near);
    if (name === 'Value' && typeof each === 'string') found.texts.add(each);
    if (name === 'pattern' && Array.isArray(each))
      found.texts.add(
        each.map((part: unknown) => (typeof part === 'string' ? '-' : ((part as { Literal?: string }).Literal ?? ''))).join(''),
      );
    const { type, id } = (each ?? {}) as Partial<Uid>;
    if (typeof type === 'string' && typeof id === 'string') found.uids.set(`${type}\0${id}`, { type, id });
    collect(each, found);
  }
}

function argumentOf(json: unknown): string | null {
  const value: unknown = Array.isArray(json) ? (json[0] as { Value?: unknown } | undefined)?.Value : null;
  return typeof value === 'string' ? value : null;
}

function addTo(map: Map<string, Set<string>>, name: string, value: string): void {
  map.set(name, (map.get(name) ?? new Set()).add(value));
}

/** `draw` gives a new request each time. Null where the schema has no action that applies to anything. */
export function randomRequests(
  schema: unknown,
  policies: readonly unknown[],
  entities: readonly unknown[],
  random: Random,
): (() => RandomRequest) | null {
  const found: Constants = { longs: new Set([0, 1]), texts: new Set(['', 'other']), uids: new Map(), extensions: new Map() };
  collect(policies, found);
  collect(entities, found);
  for (const [name, each] of Object.entries(EXTENSIONS)) for (const value of each) addTo(found.extensions, name, value);
  const root = (schema as Readonly<Record<string, Namespace>>)[''] ?? {};
  const actions = Object.entries(root.actions ?? {}).flatMap(([id, { appliesTo }]) => {
    const [principals, resources] = [appliesTo?.principalTypes ?? [], appliesTo?.resourceTypes ?? []];
    return principals.length > 0 && resources.length > 0 ? [{ id, principals, resources, context: appliesTo?.context }] : [];
  });
  if (actions.length === 0) return null;
  const pick = <T>(from: readonly T[]): T => from[random.below(from.length)]!;
  const [longs, texts] = [[...found.longs], [...found.texts]];

  const entity = (type: string): Uid => {
    const named = [...found.uids.values()].filter((each) => each.type === type);
    const ids = root.entityTypes?.[type]?.enum;
    if (ids !== undefined) return { type, id: pick(ids) };
    return named.length > 0 && random.below(4) > 0 ? pick(named) : { type, id: `random-${random.below(3)}` };
  };
  const value = (declared: SchemaType | undefined, depth: number): unknown => {
    const name = declared?.type === 'EntityOrCommon' ? declared.name : declared?.type;
    const common = name === undefined ? undefined : root.commonTypes?.[name];
    if (common !== undefined && depth < DEPTH_MAX) return value(common, depth + 1);
    const named = (declared?.name ?? declared?.type ?? '').replace(/^__cedar::/, '');
    if (declared?.type === 'Record') return record(declared, depth + 1);
    if (declared?.type === 'Set')
      return depth > DEPTH_MAX ? [] : Array.from({ length: random.below(4) }, () => value(declared.element, depth + 1));
    if (named === 'Long') return pick(longs);
    if (named === 'String') return pick(texts);
    if (named === 'Boolean' || named === 'Bool') return random.below(2) === 0;
    const extension = found.extensions.get(named);
    if (extension !== undefined) return { __extn: { fn: CONSTRUCTOR[named] ?? named, arg: pick([...extension]) } };
    return { __entity: entity(named) };
  };
  const record = (declared: SchemaType | undefined, depth: number): Record<string, unknown> => {
    const at = declared?.type === 'Record' ? declared : root.commonTypes?.[declared?.name ?? declared?.type ?? ''];
    const fields = Object.entries(at?.attributes ?? {});
    const present = fields.filter(([, { required }]) => required !== false || random.below(2) === 0);
    return Object.fromEntries(present.map(([name, each]) => [name, value(each, depth)]));
  };
  const data = (uid: Uid): readonly unknown[] => {
    const shape = root.entityTypes?.[uid.type];
    if (shape === undefined || shape.enum !== undefined) return [];
    const above = (shape.memberOfTypes ?? [])
      .filter(() => random.below(4) > 0)
      .map(entity)
      .filter((each) => each.type !== uid.type);
    return [{ uid, attrs: record(shape.shape, 0), parents: above }];
  };

  return () => {
    const { id, principals, resources, context } = pick(actions);
    const [principal, resource] = [entity(pick(principals)), entity(pick(resources))];
    const own = keyOf(principal) === keyOf(resource) ? data(principal) : [...data(principal), ...data(resource)];
    return { principal, action: { type: 'Action', id }, resource, context: record(context, 0), entities: own };
  };
}

function keyOf({ type, id }: Uid): string {
  return `${type}\0${id}`;
}
