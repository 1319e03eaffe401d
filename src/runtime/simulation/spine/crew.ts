/**
 * The crew: the agents of one host, each a row. It does what desks lease to it, under the lease's fencing token and never beyond its
 * end, says how it went until the desk has heard it, and sends one heartbeat for all its agents.
 * Durable: `lease`. Soft: the rows, which the leases fill again.
 */
import type { Json, Millis } from '../../../kernel/index.ts';
import type { Context, Effects, Outcome, Room, RoomInput, StoredRecord } from '../../../ports/index.ts';
import type { Contract } from '../../../protocol/index.ts';
import { type Finish, Finished, Granted, type Grant, type Hear, Heard, Heartbeat } from './contracts.ts';
import type { FleetShape } from './desk.ts';

export interface LeaseRecord extends Grant {
  /** Row of the agent that does it. */
  readonly agent: number;
  readonly stage: 'doing' | Finish['status'];
}

/** What the agent does; the world outside answers which fence it was done under. */
export interface ApplyPayload {
  readonly task: string;
  readonly cell: number;
  readonly fence: number;
  readonly risky: boolean;
}
export interface ApplyResult {
  readonly fence: number;
}
export const APPLY = 'spine.apply';

const SAY_AGAIN: Millis = 1000;
const BEAT = 'beat';

export class Crew implements Room {
  readonly name = 'crew';
  readonly recordVersion = 1;
  readonly contracts: readonly Contract[] = [Granted, Heard];
  readonly #shape: FleetShape;
  /** By row: how often the agent has beaten, and 1 while it has a task. */
  readonly #beats: Uint32Array;
  readonly #busy: Uint8Array;
  readonly #leases = new Map<string, LeaseRecord>();
  #free: number;

  constructor(shape: FleetShape, agents: number) {
    this.#shape = shape;
    this.#beats = new Uint32Array(agents);
    this.#busy = new Uint8Array(agents);
    this.#free = agents;
  }

  load(records: Iterable<StoredRecord>, now: Millis, out: Effects): void {
    for (const { value } of records) {
      const lease = value as unknown as LeaseRecord;
      this.#leases.set(lease.task, lease);
      this.#occupy(lease.agent, 1);
      if (lease.stage !== 'doing') out.timer(lease.task, now);
    }
    out.timer(BEAT, now + 1);
  }

  handle(input: RoomInput, context: Context, out: Effects): void {
    switch (input.kind) {
      case 'message': {
        const { type, data } = input.envelope;
        return type === Granted.type ? this.#take(data as Grant, context, out) : this.#heard(data as Hear, out);
      }
      case 'timer': {
        if (input.key === BEAT) return this.#beat(context.now, out);
        const lease = this.#leases.get(input.key);
        if (lease !== undefined && lease.stage !== 'doing') this.#say(lease, context.now, out);
        return;
      }
      case 'activity':
        return this.#outcome(input.key, input.fence, input.outcome, context, out);
    }
  }

  /** Heartbeats of all agents so far. */
  query(): number {
    return this.#beats.reduce((sum, beats) => sum + beats, 0);
  }

  #take(grant: Grant, { now }: Context, out: Effects): void {
    const present = this.#leases.get(grant.task);
    if (present !== undefined && present.fence >= grant.fence) return;
    if (grant.until <= now) return; // the desk takes it back by itself
    const agent = present?.agent ?? this.#busy.indexOf(0);
    if (agent < 0) return;
    this.#occupy(agent, 1);
    const lease: LeaseRecord = { ...grant, agent, stage: 'doing' };
    this.#put(lease, out);
    out.timer(lease.task, null);
    const { task, cell, fence, risky } = lease;
    const payload: ApplyPayload = { task, cell, fence, risky };
    out.perform(task, { name: APPLY, kind: 'idempotent', payload, fence, attempt: 1, deadline: grant.until });
  }

  #outcome(task: string, fence: number, outcome: Outcome, { now }: Context, out: Effects): void {
    const lease = this.#leases.get(task);
    if (lease?.fence !== fence || lease.stage !== 'doing') return;
    const denied = outcome.status === 'refused' && outcome.refusal.reason === 'denied';
    const ended: LeaseRecord = { ...lease, stage: outcome.status === 'done' ? 'done' : denied ? 'denied' : 'failed' };
    this.#put(ended, out);
    this.#say(ended, now, out);
  }

  /** Until the desk has heard it; its answer may be lost as well. */
  #say({ task, fence, desk, stage }: LeaseRecord, now: Millis, out: Effects): void {
    if (stage === 'doing') return;
    const data: Finish = { task, fence, crew: this.#shape.me, status: stage };
    out.send({ contract: Finished, data, audience: this.#shape.hosts[desk]!, subject: task, ttl: 5000 });
    out.timer(task, now + SAY_AGAIN);
  }

  #heard({ task, fence }: Hear, out: Effects): void {
    const lease = this.#leases.get(task);
    if (lease?.fence !== fence || lease.stage === 'doing') return;
    this.#leases.delete(task);
    this.#occupy(lease.agent, 0);
    out.put('lease', task, null);
    out.timer(task, null);
  }

  #beat(now: Millis, out: Effects): void {
    const { hosts, me, beatEvery } = this.#shape;
    for (let agent = 0; agent < this.#beats.length; agent++) this.#beats[agent]! += 1;
    const data = { host: me, agents: this.#beats.length, free: this.#free };
    for (const audience of hosts)
      out.send({ contract: Heartbeat, data, audience, subject: 'beat', priority: 3, ttl: 2 * beatEvery });
    out.timer(BEAT, now + beatEvery);
  }

  #occupy(agent: number, busy: 0 | 1): void {
    if (this.#busy[agent] === busy) return;
    this.#busy[agent] = busy;
    this.#free += busy === 1 ? -1 : 1;
  }

  #put(lease: LeaseRecord, out: Effects): void {
    this.#leases.set(lease.task, lease);
    out.put('lease', lease.task, lease as unknown as Json);
  }
}
