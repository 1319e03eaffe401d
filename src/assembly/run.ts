/**
 * A run as the surfaces hold it: started or resumed in this process, or read from outside. Surfaces never see rooms;
 * they see records after they were committed.
 */
import type { work } from '../contracts/index.ts';

export interface RunView {
  readonly run: work.RunRecord;
  /** In scheduling order. */
  readonly tasks: readonly work.TaskRecord[];
}

/** A process that a run has started and that is alive. */
export interface LiveProcess {
  readonly task: string;
  readonly pid: number;
  readonly command: string;
  readonly startedAt: number;
  readonly memoryBytes: number | null;
}

export interface LiveRun {
  readonly run: string;
  /** The committed state now. */
  view(): RunView;
  /** Called after a commit changed something, at most ten times a second; returns a function that ends the subscription. */
  onChange(listener: (view: RunView) => void): () => void;
  /** Work in hand finishes and lands, nothing new starts. */
  drain(): void;
  /** Everything in flight is cancelled; the run can be resumed. */
  kill(): void;
  /** Settles when the run is finished or stopped and the host is closed. Rejects only when the host itself failed. */
  readonly ended: Promise<RunView>;
}

/** What a reader outside the run's process gets. */
export interface RunReading {
  readonly view: RunView;
  /** live: answered by the host; stored: read from its file, nobody is running it now. */
  readonly state: 'live' | 'stored';
  /** Host time of the last commit. */
  readonly asOf: number;
  readonly processes: readonly LiveProcess[];
}

export interface RunRow {
  readonly run: string;
  /** `interrupted`: its host died before it ended. */
  readonly phase: work.RunPhase | 'interrupted' | 'unreadable';
  readonly reason: string;
  readonly startedAt: number;
  readonly tasks: number;
  readonly landed: number;
  readonly branch: string;
}
