/** What one turn of the host's loop caused, collected from its rooms before anything of it may leave. */
import { assert, canonicalJson, type Id, type Json, type Millis, utf8 } from '../kernel/index.ts';
import type { Activity, AuditEntry, Draft, Effects, LedgerDraft, RecordWrite } from '../ports/index.ts';

export const RECORD_BYTES_MAX: number = 256 * 1024; // a quarter of a frame: four records still travel together

/** One `perform` or `cancel`, in the order given. */
export type ActivityOrder =
  | {
      readonly kind: 'perform';
      readonly room: string;
      readonly key: string;
      readonly activity: Activity;
      readonly causation: Id | null;
    }
  | { readonly kind: 'cancel'; readonly room: string; readonly key: string };

export class Batch {
  readonly writes: Map<string, RecordWrite> = new Map();
  readonly entries: LedgerDraft[] = [];
  readonly sends: { readonly room: string; readonly draft: Draft; readonly causation: Id | null }[] = [];
  readonly timers: { readonly key: string; readonly at: Millis | null }[] = [];
  readonly orders: ActivityOrder[] = [];
  /** The highest fence that this batch asks for, by activity. */
  readonly fences: Map<string, number> = new Map();
  readonly measures: { readonly name: string; readonly value: number }[] = [];
  /** Called once the batch is durable: acknowledgements, answers. */
  readonly after: (() => void)[] = [];

  put(room: string, version: number, table: string, key: string, value: Json | null): void {
    const text = value === null ? null : canonicalJson(value);
    assert(
      text === null || text.length <= RECORD_BYTES_MAX,
      `record ${room}/${table}/${key} has ${text?.length} characters, the limit is ${RECORD_BYTES_MAX}: put bulk into a blob`,
    );
    this.writes.set(`${room}\u0000${table}\u0000${key}`, { room, table, key, version, value: text });
  }

  audit(entry: AuditEntry, id: Id, causation: Id | null, time: Millis): void {
    this.entries.push({ kind: entry.kind, id, causation, time, body: utf8(canonicalJson(entry.body)) });
  }
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
      batch.sends.push({ room, draft, causation: at.causation });
    },
    timer: (key, when) => batch.timers.push({ key: `${room}\u0000${key}`, at: when }),
    perform: (key, activity) => {
      allowed('perform');
      batch.orders.push({ kind: 'perform', room, key, activity, causation: at.causation });
    },
    cancel: (key) => {
      allowed('cancel');
      batch.orders.push({ kind: 'cancel', room, key });
    },
    audit: (entry) => {
      allowed('audit');
      batch.audit(entry, at.id(), at.causation, at.now);
    },
    measure: (name, value) => batch.measures.push({ name, value }),
  };
}
