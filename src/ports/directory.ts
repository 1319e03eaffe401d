/** Where agents are. An agent's name never says it, because agents move. */
import type { RegisterError } from './register.ts';

export interface Placement {
  readonly agent: string;
  readonly host: string;
  /** Grows with every move of any agent: a host that holds an older one for this agent has lost it. */
  readonly epoch: number;
}

export type Placed =
  | { readonly ok: true; readonly epoch: number }
  /** It was moved meanwhile. */
  | { readonly ok: false; readonly current: Placement | null };

export interface Directory {
  find(agent: string, done: (error: RegisterError | null, placement: Placement | null) => void): void;
  /** Moves an agent that is at `epoch` (0: nowhere) to a host, or nowhere. */
  place(
    agent: string,
    epoch: number,
    host: string | null,
    done: (error: RegisterError | null, placed: Placed | null) => void,
  ): void;
}
