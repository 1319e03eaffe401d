/** What a register does when its operations come one by one: the judge of concurrent histories. */
import type { Registered, Swapped } from '../../src/ports/index.ts';
import type { Operation, SequentialModel } from '../../src/structures/index.ts';

export type RegisterInput =
  | { readonly kind: 'read'; readonly key: string }
  | { readonly kind: 'swap'; readonly key: string; readonly expected: number; readonly value: string | null };
export type RegisterOutput = Registered | Swapped | null;
export type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

interface Cell {
  readonly value: string | null;
  /** null: written by a swap whose answer nobody heard, so above `above` and not known until somebody reads it. */
  readonly revision: number | null;
  readonly above: number;
}

function shows(cell: Cell, entry: Registered | null): Cell | undefined {
  if (entry === null) return cell.value === null ? cell : undefined;
  if (cell.value !== entry.value) return undefined;
  if (cell.revision === entry.revision) return cell;
  return cell.revision === null && entry.revision > cell.above ? { ...cell, revision: entry.revision } : undefined;
}

function fits(cell: Cell, expected: number): boolean {
  if (expected === 0 || cell.value === null) return expected === 0 && cell.value === null;
  return cell.revision === null ? expected > cell.above : cell.revision === expected;
}

export const registerModel: SequentialModel<Cell, RegisterInput, RegisterOutput> = {
  initial: { value: null, revision: 0, above: 0 },
  step(cell, input, output) {
    const last = Math.max(cell.revision ?? 0, cell.above);
    if (input.kind === 'read') return shows(cell, output as Registered | null);
    const swapped = output as Swapped | null;
    if (swapped !== null && !swapped.ok) {
      const { current } = swapped;
      return (current?.revision ?? 0) === input.expected ? undefined : shows(cell, current);
    }
    if (!fits(cell, input.expected)) return undefined;
    const above = Math.max(last, input.expected);
    if (swapped === null) return { value: input.value, revision: null, above };
    return swapped.revision > above ? { value: input.value, revision: swapped.revision, above } : undefined;
  },
  identity: ({ value, revision, above }) => JSON.stringify([value, revision, revision === null ? above : 0]),
  part: ({ key }) => key,
};
