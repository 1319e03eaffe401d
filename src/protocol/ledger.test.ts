import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, hex, sha256, utf8 } from '../kernel/index.ts';
import {
  decodeLedgerHeader,
  encodeLedgerHeader,
  LEDGER_CHAIN_START,
  LEDGER_HEADER_BYTES,
  LEDGER_KINDS,
  ledgerChain,
  type LedgerHeader,
  ledgerLeaf,
} from './ledger.ts';

const header: LedgerHeader = {
  kind: 'decision',
  bodyLength: 11,
  index: 258,
  time: 1_700_000_000_123,
  commit: 7,
  incarnation: 0xfffffffe,
  id: '00000000002a00000003000000000009',
  causation: 'ffeeddccbbaa99887766554433221100',
  host: '00000000002a',
  realmHash: sha256(utf8('default')),
};

// Written out by hand from the layout in ledger.ts, so that a change of either is seen.
const GOLDEN_HEADER = [
  '01', // layout version
  '06', // decision
  '0000',
  '0000000b', // body length
  '0000000000000102', // index
  '0000018bcfe5687b', // host time
  '0000000000000007', // commit sequence
  'fffffffe', // incarnation
  '00000000',
  '00000000002a00000003000000000009', // id
  'ffeeddccbbaa99887766554433221100', // causation
  '00000000002a', // host
  '0000',
  '37a8eec1ce19687d132fe29051dca629', // SHA-256("default"), first half
].join('');

const node = (...parts: (string | Uint8Array)[]): string =>
  parts
    .reduce((hash, part) => hash.update(typeof part === 'string' ? Buffer.from(part, 'hex') : part), createHash('sha256'))
    .digest('hex');

describe('a ledger header', () => {
  it('has exactly these 96 bytes', () => {
    expect(hex(encodeLedgerHeader(header))).toBe(GOLDEN_HEADER);
    expect(encodeLedgerHeader(header)).toHaveLength(LEDGER_HEADER_BYTES);
    expect(decodeLedgerHeader(encodeLedgerHeader(header))).toEqual({ ...header, realmHash: header.realmHash.slice(0, 16) });
    expect(decodeLedgerHeader(new Uint8Array(LEDGER_HEADER_BYTES))).toBe(null);
  });

  it('holds zeros where nothing caused the entry', () => {
    const bytes = hex(encodeLedgerHeader({ ...header, causation: null }));
    expect(bytes).toBe(GOLDEN_HEADER.replace('ffeeddccbbaa99887766554433221100', '0'.repeat(32)));
  });

  it('differs when any field differs', () => {
    const variants: LedgerHeader[] = [
      header,
      { ...header, kind: 'effect' },
      { ...header, bodyLength: 12 },
      { ...header, index: 259 },
      { ...header, time: header.time + 1 },
      { ...header, commit: 8 },
      { ...header, incarnation: 1 },
      { ...header, id: '00000000002a0000000300000000000a' },
      { ...header, causation: null },
      { ...header, host: '00000000002b' },
      { ...header, realmHash: sha256(utf8('other')) },
    ];
    expect(new Set(variants.map((each) => hex(encodeLedgerHeader(each)))).size).toBe(variants.length);
  });

  it.each([
    ['a body above one frame', { bodyLength: 1024 * 1024 + 1 }],
    ['a negative body length', { bodyLength: -1 }],
    ['an index that is not an integer', { index: 0.5 }],
    ['a negative index', { index: -1 }],
    ['a time that is not exact', { time: 2 ** 53 }],
    ['a negative commit sequence', { commit: -1 }],
    ['an incarnation of 33 bits', { incarnation: 2 ** 32 }],
    ['an id that is too short', { id: '2a' }],
    ['a causation that is no id', { causation: 'not an id' }],
    ['a host that is too long', { host: '00000000002a00' }],
    ['half a realm hash', { realmHash: new Uint8Array(8) }],
  ])('is refused for %s, which would wrap or be cut silently', (_name, wrong) => {
    expect(() => encodeLedgerHeader({ ...header, ...wrong })).toThrow(/header|hexadecimal|realm hash/);
  });

  it('numbers its kinds as they are on disk', () => {
    expect(LEDGER_KINDS).toEqual({
      'host.started': 1,
      'host.stopped': 2,
      'input.refused': 3,
      'activity.intent': 4,
      'activity.outcome': 5,
      decision: 6,
      cost: 7,
      effect: 8,
      halt: 9,
      config: 10,
      checkpoint: 11,
      erasure: 12,
    });
  });
});

describe('a ledger leaf', () => {
  it('is SHA-256(0x00 || header || SHA-256(body)), as another implementation computes it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        const bytes = encodeLedgerHeader({ ...header, bodyLength: body.length });
        expect(hex(ledgerLeaf(bytes, body, sha256))).toBe(node('00', bytes, node(body)));
      }),
    );
  });

  it('can be computed from the hash of an erased body only if the body was these bytes', () => {
    const bytes = encodeLedgerHeader(header);
    const leaf = hex(ledgerLeaf(bytes, utf8('hello world'), sha256));
    expect(node('00', bytes, node(utf8('hello world')))).toBe(leaf);
    expect(node('00', bytes, node(utf8('hello World')))).not.toBe(leaf);
  });
});

describe('the ledger chain', () => {
  const leaves = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { minLength: 1, maxLength: 12 });
  const head = (all: readonly Uint8Array[]): string =>
    hex(all.reduce((chain, leaf) => ledgerChain(chain, leaf, sha256), LEDGER_CHAIN_START));

  it('starts from 32 zero bytes and is SHA-256(0x02 || previous || leaf)', () => {
    const leaf = fromHex('11'.repeat(32))!;
    expect(hex(ledgerChain(LEDGER_CHAIN_START, leaf, sha256))).toBe(node('02', '00'.repeat(32), leaf));
  });

  it('ends differently when an entry is changed, dropped, added or moved', () => {
    fc.assert(
      fc.property(leaves, fc.nat(), fc.nat(255), (all, pick, flip) => {
        const i = pick % all.length;
        const changed = all.map((leaf, at) => (at === i ? leaf.with(flip % 32, leaf[flip % 32]! ^ 1) : leaf));
        const swapped = i > 0 ? all.with(i, all[i - 1]!).with(i - 1, all[i]!) : all;
        expect(head(changed)).not.toBe(head(all));
        expect(head(all.toSpliced(i, 1))).not.toBe(head(all));
        expect(head([...all, all[i]!])).not.toBe(head(all));
        if (i > 0 && hex(all[i]!) !== hex(all[i - 1]!)) expect(head(swapped)).not.toBe(head(all));
      }),
    );
  });
});
