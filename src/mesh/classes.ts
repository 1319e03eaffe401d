/** Impedance classes: what an agent of a kind is expected to be like before anybody measured it. Shared by the rest of the room. */

/** A edge, B serverless, C persistent, D GPU, E local, F human. Arrays by class are in this order. */
export const CLASSES = ['A', 'B', 'C', 'D', 'E', 'F'] as const;
export type ImpedanceClass = (typeof CLASSES)[number];
export const HUMAN = 5;

/** Of 30,000 agents: 10,000 edge, 8,000 serverless, 5,000 persistent, 2,000 GPU, 3,000 local, 2,000 people. */
export const CLASS_COUNTS: readonly number[] = [10_000, 8_000, 5_000, 2_000, 3_000, 2_000];

/** A forward delay at the upper end of the class's range, and a service time at its usual value: too early costs a wait, too
 *  late costs the arrival. */
export const PRIOR_FORWARD_MS: readonly number[] = [10, 75, 150, 250, 200, 2_000];
export const PRIOR_SERVICE_MS: readonly number[] = [15, 75, 300, 150, 225, 600_000];
/** By how much of the service of an empty payload one unit more prolongs it: a weight, for class D a prompt token. */
export const PRIOR_UNIT_SHARE: readonly number[] = [0.5, 0.5, 0.5, 0.001, 0.5, 0.5];
/** The service times that the formula of the first design took for each class; kept as the baseline of the bench. */
export const SEED_SERVICE_MS: readonly number[] = [10, 50, 200, 100, 150, 60_000];
