/**
 * Broken invariants. An expected outcome is a value, an operating failure is an error class at the edge;
 * this is the third kind: the program is wrong, the host stops and keeps the evidence.
 */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** For the end of a `switch` that the compiler proves complete. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable value ${JSON.stringify(value)}`);
}
