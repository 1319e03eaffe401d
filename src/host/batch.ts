/** What one turn of the host's loop caused, collected from its rooms before anything of it may leave. */
import { host } from '../contracts/index.ts';
import { assert, assertCanonical, canonicalJson, type Id, type Json, type Millis, utf8 } from '../kernel/index.ts';
import type { Envelope } from '../protocol/index.ts';
import type { Message } from './inputs.ts';
import type { Pending } from './outbox.ts';
import type { Activity, AuditEntry, Draft, Effects, LedgerDraft, RecordWrite } from '../ports/index.ts';

export const RECORD_BYTES_MAX: number = 256 * 1024; // a quarter of a frame: four records still travel together
const OWN_RECORD_CHARS_MAX = 4 * 1024 * 1024; // a message of one frame, written as text inside a dead letter
export const HOST_RECORD_VERSION = 1;
const SCOPES_MAX = 16;
const FEW = 8; // writes that are looked through; most turns have fewer and need no table

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
  /** Canonical JSON of its data; null: nothing of it will be written. */
  readonly data: string | null;
  readonly causation: Id | null;
  /** It is known where it goes: to none or one of the three. */
  posted: boolean;
  /** For a room of this host. */
  local: Message | null;
  /** For the bus, and in the outbox of a peer: once the batch is durable. */
  said: Envelope | null;
  pending: Pending | null;
}

/** What is to be done once a batch is durable: acknowledgements, answers. */
export interface Leaving {
  leave(): void;
}

/** The writes of a batch: one for each record, the last, at the place of its first. */
export class Writes {
  readonly list: RecordWrite[] = [];
  /** Of many, by room, table and key: where in the list. */
  #places: Map<string, number> | null = null;

  set(room: string, version: number, table: string, key: string, value: string | null): void {
    const { list } = this;
    value?.charCodeAt(0); // engines keep a text that was put together as its parts until somebody reads it; a record is kept long
    const write = { room, table, key, version, value };
    const at = list.length <= FEW ? this.#search(room, table, key) : this.#lookUp(`${room}\u0000${table}\u0000${key}`);
    if (at < 0) list.push(write);
    else list[at] = write;
  }

  #search(room: string, table: string, key: string): number {
    for (let at = 0; at < this.list.length; at++) {
      const write = this.list[at]!;
      if (write.key === key && write.table === table && write.room === room) return at;
    }
    return -1;
  }

  /** Answers where it is, or notes that it comes next. */
  #lookUp(name: string): number {
    this.#places ??= new Map(this.list.map(({ room, table, key }, at) => [`${room}\u0000${table}\u0000${key}`, at]));
    const at = this.#places.get(name);
    if (at === undefined) this.#places.set(name, this.list.length);
    return at ?? -1;
  }
}

export class Batch {
  readonly writes: Writes = new Writes();
  readonly entries: LedgerDraft[] = [];
  readonly sends: Send[] = [];
  readonly timers: { readonly key: string; readonly at: Millis | null }[] = [];
  readonly orders: ActivityOrder[] = [];
  /** The highest fence that this batch asks for, by activity. */
  fences: Map<string, number> | null = null;
  readonly measures: { readonly name: string; readonly value: number }[] = [];
  readonly after: Leaving[] = [];
  /** What the room answered to the message at hand, as canonical JSON. */
  answer: string | null = null;

  put(room: string, version: number, table: string, key: string, value: Json | null): void {
    const text = value === null ? null : canonicalJson(value);
    if (text !== null && text.length > RECORD_BYTES_MAX)
      assert(
        false,
        `record ${room}/${table}/${key} has ${text.length} characters, the limit is ${RECORD_BYTES_MAX}: put bulk into a blob`,
      );
    this.writes.set(room, version, table, key, text);
  }

  /** A record whose canonical JSON is known already: the host's own. */
  putText(room: string, version: number, table: string, key: string, value: string): void {
    if (value.length > OWN_RECORD_CHARS_MAX)
      assert(false, `record ${room}/${table}/${key} has ${value.length} characters, the limit is ${OWN_RECORD_CHARS_MAX}`);
    this.writes.set(room, version, table, key, value);
  }

  audit(entry: AuditEntry, id: Id, causation: Id | null, time: Millis): void {
    this.entries.push({ kind: entry.kind, id, causation, time, body: utf8(canonicalJson(entry.body)) });
  }
}

/** Canonical JSON of an object, with one field given as canonical JSON already. */
export function canonicalWith(object: object, field: string, text: string): string {
  const given = object as Record<string, unknown>;
  const keys = Object.keys(object);
  if (!Object.hasOwn(object, field)) keys.push(field);
  keys.sort();
  let out = '{';
  for (const key of keys) {
    const value = given[key];
    if (value === undefined && key !== field) continue;
    out += `${out.length === 1 ? '' : ','}${JSON.stringify(key)}:${key === field ? text : canonicalJson(value, 1)}`;
  }
  return `${out}}`;
}

/** Canonical JSON of a message, its data given as canonical JSON already: one expression for what a host writes most. */
export function canonicalMessage(envelope: Envelope, data: string): string {
  const e = envelope;
  const text = canonicalJson;
  return (
    `{"approvals":${e.approvals.length === 0 ? '[]' : text(e.approvals, 1)},"audience":${text(e.audience)},"causation":${text(e.causation)},` +
    `"coordination":${e.coordination === null ? 'null' : text(e.coordination, 1)},"correlation":${text(e.correlation)},"data":${data},` +
    `"dataschema":${text(e.dataschema)},"dependsOn":${text(e.dependsOn)},"haltEpoch":${text(e.haltEpoch)},"id":${text(e.id)},` +
    `"idempotencyKey":${text(e.idempotencyKey)},"keyId":${text(e.keyId)},"priority":${text(e.priority)},"routing":${text(e.routing)},` +
    `"sequence":${text(e.sequence)},"session":${text(e.session)},"source":${text(e.source)},"subject":${text(e.subject)},` +
    `"time":${text(e.time)},"traceparent":${text(e.traceparent)},"ttl":${text(e.ttl)},"type":${text(e.type)}}`
  );
}

/**
 * The `Effects` of one room, made once for each load of it: everything goes to the batch of the input at hand, and outside of an
 * input there is none.
 */
export class Collector {
  readonly effects: Effects;
  readonly #room: string;
  #batch: Batch | null = null;
  #causation: Id | null = null;
  #now: Millis = 0;
  /** Forbids what `load` may not do. */
  #loading = false;

  constructor(room: string, version: number, nextId: () => Id) {
    this.#room = room;
    // Its own enumerable functions: who stands around a room spreads them.
    this.effects = {
      put: (table, key, value) => this.#at().put(room, version, table, key, value),
      send: (draft) => {
        const { sends } = this.#beyondLoading('send');
        // What cannot be written fails here, where the input that caused it is known; so does a payload.
        let data: string | null = null;
        if (draft.contract.durability === 'durable') data = canonicalJson(draft.data);
        else assertCanonical(draft.data);
        const causation = this.#causation;
        sends.push({ room, draft, data, causation, posted: false, local: null, said: null, pending: null });
      },
      timer: (key, when) => void this.#at().timers.push({ key: `${room}\u0000${key}`, at: when }),
      perform: (key, activity) => {
        const { orders } = this.#beyondLoading('perform');
        assert((activity.scopes?.length ?? 0) <= SCOPES_MAX, `activity ${room}/${key} names more than ${SCOPES_MAX} scopes`);
        const payload = canonicalJson(activity.payload);
        orders.push({ kind: 'perform', room, key, activity, payload, causation: this.#causation });
      },
      cancel: (key) => void this.#beyondLoading('cancel').orders.push({ kind: 'cancel', room, key }),
      answer: (value) => {
        const batch = this.#beyondLoading('answer');
        const text = canonicalJson(value);
        assert(
          text.length <= host.RESULT_CHARS_MAX,
          `room ${room} answers ${text.length} characters, the limit is ${host.RESULT_CHARS_MAX}: answer with a reference`,
        );
        batch.answer = text;
      },
      audit: (entry) => this.#beyondLoading('audit').audit(entry, nextId(), this.#causation, this.#now),
      measure: (name, value) => void this.#at().measures.push({ name, value }),
    };
  }

  begin(batch: Batch, causation: Id | null, now: Millis, loading: boolean): Effects {
    this.#batch = batch;
    this.#causation = causation;
    this.#now = now;
    this.#loading = loading;
    return this.effects;
  }

  end(): void {
    this.#batch = null;
  }

  #at(): Batch {
    if (this.#batch === null) assert(false, `room ${this.#room} kept its effects beyond the input they were for`);
    return this.#batch;
  }

  #beyondLoading(what: string): Batch {
    if (this.#loading)
      assert(false, `room ${this.#room} called ${what} while loading; only timer, put and measure are allowed there`);
    return this.#at();
  }
}
