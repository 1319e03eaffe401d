/**
 * Who may try a task, and what becomes of those who try the same one: whose turn it is, which candidate goes first, who gets another
 * turn, and what is left to do after one of them has landed. Decides nothing about time, queue or branch; keeps no state.
 */
import type { work } from '../contracts/index.ts';

type Agents = readonly work.AgentSpec[];

const FAILURES_OF_A_RIVAL = 2; // a first try, and one that knows why it was refused
const RECORDED_IN_FULL = 2; // attempts that a record has room for with all they said
/** Closed items that the record of a task has room for, in characters: 256 KiB hold the whole record. */
const CLOSED_CHARS = 96 * 1024;

/** The next try of a task. */
export interface Try {
  readonly agent: string;
  readonly tier: 1 | 2 | 3;
  /** The failed attempt that it goes on from. */
  readonly again: work.AttemptRecord | null;
}

/** Rivals that are agents of this run, in the task's order. */
export function rivalsOf(agents: Agents, { rivals }: work.TaskSpec): readonly string[] {
  return [...new Set(rivals)].filter((name) => agents.some((agent) => agent.name === name));
}

/** null = no agent of this run may do it. */
export function nextTry(agents: Agents, task: work.TaskRecord): Try | null {
  const rivals = rivalsOf(agents, task.spec);
  if (rivals.length > 0) {
    const round = roundOf(agents, task);
    const agent = round.left[0];
    if (agent === undefined) return null;
    const again = ofRival(task, round, agent).findLast(hasFailed) ?? null;
    return { agent, tier: again === null ? 1 : 2, again };
  }
  const tier = task.failures === 0 ? 1 : task.failures === 1 ? 2 : 3;
  const open = agents.filter(({ only }) => only === null);
  const before = task.attempts.at(-1) ?? null;
  const again = tier === 2 && before?.outcome !== 'conflict' ? before : null;
  const { agent } = task.spec;
  if (agent !== null) return open.some(({ name }) => name === agent) ? { agent, tier, again } : null;
  // The agents in turn, and for a third try another one where there is one.
  const name = open[(task.order + (tier === 3 ? 1 : 0)) % open.length]?.name;
  return name === undefined ? null : { agent: name, tier, again };
}

export function roundOf(agents: Agents, task: work.TaskRecord): work.RivalRound {
  return task.round ?? { base: null, left: rivalsOf(agents, task.spec), since: task.fence };
}

/** The one that closes most; of equals the first. */
export function bestCandidate({ attempts }: work.TaskRecord): work.AttemptRecord | null {
  let best: work.AttemptRecord | null = null;
  for (const attempt of attempts)
    if (attempt.outcome === 'candidate' && (best === null || closes(attempt) > closes(best))) best = attempt;
  return best;
}

/** Who was refused and may try once more with what refused it, and who only lost the race for its files. */
export function rivalsAgain(agents: Agents, task: work.TaskRecord, attemptsMax: number, conflictsMax: number): readonly string[] {
  const round = roundOf(agents, task);
  return rivalsOf(agents, task.spec).filter((name) => {
    const own = ofRival(task, round, name);
    const last = own.at(-1);
    if (last?.outcome === 'conflict') return task.conflicts < conflictsMax;
    if (last === undefined || !hasFailed(last)) return false;
    return own.filter(hasFailed).length < Math.min(FAILURES_OF_A_RIVAL, attemptsMax);
  });
}

/** How often the unluckiest rival of this chance failed. */
export function failuresOfRivals(agents: Agents, task: work.TaskRecord): number {
  const round = roundOf(agents, task);
  return Math.max(0, ...rivalsOf(agents, task.spec).map((name) => ofRival(task, round, name).filter(hasFailed).length));
}

/** What rivals of the winner close beside it is a task of its own, on the base that has the winner's change. Null = nothing. */
export function followUp(
  task: work.TaskRecord,
  winner: work.AttemptRecord,
  taken: (id: string) => boolean,
): work.TaskSpec | null {
  const done = new Set(winner.vet?.closed);
  const rivals = task.attempts
    .filter(({ outcome, fence }) => outcome === 'candidate' && fence !== winner.fence)
    .filter(({ vet }) => vet!.closed.some((item) => !done.has(item)))
    .map(({ agent }) => agent);
  if (rivals.length === 0) return null;
  const { spec } = task;
  const [, root, nth] = /^(.*?)(?:\.(\d{1,4}))?$/s.exec(spec.id)!;
  let n = Number(nth ?? 1) + 1;
  while (taken(`${root}.${n}`)) n += 1;
  return { ...spec, id: `${root}.${n}`, needs: [spec.id], rivals: [...new Set(rivals)], agent: null, given: false };
}

/** A record must stay small: only what may still be needed keeps its failure text and files. */
export function slim(task: work.TaskRecord): work.AttemptRecord[] {
  const { attempts } = task;
  const newest = new Map(attempts.map(({ agent }, i) => [agent, i]));
  return attempts.map((attempt, i) => {
    if (i >= attempts.length - RECORDED_IN_FULL || (task.spec.rivals.length > 0 && newest.get(attempt.agent) === i))
      return attempt;
    const vet =
      attempt.vet === null || attempt.outcome === 'candidate' ? attempt.vet : { ...attempt.vet, closed: [], failure: '' };
    return { ...attempt, vet, failure: '', files: [], violations: attempt.violations.slice(0, 3) };
  });
}

/** How much of `max` one attempt may take of the task's record. */
export function share(task: work.TaskSpec, max: number): number {
  return Math.ceil((max * RECORDED_IN_FULL) / Math.max(RECORDED_IN_FULL, task.rivals.length));
}

/** What the record keeps of a vetting; items beyond its share are counted. The failure text is the attempt's own. */
export function vetOf(task: work.TaskSpec, vet: work.VetResult): work.VetResult {
  const closed: string[] = [];
  let left = share(task, CLOSED_CHARS / RECORDED_IN_FULL);
  for (const item of vet.closed) {
    left -= item.length + 4;
    if (left < 0) break;
    closed.push(item);
  }
  const violations = vet.violations.slice(0, 3);
  return { ...vet, closed, more: vet.more + vet.closed.length - closed.length, violations, failure: '' };
}

export function closes({ vet }: work.AttemptRecord): number {
  return vet === null ? 0 : vet.closed.length + vet.more;
}

function ofRival(task: work.TaskRecord, { since }: work.RivalRound, name: string): work.AttemptRecord[] {
  return task.attempts.filter(({ agent, fence }) => agent === name && fence > since);
}

function hasFailed({ outcome }: work.AttemptRecord): boolean {
  return outcome === 'refused' || outcome === 'agent-failed';
}
