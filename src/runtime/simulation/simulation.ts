/**
 * One simulated run: virtual time, one stream of randomness per purpose, faults while the storm lasts, and a hash over
 * everything that happened, so that the same seed is the same run. Synchronous from end to end; the world outside is fenced
 * off. It knows no host and no room: a scenario puts them in.
 *
 *   storm (faults as the seed drew them) ──▶ quiet (none: everything pending must come to its end) ──▶ afterglow ──▶ checks
 */
import { canonicalJson, type Millis, type Random, seededRandom } from '../../kernel/index.ts';
import { withoutAmbient } from './ambient.ts';
import { drawFaults, type Faults, NO_FAULTS } from './faults.ts';
import { Timeline } from './timeline.ts';

export interface SimulationOptions {
  readonly seed: string;
  /** Replaces what the seed would draw. */
  readonly faults?: Partial<Faults>;
  /** Kills the host at exactly this step (from 1) and nowhere else. */
  readonly crashAtStep?: number;
  /** Kills the host at every step for which this says so, and nowhere else. */
  readonly crashWhen?: (step: string) => boolean;
  /** Length of the storm. */
  readonly storm?: Millis;
  /** Time in which everything must settle once the faults are off. */
  readonly quiet?: Millis;
  /** Time after it settled in which late effects may show up. */
  readonly afterglow?: Millis;
  /** Beyond this many events it is a loop; default: 400,000. */
  readonly eventsMax?: number;
  /** Keeps the events as text; costs memory. */
  readonly trace?: boolean;
}

export interface Violation {
  readonly checker: string;
  readonly detail: string;
  readonly at: Millis;
}

export interface SimulationResult {
  readonly seed: string;
  /** Everything the seed decided, for the person who reads a failure. */
  readonly options: { readonly faults: Faults; readonly crashAtStep: number | null; readonly details: readonly string[] };
  /** 16 hexadecimal digits over all events. */
  readonly hash: string;
  readonly events: number;
  /** Steps reached at which a host could have died. */
  readonly steps: number;
  readonly crashes: number;
  readonly endedAt: Millis;
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
}

/** What a run needs to know of what it runs. */
export interface Scenario {
  /** Brings back what the storm left dead. */
  calm(): void;
  /** Everything has come to its end. */
  settled(): boolean;
  /** The last checks; they report through `simulation.violation`. */
  end(): void;
}

const EVENTS_MAX = 400_000; // a run of the largest scenario takes a tenth of it; beyond this it is a loop
const VIOLATIONS_MAX = 20;
const HASHES_MAX = 10_000; // texts whose hash is kept; most events repeat one of a few hundred
const AFTERGLOW: Millis = 120_000; // late effects of what was cancelled or killed show up within this

export class Simulation {
  readonly seed: string;
  readonly timeline: Timeline = new Timeline();
  readonly random: Random;
  readonly details: string[] = [];
  readonly violations: Violation[] = [];
  readonly trace: string[] = [];
  readonly #storm: Faults;
  readonly #crashAtStep: number | null;
  readonly #crashWhen: ((step: string) => boolean) | null;
  readonly #crashes: Random;
  readonly #keepTrace: boolean;
  #calm = false;
  readonly #hashes = new Map<string, number>();
  #low = 0x811c9dc5;
  #high = 0xcbf29ce4;
  #events = 0;
  #steps = 0;
  #crashCount = 0;

  constructor(options: SimulationOptions) {
    this.seed = options.seed;
    this.random = seededRandom(options.seed);
    this.#crashAtStep = options.crashAtStep ?? null;
    this.#crashWhen = options.crashWhen ?? null;
    const chosen = this.#crashAtStep !== null || this.#crashWhen !== null;
    const drawn = !chosen ? drawFaults(this.random.stream('faults')) : NO_FAULTS;
    this.#storm = { ...drawn, ...options.faults };
    this.#crashes = this.random.stream('crashes');
    this.#keepTrace = options.trace === true;
  }

  get now(): Millis {
    return this.timeline.now;
  }

  /** What may go wrong at this moment. */
  get faults(): Faults {
    return this.#calm ? NO_FAULTS : this.#storm;
  }

  get stormFaults(): Faults {
    return this.#storm;
  }

  get steps(): number {
    return this.#steps;
  }

  get crashes(): number {
    return this.#crashCount;
  }

  get events(): number {
    return this.#events;
  }

  get hash(): string {
    return (this.#high >>> 0).toString(16).padStart(8, '0') + (this.#low >>> 0).toString(16).padStart(8, '0');
  }

  calm(): void {
    this.#calm = true;
  }

  /** Writes down that something happened: `event`, to whom, and up to two numbers (none below zero). */
  record(event: string, subject = '', first = -1, second = -1): void {
    this.#events += 1;
    this.#mix(this.timeline.now | 0);
    this.#mix(this.#hashOf(event));
    this.#mix(subject === '' ? 0 : this.#hashOf(subject));
    this.#mix(first | 0);
    this.#mix(second | 0);
    if (this.#keepTrace) this.trace.push(`${this.timeline.now} ${textOf(event, subject, first, second)}`);
  }

  /** A process reached a step. Answers whether it dies there; a step counts only while a process lives to reach it. */
  dies(step: string, subject = '', first = -1, second = -1): boolean {
    this.#steps += 1;
    this.record(step, subject, first, second);
    if (this.#crashWhen !== null) {
      if (!this.#crashWhen(textOf(step, subject, first, second))) return false;
    } else if (this.#crashAtStep !== null) {
      if (this.#steps !== this.#crashAtStep) return false;
    } else if (this.#crashCount >= this.faults.crashesMax || !this.#crashes.chance(this.faults.crash)) {
      return false;
    }
    this.#crashCount += 1;
    return true;
  }

  /** Two lanes in the manner of MurmurHash3: enough to tell two runs apart, cheap enough for every event. */
  #mix(word: number): void {
    const low = Math.imul(word, 0xcc9e2d51);
    const high = Math.imul(word, 0x85ebca6b);
    this.#low ^= Math.imul((low << 15) | (low >>> 17), 0x1b873593);
    this.#low = (Math.imul((this.#low << 13) | (this.#low >>> 19), 5) + 0xe6546b64) | 0;
    this.#high ^= Math.imul((high << 16) | (high >>> 16), 0xc2b2ae35);
    this.#high = (Math.imul((this.#high << 17) | (this.#high >>> 15), 9) + 0x561ccd1b) | 0;
  }

  /** Of the characters, so that it does not depend on which text came first; computed once for each. */
  #hashOf(text: string): number {
    const known = this.#hashes.get(text);
    if (known !== undefined) return known;
    let hash = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    if (this.#hashes.size >= HASHES_MAX) this.#hashes.clear();
    this.#hashes.set(text, hash);
    return hash;
  }

  violation(checker: string, detail: string): void {
    this.record(`violation ${checker}: ${detail}`);
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push({ checker, detail, at: this.timeline.now });
  }
}

/** Runs a scenario to its end. Throws only for a defect of the scenario itself; what it finds is in `violations`. */
export function simulate(options: SimulationOptions, prepare: (simulation: Simulation) => Scenario): SimulationResult {
  return withoutAmbient(() => {
    const simulation = new Simulation(options);
    const scenario = prepare(simulation);
    const eventsMax = options.eventsMax ?? EVENTS_MAX;
    const stormEnd = options.storm ?? 20 * 60_000;
    const run = (until: Millis, enough: () => boolean): void => {
      while (!enough()) {
        if (simulation.events > eventsMax) {
          simulation.violation('runaway', `${eventsMax} events and no end`);
          return;
        }
        if (!simulation.timeline.step(until)) {
          simulation.timeline.idleUntil(until);
          return;
        }
      }
    };
    run(stormEnd, () => scenario.settled());
    simulation.calm();
    scenario.calm();
    const quietEnd = simulation.now + (options.quiet ?? 4 * 60 * 60_000);
    run(quietEnd, () => scenario.settled());
    if (!scenario.settled()) simulation.violation('liveness', `not settled at ${simulation.now} ms, long after the faults ended`);
    run(simulation.now + (options.afterglow ?? AFTERGLOW), () => false);
    scenario.end();
    return {
      seed: options.seed,
      options: {
        faults: simulation.stormFaults,
        crashAtStep: options.crashAtStep ?? null,
        details: simulation.details,
      },
      hash: simulation.hash,
      events: simulation.events,
      steps: simulation.steps,
      crashes: simulation.crashes,
      endedAt: simulation.now,
      violations: simulation.violations,
      trace: simulation.trace,
    };
  });
}

function textOf(event: string, subject: string, first: number, second: number): string {
  let text = event;
  if (subject !== '') text += ` ${subject}`;
  if (first >= 0) text += ` ${first}`;
  return second >= 0 ? `${text} ${second}` : text;
}

/** Seed, options and violations as text: what a failing test prints. */
export function describeRun(result: SimulationResult): string {
  const violations = result.violations.map(({ checker, detail, at }) => `  ${at} ms  ${checker}: ${detail}`);
  return [
    `seed ${result.seed}${result.options.crashAtStep === null ? '' : `, crash at step ${result.options.crashAtStep}`}, hash ${result.hash}`,
    `faults ${JSON.stringify(result.options.faults)}`,
    `scenario ${canonicalJson(result.options.details)}`,
    ...violations,
  ].join('\n');
}
