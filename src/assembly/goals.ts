/**
 * Goals: what finds work where nobody wrote a task. A pack says for each goal which programs it adds to a run; the run starts them
 * like any agent or check, in its sandbox and within its limits. Packs are data: planning one reads the commit and starts nothing.
 */
import type { work } from '../contracts/index.ts';

export interface GoalPack {
  readonly name: string;
  readonly goals: readonly Goal[];
}

export interface Goal {
  /** What a person types after `--goal`: `types`. */
  readonly name: string;
  /** One line: `types that are true, under strict`. */
  readonly says: string;
  /** The repository asks for it by itself: part of a run without tasks and goals, in the pack's order. */
  readonly unasked: boolean;
  /** Rejects never for what a repository may look like: a goal that does not apply says so in `notes` and adds nothing. */
  plan(scene: GoalScene): Promise<GoalPlan>;
}

/** What a goal may look at: the commit, not the working tree. */
export interface GoalScene {
  /** Absolute path of the top of the repository; installed packages may be looked up under it. */
  readonly repository: string;
  readonly commit: string;
  /** Tracked files that people write. */
  readonly files: readonly string[];
  /** A tracked file's text; null = there is none, or it is larger than 1 MiB. */
  read(path: string): Promise<string | null>;
  readonly checks: readonly work.CheckSpec[];
  /** What stood after the goal's name: `codemod rules/x.yaml` gives `rules/x.yaml`. */
  readonly argument: string | null;
  /** Agents that the person asked for: they compete too, as rivals of the goal's own. */
  readonly agents: readonly string[];
  readonly sandbox: work.RunSpec['sandbox'];
  readonly mutants: boolean;
}

export interface GoalPlan {
  readonly probes: readonly work.ProbeSpec[];
  /** With `only` set to the goal's name. */
  readonly agents: readonly work.AgentSpec[];
  readonly checks: readonly work.CheckSpec[];
  readonly services: readonly work.ServiceSpec[];
  readonly notes: readonly string[];
}
