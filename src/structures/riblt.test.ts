import { describe, expect, it } from 'vitest';
import { seededRandom } from '../kernel/index.ts';
import { RIBLT_CELL_BYTES, RibltSketch } from './riblt.ts';

const CELLS = 4096;

/** Two sets that share `common` items and have `mine` and `theirs` of their own. */
function pair(seed: string, common: number, mine: number, theirs: number) {
  const random = seededRandom(seed);
  const draw = (): [number, number] => [random.uint32() | 0, random.uint32() | 0];
  const [a, b] = [new RibltSketch(CELLS), new RibltSketch(CELLS)];
  for (let i = 0; i < common; i++) {
    const item = draw();
    a.add(...item);
    b.add(...item);
  }
  const onlyA = Array.from({ length: mine }, draw);
  const onlyB = Array.from({ length: theirs }, draw);
  for (const item of onlyA) a.add(...item);
  for (const item of onlyB) b.add(...item);
  return { a, b, onlyA, onlyB };
}

const sorted = (items: readonly (readonly [number, number])[]): readonly string[] => items.map(String).toSorted();

function cellsNeeded(a: RibltSketch, b: RibltSketch): number {
  for (let cells = 1; ; cells = Math.ceil(cells * 1.02)) if (a.decode(b.encode(cells)).ok) return cells;
}

describe('rateless reconciliation', () => {
  it('finds exactly what each side has alone, whatever the sets share', () => {
    for (const [common, mine, theirs] of [
      [0, 0, 0],
      [1000, 0, 0],
      [1000, 1, 0],
      [0, 0, 1],
      [5000, 20, 30],
      [100, 900, 700],
    ] as const) {
      const { a, b, onlyA, onlyB } = pair(`${common}`, common, mine, theirs);
      const decoded = a.decode(b.encode(CELLS));
      expect(decoded.ok).toBe(true);
      if (!decoded.ok) return;
      expect(sorted(decoded.mine.low.map((low, i) => [low, decoded.mine.high[i]!]))).toEqual(sorted(onlyA));
      expect(sorted(decoded.theirs.low.map((low, i) => [low, decoded.theirs.high[i]!]))).toEqual(sorted(onlyB));
    }
  });

  it('needs at most 1.6 cells a difference where there are hundreds', () => {
    for (const differences of [300, 1000]) {
      const { a, b } = pair(`d${differences}`, 2000, differences / 2, differences / 2);
      expect(cellsNeeded(a, b) / differences).toBeLessThan(1.6);
    }
  });

  it('is the same after items came and went as if they had never been', () => {
    const { a, onlyA } = pair('gone', 500, 200, 0);
    const { a: never } = pair('gone', 500, 0, 0);
    for (const item of onlyA) a.remove(...item);
    expect(a.encode(CELLS)).toEqual(never.encode(CELLS));
    expect(a.size).toBe(500);
  });

  it('sends later cells as a continuation of the earlier ones', () => {
    const { a } = pair('parts', 300, 0, 0);
    expect([...a.encode(10), ...a.encode(50, 10)]).toEqual([...a.encode(50)]);
  });

  it('answers to any bytes in bounded work and never finds more items than cells', () => {
    const random = seededRandom('hostile');
    const { a, b } = pair('hostile', 50, 10, 10);
    let undecoded = 0;
    for (let i = 0; i < 500; i++) {
      const bytes = b.encode(60);
      for (let bent = 0; bent <= i % 7; bent++) bytes[random.below(bytes.length)] = random.below(256);
      const decoded = a.decode(i % 3 === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes);
      if (decoded.ok) expect(decoded.mine.low.length + decoded.theirs.low.length).toBeLessThanOrEqual(60);
      else undecoded += 1;
    }
    expect(undecoded).toBeGreaterThan(400);
    expect(a.decode(new Uint8Array(5))).toEqual({ ok: false, reason: 'not-cells' });
    expect(a.decode(new Uint8Array((CELLS + 1) * RIBLT_CELL_BYTES))).toEqual({ ok: false, reason: 'too-many-cells' });
  });
});
