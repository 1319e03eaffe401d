/** Bugs put on purpose into hosts, rooms, disks or the world of the small fleet, each with the checker that has to notice. */
import type { Context, Effects, Outcome, Room, RoomInput, StoredRecord } from '../../../src/ports/index.ts';
import type { Millis } from '../../../src/kernel/index.ts';
import { spine, type SimPorts, type Simulation } from '../../../src/runtime/simulation/index.ts';

export interface PlantedBug {
  readonly bug: string;
  /** A seed that showed it when this was written: looked at first. */
  readonly near: number;
  /** Made anew for each run: some keep what they saw. */
  plant(): spine.FleetPlant;
  readonly caughtBy: spine.Checker;
}

type Handle = (input: RoomInput, context: Context, out: Effects) => void;

function changed(room: Room, parts: { load?: Room['load']; handle?(next: Handle): Handle }): Room {
  const next: Handle = (input, context, out) => room.handle(input, context, out);
  return {
    name: room.name,
    recordVersion: room.recordVersion,
    contracts: room.contracts,
    query: (question) => room.query(question),
    load: parts.load ?? ((records, now, out) => room.load(records, now, out)),
    handle: parts.handle?.(next) ?? next,
  };
}

/** Says durable as soon as it was asked. */
function acknowledgesEarly(ports: SimPorts, simulation: Simulation): SimPorts {
  return {
    ...ports,
    store: {
      ...ports.store,
      commit: (commit, done) => {
        ports.store.commit(commit, () => {});
        simulation.timeline.after(0, () => done(null, commit.sequence));
      },
    },
  };
}

function forgetsDedupe(ports: SimPorts): SimPorts {
  return {
    ...ports,
    store: {
      ...ports.store,
      open: (done) =>
        ports.store.open((error, opened) => {
          const records = opened?.records.filter(({ room, table }) => room !== 'host' || table !== 'dedupe') ?? [];
          done(error, opened === null ? null : { ...opened, records });
        }),
    },
  };
}

/** What was started last under a key is given whatever result comes first, and nothing is ever ended. */
function takesLateResults(ports: SimPorts): SimPorts {
  const newest = new Map<string, (outcome: Outcome) => void>();
  return {
    ...ports,
    activities: {
      cancel: () => {},
      start: (request, done) => {
        newest.set(request.key, done);
        ports.activities.start({ ...request, deadline: null }, (outcome) => newest.get(request.key)!(outcome));
      },
    },
  };
}

/** Arms again what its earlier incarnations had armed and not seen fire. */
function oldTimers(): spine.FleetPlant {
  const armed = new Map<string, Map<string, Millis>>();
  return {
    around: (room, host) => {
      const name = `${host}/${room.name}`;
      const before = new Map(armed.get(name));
      const present = new Map<string, Millis>();
      armed.set(name, present);
      const noting = (out: Effects): Effects => ({
        ...out,
        timer: (key, at) => {
          if (at === null) present.delete(key);
          else present.set(key, at);
          out.timer(key, at);
        },
      });
      return changed(room, {
        load: (records, now, out) => {
          room.load(records, now, noting(out));
          for (const [key, at] of before) if (!present.has(key)) out.timer(key, Math.max(at, now));
        },
        handle: (next) => (input, context, out) => {
          if (input.kind === 'timer') present.delete(input.key);
          next(input, context, noting(out));
        },
      });
    },
  };
}

/** A board whose newest write is the one that the clock of its host says is the latest. */
class WallClockBoard implements Room {
  readonly name = 'board';
  readonly recordVersion = 1;
  readonly contracts;
  readonly #board: spine.Board;

  constructor(board: spine.Board) {
    this.#board = board;
    this.contracts = board.contracts;
  }

  load(records: Iterable<StoredRecord>, now: Millis, out: Effects): void {
    this.#board.load(records, now, out);
  }

  handle(input: RoomInput, context: Context, out: Effects): void {
    if (input.kind !== 'message' || input.envelope.type !== spine.SetCell.type) return this.#board.handle(input, context, out);
    const { key, value, caller } = input.envelope.data as spine.CellWrite;
    const cell: spine.Cell = { key, value, round: context.now, by: Number.parseInt(context.host, 16) };
    // Told as another board would tell it, it wins or loses by its time alone.
    const told = { ...input.envelope, type: spine.Cells.type, data: { cells: [cell] } };
    this.#board.handle({ kind: 'message', envelope: told }, context, out);
    out.send({ contract: spine.CellSet, data: cell, audience: caller, subject: key, ttl: 5000 });
  }

  query(): readonly spine.Cell[] {
    return this.#board.query();
  }
}

/** Every entry is the next one. */
function takesAnyEntry(room: spine.Counters): Room {
  return changed(room, {
    handle: (next) => (input, context, out) => {
      if (input.kind !== 'message' || input.envelope.type !== spine.Step.type) return next(input, context, out);
      const { from } = input.envelope.data as spine.Progress;
      const data: spine.Progress = { from, number: (room.query().taken.get(from) ?? 0) + 1 };
      next({ kind: 'message', envelope: { ...input.envelope, data } }, context, out);
    },
  });
}

export const PLANTED: readonly PlantedBug[] = [
  {
    bug: 'the disk acknowledges before fsync',
    near: 6,
    plant: () => ({ survives: 'process-kill' }),
    caughtBy: 'acknowledged',
  },
  {
    bug: 'a register forgets what it had answered',
    near: 47,
    plant: () => ({ survives: 'process-kill' }),
    caughtBy: 'linearizable',
  },
  {
    bug: 'idempotency keys are forgotten on restart',
    near: 25,
    plant: () => ({ tamper: forgetsDedupe }),
    caughtBy: 'twice',
  },
  {
    bug: 'a timer of an old incarnation reaches the new one',
    near: 14,
    plant: oldTimers,
    caughtBy: 'timer',
  },
  {
    bug: 'the fencing token is not compared',
    near: 86,
    plant: () => ({ admits: () => () => true }),
    caughtBy: 'stale-fence',
  },
  {
    bug: 'a dead letter that is retried passes by the gate',
    near: 0,
    plant: () => {
      const dead = new Set<string>();
      return {
        permit: (permit) => (request) => {
          if (dead.has(request.key)) return null;
          const refusal = permit(request);
          if (refusal !== null) dead.add(request.key);
          return refusal;
        },
      };
    },
    caughtBy: 'gate',
  },
  {
    bug: 'the last write wins by wall clock',
    near: 41,
    plant: () => ({ room: (room) => (room instanceof spine.Board ? new WallClockBoard(room) : room) }),
    caughtBy: 'converged',
  },
  {
    bug: 'an effect leaves before its put is durable',
    near: 0,
    plant: () => ({ tamper: acknowledgesEarly }),
    caughtBy: 'durable-first',
  },
  {
    bug: 'a late result of an activity is accepted',
    near: 8,
    plant: () => ({ tamper: takesLateResults }),
    caughtBy: 'late-result',
  },
  {
    bug: 'a stream is taken as it comes',
    near: 0,
    plant: () => ({ room: (room) => (room instanceof spine.Counters ? takesAnyEntry(room) : room) }),
    caughtBy: 'order',
  },
  {
    bug: 'a lease that runs out is not taken back',
    near: 0,
    plant: () => ({
      room: (room) =>
        changed(room, {
          handle: (next) => (input, context, out) => {
            next(input, context, { ...out, timer: (key, at) => out.timer(key, room.name === 'desk' ? null : at) });
          },
        }),
    }),
    caughtBy: 'liveness',
  },
];
