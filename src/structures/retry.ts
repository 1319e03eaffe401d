/**
 * How long to wait before the next try: exponential backoff with full jitter, so that callers who failed together do not
 * come back together. Pure: the draw comes in. Source: Brooker, "Exponential Backoff And Jitter", 2015.
 */

/** ms, an integer in 0..min(cap, base * 2^failures); `unit` is a draw in [0, 1), `failures` counts from 0. */
export function fullJitter(failures: number, baseMs: number, capMs: number, unit: number): number {
  let most = Math.min(capMs, baseMs);
  for (let i = 0; i < failures && most < capMs; i++) most = Math.min(capMs, most * 2);
  return Math.floor(unit * (most + 1));
}
