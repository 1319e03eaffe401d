/**
 * Whether a resume may take its next stage: what ended at this one decides. As many activities as it has places have to end
 * well, their 95th percentile within the objective where there is one; an error rate of 1 % or more halts again.
 * Pure; which stage it is stands in the halt record.
 */
const ERRORS_OF = 100; // one error in so many is too much

export type StageAnswer = 'stay' | 'next' | 'halt';

export interface StageOptions {
  /** Activities at once at this stage; so many have to end. */
  readonly places: number;
  /** The 95th percentile of their durations stays under it; null = no objective is stated. */
  readonly p95MsMax: number | null;
}

export class ResumeStage {
  readonly #options: StageOptions;
  readonly #durations: number[] = []; // at most `places`, then the stage is over
  #errors = 0;

  constructor(options: StageOptions) {
    this.#options = options;
  }

  /** Takes the end of one activity that began at this stage. */
  ended(well: boolean, durationMs: number): StageAnswer {
    const { places, p95MsMax } = this.#options;
    if (!well) this.#errors += 1;
    this.#durations.push(durationMs);
    const count = this.#durations.length;
    if (this.#errors * ERRORS_OF >= Math.max(count, places) && this.#errors > 0) return 'halt';
    if (count < Math.max(1, places)) return 'stay';
    const sorted = this.#durations.toSorted((a, b) => a - b);
    return p95MsMax !== null && sorted[Math.ceil(count * 0.95) - 1]! > p95MsMax ? 'halt' : 'next';
  }
}

/** How many of `full` may go at once; at least one, or no stage would ever end. */
export function placesAt(share: number, full: number): number {
  return Math.max(1, Math.floor((full * share) / 100));
}
