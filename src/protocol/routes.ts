/**
 * Routes: where this host last knew agents to be, and what to do when one is not there any more. A stale epoch is answered
 * `moved`; the sender asks the directory and tries once more, and the second `moved` is the answer. It asks nobody itself.
 * Soft: a bounded table, the longest unused route is forgotten first.
 */
import { assert } from '../kernel/index.ts';

const ROUTES_MAX = 65_536; // twice a mesh of 30,000; 10 MB

export interface Route {
  readonly host: string;
  readonly epoch: number;
}

export class Routes {
  readonly #routes = new Map<string, Route>();
  readonly #max: number;

  constructor(max: number = ROUTES_MAX) {
    assert(max >= 1, `a table of ${max} routes knows no way`);
    this.#max = max;
  }

  get size(): number {
    return this.#routes.size;
  }

  /** null: ask the directory, then `learn`. */
  to(agent: string): Route | null {
    const route = this.#routes.get(agent);
    if (route === undefined) return null;
    this.#routes.delete(agent); // a Map keeps order of insertion: what is used moves to the end
    this.#routes.set(agent, route);
    return route;
  }

  /** What the directory or a message said; an older epoch than the known one changes nothing. */
  learn(agent: string, route: Route): void {
    const known = this.#routes.get(agent);
    if (known !== undefined && known.epoch > route.epoch) return;
    this.#routes.delete(agent);
    this.#routes.set(agent, route);
    if (this.#routes.size > this.#max) this.#routes.delete(this.#routes.keys().next().value!);
  }

  /**
   * A host answered `moved` to a message that was sent under `epoch` for the `attempt`-th time, from 1. `again`: send it by the
   * route that is known by now; `ask`: ask the directory first; `give-up`: it moves faster than it can be followed.
   */
  moved(agent: string, epoch: number, attempt: number): 'again' | 'ask' | 'give-up' {
    const known = this.#routes.get(agent);
    const isNewer = known !== undefined && known.epoch > epoch;
    if (!isNewer) this.#routes.delete(agent);
    if (attempt > 1) return 'give-up';
    return isNewer ? 'again' : 'ask';
  }
}
