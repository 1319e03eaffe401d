import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { bytesFrames, FRAME, frameReader, jsonFrame } from './wire.ts';

it('gives back the frames that were written, wherever the stream is cut', () => {
  const message = fc.record({ verb: fc.constant('credit' as const), id: fc.nat(), bytes: fc.nat() });
  const output = fc.tuple(
    fc.constantFrom(FRAME.live, FRAME.stdout, FRAME.stderr),
    fc.nat(),
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(message, output), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (sent, cuts) => {
        const frames = sent.flatMap((one) =>
          Array.isArray(one) ? [...bytesFrames(one[0], one[1], Buffer.from(one[2]))] : [jsonFrame(one)],
        );
        const stream = Buffer.concat(frames);
        const got: unknown[] = [];
        const read = frameReader({
          json: (value) => got.push(value),
          bytes: (kind, id, bytes) => got.push([kind, id, new Uint8Array(bytes)]),
        });
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = cuts[turn % cuts.length]!;
          read(stream.subarray(at, at + size));
          at += size;
        }
        expect(got).toEqual(sent);
      },
    ),
  );
});

it('sends large output in pieces', () => {
  const sizes = [...bytesFrames(FRAME.stdout, 1, Buffer.alloc(200_000))].map((part) => part.length);
  expect(sizes).toEqual([9, 65_536, 9, 65_536, 9, 65_536, 9, 3_392]);
});

it('refuses a length that no sender writes', () => {
  const read = frameReader({ json: () => undefined, bytes: () => undefined });
  expect(() => read(Buffer.from([0xff, 0xff, 0xff, 0xff, 0]))).toThrow('not from this build');
});
