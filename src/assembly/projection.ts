/** The latest value of every committed record of a run, for surfaces: fed only after a commit is durable, read without asking the room. */
import type { RecordWrite } from '../ports/index.ts';
import { work } from '../contracts/index.ts';
import type { RunView } from './run.ts';

export class RunProjection {
  #run: work.RunRecord | null = null;
  #tasks = new Map<string, work.TaskRecord>();
  #probes = new Map<string, work.ProbeRecord>();
  /** Grows with every change; equal numbers mean equal views. */
  changes = 0;

  apply(writes: readonly RecordWrite[], loaded: boolean): void {
    if (loaded) {
      this.#run = null;
      this.#tasks.clear();
      this.#probes.clear();
    }
    for (const { room, table, key, value } of writes) {
      if (room !== work.WORK_ROOM) continue;
      this.changes += 1;
      if (table === 'run') this.#run = value === null ? null : (JSON.parse(value) as work.RunRecord);
      else if (table === 'probe') put(this.#probes, key, value);
      else put(this.#tasks, key, value);
    }
  }

  /** null until a run was begun. */
  view(): RunView | null {
    if (this.#run === null) return null;
    const inOrder = <T extends { readonly order: number }>(rows: Map<string, T>): T[] =>
      [...rows.values()].toSorted((a, b) => a.order - b.order);
    return { run: this.#run, tasks: inOrder(this.#tasks), probes: inOrder(this.#probes) };
  }
}

function put<T>(rows: Map<string, T>, key: string, value: string | null): void {
  if (value === null) rows.delete(key);
  else rows.set(key, JSON.parse(value) as T);
}
