/** What the compiler takes from a schema in Cedar's JSON form: the actions and which group each is in. */
import type { EntityInput } from './entities.ts';
import { EntityRef, type RecordValue } from './values.ts';

const NONE: RecordValue = new Map();

interface Namespace {
  readonly actions?: Readonly<
    Record<string, { readonly memberOf?: readonly { readonly id: string; readonly type?: string }[] | null }>
  >;
}

/** The schema has been accepted by Cedar's own reader, so its shape is known. */
export function actionsOf(schema: unknown): readonly EntityInput[] {
  return Object.entries(schema as Readonly<Record<string, Namespace>>).flatMap(([namespace, { actions = {} }]) => {
    const type = namespace === '' ? 'Action' : `${namespace}::Action`;
    return Object.entries(actions).map(([id, { memberOf }]) => ({
      ref: new EntityRef(type, id),
      attributes: NONE,
      tags: NONE,
      parents: (memberOf ?? []).map((each) => new EntityRef(each.type ?? type, each.id)),
    }));
  });
}
