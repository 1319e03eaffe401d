/** What one turn of the host's loop caused, collected from its rooms before anything of it may leave. */
import { host } from '../contracts/index.ts';
import { assert, canonicalJson, type Id, type Json, type Millis, utf8 } from '../kernel/index.ts';
import type { Message } from './inputs.ts';
import type { Activity, AuditEntry, Draft, Effects, LedgerDraft, RecordWrite } from '../ports/index.ts';

export const RECORD_BYTES_MAX: number = 256 * 1024; // a quarter of a frame: four records still travel together
const OWN_RECORD_CHARS_MAX = 4 * 1024 * 1024; // a message of one frame, written as text inside a dead letter
export const HOST_RECORD_VERSION = 1;
const SCOPES_MAX = 16;

/** One `perform` or `cancel`, in the order given. */
export type ActivityOrder =
  | {
      readonly kind: 'perform';
      readonly room: string;
      readonly key: string;
      readonly activity: Activity;
      /** Canonical JSON of its payload: made once, checked where the input that caused it is known. */
      readonly payload: string;
      readonly causation: Id | null;
    }
  | { readonly kind: 'cancel'; readonly room: string; readonly key: string };

export interface Send {
  readonly room: string;
  readonly draft: Draft;
  /** Canonical JSON of its data. */
  readonly data: string;
  readonly causation: Id | null;
  /** Set once it is known where it goes. */
  posted: Posted | null;
}

/** `local` is for a room of this host; `leave` is to be called once the batch is durable. */
export interface Posted {
  readonly local: Message | null;
  readonly leave: (() => void) | null;
}

export class Batch {
  readonly writes: Map<string, RecordWrite> = new Map();
  readonly entries: LedgerDraft[] = [];
  readonly sends: Send[] = [];
  readonly timers: { readonly key: string; readonly at: Millis | null }[] = [];
  readonly orders: ActivityOrder[] = [];
  /** The highest fence that this batch asks for, by activity. */
  readonly fences: Map<string, number> = new Map();
  readonly measures: { readonly name: string; readonly value: number }[] = [];
  /** Called once the batch is durable: acknowledgements, answers. */
  readonly after: (() => void)[] = [];
  /** What the room answered to the message at hand, as canonical JSON. */
  answer: string | null = null;

  put(room: string, version: number, table: string, key: string, value: Json | null): void {
    const text = value === null ? null : canonicalJson(value);
    assert(
      text === null || text.length <= RECORD_BYTES_MAX,
      `record ${room}/${table}/${key} has ${text?.length} characters, the limit is ${RECORD_BYTES_MAX}: put bulk into a blob`,
    );
    this.writes.set(`${room}\u0000${table}\u0000${key}`, { room, table, key, version, value: text });
  }

  /** A record whose canonical JSON is known already: the host's own. */
  putText(room: string, version: number, table: string, key: string, value: string): void {
    assert(
      value.length <= OWN_RECORD_CHARS_MAX,
      `record ${room}/${table}/${key} has ${value.length} characters, the limit is ${OWN_RECORD_CHARS_MAX}`,
    );
    this.writes.set(`${room}\u0000${table}\u0000${key}`, { room, table, key, version, value });
  }

  audit(entry: AuditEntry, id: Id, causation: Id | null, time: Millis): void {
    this.entries.push({ kind: entry.kind, id, causation, time, body: utf8(canonicalJson(entry.body)) });
  }
}

/** Canonical JSON of an object, with one field given as canonical JSON already. */
export function canonicalWith(object: object, field: string, text: string): string {
  const fields: string[] = [];
  for (const [key, value] of Object.entries({ ...object, [field]: text }).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (value !== undefined) fields.push(`${JSON.stringify(key)}:${key === field ? text : canonicalJson(value, 1)}`);
  }
  return `{${fields.join(',')}}`;
}

/** The `Effects` of one room for one input; everything goes to the batch. `loading` forbids what `load` may not do. */
export function collect(
  batch: Batch,
  room: string,
  version: number,
  at: { id(): Id; causation: Id | null; now: Millis },
  loading: boolean,
): Effects {
  const allowed = (what: string): void =>
    assert(!loading, `room ${room} called ${what} while loading; only timer, put and measure are allowed there`);
  return {
    put: (table, key, value) => batch.put(room, version, table, key, value),
    send: (draft) => {
      allowed('send');
      // What cannot be written fails here, where the input that caused it is known; so does a payload.
      batch.sends.push({ room, draft, data: canonicalJson(draft.data), causation: at.causation, posted: null });
    },
    timer: (key, when) => batch.timers.push({ key: `${room}\u0000${key}`, at: when }),
    perform: (key, activity) => {
      allowed('perform');
      assert((activity.scopes?.length ?? 0) <= SCOPES_MAX, `activity ${room}/${key} names more than ${SCOPES_MAX} scopes`);
      const payload = canonicalJson(activity.payload);
      batch.orders.push({ kind: 'perform', room, key, activity, payload, causation: at.causation });
    },
    cancel: (key) => {
      allowed('cancel');
      batch.orders.push({ kind: 'cancel', room, key });
    },
    answer: (value) => {
      allowed('answer');
      const text = canonicalJson(value);
      assert(
        text.length <= host.RESULT_CHARS_MAX,
        `room ${room} answers ${text.length} characters, the limit is ${host.RESULT_CHARS_MAX}: answer with a reference`,
      );
      batch.answer = text;
    },
    audit: (entry) => {
      allowed('audit');
      batch.audit(entry, at.id(), at.causation, at.now);
    },
    measure: (name, value) => batch.measures.push({ name, value }),
  };
}
