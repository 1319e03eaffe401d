/** What a bench returns: one row for each claim, checked before it is kept, and printed as a table. */
export interface Row {
  readonly claim: string;
  /** In words, `<= 5 ms`: what the claim promises. */
  readonly target: string;
  /** The figure the claim is about, usually the median; its unit is `unit`. */
  readonly ours: number;
  readonly unit: string;
  /** The same figure for the plain way of doing it, measured in the same run; several in words. */
  readonly baseline?: number | string | null;
  /** The same figure for a named other tool, measured in the same run. */
  readonly peer?: { readonly name: string; readonly value: number } | null;
  /** How many times better than the baseline (or the peer); above 1 is better. */
  readonly ratio?: number | null;
  readonly p50: number;
  readonly p99: number;
  /** Of this claim alone, where a bench measures it. */
  readonly cpuSeconds?: number | null;
  readonly met: boolean;
}

/** Throws when a bench returned something that could not be read back later. */
export function checkRows(name: string, value: unknown): readonly Row[] {
  if (!Array.isArray(value) || value.length === 0) throw new Error(`${name}: a bench returns its rows, at least one`);
  for (const row of value as Partial<Row>[]) {
    const figures = [
      row.ours,
      row.p50,
      row.p99,
      ...[typeof row.baseline === 'string' ? null : row.baseline, row.ratio, row.peer?.value].filter(
        (each) => each !== undefined && each !== null,
      ),
    ];
    if (
      typeof row.claim !== 'string' ||
      typeof row.target !== 'string' ||
      typeof row.unit !== 'string' ||
      typeof row.met !== 'boolean'
    ) {
      throw new Error(`${name}: a row says claim, target, unit and whether it was met, not ${JSON.stringify(row)}`);
    }
    if (!figures.every((each) => Number.isFinite(each)))
      throw new Error(`${name}: "${row.claim}" holds a figure that is no number`);
  }
  return value as readonly Row[];
}

export function table(rows: readonly Row[]): string {
  const head = ['claim', 'target', 'ours', 'p50', 'p99', 'baseline', 'peer', 'ratio', ''];
  const body = rows.map((row) => [
    row.claim,
    row.target,
    `${figure(row.ours)} ${row.unit}`,
    figure(row.p50),
    figure(row.p99),
    typeof row.baseline === 'string' ? row.baseline : figure(row.baseline),
    row.peer === undefined || row.peer === null ? '-' : `${row.peer.name} ${figure(row.peer.value)}`,
    row.ratio === undefined || row.ratio === null ? '-' : `${figure(row.ratio)}x`,
    row.met ? 'met' : 'MISSED',
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...body].map((line) => line[i]!.length)));
  return [head, ...body]
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Three significant digits, whole numbers as they are. */
function figure(value: number | null | undefined): string {
  if (value === undefined || value === null) return '-';
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));
}
