import { describe, expect, it } from 'vitest';
import { StoreError } from './index.ts';

describe('a store error', () => {
  it('carries a code to decide by and the cause to read', () => {
    const cause = new Error('SQLITE_FULL');
    const error = new StoreError('full', 'the disk of run 12 is full: free space, then resume', { cause });
    expect(error).toMatchObject({ name: 'StoreError', code: 'full', cause });
    expect(error).toBeInstanceOf(Error);
  });
});
