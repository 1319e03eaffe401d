/** The latest value of every committed record of a run, for surfaces: fed only after a commit is durable, read without asking the room. */
import type { RecordWrite } from '../ports/index.ts';
import { work } from '../contracts/index.ts';
import type { RunView } from './run.ts';

export class RunProjection {
  #run: work.RunRecord | null = null;
  #tasks = new Map<string, work.TaskRecord>();
  /** Grows with every change; equal numbers mean equal views. */
  changes = 0;

  apply(writes: readonly RecordWrite[], loaded: boolean): void {
    if (loaded) {
      this.#run = null;
      this.#tasks.clear();
    }
    for (const { room, table, key, value } of writes) {
      if (room !== work.WORK_ROOM) continue;
      this.changes += 1;
      if (table === 'run') this.#run = value === null ? null : (JSON.parse(value) as work.RunRecord);
      else if (value === null) this.#tasks.delete(key);
      else this.#tasks.set(key, JSON.parse(value) as work.TaskRecord);
    }
  }

  /** null until a run was begun. */
  view(): RunView | null {
    if (this.#run === null) return null;
    return { run: this.#run, tasks: [...this.#tasks.values()].toSorted((a, b) => a.order - b.order) };
  }
}
