/** Blobs as files named by their SHA-256, written beside and renamed into place; the same bytes are stored once. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobRef } from '../../ports/index.ts';

export interface Blobs {
  put(content: Uint8Array | string): Promise<BlobRef>;
  /** Rejects when the blob is missing or its bytes no longer hash to its name. */
  get(ref: BlobRef): Promise<Buffer>;
}

export function fileBlobs(directory: string): Blobs {
  const path = (sha256: string): string => join(directory, sha256.slice(0, 2), sha256.slice(2));
  return {
    async put(content) {
      const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const target = path(sha256);
      const there = await stat(target).catch(() => null);
      if (there?.size !== bytes.length) {
        await mkdir(join(directory, sha256.slice(0, 2)), { recursive: true });
        const beside = `${target}.${randomUUID()}`;
        await writeFile(beside, bytes, { flush: true });
        await rename(beside, target);
      }
      return { sha256, bytes: bytes.length };
    },
    async get(ref) {
      const bytes = await readFile(path(ref.sha256));
      const found = createHash('sha256').update(bytes).digest('hex');
      if (found !== ref.sha256) throw new Error(`blob ${ref.sha256} is corrupt: its bytes hash to ${found}`);
      return bytes;
    },
  };
}
