/**
 * Scatter and gather: one question to the members that were invited, their replies until a deadline. What counts is who was
 * invited, not who is reachable: a member that never heard of it is missing, never left out of the sum. It sends nothing and
 * keeps no time. Source: seed 3 (3.2).
 */
import { assert, type Id, type Millis } from '../kernel/index.ts';
import type { Envelope } from './envelope.ts';

const INVITED_MAX = 65_536; // twice a mesh of 30,000

export interface GatherOptions {
  /** The correlation of the question, in every reply. */
  readonly correlation: Id;
  readonly invited: readonly string[];
  /** How many replies are a success, 0..invited. */
  readonly enough: number;
  /** The last instant at which a reply is in time. */
  readonly deadline: Millis;
}

export type GatherVerdict = 'complete' | 'enough' | 'short';

export interface Gathered<T> {
  readonly verdict: GatherVerdict;
  /** In the order in which they came. */
  readonly replies: ReadonlyMap<string, Envelope<T>>;
  /** Invited, and not heard of at all. */
  readonly missing: readonly string[];
  /** Invited, and heard of after the end. */
  readonly late: readonly string[];
}

export class Gather<T> {
  readonly #options: GatherOptions;
  readonly #invited: ReadonlySet<string>;
  readonly #replies = new Map<string, Envelope<T>>();
  readonly #late = new Set<string>();
  #closed = false;

  constructor(options: GatherOptions) {
    this.#options = options;
    this.#invited = new Set(options.invited);
    const { size } = this.#invited;
    assert(size > 0 && size <= INVITED_MAX, `a question to ${size} members: invite 1 to ${INVITED_MAX}`);
    assert(options.enough >= 0 && options.enough <= size, `${options.enough} replies of ${size} invited cannot be enough`);
  }

  get replied(): number {
    return this.#replies.size;
  }

  /** `counted` changes the result; `again` is a member's second reply, `stranger` was not invited or answers something else. */
  answer(reply: Envelope<T>, now: Millis): 'counted' | 'late' | 'again' | 'stranger' {
    const { source } = reply;
    if (reply.correlation !== this.#options.correlation || !this.#invited.has(source)) return 'stranger';
    if (this.#replies.has(source) || this.#late.has(source)) return 'again';
    if (this.#closed || now > this.#options.deadline) {
      this.#late.add(source);
      return 'late';
    }
    this.#replies.set(source, reply);
    return 'counted';
  }

  /** Ends it before its deadline: what comes from now on is late. */
  close(): void {
    this.#closed = true;
  }

  /** null while replies may still come. */
  result(now: Millis): Gathered<T> | null {
    const complete = this.#replies.size === this.#invited.size;
    if (!complete && !this.#closed && now <= this.#options.deadline) return null;
    const verdict = complete ? 'complete' : this.#replies.size >= this.#options.enough ? 'enough' : 'short';
    const missing = [...this.#invited].filter((member) => !this.#replies.has(member) && !this.#late.has(member));
    return { verdict, replies: this.#replies, missing, late: [...this.#late] };
  }
}
