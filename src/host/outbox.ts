/**
 * Durable messages to other hosts, from the commit that caused them until the durable acknowledgement of whoever they are for.
 * Sent again with exponential backoff and full jitter, five times; then, or when their time is over, they are dead letters.
 * Messages of one ordering key to one peer go one at a time, so that a redelivery never overtakes. It sends nothing itself:
 * it says what is to be sent once the batch is durable. Idea: transactional outbox; jitter as in structures.
 *
 *   take ──▶ durable ──▶ send ──▶ ack ──▶ gone            refused for good, 5 redeliveries without ack, ttl over ──▶ dead letter
 *                          ▲──wait, tries + 1 durable──┘
 */
import { host } from '../contracts/index.ts';
import { canonicalJson, type Json, type Millis } from '../kernel/index.ts';
import { type Envelope, isRetryable, type Refusal } from '../protocol/index.ts';
import { fullJitter } from '../structures/index.ts';
import { type Batch, canonicalMessage, HOST_RECORD_VERSION } from './batch.ts';
import { SKEW } from './dedupe.ts';

export const REDELIVERIES_MAX = 5;
export const PEER_PENDING_MAX = 1024; // with the bytes: what one peer may owe before the rooms that fill it wait
export const PEER_BYTES_MAX: number = 4 * 1024 * 1024;
const ACK_WAIT: Millis = 1000; // a commit, a way there and back, on a busy machine
const WAIT_BASE: Millis = 1000;
const WAIT_MAX: Millis = 60_000;
const TABLE = 'peer-outbox';
const TRIES_TABLE = 'peer-tries'; // beside the message, so that a redelivery does not write it anew

const NO_ROOMS: ReadonlySet<string> = new Set();

export interface Pending {
  readonly envelope: Envelope;
  readonly room: string;
  /** Contract and value of the ordering key; null = none. */
  readonly order: string | null;
  readonly gated: boolean;
  readonly bytes: number;
  /** Redeliveries so far. */
  redeliveries: number;
  history: readonly host.DeadTry[];
  /** Key of the timer that waits for its acknowledgement, once there is one. */
  timer: string | null;
}

/** What of it is not in its record. */
type Soft = 'bytes' | 'redeliveries' | 'timer';

interface Peer {
  pending: number;
  bytes: number;
  readonly byRoom: Map<string, number>;
  /** Waiting messages by ordering key; the first one is under way. */
  readonly lines: Map<string, Pending[]>;
}

/** What happened to a message that is no longer here. */
export interface Ended {
  readonly pending: Pending;
  /** null: it was acknowledged. */
  readonly refusal: Refusal | null;
  /** The one of the same ordering key whose turn it is now. */
  readonly next: Pending | null;
}

export class Outbox {
  readonly #unit: () => number;
  readonly #pending = new Map<string, Pending>();
  readonly #peers = new Map<string, Peer>();
  #overfull = 0;

  /** `unit`: a draw in [0, 1). */
  constructor(unit: () => number) {
    this.#unit = unit;
  }

  get size(): number {
    return this.#pending.size;
  }

  get(id: string): Pending | undefined {
    return this.#pending.get(id);
  }

  /** `goes`: it may be sent when the batch is durable; else it waits for the one before it. `data`: its data as canonical JSON. */
  take(message: Omit<Pending, Soft>, data: string, batch: Batch): { readonly pending: Pending; readonly goes: boolean } {
    const { envelope, room, order, gated, history } = message;
    const text = canonicalMessage(envelope, data);
    const tries = history.length === 0 ? '[]' : canonicalJson(history, 1);
    const record = `{"envelope":${text},"gated":${gated},"history":${tries},"order":${canonicalJson(order)},"room":${canonicalJson(room)}}`;
    batch.putText(host.HOST_ROOM, HOST_RECORD_VERSION, TABLE, envelope.id, record);
    const pending: Pending = { envelope, room, order, gated, history, bytes: text.length, redeliveries: 0, timer: null };
    return { pending, goes: this.#add(pending) };
  }

  load(table: string, key: string, value: Json, chars: number): void {
    if (table === TABLE) {
      const stored = value as unknown as Omit<Pending, Soft>;
      // What an earlier life had to wait for is durable, or this record would not be here.
      this.#add({ ...stored, envelope: { ...stored.envelope, dependsOn: 0 }, bytes: chars, redeliveries: 0, timer: null });
    } else if (table === TRIES_TABLE) {
      const pending = this.#pending.get(key);
      if (pending !== undefined) Object.assign(pending, value as unknown as Pick<Pending, 'redeliveries' | 'history'>);
    }
  }

  /** Those that a new life sends at once: an unheard acknowledgement is no reason to wait, nor a redelivery. */
  heads(): Pending[] {
    return [...this.#pending.values()].filter((pending) => this.#isHead(pending));
  }

  /** How long to wait for the acknowledgement of what is sent now. */
  wait(pending: Pending): Millis {
    return ACK_WAIT + fullJitter(pending.redeliveries, WAIT_BASE, WAIT_MAX, this.#unit());
  }

  /** The wait is over. null: send it again when the batch is durable. */
  due(pending: Pending, now: Millis, batch: Batch): Ended | null {
    const { envelope } = pending;
    const heard = pending.history.at(-1);
    const unheard =
      heard === undefined ? `${envelope.audience} acknowledged nothing` : `last heard ${heard.reason}: ${heard.detail}`;
    if (envelope.time + envelope.ttl + SKEW < now) {
      const detail = `message ${envelope.id} lived ${envelope.ttl} ms: ${unheard}`;
      return this.#end(pending, { reason: 'timed-out', detail }, batch);
    }
    if (pending.redeliveries >= REDELIVERIES_MAX) {
      const detail = `message ${envelope.id} was sent ${REDELIVERIES_MAX + 1} times: ${unheard}`;
      return this.#end(pending, { reason: heard?.reason ?? 'timed-out', detail }, batch);
    }
    pending.redeliveries += 1;
    this.#keepTries(pending, batch);
    return null;
  }

  /** null: nobody waits for it, or the answer leaves it waiting. */
  acknowledged(id: string, from: string, refusal: Refusal | null, now: Millis, batch: Batch): Ended | null {
    const pending = this.#pending.get(id);
    if (pending === undefined) return null;
    const { audience } = pending.envelope;
    // What is for one host is acknowledged by that host; any other name is answered for by whoever hears it.
    if (audience.startsWith('host:') && audience !== from && !audience.startsWith(`${from}/`)) return null;
    if (refusal === null || refusal.reason === 'duplicate') return this.#end(pending, null, batch);
    if (!isRetryable(refusal.reason)) return this.#end(pending, refusal, batch);
    pending.history = [...pending.history, { at: now, reason: refusal.reason, detail: refusal.detail }].slice(-16);
    this.#keepTries(pending, batch);
    return null;
  }

  /** True while a peer that this room fills is at its high water. */
  holds(room: string): boolean {
    if (this.#overfull === 0) return false;
    for (const peer of this.#peers.values()) if (isOverfull(peer) && peer.byRoom.has(room)) return true;
    return false;
  }

  /** Rooms with messages to a peer of which this is true. */
  roomsOf(peers: (audience: string) => boolean): ReadonlySet<string> {
    if (this.#peers.size === 0) return NO_ROOMS;
    const rooms = new Set<string>();
    for (const [audience, { byRoom }] of this.#peers) if (peers(audience)) for (const room of byRoom.keys()) rooms.add(room);
    return rooms;
  }

  peers(): Extract<host.HostAnswer, { kind: 'outbox' }>['peers'] {
    return [...this.#peers].map(([audience, { pending, bytes }]) => ({ audience, pending, bytes }));
  }

  #add(pending: Pending): boolean {
    const { envelope, room, order, bytes } = pending;
    let peer = this.#peers.get(envelope.audience);
    if (peer === undefined) {
      peer = { pending: 0, bytes: 0, byRoom: new Map(), lines: new Map() };
      this.#peers.set(envelope.audience, peer);
    }
    const before = isOverfull(peer);
    this.#pending.set(envelope.id, pending);
    peer.pending += 1;
    peer.bytes += bytes;
    peer.byRoom.set(room, (peer.byRoom.get(room) ?? 0) + 1);
    if (!before && isOverfull(peer)) this.#overfull += 1;
    if (order === null) return true;
    const line = peer.lines.get(order);
    if (line === undefined) peer.lines.set(order, [pending]);
    else line.push(pending);
    return line === undefined;
  }

  #isHead(pending: Pending): boolean {
    if (pending.order === null) return true;
    return this.#peers.get(pending.envelope.audience)?.lines.get(pending.order)?.[0] === pending;
  }

  #end(pending: Pending, refusal: Refusal | null, batch: Batch): Ended {
    const { envelope, room, order, bytes } = pending;
    const peer = this.#peers.get(envelope.audience)!;
    const before = isOverfull(peer);
    this.#pending.delete(envelope.id);
    peer.pending -= 1;
    peer.bytes -= bytes;
    const left = peer.byRoom.get(room)! - 1;
    if (left === 0) peer.byRoom.delete(room);
    else peer.byRoom.set(room, left);
    if (before && !isOverfull(peer)) this.#overfull -= 1;
    if (peer.pending === 0) this.#peers.delete(envelope.audience);
    batch.put(host.HOST_ROOM, HOST_RECORD_VERSION, TABLE, envelope.id, null);
    batch.put(host.HOST_ROOM, HOST_RECORD_VERSION, TRIES_TABLE, envelope.id, null);
    if (order === null) return { pending, refusal, next: null };
    const line = peer.lines.get(order)!;
    const wasHead = line[0] === pending;
    line.splice(line.indexOf(pending), 1);
    if (line.length === 0) peer.lines.delete(order);
    return { pending, refusal, next: wasHead ? (line[0] ?? null) : null };
  }

  #keepTries({ envelope, redeliveries, history }: Pending, batch: Batch): void {
    const value = { redeliveries, history } as unknown as Json;
    batch.put(host.HOST_ROOM, HOST_RECORD_VERSION, TRIES_TABLE, envelope.id, value);
  }
}

function isOverfull({ pending, bytes }: Peer): boolean {
  return pending >= PEER_PENDING_MAX || bytes >= PEER_BYTES_MAX;
}
