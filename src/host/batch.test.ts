import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson, type Id } from '../kernel/index.ts';
import type { Envelope } from '../protocol/index.ts';
import { Batch, canonicalMessage, canonicalWith, Collector, Writes } from './batch.ts';

it('an object with one field as text is the same canonical JSON as the object with that field as a value', () => {
  const value = fc.jsonValue({ noUnicodeString: false, maxDepth: 4 }).filter((one) => {
    try {
      canonicalJson(one);
      return true;
    } catch {
      return false; // a float
    }
  });
  const rest = fc.dictionary(
    fc.string().filter((key) => key !== '__proto__'),
    value,
  );
  fc.assert(
    fc.property(rest, fc.constantFrom('data', 'payload', 'a', ''), value, (object, field, inner) => {
      const plain = { ...object, gone: undefined };
      expect(canonicalWith(plain, field, canonicalJson(inner))).toBe(canonicalJson({ ...plain, [field]: inner }));
    }),
  );
});

it('a message with its data as text is the same canonical JSON as the message', () => {
  const id = fc.stringMatching(/^[0-9a-f]{32}$/) as fc.Arbitrary<Id>;
  const whole = fc.maxSafeNat();
  const messages: fc.Arbitrary<Envelope> = fc.record({
    id,
    source: fc.string(),
    type: fc.string(),
    time: whole,
    subject: fc.string({ unit: 'binary' }),
    dataschema: fc.string(),
    data: fc.dictionary(
      fc.string({ unit: 'grapheme-ascii', minLength: 1 }).map((key) => `k${key}`),
      whole,
    ),
    correlation: id,
    causation: fc.option(id),
    idempotencyKey: fc.string({ unit: 'binary' }),
    ttl: whole,
    priority: fc.constantFrom(0, 1, 2, 3),
    audience: fc.string(),
    routing: fc.constantFrom('direct', 'broadcast'),
    keyId: fc.string(),
    session: fc.string(),
    sequence: whole,
    haltEpoch: whole,
    approvals: fc.array(fc.string(), { maxLength: 3 }),
    traceparent: fc.string(),
    coordination: fc.option(
      fc.record({
        targetArrival: whole,
        window: whole,
        payloadWeight: whole,
        requires: fc.array(fc.string(), { maxLength: 2 }),
        verb: fc.constantFrom('act', 'sync'),
        lead: whole,
        expectedProcessing: whole,
        confidence: fc.nat(1000),
        expectation: fc.constant('ready'),
      }),
    ),
    dependsOn: whole,
  });
  fc.assert(
    fc.property(messages, (message) => {
      expect(canonicalMessage(message, canonicalJson(message.data))).toBe(canonicalJson(message));
    }),
  );
});

it('effects that a room kept beyond their input are refused, not given to another one', () => {
  const collector = new Collector('desk', 1, () => '0'.repeat(32) as Id);
  const effects = collector.begin(new Batch(), null, 0, false);
  collector.end();
  expect(() => effects.put('task', 'a', 1)).toThrow('room desk kept its effects beyond the input they were for');
  expect(() => effects.timer('a', 1)).toThrow('kept its effects');
});

it('a batch keeps the last write of each record, at the place of its first', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  fc.assert(
    fc.property(fc.array(fc.tuple(name, name, name, fc.option(fc.string())), { maxLength: 40 }), (all) => {
      const writes = new Writes();
      const last = new Map<string, object>();
      for (const [room, table, key, value] of all) {
        writes.set(room, 1, table, key, value);
        last.set(`${room}/${table}/${key}`, { room, table, key, version: 1, value });
      }
      expect(writes.list).toEqual([...last.values()]);
    }),
  );
});
