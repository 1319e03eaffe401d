/**
 * What a disk serves when it is opened, against what was handed to it: everything that it acknowledged, of the rest some first
 * part commit by commit, no commit by halves, and not one character that was never written.
 */
import type { Commit, StoredWrite } from '../../../ports/index.ts';

export class DiskWatch {
  readonly #records = new Map<string, string>();
  /** Handed over and not acknowledged, in order. */
  #issued: Commit[] = [];

  issued(commit: Commit): void {
    this.#issued.push(commit);
  }

  acknowledged(sequence: number): void {
    while (this.#issued.length > 0 && this.#issued[0]!.sequence <= sequence) this.#apply(this.#issued.shift()!);
  }

  /** Answers what is wrong with it, or null. What is served counts from now on. */
  opened(served: readonly StoredWrite[]): string | null {
    const unheard = this.#issued;
    this.#issued = [];
    let differs = this.#differs(served);
    while (differs !== null && unheard.length > 0) {
      this.#apply(unheard.shift()!);
      differs = this.#differs(served);
    }
    if (differs === null) return null;
    this.#records.clear();
    for (const record of served) this.#records.set(nameOf(record), record.value);
    return differs;
  }

  #apply({ writes }: Commit): void {
    for (const write of writes) {
      if (write.value === null) this.#records.delete(nameOf(write));
      else this.#records.set(nameOf(write), write.value);
    }
  }

  #differs(served: readonly StoredWrite[]): string | null {
    for (const record of served) {
      const known = this.#records.get(nameOf(record));
      if (known !== record.value)
        return `${record.room}/${record.table}/${record.key} is ${record.value}, not ${known ?? 'there'}`;
    }
    return served.length === this.#records.size ? null : `${served.length} records are served, not ${this.#records.size}`;
  }
}

function nameOf({ room, table, key }: { readonly room: string; readonly table: string; readonly key: string }): string {
  return `${room}\0${table}\0${key}`;
}
