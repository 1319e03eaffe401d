/**
 * One run as one host on this machine: the room `work` over SQLite, the real clock and real processes, its projection and its
 * control socket. Whoever holds it sees committed state only.
 */
import { createHash, randomBytes } from 'node:crypto';
import { setImmediate as soon } from 'node:timers';
import { work } from '../contracts/index.ts';
import { Host, ruleGate } from '../host/index.ts';
import type { Id } from '../kernel/index.ts';
import { type Contract, type Envelope, makeEnvelope, type Refusal } from '../protocol/index.ts';
import type { Gate, Telemetry } from '../ports/index.ts';
import {
  type ActivityTable,
  type Blobs,
  embeddedActivities,
  embeddedClock,
  type Exec,
  type HaltRegister,
  haltPort,
  inProcessBus,
  type PureThread,
  SqliteStore,
} from '../runtime/embedded/index.ts';
import { WorkRoom } from '../work/index.ts';
import { RunProjection } from './projection.ts';
import type { RunView } from './run.ts';

const VIEW_MS_MIN = 100; // surfaces are told at most ten times a second
const OFFERS_MAX = 8; // a message that is not acknowledged within so many reloads of the host never will be

export interface WorkHostOptions {
  readonly repository: string;
  readonly run: string;
  readonly store: string;
  readonly table: ActivityTable;
  readonly atOnce: Readonly<Record<string, number>>;
  readonly exec: Exec;
  readonly blobs: Blobs;
  readonly pure: PureThread;
  readonly telemetry: Telemetry;
  readonly floor: number;
  /** The policy in force in this repository, around what the run grants itself; null: none was activated. */
  readonly policy: ((ownWork: Gate) => Gate) | null;
  /** The halt record of the repository. */
  readonly halts: HaltRegister;
  /** Where the warden renews the lease; null while there is no warden, and then nothing can start. */
  readonly lease: () => string | null;
  /** Journals every input, whatever its contract says. */
  readonly record?: boolean;
}

/** Names the host of a run; the same run of the same repository is always the same host. */
export function hostOf(repository: string, run: string): { readonly realm: string; readonly host: string } {
  const hash = createHash('sha256').update(`${repository}\n${run}`).digest('hex');
  return { realm: `work-${hash.slice(0, 16)}`, host: hash.slice(16, 28) };
}

export class WorkHost {
  readonly #host: Host;
  readonly #realm: string;
  readonly #name: string;
  readonly #projection = new RunProjection();
  readonly #listeners = new Set<(view: RunView) => void>();
  readonly #settled = Promise.withResolvers<RunView>();
  #halted: string | null = null;
  #notify: NodeJS.Timeout | null = null;
  #awaiting = false;
  #closing = false;

  constructor(options: WorkHostOptions) {
    const { realm, host } = hostOf(options.repository, options.run);
    this.#realm = realm;
    this.#name = host;
    this.#settled.promise.catch(() => {}); // whoever awaits `settled` hears of it; nobody having to is no defect
    const store = new SqliteStore({ path: options.store, realm, host, journal: options.record === true ? 'full' : 'contracts' });
    const clock = embeddedClock({ floor: options.floor });
    // The person who started the run granted its room what it does; nothing else on this host has a rule.
    const principal = `host:${realm}/${host}/${work.WORK_ROOM}`;
    const ownWork = ruleGate([{ kind: 'effect', name: `${work.WORK_ROOM}.*`, principal, verdict: 'allow', reason: 'own-work' }]);
    this.#host = new Host({
      realm,
      host,
      rooms: [() => new WorkRoom()],
      store,
      journal: store,
      clock,
      bus: inProcessBus({
        now: () => Date.now(),
        onUndelivered: () => options.telemetry.measure('skein_bus_undelivered_messages_total', 1),
      }),
      activities: embeddedActivities(options),
      telemetry: options.telemetry,
      gate: options.policy === null ? ownWork : options.policy(ownWork),
      halt: haltPort({ register: options.halts, clock, lease: options.lease }),
      scopes: [`run/${options.run}`],
      permit: () => (this.#halted === null ? null : { reason: 'halted', detail: this.#halted }),
      seed: `${realm}/${host}`,
      schedule: (turn) => void soon(turn),
      onCommitted: (writes, loaded) => this.#onCommitted(() => this.#projection.apply(writes, loaded)),
      onFailed: (error) => this.#settled.reject(error),
    });
  }

  /** The run's last committed state when it finished or stopped. Rejects when the host failed. */
  get settled(): Promise<RunView> {
    return this.#settled.promise;
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => this.#host.open((error) => (error === null ? resolve() : reject(error))));
  }

  /** From now on a run at rest counts as settled; before it, one that was just opened would. */
  awaitSettled(): void {
    this.#awaiting = true;
    this.#checkSettled();
  }

  view(): RunView | null {
    return this.#projection.view();
  }

  onChange(listener: (view: RunView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Says an intent until it is durably handled. Rejects with the refusal's words when it never will be. */
  say<T>(contract: Contract<T>, data: T): Promise<void> {
    const envelope = this.#envelope(contract, data);
    return new Promise((resolve, reject) => {
      const offer = (left: number): void => {
        const answer = (refusal: Refusal | null): void => {
          if (refusal === null || refusal.reason === 'duplicate') resolve();
          else if (left > 0 && (refusal.reason === 'unavailable' || refusal.reason === 'overloaded'))
            setTimeout(offer, 50, left - 1);
          else reject(new Error(`${contract.type} was refused (${refusal.reason}): ${refusal.detail}`));
        };
        const delivered = this.#host.deliver(envelope, answer);
        if (!delivered.ok) answer(delivered.refusal);
      };
      offer(OFFERS_MAX);
    });
  }

  /** Nothing more is started through the one exit in this sitting; what is in flight is the warden's to end. */
  halt(detail: string): void {
    this.#halted ??= detail;
  }

  close(): Promise<void> {
    this.#closing = true;
    if (this.#notify !== null) clearTimeout(this.#notify);
    return new Promise((resolve) => this.#host.close(resolve));
  }

  #onCommitted(apply: () => void): void {
    const before = this.#projection.changes;
    apply();
    if (this.#projection.changes === before) return;
    this.#checkSettled();
    if (this.#notify !== null || this.#closing) return;
    this.#notify = setTimeout(() => {
      this.#notify = null;
      const view = this.#projection.view();
      if (view !== null) for (const listener of this.#listeners) listener(view);
    }, VIEW_MS_MIN);
  }

  #checkSettled(): void {
    const view = this.#awaiting ? this.#projection.view() : null;
    if (view !== null && (view.run.phase === 'finished' || view.run.phase === 'stopped')) this.#settled.resolve(view);
  }

  #envelope<T>(contract: Contract<T>, data: T): Envelope<T> {
    return makeEnvelope(contract, data, {
      id: randomBytes(16).toString('hex') as Id,
      source: `agent:${this.#realm}/operator`,
      time: Date.now(),
      subject: work.WORK_ROOM,
      audience: `host:${this.#realm}/${this.#name}`,
      priority: 0,
    });
  }
}
