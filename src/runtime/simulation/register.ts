/**
 * The register of a simulated fleet: one authority, reached over a network that delays, and loses requests and answers. A swap
 * whose answer was lost took place, and its caller does not know.
 */
import { assert, type Millis, type Random } from '../../kernel/index.ts';
import {
  type Register,
  REGISTER_KEY_CHARS_MAX,
  REGISTER_VALUE_CHARS_MAX,
  type RegisterChange,
  type Registered,
  RegisterError,
  type Swapped,
} from '../../ports/index.ts';
import type { Timeline } from './timeline.ts';

export interface SimRegisterOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly delayMax?: () => Millis;
  /** Chance that a request is lost, and that an answer is. */
  readonly lost?: () => number;
}

const GIVEN_UP_AFTER: Millis = 5000;

export class SimRegister {
  readonly #options: SimRegisterOptions;
  readonly #entries = new Map<string, { value: string | null; revision: number }>();
  readonly #watchers = new Set<{ readonly prefix: string; readonly tell: (key: string) => void }>();
  #revision = 0;

  constructor(options: SimRegisterOptions) {
    this.#options = options;
  }

  /** The register as one host reaches it. */
  client(): Register {
    return {
      read: (key, done) => this.#ask(() => this.#entry(key), done),
      swap: (key, expected, value, done) => {
        assert(key.length >= 1 && key.length <= REGISTER_KEY_CHARS_MAX, `a key of ${key.length} characters`);
        assert((value?.length ?? 0) <= REGISTER_VALUE_CHARS_MAX, `${key}: the value does not belong into a register`);
        this.#ask<Swapped>(() => {
          const current = this.#entry(key);
          if ((current?.revision ?? 0) !== expected) return { ok: false, current };
          this.#revision += 1;
          this.#entries.set(key, { value, revision: this.#revision });
          for (const { prefix, tell } of this.#watchers) if (key.startsWith(prefix)) tell(key);
          return { ok: true, revision: this.#revision };
        }, done);
      },
      watch: (prefix, onChange) => this.#watch(prefix, onChange),
    };
  }

  #entry(key: string): Registered | null {
    const entry = this.#entries.get(key);
    return entry === undefined || entry.value === null ? null : { key, value: entry.value, revision: entry.revision };
  }

  #ask<T>(run: () => T | null, done: (error: RegisterError | null, answer: T | null) => void): void {
    const { timeline } = this.#options;
    let open = true;
    const answer = (error: RegisterError | null, value: T | null): void => {
      if (!open) return;
      open = false;
      done(error, value);
    };
    const detail = `the register did not answer within ${GIVEN_UP_AFTER} ms: read before you go on`;
    timeline.after(GIVEN_UP_AFTER, () => answer(new RegisterError('unavailable', detail), null));
    if (this.#loses()) return;
    timeline.after(this.#delay(), () => {
      const value = run();
      if (this.#loses()) return;
      timeline.after(this.#delay(), () => answer(null, value));
    });
  }

  #watch(prefix: string, onChange: (change: RegisterChange) => void): () => void {
    const told = new Map<string, number>();
    let open = true;
    const tell = (key: string): void => {
      // What it is when the news arrives: of several changes in a row only the last is sure to be told.
      this.#options.timeline.after(this.#delay(), () => {
        const { value, revision } = this.#entries.get(key)!;
        if (!open || revision <= (told.get(key) ?? 0)) return;
        told.set(key, revision);
        onChange({ key, value, revision });
      });
    };
    const watcher = { prefix, tell };
    this.#watchers.add(watcher);
    for (const [key, { value }] of this.#entries) if (value !== null && key.startsWith(prefix)) tell(key);
    return () => {
      open = false;
      this.#watchers.delete(watcher);
    };
  }

  #delay(): Millis {
    return 1 + this.#options.random.below(this.#options.delayMax?.() ?? 1);
  }

  #loses(): boolean {
    return this.#options.random.chance(this.#options.lost?.() ?? 0);
  }
}
