import { describe, expect, it } from 'vitest';
import { assert, InvariantError, unreachable } from './assert.ts';

describe('a broken invariant', () => {
  it('throws an error of its own class, so that a host can tell it from an operating failure', () => {
    expect(() => assert(false, 'fence 3 is older than 4')).toThrow(new InvariantError('fence 3 is older than 4'));
    expect(() => assert(1, 'holds')).not.toThrow();
    expect(new InvariantError('x').name).toBe('InvariantError');
  });

  it('names the value that no branch expected', () => {
    expect(() => unreachable({ kind: 'odd' } as never)).toThrow('{"kind":"odd"}');
  });
});
