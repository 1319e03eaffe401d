/**
 * The bus inside one process: every audience has a bounded queue of four lanes, delivered in a later turn of the event loop and
 * never while a receiver is still at work. A receiver that refuses a message keeps its place: that lane and the less urgent ones
 * wait for `resume`, more urgent ones go on, so that a host full of bulk work still hears a drain or a halt.
 * Nothing is lost in silence: messages wait for an audience that is not attached, and beyond the bound they go to `onOverflow`.
 */
import { assert, Lanes, type Priority } from '../../kernel/index.ts';
import type { Bus, Receive } from '../../ports/index.ts';
import type { Envelope, Refusal } from '../../protocol/index.ts';

const PRESSURED_ABOVE = 1024;
// Senders stop feeding bulk work at 1,024; what their batches in hand still send has to fit: 64 senders with as much again.
const QUEUE_MAX = 64 * 1024;
const RESERVE = 1024; // for control and replies
const TURN_MAX = 256; // messages to one audience in one turn: about 5 ms of a host's work, then timers and I/O

export interface BusOptions {
  /** Told of a message that found its audience's queue full; the sender has to hear of it or send again. */
  readonly onOverflow: (envelope: Envelope, refusal: Refusal) => void;
}

interface Audience {
  readonly lanes: Lanes<Envelope>;
  /** Refused messages, one for each lane, ahead of their lane. */
  readonly held: [Envelope | null, Envelope | null, Envelope | null, Envelope | null];
  /** The least urgent lane that may be offered; -1: none. */
  open: Priority | -1;
  waiting: number;
  receive: Receive | null;
}

export function inProcessBus(options: BusOptions): Bus {
  const audiences = new Map<string, Audience>();
  const ready = new Set<Audience>();
  let scheduled = false;

  const audienceOf = (address: string): Audience => {
    let audience = audiences.get(address);
    if (audience === undefined) {
      audience = {
        lanes: new Lanes(QUEUE_MAX, RESERVE),
        held: [null, null, null, null],
        open: 3,
        waiting: 0,
        receive: null,
      };
      audiences.set(address, audience);
    }
    return audience;
  };

  const wake = (audience: Audience): void => {
    if (audience.waiting === 0 || audience.receive === null || audience.open === -1) return;
    ready.add(audience);
    if (scheduled) return;
    scheduled = true;
    setImmediate(turn);
  };

  /** What is sent while the receivers run is for the next turn. */
  const turn = (): void => {
    const now = [...ready].map((audience) => ({ audience, budget: Math.min(audience.waiting, TURN_MAX) }));
    ready.clear();
    scheduled = false;
    try {
      for (const { audience, budget } of now) deliver(audience, budget);
    } finally {
      for (const { audience } of now) wake(audience); // also after a receiver threw: the others get theirs
    }
  };

  return {
    send(envelope) {
      const audience = audienceOf(envelope.audience);
      if (audience.lanes.push(envelope, envelope.priority)) {
        audience.waiting += 1;
        wake(audience);
        return;
      }
      const detail = `${envelope.type} to ${envelope.audience} found ${audience.waiting} messages waiting: send again when it answers`;
      options.onOverflow(envelope, { reason: 'overloaded', detail });
    },
    pressured: (address) => (audiences.get(address)?.waiting ?? 0) > PRESSURED_ABOVE,
    attach(address, receive) {
      const audience = audienceOf(address);
      assert(audience.receive === null, `${address} already has a receiver on this bus`);
      audience.receive = receive;
      audience.open = 3;
      wake(audience);
    },
    detach(address) {
      const audience = audiences.get(address);
      if (audience === undefined) return;
      audience.receive = null;
      if (audience.waiting === 0) audiences.delete(address);
    },
    resume(address) {
      const audience = audiences.get(address);
      if (audience === undefined) return;
      audience.open = 3;
      wake(audience);
    },
  };
}

function deliver(audience: Audience, budget: number): void {
  for (let lane: Priority = 0; lane <= audience.open; lane = (lane + 1) as Priority) {
    for (;;) {
      if (audience.receive === null || budget === 0) return; // detached by the receiver itself
      const envelope = audience.held[lane] ?? audience.lanes.shift(lane);
      if (envelope === undefined) break;
      audience.held[lane] = envelope; // stays ours when the receiver throws
      if (!audience.receive(envelope)) {
        audience.open = (lane - 1) as Priority | -1;
        return;
      }
      audience.held[lane] = null;
      audience.waiting -= 1;
      budget -= 1;
    }
  }
}
