/**
 * Runs inside the package's own tests and notes the shapes of what its functions are given and give back. It reads own data
 * properties only: never a getter, never through a proxy, and keeps no object. What a call that threw had been given is
 * forgotten. Takes what it needs from the language at load time, before a test can replace it. The function is written to a
 * file as it stands, for any Node and any test runner to load: it may name nothing outside itself.
 */

type Constructor = Function;

/** A shape under construction, as shapes.ts reads it. */
interface Seen {
  n: number;
  u?: number;
  l?: number;
  i?: number;
  y?: number;
  x?: number;
  b?: [number, number];
  s?: { n: number; v: unknown[] | null };
  d?: { n: number; v: unknown[] | null };
  f?: { n: number; k: number };
  a?: { n: number; e: Seen; m: number };
  o?: SeenMembers;
  c?: Record<string, SeenMembers>;
}
interface SeenMembers {
  n: number;
  p: Record<string, Seen>;
  m: number;
}
interface SeenSlot {
  calls: number;
  threw: number;
  given: Seen[];
  self: Seen;
  result: Seen;
}
interface Call {
  readonly id: number;
  readonly given: (Seen | string)[];
  readonly self: Seen | null;
  readonly full: boolean;
  result: Seen | null;
  failed: boolean;
  promise: object | null;
}

export function recorderRuntime(load: NodeJS.Require, directory: string): void {
  const KEY = '__skeinRecorder';
  if (Object.hasOwn(globalThis, KEY)) return;
  const { writeFileSync, renameSync } = load('node:fs') as typeof import('node:fs');
  const { inspect, types } = load('node:util') as typeof import('node:util');
  const { isProxy, isPromise } = types;
  const { getPrototypeOf, getOwnPropertyDescriptor, keys, hasOwn } = Object;
  const plainPrototype: unknown = Object.prototype;
  const { isArray } = Array;
  const { isFinite } = Number;
  const { stringify } = JSON;
  const { hrtime } = process;
  const now = (): bigint => hrtime.bigint();
  const Memory = Map;
  const WeakMemory = WeakMap;
  const { apply } = Reflect;
  const entriesOf = getOwnPropertyDescriptor(Map.prototype, 'entries')!.value as Constructor;
  const valuesOf = getOwnPropertyDescriptor(Set.prototype, 'values')!.value as Constructor;
  const nextEntry = getOwnPropertyDescriptor(getPrototypeOf(new Map().entries()), 'next')!.value as Constructor;
  const nextValue = getOwnPropertyDescriptor(getPrototypeOf(new Set().values()), 'next')!.value as Constructor;

  const DEPTH = 3; // a maintainer writes no deeper type by hand
  const PROPERTIES = 24;
  const ELEMENTS = 64;
  const LITERALS = 8; // more different ones are no closed set
  const LITERAL_LENGTH = 40;
  const ARGUMENTS = 16;
  const CHAIN = 12;
  const CALLS_IN_FULL = 500; // after that every 32nd call is described in depth; of the others the kinds are noted
  const PENDING = 128; // promises whose end is awaited
  const REST_MS = 10; // a runner may end its worker by a signal right after the last test: soon after a call all is written
  const FLUSH_NS_MIN = 2_000_000n; // and while calls go on, as often as costs a tenth of the time
  const FLUSH_COST = 10n;

  // ---- classes by identity ------------------------------------------------------------------------------------------
  const known = new Memory<unknown, string>();
  const common =
    'Object Function Array Error TypeError RangeError SyntaxError ReferenceError EvalError URIError AggregateError Date RegExp Map Set WeakMap WeakSet Promise ArrayBuffer SharedArrayBuffer DataView Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array Float32Array Float64Array String Number Boolean Buffer URL URLSearchParams AbortController AbortSignal EventTarget';
  for (const name of common.split(' ')) {
    const value: unknown = getOwnPropertyDescriptor(globalThis, name)?.value;
    if (typeof value === 'function') known.set(value, `global#${name}`);
  }
  // Node's own are looked up when one of that name is met: loading all of them would cost every test process 80 ms.
  const homes: Record<string, string> = {
    http: 'Agent ClientRequest IncomingMessage OutgoingMessage Server ServerResponse',
    https: 'Agent Server',
    http2: 'Http2ServerRequest Http2ServerResponse',
    net: 'BlockList Server Socket',
    tls: 'Server TLSSocket',
    stream: 'Duplex PassThrough Readable Stream Transform Writable',
    events: 'EventEmitter',
    url: 'Url',
    fs: 'Dirent ReadStream Stats WriteStream',
    async_hooks: 'AsyncLocalStorage AsyncResource',
    worker_threads: 'MessagePort Worker',
    child_process: 'ChildProcess',
    string_decoder: 'StringDecoder',
    diagnostics_channel: 'Channel',
    readline: 'Interface',
  };
  const owned = new WeakMemory<object, string>();
  const strangers = new WeakMemory<object, string>();

  function label(constructor: Constructor): string {
    const met = owned.get(constructor) ?? known.get(constructor) ?? strangers.get(constructor);
    if (met !== undefined) return met;
    const written: unknown = getOwnPropertyDescriptor(constructor, 'name')?.value;
    const name = typeof written === 'string' ? written.slice(0, 60) : '';
    let found = `other#${name}`;
    if (name !== '' && getOwnPropertyDescriptor(globalThis, name)?.value === constructor) found = `global#${name}`;
    else
      for (const id of keys(homes)) {
        if (!homes[id]!.split(' ').includes(name)) continue;
        if ((load(`node:${id}`) as Record<string, unknown>)[name] !== constructor) continue;
        found = `node:${id}#${name}`;
        break;
      }
    strangers.set(constructor, found);
    return found;
  }

  /** Labels from the object's class up; null where a proxy stands in the way. Empty for plain objects. */
  function chainOf(value: object): string[] | null {
    const labels: string[] = [];
    let proto = getPrototypeOf(value) as object | null;
    for (let depth = 0; proto !== null && depth < CHAIN; depth++) {
      if (isProxy(proto)) return null;
      const written: unknown = getOwnPropertyDescriptor(proto, 'constructor')?.value;
      const name = typeof written === 'function' && !isProxy(written) ? label(written) : 'other#';
      const up = getPrototypeOf(proto) as object | null;
      if (up === null) {
        // The top: Object.prototype of this or another realm is what every object has.
        if (proto !== plainPrototype && !name.endsWith('#Object')) labels.push('other#');
        break;
      }
      labels.push(name);
      proto = up;
    }
    return labels;
  }

  // ---- shapes -------------------------------------------------------------------------------------------------------
  const unseen = (): void => undefined;

  function describe(value: unknown, depth: number): Seen {
    if (value === undefined) return { n: 1, u: 1 };
    if (value === null) return { n: 1, l: 1 };
    if (typeof value === 'boolean') return { n: 1, b: value ? [1, 0] : [0, 1] };
    if (typeof value === 'string') return { n: 1, s: { n: 1, v: value.length <= LITERAL_LENGTH ? [value] : null } };
    if (typeof value === 'number') return { n: 1, d: { n: 1, v: [isFinite(value) ? value : null] } };
    if (typeof value === 'bigint') return { n: 1, i: 1 };
    if (typeof value === 'symbol') return { n: 1, y: 1 };
    if (value === unseen || isProxy(value)) return { n: 1, x: 1 };
    if (typeof value === 'function') return { n: 1, f: { n: 1, k: owned.has(value) || isClass(value) ? 1 : 0 } };
    return describeObject(value, depth);
  }

  function describeObject(value: object, depth: number): Seen {
    if (isArray(value)) {
      const elements: Seen = { n: 0 };
      const length = value.length < ELEMENTS ? value.length : ELEMENTS;
      if (depth < DEPTH) for (let i = 0; i < length; i++) merge(elements, property(value, i, depth + 1));
      else if (length > 0) merge(elements, { n: 1, x: 1 });
      return { n: 1, a: { n: 1, e: elements, m: value.length > ELEMENTS ? 1 : 0 } };
    }
    const chain = chainOf(value);
    if (chain === null) return { n: 1, x: 1 };
    const members: SeenMembers = { n: 1, p: {}, m: 0 };
    if (chain.length > 0) {
      if (depth < DEPTH && (chain[0] === 'global#Map' || chain[0] === 'global#Set'))
        contents(value, chain[0] === 'global#Map', members, depth);
      return { n: 1, c: { [chain.join(' < ')]: members } };
    }
    const names = keys(value);
    if (depth >= DEPTH || names.length > PROPERTIES || hasOwn(value, '__proto__')) members.m = 1;
    else for (const name of names) members.p[name] = property(value, name, depth + 1);
    return { n: 1, o: members };
  }

  function contents(value: object, map: boolean, members: SeenMembers, depth: number): void {
    const iterator: unknown = apply(map ? entriesOf : valuesOf, value, []);
    const key: Seen = { n: 0 };
    const held: Seen = { n: 0 };
    for (let count = 0; count < ELEMENTS; count++) {
      const item = apply(map ? nextEntry : nextValue, iterator, []) as { done: boolean; value: unknown };
      if (item.done) break;
      if (map) {
        const entry = item.value as [unknown, unknown];
        merge(key, describe(entry[0], depth + 1));
        merge(held, describe(entry[1], depth + 1));
      } else merge(held, describe(item.value, depth + 1));
    }
    members.p['key'] = key;
    members.p['value'] = held;
  }

  function property(value: object, key: PropertyKey, depth: number): Seen {
    const descriptor = getOwnPropertyDescriptor(value, key);
    if (descriptor === undefined) return { n: 1, u: 1 };
    return hasOwn(descriptor, 'value') ? describe(descriptor.value, depth) : { n: 1, x: 1 };
  }

  function isClass(value: object): boolean {
    return getOwnPropertyDescriptor(value, 'prototype')?.writable === false;
  }

  function merge(into: Seen, from: Seen): void {
    into.n += from.n;
    if (from.u !== undefined) into.u = (into.u ?? 0) + from.u;
    if (from.l !== undefined) into.l = (into.l ?? 0) + from.l;
    if (from.i !== undefined) into.i = (into.i ?? 0) + from.i;
    if (from.y !== undefined) into.y = (into.y ?? 0) + from.y;
    if (from.x !== undefined) into.x = (into.x ?? 0) + from.x;
    if (from.b !== undefined) into.b = [(into.b?.[0] ?? 0) + from.b[0], (into.b?.[1] ?? 0) + from.b[1]];
    if (from.s !== undefined) into.s = literals(into.s, from.s);
    if (from.d !== undefined) into.d = literals(into.d, from.d);
    if (from.f !== undefined) into.f = { n: (into.f?.n ?? 0) + from.f.n, k: (into.f?.k ?? 0) + from.f.k };
    if (from.a !== undefined) {
      into.a ??= { n: 0, e: { n: 0 }, m: 0 };
      into.a.n += from.a.n;
      into.a.m += from.a.m;
      merge(into.a.e, from.a.e);
    }
    if (from.o !== undefined) into.o = mergeMembers(into.o, from.o);
    if (from.c !== undefined)
      for (const chain of keys(from.c)) {
        into.c ??= {};
        into.c[chain] = mergeMembers(into.c[chain], from.c[chain]!);
      }
  }

  function literals(
    into: { n: number; v: unknown[] | null } | undefined,
    from: { n: number; v: unknown[] | null },
  ): { n: number; v: unknown[] | null } {
    if (into === undefined) return { n: from.n, v: from.v === null ? null : [...from.v] };
    into.n += from.n;
    if (into.v === null || from.v === null) into.v = null;
    else {
      for (const value of from.v) if (!into.v.includes(value)) into.v.push(value);
      if (into.v.length > LITERALS) into.v = null;
    }
    return into;
  }

  function mergeMembers(into: SeenMembers | undefined, from: SeenMembers): SeenMembers {
    const all = into ?? { n: 0, p: {}, m: 0 };
    all.n += from.n;
    all.m += from.m;
    for (const key of keys(from.p)) {
      const had = all.p[key];
      if (had !== undefined) merge(had, from.p[key]!);
      else if (keys(all.p).length < PROPERTIES) merge((all.p[key] = { n: 0 }), from.p[key]!);
      else all.m += 1;
    }
    return all;
  }

  // ---- calls --------------------------------------------------------------------------------------------------------
  const slots = new Memory<number, SeenSlot>();
  const pending: { call: Call; promise: object }[] = [];
  const later = setTimeout;
  let waiting = false;
  let busy = false;
  let flushed = 0n;
  let pause = FLUSH_NS_MIN;
  let entered = 0;

  function slotOf(id: number): SeenSlot {
    let slot = slots.get(id);
    if (slot === undefined) slots.set(id, (slot = { calls: 0, threw: 0, given: [], self: { n: 0 }, result: { n: 0 } }));
    return slot;
  }

  /** A word for a value of a kind that was seen here before and of which nothing more is to be known; else null. */
  function kindOf(value: unknown, seen: Seen | undefined): string | null {
    if (seen === undefined) return null;
    if (typeof value === 'string') return seen.s?.v === null ? 's' : null;
    if (typeof value === 'number') return seen.d?.v === null ? 'd' : null;
    if (typeof value === 'boolean') return seen.b === undefined ? null : value ? 'T' : 'F';
    if (value === undefined) return seen.u === undefined ? null : 'u';
    return value === null && seen.l !== undefined ? 'l' : null;
  }

  function again(seen: Seen, kind: string): void {
    seen.n += 1;
    if (kind === 's') seen.s!.n += 1;
    else if (kind === 'd') seen.d!.n += 1;
    else if (kind === 'T') seen.b![0] += 1;
    else if (kind === 'F') seen.b![1] += 1;
    else if (kind === 'u') seen.u! += 1;
    else seen.l! += 1;
  }

  function settle({ id, failed, given, self, result }: Call): void {
    const slot = slotOf(id);
    if (failed) {
      slot.threw += 1;
      return;
    }
    slot.calls += 1;
    for (let i = 0; i < given.length; i++) {
      const shape = given[i]!;
      const into = (slot.given[i] ??= { n: 0 });
      if (typeof shape === 'string') again(into, shape);
      else merge(into, shape);
    }
    if (self !== null) merge(slot.self, self);
    if (result !== null) merge(slot.result, result);
  }

  /** Ends the calls whose promise has settled, without touching the promise: a handler would hide an unhandled rejection. */
  function review(last: boolean): void {
    for (let i = pending.length - 1; i >= 0; i--) {
      const { call, promise } = pending[i]!;
      const text = inspect(promise, {
        depth: 0,
        customInspect: false,
        showProxy: true,
        getters: false,
        maxStringLength: 1,
        maxArrayLength: 0,
        breakLength: Infinity,
      });
      if (text.includes('<pending>')) {
        if (!last && pending.length < PENDING) continue;
        call.failed = true; // how it would have ended is not known: no evidence
      } else if (text.includes('<rejected>')) call.failed = true;
      pending.splice(i, 1);
      settle(call);
    }
  }

  /** Writes what was seen as soon as the calls rest. */
  function soon(): void {
    if (waiting) return;
    waiting = true;
    const rest = (): void => {
      waiting = false;
      guarded(() => {
        if (pending.length > 0) review(false);
        flush();
      }, undefined);
    };
    const timer: unknown = later(rest, REST_MS);
    // A browser's timer is a number, and keeps nothing alive.
    if (typeof timer === 'object' && timer !== null) (timer as NodeJS.Timeout).unref();
  }

  /** Whatever goes wrong in here is no business of the tests. */
  function guarded<T>(work: () => T, otherwise: T): T {
    if (busy) return otherwise;
    busy = true;
    try {
      return work();
    } catch {
      return otherwise;
    } finally {
      busy = false;
    }
  }

  const recorder = {
    unseen,
    /** A class of the package, from its own body. */
    owns(constructor: object, id: number): void {
      if (!owned.has(constructor)) owned.set(constructor, `own#c${id}`);
    },
    enter(id: number, values: ArrayLike<unknown>, self: unknown, target: object | undefined): Call | null {
      return guarded(() => {
        // Only the function itself, not a class that extends it, is what `new` runs here first.
        if (target !== undefined && !owned.has(target) && !isClass(target)) owned.set(target, `own#f${id}`);
        const slot = slotOf(id);
        const full = slot.calls < CALLS_IN_FULL || (slot.calls & 31) === 0;
        const given: (Seen | string)[] = [];
        for (let i = 0; i < values.length && i < ARGUMENTS; i++)
          given.push((full ? null : kindOf(values[i], slot.given[i])) ?? describe(values[i], full ? 0 : DEPTH));
        if ((++entered & 255) === 0 && pending.length > 0) review(false);
        return {
          id,
          given,
          self: self === undefined || !full ? null : describe(self, DEPTH),
          result: null,
          failed: false,
          promise: null,
          full,
        };
      }, null);
    },
    gave(call: Call | null, value: unknown): unknown {
      if (call !== null)
        guarded(() => {
          if (call.full) call.result = describe(value, 1);
          if (typeof value === 'object' && value !== null && !isProxy(value) && isPromise(value)) call.promise = value;
        }, undefined);
      return value;
    },
    threw(call: Call | null): void {
      if (call !== null) call.failed = true;
    },
    leave(call: Call | null): void {
      if (call === null) return;
      guarded(() => {
        const { promise } = call;
        if (promise === null || call.failed) settle(call);
        else {
          pending.push({ call, promise });
          if (pending.length >= PENDING) review(false);
        }
        if (now() - flushed > pause) flush();
        else soon();
      }, undefined);
    },
  };

  const file = `${directory}/${process.pid}-${now()}.json`;
  function flush(): void {
    const start = now();
    const out: Record<string, SeenSlot> = {};
    for (const [id, slot] of slots) out[id] = slot;
    writeFileSync(`${file}.part`, stringify(out));
    renameSync(`${file}.part`, file);
    flushed = now();
    const due = (flushed - start) * FLUSH_COST;
    pause = due > FLUSH_NS_MIN ? due : FLUSH_NS_MIN;
  }
  process.on('exit', () => {
    guarded(() => {
      review(true);
      flush();
    }, undefined);
  });
  Object.defineProperty(globalThis, KEY, { value: recorder, enumerable: false, configurable: true, writable: true });
}
