/**
 * Orders to halt, to resume and to take the next stage of a resume: what they cover, who signed them, and the log that takes
 * only sound ones. One authorised signature halts; a resume needs m signatures of different roles, names one halt of the same
 * scope and lapses. The log only grows, so whoever saw more of it is halted at least as much. Who acts on it is not decided here.
 *
 *   halt ──▶ in force ──resume, m of n──▶ over, 10 % may go ──stage──▶ 50 % ──stage──▶ 100 %        a new halt at any time
 *
 * An order is signed with its epoch, so a copy of an old one says again what was said then and nothing else.
 */
import { canonicalJson, fromHex, hex, type Millis, utf8 } from '../kernel/index.ts';
import type { Crypto } from './crypto.ts';
import { type Signer, verifyIn } from './keys.ts';
import type { Refusal } from './refusal.ts';

/** FROZEN: no new work, work in hand finishes. REDUCING: only what makes exposure smaller. HALTED, KILLED: nothing; KILLED for ever. */
export type HaltLevel = 'FROZEN' | 'REDUCING' | 'HALTED' | 'KILLED';
const SEVERITY: Readonly<Record<HaltLevel, number>> = { FROZEN: 1, REDUCING: 2, HALTED: 3, KILLED: 4 };

/** What may go after a resume, in percent of what was halted. */
export const RESUME_STAGES: readonly number[] = [10, 50, 100];
/** How long a signed resume may wait to be written: the signers looked at the state of then. */
export const RESUME_LIFE: Millis = 15 * 60_000;
const ORDERS_MAX = 100_000; // 30,000 agents halted and resumed one by one; a log of more is no log of halts
const TEXT_MAX = 1024;

export type HaltOrder = {
  readonly epoch: number;
  /** `global`, `run/12`, `agent/a17`, `venue/x`. */
  readonly scope: string;
  readonly kind: 'halt' | 'resume' | 'stage';
  /** Of a halt; null with the others. */
  readonly level: HaltLevel | null;
  /** Epoch of the halt that a resume or a stage is about; null with a halt. */
  readonly names: number | null;
  /** Percent that may go: with a resume the first stage, with a stage the next one, with a halt 0. */
  readonly share: number;
  readonly by: string;
  readonly reason: string;
  readonly at: Millis;
};

export interface HaltSignature {
  readonly role: string;
  /** Hexadecimal. */
  readonly publicKey: string;
  readonly signature: string;
}

export interface SignedHaltOrder {
  readonly order: HaltOrder;
  readonly signatures: readonly HaltSignature[];
}

export interface HaltAuthority {
  readonly signers: readonly { readonly role: string; readonly publicKey: string }[];
  /** m: signatures of different roles that end a halt. */
  readonly resumeNeeds: number;
}

export function signHaltOrder(order: HaltOrder, role: string, key: Signer): HaltSignature {
  return { role, publicKey: hex(key.publicKey), signature: hex(key.sign('halt-order', orderBytes(order))) };
}

export function haltId(epoch: number): string {
  return `halt/${epoch}`;
}

/** The epoch that `halt/7` names; null when it is no name of a halt. */
export function haltEpoch(word: string): number | null {
  const digits = /^halt\/([1-9]\d{0,14})$/.exec(word)?.[1];
  return digits === undefined ? null : Number(digits);
}

export interface HaltInForce {
  readonly order: HaltOrder;
  readonly level: HaltLevel;
}

export class HaltLog {
  readonly #authority: HaltAuthority;
  readonly #crypto: Crypto;
  readonly #orders: HaltOrder[] = [];
  readonly #halts = new Map<number, HaltOrder>();
  /** Share that may go of what a halt had stopped, by its epoch. */
  readonly #resumed = new Map<number, { scope: string; share: number }>();
  #epoch = 0;

  constructor(authority: HaltAuthority, primitives: Crypto) {
    this.#authority = authority;
    this.#crypto = primitives;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get orders(): readonly HaltOrder[] {
    return this.#orders;
  }

  /** Takes the order that is next by its epoch. Null: it holds from now on. `now`: it is being written; null: it was, and is read. */
  admit({ order, signatures }: SignedHaltOrder, now: Millis | null): Refusal | null {
    if (order.epoch !== this.#epoch + 1)
      return no(
        'conflict',
        `order of epoch ${order.epoch}: epoch ${this.#epoch} was read, so only ${this.#epoch + 1} can follow`,
      );
    if (this.#orders.length >= ORDERS_MAX)
      return no('overloaded', `the halt record holds ${ORDERS_MAX} orders: move it away once all runs stand still`);
    const formed = form(order);
    if (formed !== null) return no('invalid', formed);
    if (now !== null && order.kind === 'resume' && now - order.at > RESUME_LIFE)
      return no(
        'expired',
        `the resume of ${haltId(order.names!)} was signed ${now - order.at} ms ago: look again, then sign anew`,
      );
    const signed = this.#signed(order, signatures);
    if (typeof signed === 'string') return no('bad-signature', signed);
    const unsound = order.kind === 'halt' ? null : this.#aboutHalt(order, signed);
    if (unsound !== null) return unsound;
    this.#take(order);
    return null;
  }

  /** Puts a global halt in the place of an order that cannot be believed: who can write here can stop, never start. */
  distrust(epoch: number, why: string, at: Millis): void {
    this.#take({
      epoch: Math.max(epoch, this.#epoch + 1),
      scope: 'global',
      kind: 'halt',
      level: 'HALTED',
      names: null,
      share: 0,
      by: 'the halt record',
      reason: why.slice(0, TEXT_MAX),
      at,
    });
  }

  /** The halts of these scopes that nobody ended, most severe first, then the oldest. */
  inForce(scopes: readonly string[]): readonly HaltInForce[] {
    const found: HaltInForce[] = [];
    for (const order of this.#halts.values()) {
      if (scopes.includes(order.scope) && !this.#resumed.has(order.epoch)) found.push({ order, level: order.level! });
    }
    return found.toSorted((a, b) => SEVERITY[b.level] - SEVERITY[a.level] || a.order.epoch - b.order.epoch);
  }

  all(): readonly HaltInForce[] {
    return this.inForce([...new Set([...this.#halts.values()].map(({ scope }) => scope))]);
  }

  /** Percent of these scopes that may go, and the halt whose resume is not through yet. */
  stage(scopes: readonly string[]): { readonly share: number; readonly names: number | null } {
    let least: { share: number; names: number | null } = { share: 100, names: null };
    for (const [names, { scope, share }] of this.#resumed) {
      if (scopes.includes(scope) && share < least.share) least = { share, names };
    }
    return least;
  }

  halt(epoch: number): HaltOrder | null {
    return this.#halts.get(epoch) ?? null;
  }

  #take(order: HaltOrder): void {
    this.#orders.push(order);
    this.#epoch = order.epoch;
    if (order.kind === 'halt') this.#halts.set(order.epoch, order);
    else this.#resumed.set(order.names!, { scope: order.scope, share: order.share });
  }

  /** The roles that signed; or what is wrong with a signature. */
  #signed(order: HaltOrder, signatures: readonly HaltSignature[]): ReadonlySet<string> | string {
    if (signatures.length === 0) return `${order.kind} of ${order.scope} is signed by nobody`;
    const bytes = orderBytes(order);
    const roles = new Set<string>();
    const keys = new Set<string>();
    for (const { role, publicKey, signature } of signatures) {
      const known = this.#authority.signers.some((signer) => signer.role === role && signer.publicKey === publicKey);
      if (!known) return `key ${publicKey.slice(0, 16)} may not sign as ${role} here`;
      const [key, proof] = [fromHex(publicKey), fromHex(signature)];
      if (key === null || proof === null || !verifyIn('halt-order', bytes, proof, key, this.#crypto))
        return `the signature of ${role} is not over this ${order.kind}`;
      if (keys.has(publicKey)) continue; // one person is one role, however many they hold
      keys.add(publicKey);
      roles.add(role);
    }
    return roles;
  }

  #aboutHalt(order: HaltOrder, roles: ReadonlySet<string>): Refusal | null {
    const { kind, scope, share } = order;
    const names = order.names!;
    const halt = this.#halts.get(names);
    const id = haltId(names);
    if (halt === undefined) return no('not-found', `there is no ${id}: skein halt --list names the halts`);
    if (halt.scope !== scope) return no('denied', `${id} is about ${halt.scope}: a ${kind} of ${scope} does not end it`);
    if (halt.level === 'KILLED') return no('denied', `${id} killed ${scope}: that is for ever`);
    const resumed = this.#resumed.get(names);
    if (kind === 'resume') {
      if (resumed !== undefined) return no('duplicate', `${id} is over already, ${resumed.share} % of ${scope} may go`);
      const needs = this.#authority.resumeNeeds;
      if (roles.size < needs)
        return no('denied', `ending ${id} takes ${needs} roles, ${roles.size} signed: ${[...roles].join(', ')}`);
      const first = halt.level === 'FROZEN' ? 100 : RESUME_STAGES[0];
      return share === first ? null : no('denied', `a resume of ${id} begins with ${first} %, not ${share} %`);
    }
    if (resumed === undefined) return no('denied', `${id} is in force: it has no stages before it was resumed`);
    const next = RESUME_STAGES[RESUME_STAGES.indexOf(resumed.share) + 1];
    return share === next ? null : no('denied', `after ${resumed.share} % of ${id} comes ${next ?? 'nothing'}, not ${share} %`);
  }
}

function form({ epoch, scope, kind, level, names, share, by, reason, at }: HaltOrder): string | null {
  const texts = [by, reason].every((text) => typeof text === 'string' && text.length <= TEXT_MAX);
  if (!texts || typeof scope !== 'string' || !/^(?:global|[a-z]+\/[\x21-\x7e]{1,200})$/.test(scope))
    return 'a halt order says who, why, and a scope such as global or run/12';
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(at) || !Number.isInteger(share)) return 'its numbers are no numbers';
  const sound =
    kind === 'halt'
      ? level !== null && Object.hasOwn(SEVERITY, level) && names === null && share === 0
      : (kind === 'resume' || kind === 'stage') && level === null && Number.isSafeInteger(names) && RESUME_STAGES.includes(share);
  return sound ? null : 'it is neither a halt, nor a resume, nor a stage of one';
}

function orderBytes(order: HaltOrder): Uint8Array {
  return utf8(canonicalJson(order));
}

function no(reason: Refusal['reason'], detail: string): Refusal {
  return { reason, detail };
}
