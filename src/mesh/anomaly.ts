/**
 * What is not usual: one agent that got slow, one that cannot be predicted, a cluster that moved as one. Owns the thresholds and
 * says what it sees; only the last has a consequence here, because weights that somebody may be steering must not be followed.
 */
import type { Estimator } from './estimator.ts';
import { instabilityOf } from './registry.ts';

/** Times the usual impedance of the same agent. */
const SPIKE = 2;
/** Robust coefficient of variation of (measured / predicted); a steady agent is at 0.2 to 0.4. */
const UNSTABLE_ABOVE = 0.8;
/** Of the members heard in one round, at least this share by at least this factor in one direction. Chance does not do that to
 *  five of eight agents that agree with nobody else. */
const COORDINATED_SHARE = 0.6;
const COORDINATED_LOG = 0.4054651081081644; // a factor of 1.5
const COORDINATED_MIN = 5;

export type Anomaly = 'spike' | 'unstable';

export function anomaliesOf({ registry }: Estimator, agent: number): readonly Anomaly[] {
  const found: Anomaly[] = [];
  if (registry.impedanceMs[agent]! > SPIKE * registry.usualMs[agent]!) found.push('spike');
  if (registry.observations[agent]! >= 20 && instabilityOf(registry.residual, agent) > UNSTABLE_ABOVE) found.push('unstable');
  return found;
}

/** The residuals of a cluster in one round, before they are learned from. True: they moved together, the cluster is frozen now. */
export function freezeIfCoordinated(estimator: Estimator, cluster: number, logResiduals: readonly number[]): boolean {
  if (logResiduals.length < COORDINATED_MIN) return false;
  const slower = logResiduals.filter((each) => each > COORDINATED_LOG).length;
  const faster = logResiduals.filter((each) => each < -COORDINATED_LOG).length;
  if (Math.max(slower, faster) < COORDINATED_SHARE * logResiduals.length) return false;
  estimator.freeze(cluster);
  return true;
}
