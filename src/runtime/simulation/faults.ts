/**
 * What may go wrong in a run, and how often. The rates themselves are drawn from the seed: a fixed mild rate finds some
 * bugs an order of magnitude more slowly than one that is sometimes zero and sometimes brutal.
 * Nothing here exceeds what the ports promise: an acknowledged commit is never lost, one outcome comes for each start.
 */
import type { Millis, Random } from '../../kernel/index.ts';

/** All shares are 0..1. */
export interface Faults {
  /** Chance that a host dies at a step it reaches. */
  readonly crash: number;
  /** Bound on the deaths of one host, so that a storm also makes progress. */
  readonly crashesMax: number;
  /** Chance that a commit fails while the host lives on. */
  readonly commitFailed: number;
  /** Chance that an activity ends as `failed, retryable`, before, amid or after its effects. */
  readonly activityFailed: number;
  /** Chance that an activity in flight when its host dies still takes each of its next steps. */
  readonly orphanStep: number;
  /** Orphans may still act after the next life of the host has begun. */
  readonly orphansOutliveRestart: boolean;
  /** Chance that the bus carries a message twice. */
  readonly duplicate: number;
  /** Chances of a message between hosts: to be lost, to be overtaken, to be changed on the way. */
  readonly drop: number;
  readonly reorder: number;
  readonly damage: number;
  /** Chance that a crash leaves a commit half written behind the last whole one. */
  readonly torn: number;
  /** Chance that a crash leaves one changed bit in what was durable. */
  readonly flip: number;
  readonly commitDelayMax: Millis;
  readonly messageDelayMax: Millis;
  readonly resultDelayMax: Millis;
  readonly restartDelayMax: Millis;
  readonly wakeDelayMax: Millis;
  /** How long the host's loop takes to come round to a turn. */
  readonly turnDelayMax: Millis;
}

export const NO_FAULTS: Faults = {
  crash: 0,
  crashesMax: 0,
  commitFailed: 0,
  activityFailed: 0,
  orphanStep: 0,
  orphansOutliveRestart: false,
  duplicate: 0,
  drop: 0,
  reorder: 0,
  damage: 0,
  torn: 0,
  flip: 0,
  commitDelayMax: 1,
  messageDelayMax: 1,
  resultDelayMax: 1,
  restartDelayMax: 1000,
  wakeDelayMax: 0,
  turnDelayMax: 0,
};

const SHARES = [0, 0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3] as const;

export function drawFaults(random: Random): Faults {
  const share = (): number => SHARES[random.below(SHARES.length)]!;
  const upTo = (...choices: readonly number[]): number => choices[random.below(choices.length)]!;
  return {
    crash: share() / 3,
    crashesMax: upTo(1, 3, 10, 30, 200),
    commitFailed: share() / 3,
    activityFailed: share(),
    orphanStep: upTo(0, 0.5, 0.9),
    orphansOutliveRestart: random.chance(0.3),
    duplicate: share(),
    // One host's callers speak to it over a bus that keeps its promise, and nobody restores its disk.
    drop: 0,
    reorder: 0,
    damage: 0,
    torn: 0,
    flip: 0,
    commitDelayMax: upTo(1, 5, 200, 3000),
    messageDelayMax: upTo(1, 50, 2000),
    resultDelayMax: upTo(1, 20, 3000),
    restartDelayMax: upTo(1, 1000, 30_000),
    wakeDelayMax: upTo(0, 5, 500, 60_000),
    turnDelayMax: upTo(0, 1, 50, 500),
  };
}
