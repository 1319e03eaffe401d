/** What the rest of the room takes from a schema in Cedar's JSON form: the groups of actions, and which inputs are decimals. */
import type { EntityInput } from './entities.ts';
import { EntityRef, type RecordValue } from './values.ts';

const NONE: RecordValue = new Map();
const ALIASES_MAX = 16; // common types that name each other in a row

interface SchemaType {
  readonly type?: string;
  readonly name?: string;
  readonly attributes?: Readonly<Record<string, SchemaType>>;
}

interface SchemaAction {
  readonly memberOf?: readonly { readonly id: string; readonly type?: string }[] | null;
  readonly appliesTo?: { readonly context?: SchemaType } | null;
}

interface Namespace {
  readonly actions?: Readonly<Record<string, SchemaAction>>;
  readonly commonTypes?: Readonly<Record<string, SchemaType>>;
}

/** The schema has been accepted by Cedar's own reader, so its shape is known. */
function actionsIn(
  schema: unknown,
): readonly { readonly ref: EntityRef; readonly action: SchemaAction; readonly common: Namespace }[] {
  return Object.entries(schema as Readonly<Record<string, Namespace>>).flatMap(([namespace, common]) => {
    const type = namespace === '' ? 'Action' : `${namespace}::Action`;
    return Object.entries(common.actions ?? {}).map(([id, action]) => ({ ref: new EntityRef(type, id), action, common }));
  });
}

export function actionsOf(schema: unknown): readonly EntityInput[] {
  return actionsIn(schema).map(({ ref, action }) => ({
    ref,
    attributes: NONE,
    tags: NONE,
    parents: (action.memberOf ?? []).map((each) => new EntityRef(each.type ?? ref.type, each.id)),
  }));
}

/** By the key of the action: the fields of `context.input` that the schema declares as decimals. */
export function decimalInputs(schema: unknown): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map(
    actionsIn(schema).map(({ ref, action, common }) => {
      const input = resolve(action.appliesTo?.context, common)?.attributes?.['input'];
      const fields = Object.entries(resolve(input, common)?.attributes ?? {});
      const decimals = fields.filter(([, each]) => isDecimal(resolve(each, common))).map(([name]) => name);
      return [ref.key, new Set(decimals)];
    }),
  );
}

function isDecimal(type: SchemaType | undefined): boolean {
  return type?.name === 'decimal' || type?.name === '__cedar::decimal';
}

function resolve(type: SchemaType | undefined, { commonTypes = {} }: Namespace): SchemaType | undefined {
  let at = type;
  for (let i = 0; i < ALIASES_MAX && at !== undefined; i++) {
    const name: string | undefined = at.type === 'EntityOrCommon' ? at.name : at.type;
    if (name === undefined || !Object.hasOwn(commonTypes, name)) return at;
    at = commonTypes[name];
  }
  return at;
}
