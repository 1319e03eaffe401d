import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { envelope, idOf, orderNumber } from '../../test/fixtures/envelopes.ts';
import { fromUtf8, utf8 } from '../kernel/index.ts';
import { readCloudEvent, writeCloudEvent } from './cloud-event.ts';
import type { Coordination, Envelope } from './envelope.ts';

function written(message: Envelope): string {
  const result = writeCloudEvent(message);
  return result.ok ? fromUtf8(result.value) : `${result.refusal.reason}: ${result.refusal.detail}`;
}

function read(event: unknown): Envelope | string {
  const result = readCloudEvent(utf8(typeof event === 'string' ? event : JSON.stringify(event)));
  return result.ok ? result.value : `${result.refusal.reason}: ${result.refusal.detail}`;
}

const coordination: Coordination = {
  targetArrival: 1_700_000_000_250,
  window: 25,
  payloadWeight: 3,
  requires: ['gpu', 'eu, "west"'],
  verb: 'act',
  lead: 120,
  expectedProcessing: 40,
  confidence: 950,
  expectation: 'ready',
};
const event = JSON.parse(written({ ...orderNumber(1), coordination })) as Record<string, unknown>;
const foreign = {
  specversion: '1.0',
  id: idOf(1),
  source: 'https://desk.example/orders',
  type: 'order.event.filled.v1',
  time: '2026-11-20T19:30:00Z',
};

describe('a CloudEvent', () => {
  it('is lossless both ways, coordination and every other attribute included', () => {
    fc.assert(
      fc.property(envelope, (message) => {
        const text = written(message);
        const back = read(text);
        expect(back).toEqual(message);
        expect(written(back as Envelope)).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it('looks like this', () => {
    expect(event).toEqual({
      specversion: '1.0',
      id: '00000000002a00000003000000000001',
      source: 'agent:default/fleet/a17',
      type: 'order.intent.route.v1',
      time: '2023-11-14T22:13:20.001Z',
      datacontenttype: 'application/json',
      dataschema: `nih:sha-256;${orderNumber(1).dataschema}`,
      priority: 1,
      routing: 'direct',
      subject: 'order/1',
      audience: 'host:default/h2',
      keyid: 'k1',
      session: 's1',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      ttl: '30000',
      sequence: '1',
      arrival: '2023-11-14T22:13:20.250Z',
      arrivalwindow: '25',
      payloadweight: '3',
      lead: '120',
      processing: '40',
      requires: '["gpu","eu, \\"west\\""]',
      verb: 'act',
      confidence: 950,
      expectation: 'ready',
      data: orderNumber(1).data,
    });
  });

  it('has attributes as the specification wants them: lower-case names, integers of 32 bits, text, nothing empty', () => {
    fc.assert(
      fc.property(envelope, (message) => {
        for (const [name, value] of Object.entries(JSON.parse(written(message)) as Record<string, unknown>)) {
          if (name === 'data') continue;
          expect(name).toMatch(/^[a-z0-9]{1,20}$/);
          if (typeof value === 'number') expect(value).toBe(value | 0);
          else expect(value).toMatch(/^.+$/su);
        }
      }),
    );
  });

  it('of somebody else is an envelope with the defaults of what it does not say', () => {
    expect(read(foreign)).toMatchObject({
      time: Date.UTC(2026, 10, 20, 19, 30),
      data: null,
      correlation: foreign.id,
      idempotencyKey: foreign.id,
      priority: 1,
      routing: 'direct',
      ttl: 0,
      coordination: null,
    });
    expect(read({ ...foreign, subject: null, datacontenttype: 'application/json; charset=utf-8' })).toMatchObject({
      subject: '',
    });
  });

  it.each([
    ['2026-11-20T20:30:00.5+01:00', Date.UTC(2026, 10, 20, 19, 30, 0, 500)],
    ['2026-11-20t19:30:00.120000z', Date.UTC(2026, 10, 20, 19, 30, 0, 120)],
    ['2024-02-29T00:00:00-00:30', Date.UTC(2024, 1, 29, 0, 30)],
    ['9999-12-31T23:59:59.999Z', 253_402_300_799_999],
    ['1970-01-01T00:00:00Z', 0],
    ['2026-02-29T00:00:00Z', null],
    ['2026-13-01T00:00:00Z', null],
    ['2026-11-20T24:00:00Z', null],
    ['2026-11-20T23:59:60Z', null],
    ['2026-11-20T19:30:00', null],
    ['2026-11-20', null],
    ['2026-11-20T19:30:00.0001Z', null],
    ['1969-12-31T23:59:59Z', null],
    ['1970-01-01T00:00:00+01:00', null],
  ])('reads the time %s', (time, millis) => {
    const got = read({ ...foreign, time });
    if (millis === null) expect(got).toMatch(/its time is no time of RFC 3339/);
    else expect(got).toMatchObject({ time: millis });
  });

  it.each<[string, unknown, RegExp]>([
    [
      'an attribute that an envelope cannot keep',
      { ...foreign, partitionkey: 'a' },
      /the attribute "partitionkey", which an envelope cannot keep/,
    ],
    ['binary data', { ...foreign, data_base64: 'AA==' }, /the attribute "data_base64"/],
    ['another version', { ...foreign, specversion: '0.3' }, /specversion is not 1.0/],
    ['another content type', { ...foreign, datacontenttype: 'text/xml' }, /datacontenttype is not application\/json/],
    ['an id of another making', { ...foreign, id: 'A234-1234' }, /an id is not 32 hexadecimal digits/],
    ['no source', { ...foreign, source: undefined }, /its source is missing/],
    ['an empty type', { ...foreign, type: '' }, /its type is no text, or empty/],
    [
      'a schema that is no hash',
      { ...foreign, dataschema: 'https://example/schema.json' },
      /dataschema does not begin with nih:/,
    ],
    ['a priority of 4', { ...foreign, priority: 4 }, /its priority or routing is none/],
    ['a number where text belongs', { ...foreign, ttl: 30 }, /its ttl is no text/],
    ['a number with a leading zero', { ...foreign, ttl: '030' }, /its ttl is no decimal number/],
    ['a counter above 48 bits', { ...foreign, sequence: '281474976710656' }, /its sequence is no decimal number/],
    ['half a coordination', { ...foreign, arrival: '2026-11-20T19:30:00Z' }, /its verb is missing/],
    ['a coordination without its arrival', { ...foreign, verb: 'act' }, /the attribute "verb"/],
    ['too much confidence', { ...event, confidence: 1001 }, /its coordination is none/],
    ['a list that is none', { ...foreign, approvals: '{"a":1}' }, /its approvals is no JSON list/],
    ['a control character', { ...foreign, subject: 'a\u0007' }, /a control character/],
    ['a name of 1,025 characters', { ...foreign, subject: 'x'.repeat(1025) }, /longer than 1024/],
    ['a list', [foreign], /is a JSON object/],
    ['a key twice', `{"specversion":"1.0","specversion":"1.0"}`, /twice in one object/],
    ['a number that no double holds', `${JSON.stringify(foreign).slice(0, -1)},"data":1e999}`, /no finite number/],
    ['data that is too deep', { ...foreign, data: JSON.parse('['.repeat(64) + ']'.repeat(64)) as unknown }, /deeper than 64/],
  ])('is refused with %s', (_, what, why) => {
    expect(read(what)).toMatch(why);
  });

  it.each<[string, Partial<Envelope>, RegExp]>([
    ['a payload that JSON would change', { data: { at: new Date(0) } }, /no plain object/],
    ['a payload with a hole', { data: [undefined] }, /undefined/],
    [
      'a payload that its reader would refuse',
      { data: Array.from({ length: 3 }, () => '\n'.repeat(250_000)) },
      /the limit is 1048576/,
    ],
    ['a time that no calendar has', { time: 2 ** 48 - 1 }, /the years 1970 to 9999/],
    ['an empty idempotency key', { idempotencyKey: '' }, /idempotency key is empty/],
  ])('is not written with %s', (_, change, why) => {
    expect(written({ ...orderNumber(1), ...change })).toMatch(why);
  });
});
