/** A ledger as people read it: how many entries of each kind, and those that say something about the work. Proves nothing itself. */
import { fromUtf8, hex } from '../../../kernel/index.ts';
import { LEDGER_KINDS, type LedgerKind } from '../../../protocol/index.ts';
import type { LedgerEntry } from '../../../ports/index.ts';
import { layoutOf } from './database.ts';
import { withSnapshot } from './reading.ts';
import { ownBytes, storedEntries } from './segment.ts';

export interface LedgerLine {
  readonly index: number;
  readonly kind: LedgerKind;
  readonly at: number;
  /** 64 hexadecimal digits. */
  readonly leaf: string;
  /** Null when it was erased or is no JSON object. */
  readonly body: Readonly<Record<string, unknown>> | null;
}

export interface LedgerPage {
  readonly kinds: Readonly<Partial<Record<LedgerKind, number>>>;
  /** The last `linesMax` that are neither an intent nor an outcome of an activity, oldest first. */
  readonly lines: readonly LedgerLine[];
}

const NAMES = new Map<number, LedgerKind>(Object.entries(LEDGER_KINDS).map(([name, number]) => [number, name as LedgerKind]));
/** Throws `StoreError` when the file cannot be read at all. */
export function readLedger(path: string, linesMax: number): LedgerPage {
  return withSnapshot(path, (database) => {
    const kinds: Partial<Record<LedgerKind, number>> = {};
    let last: LedgerEntry[] = [];
    for (const entry of storedEntries(database, layoutOf(database, path))) {
      const name = NAMES.get(entry.header[1] ?? 0);
      if (name === undefined) continue; // damaged: `verifyLedger` names it
      kinds[name] = (kinds[name] ?? 0) + 1;
      if (name === 'activity.intent' || name === 'activity.outcome') continue;
      last.push(ownBytes(entry));
      if (last.length === linesMax * 2) last = last.slice(-linesMax);
    }
    return { kinds, lines: last.slice(-linesMax).flatMap(lineOf) };
  });
}

function lineOf({ index, header, leaf, body }: LedgerEntry): LedgerLine[] {
  const kind = NAMES.get(header[1] ?? 0);
  if (kind === undefined || header.length < 24) return []; // damaged too
  const at = Number(new DataView(header.buffer, header.byteOffset, header.byteLength).getBigUint64(16));
  return [{ index, kind, at, leaf: hex(leaf), body: objectOf(body) }];
}

function objectOf(body: Uint8Array | null): LedgerLine['body'] {
  if (body === null) return null;
  try {
    const value: unknown = JSON.parse(fromUtf8(body));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
