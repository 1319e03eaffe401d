import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CapabilityLink, type CapabilityTerms, covers, delegate, verifyCapability } from './index.ts';

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** Somebody with a key that follows from a number. */
function member(seed: number): { key: Buffer; hex: string; sign: (bytes: Uint8Array) => Uint8Array } {
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.alloc(32, seed)]), format: 'der', type: 'pkcs8' });
  const key = createPublicKey(secret).export({ type: 'spki', format: 'der' }).subarray(-32);
  return { key, hex: key.toString('hex'), sign: (bytes) => sign(null, bytes, secret) };
}

const primitives = {
  verify: (key: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean =>
    verify(null, bytes, createPublicKey({ key: Buffer.concat([SPKI, key]), format: 'der', type: 'spki' }), signature),
};

const [authority, fleet, agent, thief] = [member(1), member(2), member(3), member(4)];
const wide: CapabilityTerms = {
  actions: ['order.*', 'hedge'],
  resources: ['venue:*'],
  limits: { size: 50_000 },
  expires: 1_000,
  holder: fleet.hex,
};
const narrow: CapabilityTerms = {
  actions: ['order.route'],
  resources: ['venue:lmax'],
  limits: { size: 10_000 },
  expires: 900,
  holder: agent.hex,
};
const chain = delegate(delegate([], wide, authority.sign), narrow, fleet.sign);
const check = (links: readonly CapabilityLink[], now = 0): string => {
  const result = verifyCapability(links, [authority.key], now, primitives);
  return result.ok ? 'ok' : result.problem;
};

describe('a capability', () => {
  it('is what all links of its chain allow together', () => {
    const result = verifyCapability(chain, [authority.key], 0, primitives);
    if (!result.ok) throw new Error(result.problem);
    const deed = { action: 'order.route', resource: 'venue:lmax', at: 0, fields: new Map([['size', 10_000n]]) };
    const others = [
      { ...deed, action: 'hedge' },
      { ...deed, resource: 'venue:other' },
      { ...deed, at: 900 },
      { ...deed, fields: new Map([['size', 10_001n]]) },
      { ...deed, fields: new Map<string, bigint>() },
    ];
    expect([covers(result.capability, deed), ...others.map((each) => covers(result.capability, each))]).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it('cannot be widened, passed on by anybody else, cut, changed or used after its time', () => {
    const further = (over: Partial<CapabilityTerms>): string =>
      check(delegate(chain.slice(0, 1), { ...narrow, ...over }, fleet.sign));
    expect(check(chain)).toBe('ok');
    expect(further({ actions: ['*'] })).toBe('link 1 widens actions by *');
    expect(further({ resources: ['venue:*', 'desk:1'] })).toBe('link 1 widens resources by desk:1');
    expect(further({ limits: { size: 50_001 } })).toBe('link 1 widens the limit of size');
    expect(further({ expires: 1_001 })).toBe('link 1 widens its expiry');
    expect(check(delegate(chain.slice(0, 1), narrow, thief.sign))).toBe('link 1 is not signed by the holder of the link before');
    expect(check(delegate([], wide, thief.sign))).toBe('link 0 is not signed by an authority');
    expect(check(chain.slice(1))).toBe('link 0 is not signed by an authority');
    expect(check([chain[0]!, { ...chain[1]!, terms: { ...narrow, holder: thief.hex } }])).toContain('not signed');
    expect(check(chain, 900)).toBe('link 1 expired 0 ms ago');
    expect(check([])).toBe('a chain has 1 to 8 links');
  });

  it('never covers more than any of its links, however it was narrowed', () => {
    const name = fc.constantFrom('a', 'ab', 'abc', 'a*', 'ab*', 'b*', '*', 'c');
    const terms = fc.record({
      actions: fc.array(name, { maxLength: 3 }),
      resources: fc.array(name, { maxLength: 3 }),
      size: fc.nat(3),
    });
    fc.assert(
      fc.property(
        fc.array(terms, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('a', 'ab', 'abc', 'c'),
        fc.nat(3),
        (links, asked, size) => {
          let built: readonly CapabilityLink[] = [];
          const own = member(9);
          for (const { actions, resources, size: max } of links) {
            built = delegate(built, { actions, resources, limits: { size: max }, expires: 10, holder: own.hex }, own.sign);
          }
          const result = verifyCapability(built, [own.key], 0, primitives);
          const fits = (patterns: readonly string[]): boolean =>
            patterns.some((each) => (each.endsWith('*') ? asked.startsWith(each.slice(0, -1)) : each === asked));
          const all = links.every((each) => fits(each.actions) && fits(each.resources) && size <= each.size);
          const deed = { action: asked, resource: asked, at: 0, fields: new Map([['size', BigInt(size)]]) };
          if (result.ok) expect(covers(result.capability, deed)).toBe(all);
        },
      ),
      { numRuns: 100, seed: 5 },
    );
  });
});
