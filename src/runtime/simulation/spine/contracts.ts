/** What the hosts of the small fleet and its callers say to each other. Only simulated: nothing of it is on a real wire. */
import { Type } from 'typebox';
import { host } from '../../../contracts/index.ts';
import { type Contract, type ContractTerms, defineContract } from '../../../protocol/index.ts';

const Text = Type.String({ maxLength: 64 });
const Count = Type.Integer({ minimum: 0 });
/** Whoever says it says it again until it is heard; a repetition does no harm. */
const EPHEMERAL: Partial<ContractTerms> = { durability: 'ephemeral', journal: 'none' };

export interface Task {
  readonly task: string;
  /** Of the resource that it changes. */
  readonly cell: number;
  /** The policy may refuse it. */
  readonly risky: boolean;
}
const task = { task: Text, cell: Count, risky: Type.Boolean() };
/** A caller wants something done. */
export const Submit: Contract<Task> = defineContract('spine.intent.submit.v1', Type.Object(task));

export interface Grant extends Task {
  readonly fence: number;
  readonly until: number;
  /** Number of the host whose desk gave it. */
  readonly desk: number;
}
/** A desk leases a task to a crew until then. */
export const Granted: Contract<Grant> = defineContract(
  'spine.intent.grant.v1',
  Type.Object({ ...task, fence: Count, until: Count, desk: Count }),
);

export interface Finish {
  readonly task: string;
  readonly fence: number;
  readonly crew: number;
  readonly status: 'done' | 'failed' | 'denied';
}
const status = Type.Union([Type.Literal('done'), Type.Literal('failed'), Type.Literal('denied')]);
export const Finished: Contract<Finish> = defineContract(
  'spine.event.finished.v1',
  Type.Object({ task: Text, fence: Count, crew: Count, status }),
  EPHEMERAL,
);

export interface Hear {
  readonly task: string;
  readonly fence: number;
}
/** The desk has the end of it on disk: the crew may forget the lease. */
export const Heard: Contract<Hear> = defineContract('spine.event.heard.v1', Type.Object({ task: Text, fence: Count }), EPHEMERAL);

/** An operator takes a task out of the dead letters. */
export const Retry: Contract<{ readonly task: string }> = defineContract('spine.intent.retry.v1', Type.Object({ task: Text }));

export interface Beat {
  readonly host: number;
  readonly agents: number;
  readonly free: number;
}
/** One heartbeat for all agents of a host. */
export const Heartbeat: Contract<Beat> = defineContract(
  'spine.state.heartbeat.v1',
  Type.Object({ host: Count, agents: Count, free: Count }),
  { ...EPHEMERAL, ttlMax: 10_000 },
);

/** Counts one. Nothing but its idempotency key keeps it from counting twice. */
export const Add: Contract<{ readonly key: string }> = defineContract('spine.intent.add.v1', Type.Object({ key: Text }));

export interface Operate {
  readonly op: string;
  readonly register: string;
  readonly does: 'read' | 'write' | 'cas';
  readonly value: number;
  readonly expected: number;
  /** Address that waits for the answer. */
  readonly caller: string;
}
const does = Type.Union([Type.Literal('read'), Type.Literal('write'), Type.Literal('cas')]);
const operate = Type.Object({ op: Text, register: Text, does, value: Count, expected: Count, caller: Text });
export const Change: Contract<Operate> = defineContract('spine.intent.change.v1', operate);
export const Read: Contract<Operate> = defineContract('spine.intent.read.v1', operate, EPHEMERAL);

export interface Answer {
  readonly op: string;
  /** Whether a compare-and-set found what it expected. */
  readonly ok: boolean;
  readonly value: number;
}
export const Answered: Contract<Answer> = defineContract(
  'spine.event.answered.v1',
  Type.Object({ op: Text, ok: Type.Boolean(), value: Count }),
  EPHEMERAL,
);

/** A value of the board and its version: the round counts, the host decides between equals. */
export interface Cell {
  readonly key: string;
  readonly round: number;
  readonly by: number;
  readonly value: number;
}
export interface CellWrite extends Cell {
  readonly caller: string;
}
const cell = { key: Text, round: Count, by: Count, value: Count };
/** Sets a cell; `round` and `by` are the version that the caller has seen. */
export const SetCell: Contract<CellWrite> = defineContract('spine.intent.set.v1', Type.Object({ ...cell, caller: Text }));
export const CellSet: Contract<Cell> = defineContract('spine.event.cell-set.v1', Type.Object(cell), EPHEMERAL);
/** What a board holds, told to another one. */
export const Cells: Contract<{ readonly cells: readonly Cell[] }> = defineContract(
  'spine.state.cells.v1',
  Type.Object({ cells: Type.Array(Type.Object(cell), { maxItems: 64 }) }),
  EPHEMERAL,
);

export interface Progress {
  readonly from: number;
  readonly number: number;
}
const progress = Type.Object({ from: Count, number: Count });
/** The next entry of a host's stream. */
export const Step: Contract<Progress> = defineContract('spine.event.step.v1', progress, { ...EPHEMERAL, orderingKey: 'from' });
/** How far the other end has it on disk. */
export const Stepped: Contract<Progress> = defineContract('spine.event.stepped.v1', progress, EPHEMERAL);

/** Everything that is said in the small fleet. */
export const FLEET_CONTRACTS: readonly Contract[] = [
  Submit,
  Granted,
  Finished,
  Heard,
  Retry,
  Heartbeat,
  Add,
  Change,
  Read,
  Answered,
  SetCell,
  CellSet,
  Cells,
  Step,
  Stepped,
  host.Ack,
];
