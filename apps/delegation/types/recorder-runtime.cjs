/**
 * Runs inside the package's own tests and notes the shapes of what its functions are given and give back. It reads own data
 * properties only: never a getter, never through a proxy, and keeps no object. What a call that threw had been given is
 * forgotten. Takes what it needs from the language at load time, before a test can replace it.
 * In use: CONFIG below is replaced by {directory, functions: number of parameters}.
 */
'use strict';
(() => {
  const KEY = '__skeinRecorder';
  if (Object.prototype.hasOwnProperty.call(globalThis, KEY)) return;
  const { directory } = CONFIG;
  const fs = require('node:fs');
  const path = require('node:path');
  const { isProxy, isPromise } = require('node:util').types;
  const { inspect } = require('node:util');
  const { writeFileSync, renameSync } = fs;
  const { getPrototypeOf, getOwnPropertyDescriptor, prototype: ObjectPrototype } = Object;
  const { ownKeys } = Reflect;
  const { isArray } = Array;
  const { stringify } = JSON;
  const now = process.hrtime.bigint;
  const Map0 = Map;
  const WeakMap0 = WeakMap;

  const DEPTH = 3; // a maintainer writes no deeper type by hand
  const PROPERTIES = 24;
  const ELEMENTS = 64;
  const LITERALS = 8; // more different ones are no closed set
  const LITERAL_LENGTH = 40;
  const CALLS_IN_FULL = 500; // after that every 32nd call is described in depth; of the others the kinds are noted
  const PENDING = 128; // promises whose end is awaited
  const FLUSH_NS = 1_000_000_000n;

  // ---- what node and the language define, by identity -------------------------------------------------------------
  const known = new Map0();
  for (const name of [
    'Object',
    'Function',
    'Array',
    'Error',
    'TypeError',
    'RangeError',
    'SyntaxError',
    'ReferenceError',
    'EvalError',
    'URIError',
    'AggregateError',
    'Date',
    'RegExp',
    'Map',
    'Set',
    'WeakMap',
    'WeakSet',
    'Promise',
    'ArrayBuffer',
    'SharedArrayBuffer',
    'DataView',
    'Uint8Array',
    'Int8Array',
    'Uint16Array',
    'Int16Array',
    'Uint32Array',
    'Int32Array',
    'Float32Array',
    'Float64Array',
    'String',
    'Number',
    'Boolean',
    'Buffer',
    'URL',
    'URLSearchParams',
    'AbortController',
    'AbortSignal',
    'EventTarget',
  ]) {
    const descriptor = getOwnPropertyDescriptor(globalThis, name);
    if (descriptor !== undefined && typeof descriptor.value === 'function') known.set(descriptor.value, `global#${name}`);
  }
  // Node's own are looked up when one of that name is met: loading all of them would cost every test process 80 ms.
  const homes = {
    http: ['Agent', 'ClientRequest', 'IncomingMessage', 'OutgoingMessage', 'Server', 'ServerResponse'],
    https: ['Agent', 'Server'],
    http2: ['Http2ServerRequest', 'Http2ServerResponse'],
    net: ['BlockList', 'Server', 'Socket'],
    tls: ['Server', 'TLSSocket'],
    stream: ['Duplex', 'PassThrough', 'Readable', 'Stream', 'Transform', 'Writable'],
    events: ['EventEmitter'],
    url: ['Url'],
    fs: ['Dirent', 'ReadStream', 'Stats', 'WriteStream'],
    async_hooks: ['AsyncLocalStorage', 'AsyncResource'],
    worker_threads: ['MessagePort', 'Worker'],
    child_process: ['ChildProcess'],
    string_decoder: ['StringDecoder'],
    diagnostics_channel: ['Channel'],
    readline: ['Interface'],
  };
  const strangers = new WeakMap0();
  const owned = new WeakMap0();

  function label(constructor) {
    const own = owned.get(constructor);
    if (own !== undefined) return own;
    const builtin = known.get(constructor);
    if (builtin !== undefined) return builtin;
    const met = strangers.get(constructor);
    if (met !== undefined) return met;
    const descriptor = getOwnPropertyDescriptor(constructor, 'name');
    const name = descriptor === undefined || typeof descriptor.value !== 'string' ? '' : descriptor.value.slice(0, 60);
    let found = `other#${name}`;
    const global = name === '' ? undefined : getOwnPropertyDescriptor(globalThis, name);
    if (global !== undefined && global.value === constructor) found = `global#${name}`;
    for (const id of Object.keys(homes)) {
      if (!homes[id].includes(name)) continue;
      const member = getOwnPropertyDescriptor(require(`node:${id}`), name);
      if (
        member !== undefined &&
        (member.value === constructor || (member.get !== undefined && require(`node:${id}`)[name] === constructor))
      ) {
        found = `node:${id}#${name}`;
        break;
      }
    }
    strangers.set(constructor, found);
    return found;
  }

  /** Labels from the object's class up; null where a proxy stands in the way. Empty for plain objects. */
  function chainOf(value) {
    const labels = [];
    let proto = getPrototypeOf(value);
    for (let depth = 0; proto !== null && depth < 12; depth++) {
      if (isProxy(proto)) return null;
      const descriptor = getOwnPropertyDescriptor(proto, 'constructor');
      const constructor = descriptor === undefined ? undefined : descriptor.value;
      const up = getPrototypeOf(proto);
      if (up === null) {
        // The top: Object.prototype of this or another realm is what every object has.
        const plain =
          proto === ObjectPrototype ||
          (typeof constructor === 'function' && !isProxy(constructor) && label(constructor).endsWith('#Object'));
        if (!plain) labels.push('other#');
        break;
      }
      labels.push(typeof constructor === 'function' && !isProxy(constructor) ? label(constructor) : 'other#');
      proto = up;
    }
    return labels;
  }

  // ---- shapes: {n, u?: undefined, l?: null, b?: [true, false], s?: {n, v}, d?: {n, v}, i?: bigint, y?: symbol, f?: {n, k}, a?: {n, e}, o?: {n, p}, c?: {chain: {n, p}}, x?: unseen} ----
  function describe(value, depth) {
    switch (typeof value) {
      case 'undefined':
        return { n: 1, u: 1 };
      case 'boolean':
        return { n: 1, b: value ? [1, 0] : [0, 1] };
      case 'string':
        return { n: 1, s: { n: 1, v: value.length <= LITERAL_LENGTH ? [value] : null } };
      case 'number':
        return { n: 1, d: { n: 1, v: [Number.isFinite(value) ? value : null] } };
      case 'bigint':
        return { n: 1, i: 1 };
      case 'symbol':
        return { n: 1, y: 1 };
      case 'function':
        return value === unseen || isProxy(value)
          ? { n: 1, x: 1 }
          : { n: 1, f: { n: 1, k: owned.get(value) === undefined && !isClass(value) ? 0 : 1 } };
    }
    if (value === null) return { n: 1, l: 1 };
    if (isProxy(value)) return { n: 1, x: 1 };
    if (isArray(value)) {
      const elements = { n: 0 };
      if (depth < DEPTH) {
        const length = value.length < ELEMENTS ? value.length : ELEMENTS;
        for (let i = 0; i < length; i++) merge(elements, property(value, i, depth + 1));
      } else if (value.length > 0) merge(elements, { n: 1, x: 1 });
      return { n: 1, a: { n: 1, e: elements, m: value.length > ELEMENTS ? 1 : 0 } };
    }
    const chain = chainOf(value);
    if (chain === null) return { n: 1, x: 1 };
    if (chain.length > 0) {
      const members = { n: 1, p: {} };
      const first = chain[0];
      if (first === 'global#Map' || first === 'global#Set') contents(value, first, members, depth);
      return { n: 1, c: { [chain.join(' < ')]: members } };
    }
    const shape = { n: 1, o: { n: 1, p: {}, m: 0 } };
    const keys = ownKeys(value);
    if (depth >= DEPTH || keys.length > PROPERTIES) shape.o.m = 1;
    else
      for (const key of keys) {
        if (typeof key === 'symbol') continue;
        if (key === '__proto__') shape.o.m = 1;
        else shape.o.p[key] = property(value, key, depth + 1);
      }
    return shape;
  }

  const mapEntries = Map.prototype.entries;
  const setValues = Set.prototype.values;
  function contents(value, kind, members, depth) {
    if (depth >= DEPTH) return;
    let count = 0;
    const next = getPrototypeOf(new Map0().entries()).next;
    const nextOfSet = getPrototypeOf(new Set().values()).next;
    const iterator = (kind === 'global#Map' ? mapEntries : setValues).call(value);
    const step = kind === 'global#Map' ? next : nextOfSet;
    members.p.key = { n: 0 };
    members.p.value = { n: 0 };
    for (let item = step.call(iterator); !item.done && count < ELEMENTS; item = step.call(iterator), count++) {
      if (kind === 'global#Map') {
        merge(members.p.key, describe(item.value[0], depth + 1));
        merge(members.p.value, describe(item.value[1], depth + 1));
      } else merge(members.p.value, describe(item.value, depth + 1));
    }
  }

  function property(value, key, depth) {
    const descriptor = getOwnPropertyDescriptor(value, key);
    if (descriptor === undefined) return { n: 1, u: 1 };
    return 'value' in descriptor ? describe(descriptor.value, depth) : { n: 1, x: 1 };
  }

  function isClass(value) {
    const descriptor = getOwnPropertyDescriptor(value, 'prototype');
    return descriptor !== undefined && descriptor.writable === false;
  }

  function literals(into, from) {
    if (into.v === null || from.v === null) {
      into.v = null;
      return;
    }
    for (const value of from.v) if (!into.v.includes(value)) into.v.push(value);
    if (into.v.length > LITERALS) into.v = null;
  }

  function merge(into, from) {
    into.n += from.n;
    for (const kind of ['u', 'l', 'i', 'y', 'x']) if (from[kind] !== undefined) into[kind] = (into[kind] ?? 0) + from[kind];
    if (from.b !== undefined) into.b = [(into.b?.[0] ?? 0) + from.b[0], (into.b?.[1] ?? 0) + from.b[1]];
    for (const kind of ['s', 'd']) {
      if (from[kind] === undefined) continue;
      if (into[kind] === undefined) into[kind] = { n: from[kind].n, v: from[kind].v === null ? null : [...from[kind].v] };
      else {
        into[kind].n += from[kind].n;
        literals(into[kind], from[kind]);
      }
    }
    if (from.f !== undefined) into.f = { n: (into.f?.n ?? 0) + from.f.n, k: (into.f?.k ?? 0) + from.f.k };
    if (from.a !== undefined) {
      into.a ??= { n: 0, e: { n: 0 }, m: 0 };
      into.a.n += from.a.n;
      into.a.m += from.a.m;
      merge(into.a.e, from.a.e);
    }
    if (from.o !== undefined) {
      into.o ??= { n: 0, p: {}, m: 0 };
      into.o.n += from.o.n;
      into.o.m += from.o.m;
      properties(into.o, from.o);
    }
    if (from.c !== undefined)
      for (const chain of Object.keys(from.c)) {
        into.c ??= {};
        into.c[chain] ??= { n: 0, p: {} };
        into.c[chain].n += from.c[chain].n;
        properties(into.c[chain], from.c[chain]);
      }
  }

  function properties(into, from) {
    for (const key of Object.keys(from.p)) {
      if (into.p[key] === undefined) {
        if (Object.keys(into.p).length >= PROPERTIES) {
          into.m = (into.m ?? 0) + 1;
          continue;
        }
        into.p[key] = { n: 0 };
      }
      merge(into.p[key], from.p[key]);
    }
  }

  // ---- calls --------------------------------------------------------------------------------------------------------
  const slots = new Map0();
  const pending = [];
  const unseen = () => undefined;
  let busy = false;
  let flushed = now();
  let entered = 0;

  /** A word for a value of a kind that was seen here before and of which nothing more is to be known; else null. */
  function kindOf(value, seen) {
    if (seen === undefined) return null;
    switch (typeof value) {
      case 'string':
        return seen.s !== undefined && seen.s.v === null ? 's' : null;
      case 'number':
        return seen.d !== undefined && seen.d.v === null ? 'd' : null;
      case 'boolean':
        return seen.b === undefined ? null : value ? 'T' : 'F';
      case 'undefined':
        return seen.u === undefined ? null : 'u';
      case 'object':
        return value === null && seen.l !== undefined ? 'l' : null;
    }
    return null;
  }

  function slotOf(id) {
    let slot = slots.get(id);
    if (slot === undefined) slots.set(id, (slot = { calls: 0, threw: 0, given: [], more: 0, self: { n: 0 }, result: { n: 0 } }));
    return slot;
  }

  function settle(call) {
    const slot = slotOf(call.id);
    if (call.failed) {
      slot.threw += 1;
      return;
    }
    slot.calls += 1;
    const { given } = call;
    for (let i = 0; i < given.length; i++) {
      const shape = given[i];
      const into = (slot.given[i] ??= { n: 0 });
      if (typeof shape !== 'string') merge(into, shape);
      else {
        into.n += 1;
        if (shape === 's' || shape === 'd') into[shape].n += 1;
        else if (shape === 'T') into.b[0] += 1;
        else if (shape === 'F') into.b[1] += 1;
        else into[shape] += 1;
      }
    }
    if (call.self !== null) merge(slot.self, call.self);
    if (call.result !== null) merge(slot.result, call.result);
  }

  /** Ends the calls whose promise has settled, without touching the promise. */
  function review(last) {
    for (let i = pending.length - 1; i >= 0; i--) {
      const { call, promise } = pending[i];
      const text = inspect(promise, {
        depth: 0,
        customInspect: false,
        showProxy: true,
        getters: false,
        maxStringLength: 1,
        maxArrayLength: 0,
        breakLength: Infinity,
      });
      if (text.startsWith('Promise { <pending>')) {
        if (!last && pending.length < PENDING) continue;
        call.failed = true; // how it would have ended is not known: no evidence
      } else call.failed = call.failed || text.startsWith('Promise { <rejected>') || text.startsWith('Promise {\n  <rejected>');
      pending.splice(i, 1);
      settle(call);
    }
  }

  function guarded(work, otherwise) {
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
    owns(constructor, id) {
      if (typeof constructor === 'function' && !owned.has(constructor)) owned.set(constructor, `own#c${id}`);
    },
    enter(id, values, self, target) {
      return guarded(() => {
        if (typeof target === 'function' && !owned.has(target)) {
          const descriptor = getOwnPropertyDescriptor(target, 'prototype');
          // Only the function itself, not a class that extends it, is what runs here first.
          if (descriptor !== undefined && descriptor.writable === true) owned.set(target, `own#f${id}`);
        }
        const slot = slotOf(id);
        const full = slot.calls < CALLS_IN_FULL || (slot.calls & 31) === 0;
        const given = [];
        for (let i = 0; i < values.length && i < 16; i++)
          given.push((full ? null : kindOf(values[i], slot.given[i])) ?? describe(values[i], full ? 0 : DEPTH));
        const call = {
          id,
          given,
          self: self === undefined || !full ? null : describe(self, DEPTH),
          result: null,
          failed: false,
          promise: null,
          full,
        };
        if ((++entered & 255) === 0) {
          if (pending.length > 0) review(false);
          if (now() - flushed > FLUSH_NS) flush();
        }
        return call;
      }, null);
    },
    gave(call, value) {
      if (call !== null)
        guarded(() => {
          if (call.full) call.result = describe(value, 1);
          if (typeof value === 'object' && value !== null && !isProxy(value) && isPromise(value)) call.promise = value;
        });
      return value;
    },
    threw(call) {
      if (call !== null) call.failed = true;
    },
    leave(call) {
      if (call === null) return;
      guarded(() => {
        if (call.promise !== null && !call.failed) {
          const { promise } = call;
          call.promise = null;
          pending.push({ call, promise });
          if (pending.length >= PENDING) review(false);
        } else settle(call);
      });
    },
  };

  let file = null;
  function flush() {
    flushed = now();
    file ??= path.join(directory, `${process.pid}-${now()}.json`);
    const out = {};
    for (const [id, slot] of slots) out[id] = slot;
    writeFileSync(`${file}.part`, stringify(out));
    renameSync(`${file}.part`, file);
  }
  process.on('exit', () =>
    guarded(() => {
      review(true);
      flush();
    }),
  );
  Object.defineProperty(globalThis, KEY, { value: recorder, enumerable: false, configurable: true, writable: true });
})();
