/**
 * The desk: takes tasks, leases each to a crew under a fencing token, takes it back when the lease is over, and gives it up to the
 * dead letters after some tries or when it is denied. An operator may put a dead letter back; it goes the same way again.
 * Durable: `task`. Soft: which crews were heard of, and how many of their agents are free.
 */
import { assert, type Json, type Millis } from '../../../kernel/index.ts';
import type { Context, Effects, Room, RoomInput, StoredRecord } from '../../../ports/index.ts';
import type { Contract } from '../../../protocol/index.ts';
import { fullJitter } from '../../../structures/index.ts';
import { type Beat, type Finish, Finished, Granted, Heard, Heartbeat, Retry, Submit, type Task } from './contracts.ts';

export interface TaskRecord extends Task {
  readonly state: 'ready' | 'leased' | 'done' | 'dead';
  /** Of the newest lease; 0 before the first. */
  readonly fence: number;
  /** Failed tries since it was submitted or retried. */
  readonly failures: number;
  /** End of the lease, or when a ready task may be leased next. */
  readonly until: Millis;
  readonly reason: string;
}

export interface FleetShape {
  /** Addresses of the hosts, by number. */
  readonly hosts: readonly string[];
  /** Number of this one. */
  readonly me: number;
  readonly lease: Millis;
  readonly beatEvery: Millis;
}

const FAILURES_MAX = 5; // as the bus redelivers before the dead letters
const RETRY_BASE: Millis = 100;
const RETRY_CAP: Millis = 2000;
const NOBODY_FREE: Millis = 500; // until the next heartbeats have come in

export class Desk implements Room {
  readonly name = 'desk';
  readonly recordVersion = 1;
  readonly contracts: readonly Contract[] = [Submit, Finished, Heartbeat, Retry];
  readonly #shape: FleetShape;
  readonly #tasks = new Map<string, TaskRecord>();
  readonly #free: number[];
  readonly #heardAt: Millis[];
  #next: number;

  constructor(shape: FleetShape) {
    this.#shape = shape;
    this.#free = shape.hosts.map(() => 0);
    this.#heardAt = shape.hosts.map(() => 0);
    this.#next = shape.me;
  }

  load(records: Iterable<StoredRecord>, now: Millis, out: Effects): void {
    for (const { value } of records) {
      const task = value as unknown as TaskRecord;
      this.#tasks.set(task.task, task);
      if (task.state === 'ready' || task.state === 'leased') out.timer(task.task, Math.max(now, task.until));
    }
  }

  handle(input: RoomInput, context: Context, out: Effects): void {
    if (input.kind === 'timer') return this.#due(input.key, context, out);
    if (input.kind === 'activity') return;
    const { type, data } = input.envelope;
    switch (type) {
      case Submit.type:
        return this.#submit(data as Task, context, out);
      case Finished.type:
        return this.#finish(data as Finish, context, out);
      case Heartbeat.type:
        return this.#beat(data as Beat, context.now);
      case Retry.type:
        return this.#retry((data as { task: string }).task, context, out);
    }
  }

  query(): readonly TaskRecord[] {
    return [...this.#tasks.values()];
  }

  #submit({ task, cell, risky }: Task, context: Context, out: Effects): void {
    if (this.#tasks.has(task)) return;
    this.#lease({ task, cell, risky, state: 'ready', fence: 0, failures: 0, until: 0, reason: '' }, context, out);
  }

  /** Gives it to the next crew with a free agent, or waits for one. */
  #lease(task: TaskRecord, { now }: Context, out: Effects): void {
    const crew = this.#crew(now);
    if (crew === null) return this.#put({ ...task, state: 'ready', until: now + NOBODY_FREE }, out);
    this.#free[crew]! -= 1;
    const until = now + this.#shape.lease;
    const fence = task.fence + 1;
    this.#put({ ...task, state: 'leased', fence, until }, out);
    out.send({
      contract: Granted,
      data: { task: task.task, cell: task.cell, risky: task.risky, fence, until, desk: this.#shape.me },
      audience: this.#shape.hosts[crew]!,
      subject: task.task,
      ttl: this.#shape.lease,
    });
  }

  #crew(now: Millis): number | null {
    const { hosts, beatEvery } = this.#shape;
    for (let step = 0; step < hosts.length; step++) {
      const crew = (this.#next + step) % hosts.length;
      if (this.#free[crew]! <= 0 || now - this.#heardAt[crew]! > 3 * beatEvery) continue;
      this.#next = (crew + 1) % hosts.length;
      return crew;
    }
    return null;
  }

  #due(id: string, context: Context, out: Effects): void {
    const task = this.#tasks.get(id);
    assert(task, `the timer ${id} has no task`);
    if (task.state === 'ready') return this.#lease(task, context, out);
    if (task.state === 'leased') this.#failed(task, 'its lease ran out', context, out);
  }

  #finish({ task: id, fence, crew, status }: Finish, context: Context, out: Effects): void {
    const task = this.#tasks.get(id);
    if (task === undefined) return;
    if (task.state === 'leased' && task.fence === fence) {
      if (status === 'done') this.#put({ ...task, state: 'done', until: 0 }, out);
      else if (status === 'denied') this.#put({ ...task, state: 'dead', reason: 'denied' }, out);
      else this.#failed(task, 'its activity failed', context, out);
    }
    out.send({ contract: Heard, data: { task: id, fence }, audience: this.#shape.hosts[crew]!, subject: id, ttl: 5000 });
  }

  #failed(task: TaskRecord, reason: string, { now, random }: Context, out: Effects): void {
    const failures = task.failures + 1;
    if (failures >= FAILURES_MAX) return this.#put({ ...task, state: 'dead', failures, reason }, out);
    const until = now + 1 + fullJitter(task.failures, RETRY_BASE, RETRY_CAP, random.unit());
    this.#put({ ...task, state: 'ready', failures, until, reason }, out);
  }

  #retry(id: string, context: Context, out: Effects): void {
    const task = this.#tasks.get(id);
    if (task?.state !== 'dead') return;
    this.#lease({ ...task, state: 'ready', failures: 0, reason: '' }, context, out);
  }

  #beat({ host, free }: Beat, now: Millis): void {
    this.#free[host] = free;
    this.#heardAt[host] = now;
  }

  #put(task: TaskRecord, out: Effects): void {
    this.#tasks.set(task.task, task);
    out.put('task', task.task, task as unknown as Json);
    out.timer(task.task, task.state === 'ready' || task.state === 'leased' ? task.until : null);
  }
}
