/** The map of the house: which room a file is in and which rooms that room may import. Also for rooms that are not built yet. */
import { posix } from 'node:path';

const DOMAIN = ['memory', 'mesh', 'fleet', 'flow', 'governance', 'work', 'inference'];
const FOUNDATION = ['kernel', 'structures', 'protocol', 'ports', 'contracts'];

/** Rooms that must run the same everywhere: no clock, no randomness of the machine, nothing that waits. */
const DETERMINISTIC = new Set([...FOUNDATION, 'trust', ...DOMAIN, 'host']);

export function isDeterministic(room: string): boolean {
  return DETERMINISTIC.has(room);
}

/** `src/work/plan.ts` -> `work`, `src/runtime/embedded/x/y.ts` -> `runtime/embedded`, anything outside `src` -> null. */
export function roomOf(path: string): string | null {
  const [top, first, second] = path.split('/');
  if (top !== 'src' || first === undefined || second === undefined) return null;
  return first === 'runtime' || first === 'surfaces' ? `${first}/${second}` : first;
}

/** kernel <- structures <- protocol <- ports <- contracts <- trust <- {the domain rooms} <- host <- runtime/* <- assembly <- surfaces <- apps */
export function mayImport(from: string, to: string): boolean {
  const base = FOUNDATION.indexOf(from);
  if (base !== -1) return FOUNDATION.indexOf(to) !== -1 && FOUNDATION.indexOf(to) < base;
  const trunk = FOUNDATION.includes(to) || to === 'trust';
  if (from === 'trust') return FOUNDATION.includes(to);
  if (DOMAIN.includes(from) || from === 'host') return trunk;
  if (from.startsWith('runtime/')) return trunk || to === 'host';
  if (from === 'assembly') return trunk || to === 'host' || DOMAIN.includes(to) || to.startsWith('runtime/');
  if (from.startsWith('surfaces/')) return trunk || to === 'assembly';
  return false;
}

export function isRoom(room: string): boolean {
  return DETERMINISTIC.has(room) || room === 'assembly' || room.startsWith('runtime/') || room.startsWith('surfaces/');
}

/** The repository path that a relative import of `path` names. */
export function resolveImport(path: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(path), specifier));
}
