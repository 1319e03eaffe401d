/** What several benches say about a list of measurements. */

/** The value below which `share` of them lie; the list may be in any order and holds at least one. */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)]!;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
