/**
 * The exchange: in which queue an envelope waits and who is offered it next, for all addresses that one process serves. It is
 * what every bus does the same, so a bus adds only the way there: nothing, virtual time, a socket, NATS. It never waits, never
 * reads a clock and never calls a receiver from inside `send`.
 *
 *   address     one queue of four lanes, one receiver
 *   group, topic   everybody who is a member when it is sent gets a copy in the queue of its own address
 *   pool        one queue; one member that has room takes the message, in turns; who refuses or leaves has not had it
 *
 * A receiver that refuses keeps its messages: that lane and the less urgent ones wait for `resume`, more urgent ones go on, so
 * that a host full of bulk work still hears a drain, a halt or a reply. What cannot be delivered goes back with a reason.
 * A member of groups that does not keep up is warned, then has to ask for every batch, then is out of its groups.
 */
import { assert, Lanes, type Millis, type Priority } from '../kernel/index.ts';
import type { Envelope } from './envelope.ts';
import type { Refusal } from './refusal.ts';
import { parseSubject } from './subject.ts';

export const PRESSURED_ABOVE = 1024;
// Senders stop feeding bulk work at 1,024; what their batches in hand still send has to fit: 64 senders with as much again.
const QUEUE_MAX = 64 * 1024;
const RESERVE = 1024; // for control and replies
const TURN_MAX = 256; // messages to one address in one turn: about 5 ms of a host's work, then timers and I/O
const ADDRESSES_MAX = 128 * 1024; // 30,000 agents' hosts, groups and topic buckets; an address costs about 500 bytes
const SKEW: Millis = 2000; // as hosts grant each other
const WARNED_AT = 0.5;
const DEMOTED_AT = 0.8;
const RECOVERED_AT = 0.25; // well below the warning, so that one message more or less does not flap

/**
 * Takes a message or answers that there is no room for it now. `pull`: the address was demoted; after this batch only messages
 * of priority 0 come by themselves, everything else for each `resume`, 256 at a time.
 */
export type Receive = (envelope: Envelope, pull: boolean) => boolean;

export interface ConsumerNotice {
  readonly address: string;
  readonly state: 'warned' | 'demoted' | 'cut' | 'recovered';
  readonly waiting: number;
  /** For people. */
  readonly detail: string;
}

export interface ExchangeOptions {
  /** Something can be delivered: call `deliver` in a later turn. Called once until then. */
  readonly onReady: () => void;
  /** A message (or a member's copy of it) that will not be delivered: expired, or its queue is full. */
  readonly onUndelivered: (envelope: Envelope, refusal: Refusal) => void;
  readonly onConsumer?: (notice: ConsumerNotice) => void;
  /** Messages in one queue, reserve for control included. */
  readonly queueMax?: number;
}

interface Queue {
  readonly address: string;
  readonly kind: 'address' | 'pool' | 'fan';
  readonly lanes: Lanes<Envelope>;
  /** The least urgent lane that its receiver did not refuse; -1: it refused even what is most urgent. */
  open: Priority | -1;
  receive: Receive | null;
  /** Of a pool, group or topic. Replaced, never changed, because a receiver may leave while it is walked. */
  members: readonly Queue[];
  /** The topic of which this is a bucket. */
  readonly above: Queue | null;
  /** Groups, topics and pools of this address. */
  readonly memberOf: Set<Queue>;
  /** Which member of a pool has its turn. */
  next: number;
  listed: boolean;
  /** What it may still be offered in this turn. */
  budget: number;
  /** When demoted: what it may still be offered until the next `resume`. */
  pulls: number;
  /** The whole of a topic: its buckets point to it. */
  readonly pinned: boolean;
  grade: 'well' | 'warned' | 'demoted';
}

export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #queueMax: number;
  readonly #queues = new Map<string, Queue>();
  #ready: Queue[] = [];
  #waiting = 0;
  #earliest = Number.POSITIVE_INFINITY;
  #unheard = 0;
  #delivering = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#queueMax = options.queueMax ?? QUEUE_MAX;
  }

  get ready(): boolean {
    return this.#ready.length > 0;
  }

  /** Messages that wait, in all queues. */
  get waiting(): number {
    return this.#waiting;
  }

  /** No message that waits expires before this; infinite when none waits. */
  get expiry(): Millis {
    return this.#waiting === 0 ? Number.POSITIVE_INFINITY : this.#earliest;
  }

  /** Messages to groups and topics that had no member. */
  get unheard(): number {
    return this.#unheard;
  }

  send(envelope: Envelope): void {
    const queue = this.#queueOf(envelope.audience);
    if (queue === null) return this.#refuseAddress(envelope);
    if (queue.kind !== 'fan') return this.#file(queue, envelope);
    for (const target of this.#heardBy(queue)) {
      if (target === queue) this.#file(queue, envelope);
      else this.#copy(target, envelope);
    }
  }

  /** The addresses whose queues a message to this audience goes to now; one that is no group or topic is its own. */
  targets(audience: string): readonly string[] {
    const queue = this.#queueOf(audience);
    if (queue === null || queue.kind !== 'fan') return [audience];
    return this.#heardBy(queue).map(({ address }) => address);
  }

  /** Files a message that a transport brought for one of `targets`. */
  arrive(address: string, envelope: Envelope): void {
    const queue = this.#queueOf(address);
    if (queue === null) return this.#refuseAddress(envelope);
    if (address === envelope.audience) this.#file(queue, envelope);
    else this.#copy(queue, envelope);
  }

  /** Messages that wait for this audience; for a group or topic those of its slowest member. */
  depth(audience: string): number {
    const queue = this.#queues.get(audience);
    if (queue === undefined) return 0;
    if (queue.kind !== 'fan') return queue.lanes.size;
    return this.#targetsOf(queue).reduce((most, target) => Math.max(most, target.lanes.size), 0);
  }

  attach(address: string, receive: Receive): void {
    const queue = this.#queueOf(address);
    assert(queue, `${ADDRESSES_MAX} addresses are known here: detach some before ${address} is attached`);
    assert(queue.receive === null, `${address} already has a receiver on this bus`);
    queue.receive = receive;
    this.#reopen(queue);
  }

  detach(address: string): void {
    const queue = this.#queues.get(address);
    if (queue === undefined) return;
    queue.receive = null;
    this.#drop(queue);
  }

  /** The receiver has room again; when it was demoted, for a batch. */
  resume(address: string): void {
    const queue = this.#queues.get(address);
    if (queue !== undefined) this.#reopen(queue);
  }

  /** Makes an address a member of a group, a topic (or one bucket of it) or a pool. Twice is once. */
  join(address: string, to: string): void {
    const kind = parseSubject(to)?.kind;
    assert(kind === 'group' || kind === 'topic' || kind === 'pool', `${to} has no members: join a group, a topic or a pool`);
    const [queue, target] = [this.#queueOf(address), this.#queueOf(to)];
    assert(queue && target, `${ADDRESSES_MAX} addresses are known here: leave some groups before ${address} joins ${to}`);
    assert(queue.kind === 'address', `${address} is no address of its own: it cannot be a member of ${to}`);
    if (queue.memberOf.has(target)) return;
    queue.memberOf.add(target);
    target.members = [...target.members, queue];
    this.#wake(target);
  }

  leave(address: string, from: string): void {
    const [queue, target] = [this.#queues.get(address), this.#queues.get(from)];
    if (queue === undefined || target === undefined || !queue.memberOf.delete(target)) return;
    target.members = target.members.filter((member) => member !== queue);
    this.#drop(target);
    this.#drop(queue);
  }

  /** Offers what is ready, at most 256 messages to an address. What is sent meanwhile is for the next turn. */
  deliver(now: Millis): void {
    assert(!this.#delivering, 'a receiver called deliver: it would be called while it is at work');
    this.#delivering = true;
    const turn = this.#ready;
    this.#ready = [];
    for (const queue of turn) queue.budget = Math.min(queue.lanes.size, TURN_MAX);
    try {
      for (const queue of turn) {
        if (queue.kind === 'pool') this.#deliverPool(queue, now);
        else this.#deliverQueue(queue, now);
      }
    } finally {
      this.#delivering = false;
      for (const queue of turn) {
        queue.listed = false;
        this.#wake(queue); // also after a receiver threw: the others get theirs
        this.#drop(queue);
      }
    }
  }

  /** Takes out what expired while it waited, and says so. O(waiting): call it at `expiry`, not more often than once a second. */
  sweep(now: Millis): void {
    let earliest = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues.values()) {
      if (queue.lanes.size === 0) continue;
      const expired = queue.lanes.remove((envelope) => {
        const expiry = expiryOf(envelope);
        if (expiry < now) return true;
        if (expiry < earliest) earliest = expiry;
        return false;
      });
      this.#waiting -= expired.length;
      for (const envelope of expired) this.#expire(queue, envelope, now);
      if (expired.length === 0) continue;
      this.#recover(queue);
      this.#wake(queue);
      this.#drop(queue);
    }
    this.#earliest = earliest;
  }

  #deliverQueue(queue: Queue, now: Millis): void {
    while (queue.budget > 0 && queue.receive !== null) {
      const envelope = queue.lanes.peek(reach(queue));
      if (envelope === undefined) break;
      if (expiryOf(envelope) < now) {
        this.#take(queue, envelope.priority);
        this.#expire(queue, envelope, now);
      } else if (queue.receive(envelope, queue.grade === 'demoted')) {
        // It heads its lane still: what the receiver sent meanwhile is behind it, or in another lane.
        this.#take(queue, envelope.priority);
      } else {
        queue.open = (envelope.priority - 1) as Priority | -1;
      }
      queue.budget -= 1;
    }
    this.#recover(queue);
  }

  #deliverPool(pool: Queue, now: Millis): void {
    while (pool.budget > 0) {
      const envelope = pool.lanes.peek();
      if (envelope === undefined) return;
      pool.budget -= 1;
      if (expiryOf(envelope) < now) {
        this.#take(pool, envelope.priority);
        this.#expire(pool, envelope, now);
      } else if (this.#offer(pool, envelope)) {
        this.#take(pool, envelope.priority);
      } else {
        return; // nobody has room for this lane, so nobody has for a less urgent one
      }
    }
  }

  /** To the members of a pool in turns, each at most once. */
  #offer(pool: Queue, envelope: Envelope): boolean {
    const { members } = pool;
    for (let i = 0; i < members.length; i++) {
      const at = (pool.next + i) % members.length;
      const member = members[at]!;
      if (member.receive === null || reach(member) < envelope.priority || !member.memberOf.has(pool)) continue;
      if (member.receive(envelope, member.grade === 'demoted')) {
        member.pulls -= 1;
        pool.next = at + 1;
        return true;
      }
      member.open = (envelope.priority - 1) as Priority | -1;
    }
    return false;
  }

  #file(queue: Queue, envelope: Envelope): void {
    if (this.#push(queue, envelope)) return;
    const detail = `${envelope.type} to ${queue.address} found ${queue.lanes.size} messages waiting: send again when it answers`;
    this.#options.onUndelivered(envelope, { reason: 'overloaded', detail });
  }

  /** One member's copy of a message to many: a slow one must not hold up the others. */
  #copy(queue: Queue, envelope: Envelope): void {
    if (this.#push(queue, envelope)) {
      if (queue.lanes.size >= this.#queueMax * WARNED_AT) this.#degrade(queue);
      return;
    }
    this.#cut(queue);
    const detail = `${queue.address} had no room for its copy of ${envelope.type} to ${envelope.audience}: it has to read what it missed`;
    this.#options.onUndelivered(envelope, { reason: 'overloaded', detail });
  }

  #push(queue: Queue, envelope: Envelope): boolean {
    if (!queue.lanes.push(envelope, envelope.priority)) return false;
    this.#waiting += 1;
    const expiry = expiryOf(envelope);
    if (expiry < this.#earliest) this.#earliest = expiry;
    if (!queue.listed) this.#wake(queue);
    return true;
  }

  #take(queue: Queue, lane: Priority): void {
    queue.lanes.shiftFrom(lane);
    this.#waiting -= 1;
    if (queue.grade === 'demoted' && lane > 0) queue.pulls -= 1;
  }

  #wake(queue: Queue): void {
    if (queue.listed || queue.lanes.size === 0) return;
    if (queue.kind === 'pool') {
      const { priority } = queue.lanes.peek()!;
      if (!queue.members.some((member) => member.receive !== null && reach(member) >= priority)) return;
    } else if (queue.receive === null || queue.lanes.peek(reach(queue)) === undefined) {
      return;
    }
    queue.listed = true;
    this.#ready.push(queue);
    if (this.#ready.length === 1) this.#options.onReady();
  }

  #reopen(queue: Queue): void {
    queue.open = 3;
    queue.pulls = TURN_MAX;
    this.#wake(queue);
    for (const target of queue.memberOf) if (target.kind === 'pool') this.#wake(target);
  }

  #degrade(queue: Queue): void {
    const grade = queue.lanes.size >= this.#queueMax * DEMOTED_AT ? 'demoted' : 'warned';
    if (queue.grade === grade || queue.grade === 'demoted') return;
    queue.grade = grade;
    queue.pulls = 0;
    this.#notice(
      queue,
      grade,
      grade === 'warned'
        ? 'it takes less than it is sent'
        : 'it gets a batch for each resume, and what is urgent; cut when its queue is full',
    );
  }

  #recover(queue: Queue): void {
    if (queue.grade === 'well' || queue.lanes.size > this.#queueMax * RECOVERED_AT) return;
    queue.grade = 'well';
    this.#notice(queue, 'recovered', 'it has caught up and is sent everything again');
  }

  #cut(queue: Queue): void {
    const left = [...queue.memberOf].filter(({ kind }) => kind === 'fan');
    if (left.length === 0) return; // cut before; its last copies are still on their way
    for (const target of left) this.leave(queue.address, target.address);
    const names = left.map(({ address }) => address).join(', ');
    this.#notice(queue, 'cut', `its queue is full: it left ${names}; join again and read what was missed`);
  }

  #notice(queue: Queue, state: ConsumerNotice['state'], what: string): void {
    const waiting = queue.lanes.size;
    const detail = `${queue.address} has ${waiting} of ${this.#queueMax} messages waiting: ${what}`;
    this.#options.onConsumer?.({ address: queue.address, state, waiting, detail });
  }

  #expire(queue: Queue, envelope: Envelope, now: Millis): void {
    const late = now - envelope.time - envelope.ttl;
    const detail = `${envelope.type} to ${queue.address} expired ${late} ms ago (ttl ${envelope.ttl}) before it was taken`;
    this.#options.onUndelivered(envelope, { reason: 'expired', detail });
  }

  #refuseAddress(envelope: Envelope): void {
    const detail = `${ADDRESSES_MAX} addresses are known here and ${envelope.audience} is not one of them: send again later`;
    this.#options.onUndelivered(envelope, { reason: 'unavailable', detail });
  }

  #heardBy(queue: Queue): readonly Queue[] {
    const targets = this.#targetsOf(queue);
    if (targets.length === 0) {
      this.#unheard += 1;
      this.#drop(queue);
    }
    return targets;
  }

  #targetsOf(queue: Queue): readonly Queue[] {
    const above = queue.above?.members ?? [];
    const members = above.length === 0 ? queue.members : [...new Set([...queue.members, ...above])];
    return queue.receive === null ? members : [...members, queue];
  }

  #queueOf(address: string): Queue | null {
    const known = this.#queues.get(address);
    if (known !== undefined) return known;
    if (this.#queues.size >= ADDRESSES_MAX) return null;
    const subject = parseSubject(address);
    const fan = subject?.kind === 'group' || subject?.kind === 'topic';
    const above = subject?.kind === 'topic' && subject.bucket !== null ? `sk.${subject.realm}.t.${subject.name}` : null;
    const queue: Queue = {
      address,
      kind: fan ? 'fan' : subject?.kind === 'pool' ? 'pool' : 'address',
      lanes: new Lanes(this.#queueMax, Math.min(RESERVE, this.#queueMax >> 4)),
      open: 3,
      receive: null,
      members: [],
      above: above === null ? null : this.#queueOf(above),
      memberOf: new Set(),
      next: 0,
      listed: false,
      budget: 0,
      pulls: 0,
      pinned: subject?.kind === 'topic' && subject.bucket === null,
      grade: 'well',
    };
    this.#queues.set(address, queue);
    return queue;
  }

  /** Forgets an address that nobody uses. */
  #drop(queue: Queue): void {
    if (queue.receive !== null || queue.lanes.size > 0 || queue.listed || queue.pinned) return;
    if (queue.members.length === 0 && queue.memberOf.size === 0) this.#queues.delete(queue.address);
  }
}

/** The least urgent lane that may be offered; -1: none. */
function reach(queue: Queue): Priority | -1 {
  return queue.grade === 'demoted' && queue.pulls <= 0 && queue.open > 0 ? 0 : queue.open;
}

function expiryOf(envelope: Envelope): Millis {
  return envelope.time + envelope.ttl + SKEW;
}
