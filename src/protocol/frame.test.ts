import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { envelope, idOf, Noted, orderNumber, RouteOrder, Stranger, TABLE } from '../../test/fixtures/envelopes.ts';
import { seal, SESSION, SIGNED, unseal } from '../../test/fixtures/hostile-frames.ts';
import { hex } from '../kernel/index.ts';
import { Type } from 'typebox';
import { defineContract } from './contract.ts';
import { type Envelope, makeEnvelope } from './envelope.ts';
import { encodeFrame, FRAME_HEADER_BYTES, FrameBuilder, type FrameHeader, openFrame } from './frame.ts';
import { FRAME_BYTES_MAX, FRAME_MESSAGES_FLUSH, FRAME_MESSAGES_MAX, STRING_BYTES_MAX } from './limits.ts';
import type { Refusal } from './refusal.ts';
import { agreeOnContracts, type Result, WireTable } from './wire-table.ts';

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.refusal.reason}: ${result.refusal.detail}`);
  return result.value;
}

function refusal(result: Result<unknown>): Refusal {
  if (result.ok) throw new Error('it was not refused');
  return result.refusal;
}

const frameOf = (...envelopes: Envelope[]): Uint8Array => value(encodeFrame(SESSION, envelopes, TABLE, seal.session));
const note = (n: number, text: unknown): Envelope =>
  makeEnvelope(Noted, { note: text }, { ...orderNumber(n), type: Noted.type, dataschema: Noted.hash, data: { note: text } });

describe('a frame', () => {
  it('brings every envelope back as it was, under agreed and unknown contracts', () => {
    fc.assert(
      fc.property(fc.array(envelope, { minLength: 1, maxLength: 4 }), (envelopes) => {
        const frame = value(openFrame(frameOf(...envelopes), TABLE, unseal));
        expect(frame.messages.map((message) => value(message.envelope()))).toEqual(envelopes);
      }),
      { numRuns: 200 },
    );
  });

  it('says where it comes from, where it goes and under which key', () => {
    for (const header of [
      SESSION,
      { ...SESSION, to: null },
      { ...SESSION, sequence: Number.MAX_SAFE_INTEGER, incarnation: 0xffff_ffff },
    ]) {
      expect(value(openFrame(value(encodeFrame(header, [orderNumber(1)], TABLE, seal.session)), TABLE, unseal)).header).toEqual(
        header,
      );
    }
    expect(value(openFrame(value(encodeFrame(SIGNED, [orderNumber(1)], TABLE, seal.signature)), TABLE, unseal)).header).toEqual(
      SIGNED,
    );
    const stub: FrameHeader = { ...SESSION, authentication: 'stub', key: new Uint8Array(0) };
    expect(
      value(openFrame(value(encodeFrame(stub, [orderNumber(1)], TABLE, () => new Uint8Array(8))), TABLE, () => null)).header,
    ).toEqual(stub);
  });

  it('keeps its layout, because hosts of two versions read it', () => {
    expect(hex(frameOf(orderNumber(1)).subarray(0, FRAME_HEADER_BYTES + 108))).toBe(
      [
        '534b4601 02 00 0001', // "SKF" 1, session, one message
        '00000155 00000003', // bytes, incarnation
        '0102030405060708 0000000000000000', // session
        '0000000000000007 00000000002a 00000000002b 00000000', // sequence, from, to
        hex(TABLE.fingerprint),
        '000000f5 0002 41 00 00 00 0068 00000012', // bytes, contract, priority 1 and the key is the id, names, numbers
        '00000000002a00000003000000000001 00000000002a00000003000000000001 00000000000000000000000000000000',
        '018bcfe56801 000000007530 000000000001 000000000000 000000000000', // time, ttl, sequence, halt epoch, depends on
        '0000 0017 0007 000f 0002 0002 0037', // key, source, subject, audience, key id, session, traceparent
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });

  it('tells contract, time, ttl and priority before anything else of a message is read', () => {
    const [message] = value(openFrame(frameOf(orderNumber(5)), TABLE, unseal)).messages;
    expect(message).toMatchObject({ contract: RouteOrder, time: 1_700_000_000_005, ttl: 30_000, priority: 1, haltEpoch: 0 });
    expect(value(message!.head())).toEqual({ ...orderNumber(5), data: undefined });
    expect(value(message!.data())).toEqual(orderNumber(5).data);
    const strange = { ...orderNumber(1), type: Stranger.type, dataschema: Stranger.hash };
    const [stranger] = value(openFrame(frameOf(strange), TABLE, unseal)).messages;
    expect(stranger!.contract).toBeNull();
  });

  it('gives the bytes of a message as they were sent', () => {
    const frame = frameOf(orderNumber(1), orderNumber(2));
    const [first, second] = value(openFrame(frame, TABLE, unseal)).messages;
    expect(hex(first!.bytes) + hex(second!.bytes)).toBe(hex(frame.subarray(FRAME_HEADER_BYTES, frame.length - 32)));
  });
});

describe('a message whose lengths lie, under a right tag', () => {
  const start = FRAME_HEADER_BYTES;
  /** Two messages, of which the first was changed; sealed again. */
  const bent = (change: (view: DataView) => void): ReturnType<typeof openFrame> => {
    const frame = frameOf(orderNumber(1), orderNumber(2));
    change(new DataView(frame.buffer));
    frame.set(seal.session(frame.subarray(0, frame.length - 32)), frame.length - 32);
    return openFrame(frame, TABLE, unseal);
  };

  it('reads nothing of its neighbour', () => {
    // 15 bytes of its own text follow its names, then 3 zeros of the length of the next message.
    const names = value(
      bent((view) => {
        view.setUint16(start + 10, view.getUint16(start + 10) + 18);
        view.setUint16(start + 106, view.getUint16(start + 106) + 18);
      }),
    ).messages;
    expect(refusal(names[0]!.head()).detail).toMatch('its names are longer than the whole');
    expect(refusal(names[0]!.data()).detail).toMatch('its parts are longer than the whole');
    expect(value(names[1]!.envelope())).toEqual(orderNumber(2));
    const numbers = value(bent((view) => view.setUint32(start + 12, 0xffff_ffff))).messages;
    expect(refusal(numbers[0]!.envelope()).reason).toBe('corrupt');
    expect(refusal(numbers[0]!.data()).detail).toMatch('its parts are longer than the whole');
  });

  it('ends where the frame ends, and fills it', () => {
    const detail = (length: (real: number) => number): string =>
      refusal(bent((view) => view.setUint32(start, length(view.getUint32(start))))).detail;
    for (const length of [0, 107, 0x7fff_ffff, 0xffff_ffff]) expect(detail(() => length)).toMatch('is cut off');
    expect(detail((real) => real + 1)).toMatch('message 1 of 2 is cut off');
    expect(detail((real) => 2 * real)).toMatch('message 1 of 2 is cut off');
    expect(refusal(bent((view) => view.setUint16(6, 1))).detail).toMatch('bytes follow its last message');
    expect(refusal(bent((view) => view.setUint16(6, 3))).detail).toMatch('is cut off');
  });
});

describe('the tag of a frame', () => {
  it('covers every byte before it', () => {
    const frame = frameOf(orderNumber(1), orderNumber(2));
    for (let at = 0; at < frame.length; at++) {
      frame[at]! ^= 1;
      expect(openFrame(frame, TABLE, unseal).ok, `byte ${at}`).toBe(false);
      frame[at]! ^= 1;
    }
    expect(openFrame(frame, TABLE, unseal).ok).toBe(true);
  });

  it('is checked over exactly these bytes, and before a message or the contracts are looked at', () => {
    const frame = frameOf(orderNumber(1));
    frame.fill(0xff, FRAME_HEADER_BYTES, frame.length - 32);
    frame.fill(0xff, 56, 64);
    let seen = 0;
    const no: Refusal = { reason: 'bad-signature', detail: 'no' };
    expect(
      openFrame(frame, TABLE, (_, bytes, tag) => {
        seen = bytes.length;
        expect(hex(bytes) + hex(tag)).toBe(hex(frame));
        return no;
      }),
    ).toEqual({ ok: false, refusal: no });
    expect(seen).toBe(frame.length - 32);
  });

  it('does not make a table of contracts mean another one', () => {
    const other = new WireTable([Noted]);
    expect(refusal(openFrame(frameOf(orderNumber(1)), other, unseal)).reason).toBe('unknown-contract');
  });
});

describe('the limits of a frame', () => {
  const stub: FrameHeader = { ...SESSION, authentication: 'stub', key: new Uint8Array(0) };

  it('asks to be sent at 256 messages and takes at most 1,000', () => {
    const builder = new FrameBuilder(TABLE);
    for (let n = 1; n <= FRAME_MESSAGES_MAX; n++) {
      expect(builder.isDue).toBe(n > FRAME_MESSAGES_FLUSH);
      expect(builder.add(orderNumber(n))).toBe('added');
    }
    expect(builder.add(orderNumber(0))).toBe('full');
    const frame = builder.seal(SESSION, seal.session);
    expect(value(openFrame(frame, TABLE, unseal)).messages).toHaveLength(1000);
    expect(builder).toMatchObject({ count: 0, bytes: FRAME_HEADER_BYTES, isDue: false });
    const thousand = Array.from({ length: 1000 }, (_, n) => orderNumber(n));
    expect(encodeFrame(SESSION, thousand, TABLE, seal.session).ok).toBe(true);
    expect(refusal(encodeFrame(SESSION, [...thousand, orderNumber(0)], TABLE, seal.session)).detail).toMatch(
      '1..1000 messages, not 1001',
    );
    expect(refusal(encodeFrame(SESSION, [], TABLE, seal.session)).reason).toBe('invalid');
  });

  it('is refused when it claims 1,001 messages or none, whatever its tag', () => {
    for (const [count, ok] of [
      [1000, true],
      [1001, false],
      [0, false],
    ] as const) {
      const frame = value(
        encodeFrame(
          stub,
          Array.from({ length: 1000 }, (_, n) => orderNumber(n)),
          TABLE,
          () => new Uint8Array(8),
        ),
      );
      new DataView(frame.buffer).setUint16(6, count);
      const opened = openFrame(frame, TABLE, () => null);
      expect(opened.ok, `${count} messages`).toBe(ok);
      if (!ok)
        expect(refusal(opened)).toMatchObject({ reason: 'invalid', detail: expect.stringContaining('1..1000') as unknown });
    }
  });

  it('has at most 1 MiB, in memory and on the wire', () => {
    const parts = (last: number): Envelope[] => [
      ...[1, 2, 3].map((n) => note(n, 'x'.repeat(STRING_BYTES_MAX))),
      note(4, 'x'.repeat(last)),
    ];
    // A first try says how much room the last string has.
    const room =
      FRAME_BYTES_MAX - 64 - (value(encodeFrame(stub, parts(100_000), TABLE, () => new Uint8Array(8))).length - 8 - 100_000);
    const fits = value(encodeFrame(SIGNED, parts(room), TABLE, seal.signature));
    expect(fits).toHaveLength(FRAME_BYTES_MAX);
    expect(value(openFrame(fits, TABLE, unseal)).messages).toHaveLength(4);
    expect(refusal(encodeFrame(SIGNED, parts(room + 1), TABLE, seal.signature)).detail).toMatch('do not fit into 1048576 bytes');
    const larger = new Uint8Array(FRAME_BYTES_MAX + 1);
    larger.set(fits);
    expect(refusal(openFrame(larger, TABLE, () => null)).detail).toMatch('1048577 bytes, the limit is 1048576');
  });

  it('leaves a message that does not fit for the next frame, unless none can carry it', () => {
    const builder = new FrameBuilder(TABLE);
    for (let n = 1; n <= 3; n++) expect(builder.add(note(n, 'x'.repeat(STRING_BYTES_MAX)))).toBe('added');
    expect(builder.add(note(4, ['€'.repeat(80_000), 'x'.repeat(100_000)]))).toBe('full');
    expect(builder.count).toBe(3);
    expect(value(openFrame(builder.seal(SESSION, seal.session), TABLE, unseal)).messages).toHaveLength(3);
    expect(builder.add(note(4, ['€'.repeat(80_000), 'x'.repeat(100_000)]))).toBe('added');
    builder.clear();
    expect(
      builder.add(
        note(
          5,
          Array.from({ length: 5 }, () => 'x'.repeat(STRING_BYTES_MAX)),
        ),
      ),
    ).toMatchObject({ reason: 'invalid' });
    expect(builder.add(orderNumber(6)), 'and goes on').toBe('added');
    expect(value(value(openFrame(builder.seal(SESSION, seal.session), TABLE, unseal)).messages[0]!.envelope())).toEqual(
      orderNumber(6),
    );
  });

  it.each<[string, Partial<Envelope>, Partial<Envelope>, RegExp]>([
    [
      'names of 1,024 characters',
      { subject: 'x'.repeat(1024) },
      { subject: 'x'.repeat(1025) },
      /1025 characters, the limit is 1024/,
    ],
    ['64 approvals', { approvals: Array<string>(64).fill('a') }, { approvals: Array<string>(65).fill('a') }, /65 approvals/],
    ['whole numbers of 48 bits', { sequence: 2 ** 48 - 1 }, { sequence: 2 ** 48 }, /no integer in 0/],
    ['whole numbers only', { ttl: 1 }, { ttl: 1.5 }, /no integer in 0/],
    ['no time before 1970', { time: 0 }, { time: -1 }, /no integer in 0/],
    ['ids', { correlation: idOf(9) }, { correlation: 'order-17' as Envelope['id'] }, /no id of 32/],
    ['whole characters', { audience: '😀' }, { audience: '\ud83d', subject: '\ude00' }, /half a surrogate pair/],
    ['four priorities', { priority: 3 }, { priority: 4 as 3 }, /priority 4/],
    [
      '65,535 bytes of names together',
      { approvals: Array<string>(63).fill('x'.repeat(1024)) },
      { approvals: Array<string>(64).fill('x'.repeat(1024)) },
      /the limit is 65535/,
    ],
  ])('has envelopes with %s', (_, fits, not, why) => {
    const envelopeWith = (change: Partial<Envelope>): Envelope => ({ ...orderNumber(1), ...change });
    const [message] = value(openFrame(frameOf(envelopeWith(fits)), TABLE, unseal)).messages;
    expect(value(message!.envelope())).toEqual(envelopeWith(fits));
    expect(refusal(encodeFrame(SESSION, [envelopeWith(not)], TABLE, seal.session))).toMatchObject({
      reason: 'invalid',
      detail: expect.stringMatching(why) as unknown,
    });
  });
});

describe('the contracts of two hosts', () => {
  const changed = defineContract('order.intent.route.v1', Type.Object({ symbol: Type.String() }));

  it('are numbered alike by both, whatever else each of them speaks', () => {
    const here = value(agreeOnContracts([RouteOrder, Noted, Stranger], [Noted, RouteOrder]));
    const there = value(agreeOnContracts([Noted, RouteOrder], [Stranger, RouteOrder, Noted]));
    expect(hex(here.fingerprint)).toBe(hex(there.fingerprint));
    expect([here.at(1)?.contract.type, here.at(2)?.contract.type, here.size]).toEqual([Noted.type, RouteOrder.type, 2]);
    expect(here.at(0)).toBeUndefined();
    expect(here.at(3)).toBeUndefined();
    expect(here.find(RouteOrder.type, changed.hash)).toBeUndefined();
  });

  it('refuse the session when one name and version means two things', () => {
    expect(refusal(agreeOnContracts([RouteOrder], [changed]))).toMatchObject({
      reason: 'unknown-contract',
      detail: expect.stringContaining('order.intent.route.v1 has the hash') as unknown,
    });
    expect(refusal(agreeOnContracts([RouteOrder], [RouteOrder, RouteOrder])).reason).toBe('invalid');
  });
});
