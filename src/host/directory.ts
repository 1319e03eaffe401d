/**
 * The directory over any register: an agent's placement is one key, its epoch the revision of the last move. Nothing is cached
 * here; who sends to agents keeps `Routes` and asks again when a host answers `moved`.
 */
import { assert } from '../kernel/index.ts';
import type { Directory, Placement, Register, Registered } from '../ports/index.ts';

const PREFIX = 'agent/';

export function registerDirectory(register: Register): Directory {
  return {
    find(agent, done) {
      register.read(keyOf(agent), (error, entry) => done(error, placementOf(agent, entry)));
    },
    place(agent, epoch, host, done) {
      register.swap(keyOf(agent), epoch, host, (error, swapped) => {
        if (swapped === null) return done(error, null);
        if (swapped.ok) return done(null, { ok: true, epoch: swapped.revision });
        done(null, { ok: false, current: placementOf(agent, swapped.current) });
      });
    },
  };
}

function keyOf(agent: string): string {
  assert(agent.startsWith('agent:'), `${agent} is no name of an agent: agent:<realm>/<path>`);
  return PREFIX + agent;
}

function placementOf(agent: string, entry: Registered | null): Placement | null {
  return entry === null ? null : { agent, host: entry.value, epoch: entry.revision };
}
