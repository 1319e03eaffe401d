/**
 * What became of the payments, told by what hosts committed: paid, on their way, or among a host's dead letters, from where an
 * operator hands them in again: a few times what the policy denies, everything else until it is through.
 */
import { host as own } from '../../../contracts/index.ts';
import type { RecordWrite } from '../../../ports/index.ts';
import { Pay, type Payment } from './contracts.ts';

const RETRIES_MAX = 3;

interface Letter {
  readonly task: string;
  readonly denied: boolean;
}

export class Payments {
  readonly #paid = new Set<string>();
  /** By host and key. */
  readonly #letters: readonly Map<string, Letter>[];
  readonly #retries = new Map<string, number>();

  constructor(hosts: number) {
    this.#letters = Array.from({ length: hosts }, () => new Map());
  }

  onCommitted(host: number, writes: readonly RecordWrite[], loaded: boolean): void {
    if (loaded) this.#letters[host]!.clear();
    for (const { room, table, key, value } of writes) {
      if (room === 'counters' && table === 'paid') this.#paid.add(key);
      if (room !== own.HOST_ROOM || table !== own.DEAD_TABLE) continue;
      if (value === null) this.#letters[host]!.delete(key);
      else this.#lay(host, JSON.parse(value) as own.DeadLetter);
    }
  }

  /** Paid, or given up because nobody is left who would ask again. */
  over(task: string): boolean {
    return (
      this.#paid.has(task) ||
      this.#letters.some((letters) => [...letters.values()].some((one) => one.task === task && this.#givenUp(one)))
    );
  }

  retry(again: (host: number, key: string) => void): void {
    for (const [host, letters] of this.#letters.entries()) {
      for (const [key, letter] of letters) {
        if (this.#paid.has(letter.task) || this.#givenUp(letter)) continue;
        this.#retries.set(letter.task, (this.#retries.get(letter.task) ?? 0) + 1);
        again(host, key);
      }
    }
  }

  #lay(host: number, { key, type, bytes, reason }: own.DeadLetter): void {
    if (type !== Pay.type || bytes === null) return;
    const { task } = (JSON.parse(bytes) as { readonly data: Payment }).data;
    this.#letters[host]!.set(key, { task, denied: reason === 'denied' });
  }

  #givenUp({ task, denied }: Letter): boolean {
    return denied && (this.#retries.get(task) ?? 0) >= RETRIES_MAX;
  }
}
