/** Bugs put on purpose into host, room or world, each with the checker that has to notice. */
import type { Activity, Context, Effects, Outcome, Room, RoomInput, StoredWrite } from '../../src/ports/index.ts';
import type { Envelope } from '../../src/protocol/index.ts';
import { work } from '../../src/contracts/index.ts';
import type { Json } from '../../src/kernel/index.ts';
import type { WorkRoom } from '../../src/work/index.ts';
import type { SimPorts, Simulation } from '../../src/runtime/simulation/index.ts';
import { agentSpec, type CHECKERS, judgedTask, PLAN, type Plan, type Plant, probeSpec } from './work-world.ts';

export interface PlantedBug extends Plant {
  readonly bug: string;
  /** Where drawn plans would meet it too seldom. */
  readonly plan?: Plan;
  readonly caughtBy: keyof typeof CHECKERS | 'liveness';
}

/** Rivals for a task that a probe found, a task that stands on it, and a probe that comes last. */
export const FOUND: Plan = {
  ...PLAN,
  agents: [agentSpec('honest', 0, 'goal'), agentSpec('liar', 0, 'goal'), agentSpec('heavy', 0, 'goal')],
  probes: [probeSpec('early'), probeSpec('late', { when: 'last' })],
  finds: {
    early: [judgedTask('one', ['goal-liar', 'goal-honest', 'goal-heavy']), judgedTask('two', ['goal-liar'], { needs: ['one'] })],
    late: [judgedTask('three', ['goal-honest'])],
  },
};

/** Rivals that all come to something: candidates are outscored, and what they saw beside the winner follows. */
const RIVALS: Plan = {
  ...PLAN,
  agents: [agentSpec('honest', 0, 'goal'), agentSpec('slow', 0, 'goal')],
  tasks: ['a', 'b', 'c'].map((id) => judgedTask(id, ['goal-honest', 'goal-slow'])),
};

const RED: Plan = { ...PLAN, files: new Map([...PLAN.files, ['src/lint.txt', 'any before']]) };

type Handle = (input: RoomInput, context: Context, out: Effects) => void;

/** The room with its inputs or effects changed on the way. */
function around(room: WorkRoom, handle: (next: Handle) => Handle): Room {
  const next: Handle = (input, context, out) => room.handle(input, context, out);
  return {
    name: room.name,
    recordVersion: room.recordVersion,
    contracts: room.contracts,
    load: (records, now, out) => room.load(records, now, out),
    query: (question) => room.query(question as { kind: 'view' }),
    handle: handle(next),
  };
}

function withSpec(room: WorkRoom, change: (spec: work.RunSpec) => work.RunSpec): Room {
  return around(room, (next) => (input, context, out) => {
    if (input.kind !== 'message' || input.envelope.type !== work.RunIntent.type) return next(input, context, out);
    const envelope: Envelope = { ...input.envelope, data: change(input.envelope.data as work.RunSpec) };
    next({ kind: 'message', envelope }, context, out);
  });
}

function withPut(room: WorkRoom, change: (table: string, value: Json) => Json | undefined): Room {
  return around(room, (next) => (input, context, out) => {
    next(input, context, {
      ...out,
      put: (table, key, value) => {
        const changed = value === null ? null : change(table, value);
        if (changed !== undefined) out.put(table, key, changed);
      },
    });
  });
}

function withPerform(room: WorkRoom, change: (activity: Activity) => Activity): Room {
  return around(room, (next) => (input, context, out) => {
    next(input, context, { ...out, perform: (key, activity) => out.perform(key, change(activity)) });
  });
}

function withRecords(ports: SimPorts, change: (records: readonly StoredWrite[]) => readonly StoredWrite[]): SimPorts {
  return {
    ...ports,
    store: {
      ...ports.store,
      open: (done) =>
        ports.store.open((error, opened) => {
          done(error, opened === null ? null : { ...opened, records: change(opened.records) });
        }),
    },
  };
}

/** Tasks as a restarting host finds them. */
function withTasks(
  ports: SimPorts,
  change: (task: work.TaskRecord, all: readonly work.TaskRecord[]) => work.TaskRecord,
): SimPorts {
  return withRecords(ports, (records) => {
    const tasks = records.filter(({ table }) => table === 'task').map(({ value }) => JSON.parse(value) as work.TaskRecord);
    return records.map((record) =>
      record.table === 'task'
        ? { ...record, value: JSON.stringify(change(JSON.parse(record.value) as work.TaskRecord, tasks)) }
        : record,
    );
  });
}

/** The task with this attempt in the queue. */
function again(task: work.TaskRecord, attempt: work.AttemptRecord | undefined): work.TaskRecord {
  if (attempt === undefined) return task;
  const { fence, base } = attempt;
  const nothing = { onto: '', commit: '', tree: '', violations: [], failure: '', conflicts: [] };
  const landing: work.LandingEntry = { position: 1000, fence, stage: 'waiting', change: attempt.change!, base, ...nothing };
  return { ...task, state: 'queued', landing, attempts: [...task.attempts.filter((one) => one.fence !== fence), attempt] };
}

/** A store that says durable as soon as it was asked. */
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

export const PLANTED: readonly PlantedBug[] = [
  { bug: 'effects leave before their commit is durable', caughtBy: 'durable', tamper: acknowledgesEarly },
  { bug: 'a message is acknowledged before its commit is durable', caughtBy: 'acknowledged', tamper: acknowledgesEarly },
  {
    bug: 'an outcome of an older fence is accepted',
    caughtBy: 'concurrency',
    tamper: (ports) => {
      const newest = new Map<string, (outcome: Outcome) => void>();
      return {
        ...ports,
        activities: {
          ...ports.activities,
          start: (request, done) => {
            newest.set(request.key, done);
            ports.activities.start(request, (outcome) => newest.get(request.key)!(outcome));
          },
        },
      };
    },
  },
  {
    bug: 'a landing in flight is forgotten at a restart',
    caughtBy: 'liveness',
    tamper: (ports) => withRecords(ports, (records) => records.filter(({ key }) => !key.startsWith('work/land/'))),
  },
  { bug: 'the branch is moved without compare-and-swap', caughtBy: 'fast-forward', landsBlindly: true },
  {
    bug: 'a task that landed is open again after a restart',
    caughtBy: 'landed-once',
    tamper: (ports) =>
      withRecords(ports, (records) =>
        records.map((record) =>
          record.table === 'task' ? { ...record, value: record.value.replace('"state":"landed"', '"state":"ready"') } : record,
        ),
      ),
  },
  { bug: 'checks answer without looking', caughtBy: 'green', checksNothing: true },
  { bug: 'the text of a change is not screened', caughtBy: 'screened', screensNothing: true },
  {
    bug: 'an activity of kind once is run again after a crash',
    caughtBy: 'once',
    tamper: (ports) =>
      withRecords(ports, (records) =>
        records.map((record) =>
          record.table === 'activity'
            ? { ...record, value: record.value.replace('"kind":"once"', '"kind":"idempotent"') }
            : record,
        ),
      ),
  },
  {
    bug: 'what a task needs is forgotten',
    caughtBy: 'needs',
    room: (room) => withSpec(room, (spec) => ({ ...spec, tasks: spec.tasks.map((task) => ({ ...task, needs: [] })) })),
  },
  {
    bug: 'one agent too many runs',
    caughtBy: 'concurrency',
    room: (room) => withSpec(room, (spec) => ({ ...spec, limits: { ...spec.limits, agentsMax: spec.limits.agentsMax + 1 } })),
  },
  {
    bug: 'the money cap is not looked at',
    caughtBy: 'budget',
    room: (room) => withSpec(room, (spec) => ({ ...spec, limits: { ...spec.limits, costMax: null } })),
  },
  {
    bug: 'an agent is told what another one said',
    caughtBy: 'secrets',
    room: (room) =>
      withPerform(room, (activity) => {
        if (activity.name !== 'work.agent') return activity;
        const payload = activity.payload as work.AgentPayload;
        const others = room.query({ kind: 'view' }).tasks.flatMap(({ session }) => (session === null ? [] : [session]));
        return { ...activity, payload: { ...payload, failures: [...payload.failures, ...others] } };
      }),
  },
  {
    bug: 'a change of a record is not put',
    caughtBy: 'load-equals',
    room: (room) => withPut(room, (table, value) => ((value as { state?: string }).state === 'taking' ? undefined : value)),
  },
  {
    bug: 'a task is called landed before its commit is on the branch',
    caughtBy: 'recorded',
    room: (room) =>
      withPut(room, (table, value) => {
        const task = value as unknown as work.TaskRecord;
        return table === 'task' && task.state === 'landing'
          ? ({ ...task, state: 'landed', commit: task.landing!.commit } as unknown as Json)
          : value;
      }),
  },
  {
    bug: 'an agent is started once more after the stop',
    caughtBy: 'stopped',
    room: (room) => {
      let last: Activity<work.AgentPayload> | null = null;
      return around(room, (next) => (input, context, out) => {
        const before = room.query({ kind: 'view' }).run?.phase;
        next(input, context, {
          ...out,
          perform: (key, activity) => {
            if (activity.name === 'work.agent') last = activity as Activity<work.AgentPayload>;
            out.perform(key, activity);
          },
        });
        if (before === 'stopped' || room.query({ kind: 'view' }).run?.phase !== 'stopped' || last === null) return;
        out.perform(`agent/${last.payload.task.id}`, { ...last, fence: last.fence + 1000 });
      });
    },
  },
  {
    bug: 'a batch lands with the next change, which nobody checked',
    caughtBy: 'green',
    room: (room) =>
      withPerform(room, (activity) => {
        if (activity.name !== 'work.land') return activity;
        const payload = activity.payload as work.LandPayload;
        const next = room
          .query({ kind: 'view' })
          .tasks.find(({ landing }) => landing !== null && landing.onto === payload.commit && landing.commit !== '');
        if (next === undefined) return activity;
        const { commit, fence } = next.landing!;
        const chain = [...payload.chain, { task: next.spec.id, fence, commit }];
        return { ...activity, payload: { ...payload, commit, chain } };
      }),
  },
  {
    bug: 'a candidate that was outscored lands as well after a restart',
    caughtBy: 'landed-once',
    plan: RIVALS,
    tamper: (ports) =>
      withTasks(ports, (task) =>
        again(
          task,
          task.attempts.find(({ outcome }) => outcome === 'outscored'),
        ),
      ),
  },
  {
    bug: 'the winner lands a second time through the task that follows it',
    caughtBy: 'worthwhile',
    plan: RIVALS,
    tamper: (ports) =>
      withTasks(ports, (task, all) => {
        const before = all.find(({ spec }) => task.spec.needs[0] === spec.id && task.spec.id.startsWith(`${spec.id}.`));
        const winner = before?.attempts.find(({ outcome }) => outcome === 'landed');
        return task.attempts.length > 0 ? task : again(task, winner);
      }),
  },
  {
    bug: 'the candidates of rivals are not compared',
    caughtBy: 'best',
    room: (room) =>
      around(room, (next) => (input, context, out) => {
        const { outcome, key } = input.kind === 'activity' ? input : { outcome: null, key: '' };
        if (input.kind !== 'activity' || outcome?.status !== 'done' || !key.startsWith('vet/')) return next(input, context, out);
        const value = outcome.value as work.VetResult;
        next({ ...input, outcome: { ...outcome, value: { ...value, closed: value.closed.slice(0, 1) } } }, context, out);
      }),
  },
  {
    bug: 'an agent that has tasks of its own is given any',
    caughtBy: 'rivals',
    room: (room) => withSpec(room, (spec) => ({ ...spec, agents: spec.agents.map((agent) => ({ ...agent, only: null })) })),
  },
  {
    bug: 'the tasks of a probe are added again after a restart',
    caughtBy: 'found-once',
    plan: FOUND,
    tamper: (ports) =>
      withRecords(ports, (records) =>
        records.map((record) =>
          record.table === 'probe' ? { ...record, value: record.value.replace('"state":"done"', '"state":"waiting"') } : record,
        ),
      ),
  },
  {
    bug: 'probes that come last are not waited with',
    caughtBy: 'probes',
    room: (room) =>
      withSpec(room, (spec) => ({ ...spec, probes: spec.probes.map((probe) => ({ ...probe, when: 'first' as const })) })),
  },
  { bug: 'nobody looks whether a check was mended', caughtBy: 'mended', plan: RED, mendsNothing: true },
  {
    bug: 'an outcome is dropped',
    caughtBy: 'liveness',
    room: (room) =>
      around(room, (next) => (input, context, out) => {
        if (input.kind === 'activity' && input.key.startsWith('take/') && input.outcome.status === 'failed') return;
        next(input, context, out);
      }),
  },
];
