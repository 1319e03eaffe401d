/** Finds records of a simulated host by looking at all of them: the plain meaning of the port, against which indexes are judged. */
import type { Json } from '../../kernel/index.ts';
import {
  type Query,
  type QueryAnswer,
  QueryError,
  type QueryFilter,
  type QueryRequest,
  type RecordWrite,
} from '../../ports/index.ts';
import type { Timeline } from './timeline.ts';

interface Kept {
  readonly version: number;
  readonly value: Json;
}

const WORD = /[\p{L}\p{N}\p{Co}]+/gu;

export class SimQuery implements Query {
  readonly #timeline: Timeline;
  readonly #tables = new Map<string, Map<string, Kept>>();

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** What a host committed; `loaded`: it is all there is. */
  apply(writes: readonly RecordWrite[], loaded: boolean): void {
    if (loaded) this.#tables.clear();
    for (const { room, table, key, version, value } of writes) {
      const name = `${room}\0${table}`;
      const records = this.#tables.get(name) ?? new Map<string, Kept>();
      this.#tables.set(name, records);
      if (value === null) records.delete(key);
      else records.set(key, { version, value: JSON.parse(value) as Json });
    }
  }

  find(request: QueryRequest, done: (error: QueryError | null, answer: QueryAnswer | null) => void): void {
    this.#timeline.after(1, () => {
      try {
        done(null, this.#answer(request));
      } catch (error) {
        if (!(error instanceof QueryError)) throw error;
        done(error, null);
      }
    });
  }

  #answer({ room, table, text, filters = [], limit, cursor }: QueryRequest): QueryAnswer {
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
      throw new QueryError('invalid', `limit ${limit}: ask for 1 to 1000`);
    if (filters.length > 16) throw new QueryError('invalid', `${filters.length} filters: at most 16`);
    const wanted = [...(text ?? '').toLowerCase().matchAll(/([\p{L}\p{N}\p{Co}]+)(\*?)/gu)];
    const found = [...(this.#tables.get(`${room}\0${table}`) ?? [])]
      .filter(([key]) => cursor === undefined || byCodePoints(key, cursor) > 0)
      .filter(([, { value }]) => {
        const words = [...textsOf(value)].flatMap((each) => [...each.toLowerCase().matchAll(WORD)].map(([word]) => word));
        return wanted.every(([, word, begins]) =>
          words.some((each) => (begins === '*' ? each.startsWith(word!) : each === word)),
        );
      })
      .filter(([, { value }]) => filters.every((filter) => holds(value, filter)))
      .toSorted(([a], [b]) => byCodePoints(a, b));
    const records = found.slice(0, limit).map(([key, { version, value }]) => ({ key, version, value }));
    return { records, cursor: found.length > limit ? records.at(-1)!.key : null };
  }
}

function holds(value: Json, { field, is, value: wanted }: QueryFilter): boolean {
  let at: Json | undefined = value;
  if (/["\\]/.test(field)) throw new QueryError('invalid', `${field}: a field with a quote or backslash cannot be asked for`);
  for (const step of field.split('/')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return false;
    if (Array.isArray(at) !== /^(0|[1-9][0-9]*)$/.test(step)) return false;
    at = (at as { readonly [key: string]: Json })[step];
  }
  if (typeof at !== typeof wanted || (at === null) !== (wanted === null)) return false;
  if (is === 'equal') return at === wanted;
  if (typeof at === 'string') {
    const order = byCodePoints(at, wanted as string);
    return is === 'at-least' ? order >= 0 : order <= 0;
  }
  if (typeof at !== 'number') return false;
  return is === 'at-least' ? at >= (wanted as number) : at <= (wanted as number);
}

function* textsOf(value: Json): Iterable<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) yield* textsOf(part);
}

/** As their bytes in UTF-8 compare. */
function byCodePoints(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
