/**
 * The checkers that look while it happens, at the two borders of a host: between a room and its host, and between the host and the
 * world. They know nothing of how a host works inside; they remember what they saw and compare.
 */
import type { Millis } from '../../../kernel/index.ts';
import type { Effects, Room, RoomInput } from '../../../ports/index.ts';
import type { SimPorts } from '../host.ts';
import type { SimStore } from '../store.ts';
import { APPLY, type ApplyPayload, type ApplyResult, type LeaseRecord } from './crew.ts';
import { type Progress, Step } from './contracts.ts';

/** What each checker finds wrong. */
export const CHECKERS = {
  acknowledged: 'what a caller was told is safe is gone',
  twice: 'a message with one idempotency key counted more than once, or never',
  'stale-fence': 'the world was changed under an older fence than before',
  'durable-first': 'something left a host before what it depends on was on disk',
  gate: 'an effect that the policy denies was started',
  order: 'an entry of a stream was taken out of order',
  converged: 'boards differ at the end, or hold a write that its writer had replaced',
  linearizable: 'no order explains what a register answered',
  timer: 'a timer fired that this incarnation had not armed for then',
  'late-result': 'a room was given the result of another attempt',
  liveness: 'something was not settled long after the faults ended',
} as const;
export type Checker = keyof typeof CHECKERS;

export type Report = (checker: Checker, detail: string) => void;

/** A room of one incarnation with its checks around it. `now` is its host's clock. */
export function watchRoom(room: Room, now: () => Millis, report: Report): Room {
  const armed = new Map<string, Millis>();
  const taken = new Map<string, number>();
  let step: Progress | null = null;
  const around = (out: Effects): Effects => ({
    ...out,
    timer: (key, at) => {
      if (at === null) armed.delete(key);
      else armed.set(key, at);
      out.timer(key, at);
    },
    put: (table, key, value) => {
      if (table === 'taken') {
        const next = (taken.get(key) ?? 0) + 1;
        taken.set(key, next);
        if (value !== next || step?.number !== next) report('order', `entry ${step?.number} of host ${key} taken as ${next}`);
      }
      out.put(table, key, value);
    },
  });
  return {
    name: room.name,
    recordVersion: room.recordVersion,
    contracts: room.contracts,
    query: (question) => room.query(question),
    load: (records, at, out) => {
      const all = [...records];
      for (const { table, key, value } of all) if (table === 'taken') taken.set(key, value as number);
      room.load(all, at, around(out));
    },
    handle: (input: RoomInput, context, out) => {
      if (input.kind === 'timer') {
        const at = armed.get(input.key);
        if (at === undefined || at > now()) report('timer', `${room.name} ${input.key} at ${now()}, armed for ${at ?? 'never'}`);
        armed.delete(input.key);
      } else if (input.kind === 'activity' && input.outcome.status === 'done') {
        const { fence } = input.outcome.value as ApplyResult;
        if (fence !== input.fence) report('late-result', `${input.key}: fence ${fence} answered as ${input.fence}`);
      }
      step = input.kind === 'message' && input.envelope.type === Step.type ? (input.envelope.data as Progress) : null;
      room.handle(input, context, around(out));
    },
  };
}

/** The world's side of a host's ports. */
export function watchPorts(
  ports: SimPorts,
  store: SimStore,
  denies: (payload: ApplyPayload) => boolean,
  report: Report,
): SimPorts {
  return {
    ...ports,
    bus: {
      ...ports.bus,
      send: (envelope) => {
        // What an earlier incarnation said was read from disk.
        const incarnation = Number.parseInt(envelope.id.slice(12, 20), 16);
        if (incarnation === store.incarnation && envelope.dependsOn > store.durable)
          report('durable-first', `${envelope.type} needs commit ${envelope.dependsOn}, ${store.durable} is on disk`);
        ports.bus.send(envelope);
      },
    },
    activities: {
      ...ports.activities,
      start: (request, done) => {
        if (request.name === APPLY) {
          const { task, fence } = request.payload as ApplyPayload;
          const lease = store.record('crew', 'lease', task);
          const known = lease === null ? 0 : (JSON.parse(lease) as LeaseRecord).fence;
          if (known < fence) report('durable-first', `${task} began under fence ${fence}, on disk is ${known}`);
          if (denies(request.payload as ApplyPayload)) report('gate', `${task} began while it is denied`);
        }
        ports.activities.start(request, done);
      },
    },
  };
}
