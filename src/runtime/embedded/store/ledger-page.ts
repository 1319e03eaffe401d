/** A ledger as people read it: how many entries of each kind, and those that say something about the work. Proves nothing itself. */
import { fromUtf8, hex } from '../../../kernel/index.ts';
import { LEDGER_KINDS, type LedgerKind } from '../../../protocol/index.ts';
import { withSnapshot } from './reading.ts';

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
const KIND_AT = 2; // SQLite counts bytes from 1

interface Row {
  readonly index: number;
  readonly header: Uint8Array;
  readonly leaf: Uint8Array;
  readonly body: Uint8Array | null;
}

/** Throws `StoreError` when the file cannot be read at all. */
export function readLedger(path: string, linesMax: number): LedgerPage {
  return withSnapshot(path, (database) => {
    const counted = database
      .prepare(`SELECT hex(substr(header, ${KIND_AT}, 1)) AS kind, count(*) AS n FROM ledger GROUP BY 1`)
      .all() as unknown as readonly { readonly kind: string; readonly n: number }[];
    const kinds: Partial<Record<LedgerKind, number>> = {};
    for (const { kind, n } of counted) {
      const name = NAMES.get(Number.parseInt(kind, 16));
      if (name !== undefined) kinds[name] = n;
    }
    const rows = database
      .prepare(
        `SELECT "index", header, leaf, body FROM ledger WHERE substr(header, ${KIND_AT}, 1) NOT IN (?, ?) ORDER BY "index" DESC LIMIT ?`,
      )
      .all(
        Uint8Array.of(LEDGER_KINDS['activity.intent']),
        Uint8Array.of(LEDGER_KINDS['activity.outcome']),
        linesMax,
      ) as unknown as readonly Row[];
    return { kinds, lines: rows.toReversed().flatMap(lineOf) };
  });
}

function lineOf({ index, header, leaf, body }: Row): LedgerLine[] {
  const kind = NAMES.get(header[1] ?? 0);
  if (kind === undefined || header.length < 24) return []; // damaged: `verifyLedger` names it
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
