/**
 * Who may say no: the policy that every host's gate asks, and the halt record with each host's lease. It remembers what was said
 * and since when that is durable, and judges by that whatever risky thing begins.
 */
import type { Millis } from '../../../kernel/index.ts';
import type { Gate, HaltRecord } from '../../../ports/index.ts';
import { LEASE_MS, type SimHalt, SimHaltRegister } from '../halt.ts';
import type { Simulation } from '../simulation.ts';
import type { FleetOptions } from './options.ts';
import type { Report } from './watch.ts';

const POLICY = 'spine';
const ALL = 'global';

/** What the policy looks at: of an activity's payload, or of a message. */
export interface Deed {
  readonly risky: boolean;
}

export class Authority {
  readonly gate: Gate;
  /** What each host holds, beyond its lives. */
  readonly halts: readonly SimHalt[];
  readonly #simulation: Simulation;
  readonly #denied: FleetOptions['denied'];
  readonly #names: readonly string[];
  readonly #report: Report;
  readonly #register: SimHaltRegister;
  /** By scope: the newest word of it that is durable, and since when. */
  readonly #durable = new Map<string, { readonly record: HaltRecord; readonly since: Millis }>();
  #epoch = 0;

  constructor(simulation: Simulation, { denied }: FleetOptions, names: readonly string[], report: Report) {
    this.#simulation = simulation;
    this.#denied = denied;
    this.#names = names;
    this.#report = report;
    this.gate = {
      policy: POLICY,
      decide: ({ kind, id, input }) => {
        const verdict = this.#denies(input as Deed) ? 'deny' : 'allow';
        return { verdict, id: `${kind}/${id}`, policy: POLICY, reason: 'risky-tasks' };
      },
    };
    this.#register = new SimHaltRegister({
      timeline: simulation.timeline,
      random: simulation.random.stream('halts'),
      delayMax: () => simulation.faults.messageDelayMax,
    });
    this.halts = names.map(() => this.#register.port(() => simulation.now));
  }

  /** Somebody halts a host, or with -1 all of them, and lets them go on after a while. */
  halt(host: number, lasts: Millis): void {
    const scope = host < 0 ? ALL : `host/${this.#names[host]!}`;
    const ends = this.#say(scope, 'HALTED');
    this.#simulation.timeline.after(lasts, () => void this.#say(scope, 'RUNNING', ends));
  }

  /** Something risky begins on a host. `told`: what it was told of halts, by scope. */
  began(host: number, what: string, deed: Deed, told: ReadonlyMap<string, HaltRecord>): void {
    if (this.#denies(deed)) this.#report('gate', `${what} while it is denied`);
    const { now } = this.#simulation;
    for (const scope of [ALL, `host/${this.#names[host]!}`]) {
      if (told.get(scope)?.state === 'HALTED')
        this.#report('halt', `${what} on host ${host}, which had heard that ${scope} is halted`);
      const durable = this.#durable.get(scope);
      if (durable?.record.state === 'HALTED' && now >= durable.since + LEASE_MS)
        this.#report('halt', `${what} on host ${host}, ${now - durable.since} ms after the halt of ${scope} was durable`);
    }
  }

  /** The epoch of what was said; `ends`: of the halt that is over. */
  #say(scope: string, state: HaltRecord['state'], ends?: number): number {
    this.#epoch += 1;
    const { now } = this.#simulation;
    const said = { scope, epoch: this.#epoch, state, by: 'operator', reason: 'drill', at: now };
    const record: HaltRecord = ends === undefined ? said : { ...said, ends };
    this.#register.append(record, () => {
      this.#simulation.record('halt', scope, record.epoch);
      const known = this.#durable.get(scope);
      if (known === undefined || known.record.epoch < record.epoch)
        this.#durable.set(scope, { record, since: this.#simulation.now });
    });
    return record.epoch;
  }

  #denies({ risky }: Deed): boolean {
    const [from, until] = this.#denied;
    return risky && this.#simulation.now >= from && this.#simulation.now < until;
  }
}
