/**
 * The fence around a simulated run: real clocks, real randomness and real timers throw while it lasts, so that code which
 * reads them fails at the line that does it instead of making one seed mean two things. Everything is put back afterwards.
 */
type Target = Record<string, unknown>;

const world = globalThis as unknown as Target;

function targets(): readonly (readonly [Target, readonly string[]])[] {
  const found: (readonly [unknown, readonly string[]])[] = [
    [world, ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch']],
    [Date, ['now']],
    [Math, ['random']],
    [world['performance'], ['now']],
    [world['crypto'], ['randomUUID', 'getRandomValues']],
    [world['process'], ['nextTick', 'hrtime']],
  ];
  return found.filter(([target]) => target !== undefined) as (readonly [Target, readonly string[]])[];
}

/** Calls `run` with every ambient source replaced by a stub that throws; `run` must be synchronous. */
export function withoutAmbient<T>(run: () => T): T {
  const saved: [Target, string, PropertyDescriptor | undefined][] = [];
  try {
    for (const [target, names] of targets()) {
      for (const name of names) {
        saved.push([target, name, Object.getOwnPropertyDescriptor(target, name)]);
        const value = (): never => {
          throw new Error(`${name} was used inside a simulated run: take time and randomness from the context`);
        };
        Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: false });
      }
    }
    return run();
  } finally {
    for (const [target, name, descriptor] of saved.toReversed()) {
      if (descriptor === undefined) delete target[name];
      else Object.defineProperty(target, name, descriptor);
    }
  }
}
