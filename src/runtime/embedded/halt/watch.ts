/**
 * The warden's eye on the halt record: looks many times a second, ends everything when its run is halted, acknowledges with the
 * names of what stopped and what did not, and renews its host's lease while it can read. A record that cannot be read for as long
 * as a lease lives is a halt. Owns its timer and the lease file; kills nothing itself.
 */
import { haltId, type HaltInForce } from '../../../protocol/index.ts';
import { LEASE_MS, LEASE_PERIOD_MS, leaseWriter, machineMs } from './lease.ts';
import { HaltRegister } from './register.ts';

export interface HaltWatchSettings {
  readonly path: string;
  readonly lease: string;
  /** `global` and `run/12`. */
  readonly scopes: readonly string[];
  /** `warden run/12` */
  readonly who: string;
}

export interface HaltWatchActs {
  /** Nothing starts any more; answers the names of what it ends. */
  halt(why: string): readonly string[];
  /** Of these, what still runs. */
  left(names: readonly string[]): readonly string[];
}

const LOOK_MS = 25; // a look without news reads one counter: 10 us
const STOPPED_MS_MAX = 1000; // a group that was killed is gone in a few; what is not is told by name

export interface HaltWatch {
  /** No lease from now on; a halt that was seen is acknowledged first. */
  close(): Promise<void>;
}

export function watchHalts(settings: HaltWatchSettings, acts: HaltWatchActs): HaltWatch {
  const lease = leaseWriter(settings.lease);
  const answered = new Set<number>();
  let register: HaltRegister | null = null;
  let readAt = machineMs();
  let issuedAt = 0;
  let gone = false;
  let closing = false;
  let ending: { readonly names: readonly string[]; readonly since: number; readonly epochs: number[] } | null = null;

  const order = (halt: HaltInForce): void => {
    const { epoch, scope, by, reason } = halt.order;
    const stops = halt.level === 'HALTED' || halt.level === 'KILLED';
    if (!stops || answered.has(epoch)) return;
    answered.add(epoch);
    const names = acts.halt(`${haltId(epoch)} (${halt.level} ${scope}) by ${by}: ${reason}`);
    ending = { names: [...(ending?.names ?? []), ...names], since: machineMs(), epochs: [...(ending?.epochs ?? []), epoch] };
  };

  const owes = (): boolean => ending !== null && register !== null;

  const acknowledge = (): void => {
    if (ending === null || register === null) return;
    const left = acts.left(ending.names);
    if (left.length > 0 && machineMs() - ending.since < STOPPED_MS_MAX) return;
    const stopped = ending.names.filter((name) => !left.includes(name));
    for (const epoch of ending.epochs)
      register.acknowledge({ epoch, who: settings.who, at: Date.now(), stopped, left, detail: `process ${process.pid}` });
    ending = null;
  };

  const look = (): void => {
    const now = machineMs();
    try {
      register ??= new HaltRegister({ path: settings.path });
      const log = register.read();
      readAt = now;
      for (const halt of log.inForce(settings.scopes)) order(halt);
      acknowledge();
      if (closing || now - issuedAt < LEASE_PERIOD_MS) return;
      lease.issue(log.epoch);
      issuedAt = now;
    } catch (error) {
      register?.close();
      register = null;
      if (now - readAt < LEASE_MS || gone) return;
      gone = true;
      acts.halt(
        `the halt record could not be read for ${LEASE_MS} ms: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  };

  look();
  const timer = setInterval(look, LOOK_MS);
  return {
    async close() {
      lease.close();
      closing = true;
      // oxlint-disable-next-line no-await-in-loop -- one look after another, for a second at most
      while (owes()) await new Promise((resolve) => void setTimeout(resolve, LOOK_MS));
      clearInterval(timer);
      register?.close();
    },
  };
}
