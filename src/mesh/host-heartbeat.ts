/**
 * One heartbeat for all agents of a live host: who is alive as a bitmap, and the rows that changed. Owns the fold of that into the
 * registry. A host speaks for its own agents only, and its time stamps are corrected by what is known of its clock. 30 KB/s tell
 * 30,000 agents on ten hosts; a message for each agent would be 6,000 a second.
 */
import type { mesh } from '../contracts/index.ts';
import type { Registry } from './registry.ts';

export type HeartbeatTaken =
  | { readonly ok: true; readonly alive: number; readonly gone: number }
  | { readonly ok: false; readonly reason: 'wrong-length' | 'row-outside' | 'old' };

/** `agents[i]` is the dense id of the host's agent i; `offsetMs` is the host's clock minus ours. */
export function takeHostHeartbeat(
  registry: Registry,
  agents: ArrayLike<number>,
  heartbeat: mesh.HostHeartbeat,
  offsetMs: number,
  last: { sequence: number },
): HeartbeatTaken {
  const { alive, rows, sequence } = heartbeat;
  if (sequence <= last.sequence) return { ok: false, reason: 'old' };
  if (alive.length !== Math.ceil(agents.length / 8)) return { ok: false, reason: 'wrong-length' };
  if (rows.some(({ index }) => index >= agents.length)) return { ok: false, reason: 'row-outside' };
  last.sequence = sequence;
  const at = heartbeat.at - offsetMs;
  let [up, gone] = [0, 0];
  for (let i = 0; i < agents.length; i++) {
    const agent = agents[i]!;
    if ((alive[i >>> 3]! & (1 << (i & 7))) !== 0) {
      registry.heard(agent, at);
      registry.wakeLateMs[agent] = heartbeat.wakeLateMs;
      up += 1;
    } else if (registry.stateOf(agent) === 'active' || registry.stateOf(agent) === 'degraded') {
      registry.setState(agent, 'offline');
      gone += 1;
    }
  }
  for (const { index, queueDepth, queueAgeMs } of rows) {
    registry.queueDepth[agents[index]!] = Math.min(queueDepth, 65_535);
    registry.queueAt[agents[index]!] = at - queueAgeMs;
  }
  return { ok: true, alive: up, gone };
}
