/**
 * What this host gave up on, with the bytes as they came, the reason and the tries: a message that made its room fail, one that
 * its receiver never took or refused for good, a timer. Bounded; what has to make room is named in the ledger. Nothing here is
 * delivered: a retry goes back through the host's gates, and the letter stays until it has passed them.
 */
import { host } from '../contracts/index.ts';
import { canonicalJson, type Id, type Millis, sha256Hex, utf8 } from '../kernel/index.ts';
import type { Refusal } from '../protocol/index.ts';
import { type Batch, HOST_RECORD_VERSION } from './batch.ts';

const LETTERS_MAX = 4096; // a person reads tens; a program that fills this needs another cure
const CHARS_MAX = 64 * 1024 * 1024; // the same again for the memory they take
const HISTORY_MAX = 16;
const PAGE_MAX = 100;
const PAGE_CHARS_MAX = 256 * 1024; // what one answer may hold
const DETAIL_MAX = 4000;

type Dying = Omit<host.DeadLetter, 'reason' | 'detail' | 'at' | 'history' | 'triesTotal' | 'retry'>;

export class DeadLetters {
  readonly #letters = new Map<string, { readonly letter: host.DeadLetter; readonly chars: number }>();
  #chars = 0;

  get size(): number {
    return this.#letters.size;
  }

  get(key: string): host.DeadLetter | null {
    return this.#letters.get(key)?.letter ?? null;
  }

  load(letter: host.DeadLetter, chars: number): void {
    this.#letters.set(letter.key, { letter, chars });
    this.#chars += chars;
  }

  /** Lays one down, or another try of it on top. `history`: what was tried before it came here. */
  add(dying: Dying, refusal: Refusal, history: readonly host.DeadTry[], now: Millis, batch: Batch, id: () => Id): void {
    const known = this.get(dying.key);
    const last: host.DeadTry = { at: now, reason: refusal.reason, detail: refusal.detail.slice(0, DETAIL_MAX) };
    const all = [...(known?.history ?? []), ...history, last];
    const { key, kind, room, type, source, audience, bytes, order, gated } = dying;
    const letter: host.DeadLetter = {
      key,
      kind,
      room,
      type,
      source,
      audience,
      bytes,
      order,
      gated,
      ...last,
      history: all.slice(-HISTORY_MAX),
      triesTotal: (known?.triesTotal ?? 0) + history.length + 1,
    };
    const text = canonicalJson(letter);
    this.remove(dying.key, batch);
    batch.putText(host.HOST_ROOM, HOST_RECORD_VERSION, host.DEAD_TABLE, letter.key, text);
    this.load(letter, text.length);
    const sha256 = bytes === null ? null : sha256Hex(utf8(bytes));
    const body = { letter: key, type, room, reason: last.reason, detail: last.detail, sha256 };
    batch.audit({ kind: 'input.refused', body }, id(), null, now);
    batch.measures.push({ name: 'skein_host_dead_letters_total', value: 1 });
    for (const [oldest, { letter: old }] of this.#letters) {
      if ((this.#letters.size <= LETTERS_MAX && this.#chars <= CHARS_MAX) || oldest === key) break;
      this.remove(oldest, batch);
      const gone = { letter: oldest, type: old.type, reason: 'overloaded', detail: 'it made room for newer dead letters' };
      batch.audit({ kind: 'input.refused', body: gone }, id(), null, now);
    }
  }

  remove(key: string, batch: Batch): void {
    const held = this.#letters.get(key);
    if (held === undefined) return;
    this.#letters.delete(key);
    this.#chars -= held.chars;
    batch.put(host.HOST_ROOM, HOST_RECORD_VERSION, host.DEAD_TABLE, key, null);
  }

  page(after: string | null): host.HostAnswer {
    const letters: host.DeadLetter[] = [];
    let chars = 0;
    for (const key of [...this.#letters.keys()].toSorted()) {
      if (after !== null && key <= after) continue;
      const held = this.#letters.get(key)!;
      chars += held.chars;
      if (letters.length === PAGE_MAX || (letters.length > 0 && chars > PAGE_CHARS_MAX)) break;
      letters.push(held.letter);
    }
    return { kind: 'dead-letters', letters, total: this.#letters.size };
  }

  /** Those that a person asked for while nobody was here to do it. */
  asked(): host.DeadLetter[] {
    return [...this.#letters.values()].map(({ letter }) => letter).filter(({ retry }) => retry === true);
  }
}
