/**
 * Verdicts by what they depend on: the tree, the command, and what is installed. One file per key, written beside and renamed
 * into place, with a sum over its content: a torn or edited file is a miss. Only complete verdicts are kept; a time-out or a
 * missing tool may be gone the next time.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { work } from '../../../contracts/index.ts';

export interface VerdictCache {
  get(key: string): Promise<work.CheckVerdict | null>;
  /** Failing to write loses a shortcut, not a verdict: it resolves false. */
  put(key: string, verdict: work.CheckVerdict): Promise<boolean>;
  prune(): Promise<void>;
}

/** About 40 MB of verdicts: hundreds of runs of a repository with ten checks. */
const VERDICTS_MAX = 20_000;
/** Layout of the file and meaning of the parsers: a change here forgets everything that was kept. */
const VERSION = 1;
/** A verdict with more text than this costs more to keep than to make again. */
const VERDICT_BYTES_MAX = 16 * 1024 * 1024;

export function verdictKey(parts: readonly (string | null)[]): string {
  const hash = createHash('sha256').update(`skein verdict ${VERSION}\0`);
  for (const part of parts) hash.update(part === null ? '\0-' : `\0+${part.length}:${part}`);
  return hash.digest('hex');
}

function sum(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Texts by key, each with a sum over its content: what is torn or edited is a miss. */
export interface TextCache {
  get(key: string): Promise<string | null>;
  /** Failing to write loses a shortcut: it resolves false. */
  put(key: string, text: string): Promise<boolean>;
  prune(): Promise<void>;
}

export function textCache(directory: string, max: number = VERDICTS_MAX): TextCache {
  return {
    async get(key) {
      try {
        const text = await readFile(join(directory, key), 'utf8');
        const cut = text.indexOf('\n');
        const body = text.slice(cut + 1);
        return text.slice(0, cut) === `${key} ${sum(body)}` ? body : null;
      } catch {
        return null;
      }
    },
    async put(key, body) {
      if (body.length > VERDICT_BYTES_MAX) return false;
      try {
        await mkdir(directory, { recursive: true });
        const beside = join(directory, `.${key}.${randomUUID()}`);
        await writeFile(beside, `${key} ${sum(body)}\n${body}`);
        await rename(beside, join(directory, key));
        return true;
      } catch {
        return false;
      }
    },
    async prune() {
      const names = await readdir(directory).catch(() => []);
      if (names.length <= max) return;
      const aged = await Promise.all(
        names.map(async (name) => ({ name, at: (await stat(join(directory, name)).catch(() => null))?.mtimeMs ?? 0 })),
      );
      for (const { name } of aged.toSorted((a, b) => b.at - a.at).slice(max))
        await unlink(join(directory, name)).catch(() => undefined);
    },
  };
}

export function verdictCache(directory: string, max: number = VERDICTS_MAX): VerdictCache {
  const texts = textCache(directory, max);
  return {
    async get(key) {
      const body = await texts.get(key);
      return body === null ? null : { ...(JSON.parse(body) as work.CheckVerdict), cached: true };
    },
    async put(key, verdict) {
      if ((verdict.status !== 'green' && verdict.status !== 'red') || verdict.exitCode === null) return false;
      // The output's blob belongs to the run that made it and may be pruned with it; the tail stays.
      return texts.put(key, JSON.stringify({ ...verdict, output: null }));
    },
    prune: () => texts.prune(),
  };
}
