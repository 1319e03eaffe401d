/** SHA-256 as the store computes it: in one call, without an object for each hash. */
import { hash } from 'node:crypto';
import type { Hash } from '../../../protocol/index.ts';

export const sha256: Hash = (bytes) => hash('sha256', bytes, 'buffer');
