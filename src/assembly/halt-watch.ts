/**
 * A live run under the halt record: drains when it is frozen or reduced, stops when it is halted, and after a resume lets agents
 * go in stages, 10, 50 and 100 of a hundred, halting again by itself when one fails. The warden does the killing; this tells the
 * room, so that what was cut off can go on.
 */
import { placesAt, ResumeStage } from '../host/index.ts';
import { haltId } from '../protocol/index.ts';
import { HaltRecordError, type HaltRegister, type Operator } from '../runtime/embedded/index.ts';

const LOOK_MS = 100; // the warden looks 40 times a second and kills; this only asks the room to stop

export interface RunUnderHalts {
  drain(): Promise<void>;
  kill(): Promise<void>;
}

/** Looks until it is closed. Freezes and reductions are acknowledged when the room has the intent durably. */
export function watchRun(register: HaltRegister, run: string, acts: RunUnderHalts): () => void {
  const answered = new Set<number>();
  const look = (): void => {
    try {
      for (const { order, level } of register.read().inForce(scopesOf(run))) {
        const { epoch } = order;
        if (answered.has(epoch)) continue;
        answered.add(epoch);
        const gentle = level === 'FROZEN' || level === 'REDUCING';
        const detail = gentle ? 'work in hand finishes' : 'the room stops';
        (gentle ? acts.drain() : acts.kill()).then(
          () => register.acknowledge({ epoch, who: `host run/${run}`, at: Date.now(), stopped: [], left: [], detail }),
          () => {}, // the run ended before it could hear it; who asked sees that nobody answered
        );
      }
    } catch (error) {
      if (!(error instanceof HaltRecordError)) throw error; // else the lease runs out and the warden halts
    }
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  return () => clearInterval(timer);
}

function scopesOf(run: string): string[] {
  return ['global', `run/${run}`];
}

/** How many agents may go at once now, and what the end of each means for the stage. */
export class StagedAgents {
  readonly #register: HaltRegister;
  readonly #run: string;
  readonly #full: number;
  readonly #operator: () => Operator;
  #stage: { readonly names: number; readonly share: number; readonly gate: ResumeStage } | null = null;
  /** One failure halts; the others that end because of it say nothing new. */
  #halted = false;

  constructor(register: HaltRegister, run: string, full: number, operator: () => Operator) {
    this.#register = register;
    this.#run = run;
    this.#full = full;
    this.#operator = operator;
    this.#read();
  }

  get places(): number {
    return this.#stage === null ? this.#full : placesAt(this.#stage.share, this.#full);
  }

  /** One agent ended: by itself, or because something failed. */
  ended(well: boolean, durationMs: number): void {
    const stage = this.#stage;
    if (stage === null || this.#halted) return;
    const answer = stage.gate.ended(well, durationMs);
    if (answer === 'stay') return;
    const id = haltId(stage.names);
    const operator = this.#operator();
    const [by, at] = [`${operator.name} for run/${this.#run}`, Date.now()];
    if (answer === 'next') {
      const [scope, reason] = [this.#register.read().halt(stage.names)!.scope, `${stage.share} % of ${id} went well`];
      const share = stage.share === 10 ? 50 : 100;
      const draft = { scope, kind: 'stage', level: null, names: stage.names, share, by, reason, at } as const;
      this.#register.append(draft, (order) => operator.sign(order));
    } else {
      this.#halted = true;
      const reason = `an agent failed at ${stage.share} % of the resume of ${id}`;
      const draft = { scope: `run/${this.#run}`, kind: 'halt', level: 'HALTED', names: null, share: 0, by, reason, at } as const;
      this.#register.append(draft, (order) => operator.sign(order));
    }
    this.#read();
  }

  #read(): void {
    const { share, names } = this.#register.read().stage(scopesOf(this.#run));
    if (names === null) this.#stage = null;
    else if (this.#stage?.names !== names || this.#stage.share !== share)
      this.#stage = { names, share, gate: new ResumeStage({ places: placesAt(share, this.#full), p95MsMax: null }) };
  }
}
