import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Loop, LoopDetector } from './loop.ts';

function firstLoop(lines: Iterable<string>, repeats?: number): Loop | null {
  const detector = new LoopDetector(repeats === undefined ? {} : { repeats });
  for (const line of lines) {
    const loop = detector.push(line);
    if (loop !== null) return loop;
  }
  return null;
}

function times(count: number, round: (i: number) => string[]): string[] {
  return Array.from({ length: count }, (_, i) => round(i)).flat();
}

describe('an agent in a circle', () => {
  it('is noticed by its lines, whatever the time, the turn, the ids and the tokens', () => {
    const lines = times(12, (i) => [
      `[14:0${i % 10}:12] Turn ${i + 1}`,
      `Reading src/parser.ts (${i * 17 + 3} ms)`,
      `{"type":"result","session_id":"0f8fad5b-d9cb-469f-a165-${String(708 + i).padStart(12, '0')}","input_tokens":${1_000 + i * 31}}`,
      `  3 failed, 41 passed`,
      `I see the issue now. Let me fix the parser. toolu_01Ab9CDef${i}ghXYZq7RsTuV2`,
    ]);
    const loop = firstLoop(lines)!;
    expect([loop.period, loop.repeats]).toEqual([5, 12]);
    expect(loop.sample).toContain('3 failed, 41 passed');
    expect(firstLoop(lines.slice(0, -1))).toBeNull();
  });

  it('is noticed after a long honest start', () => {
    const start = Array.from({ length: 5_000 }, (_, i) => `working on file-${i}.ts`);
    expect(firstLoop([...start, ...times(12, () => ['edit a', 'run the tests', 'it failed'])])?.period).toBe(3);
  });

  it('is noticed when a round holds the whole output of a test run', () => {
    const round = Array.from({ length: 400 }, (_, i) => `ok - case ${i}`);
    expect(firstLoop(times(12, () => round))?.period).toBe(400);
  });

  it('of only two lines is noticed later', () => {
    expect(firstLoop(times(47, () => ['run the tests', 'it failed']))).toBeNull();
    expect(firstLoop(times(48, () => ['run the tests', 'it failed']))?.repeats).toBe(48);
  });

  it('is noticed after as many rounds as asked for', () => {
    expect(
      firstLoop(
        times(3, () => ['a', 'b', 'c']),
        3,
      )?.repeats,
    ).toBe(3);
    expect(
      firstLoop(
        times(2, () => ['a', 'b', 'c']),
        3,
      ),
    ).toBeNull();
  });
});

describe('honest output', () => {
  it.each<[string, string[]]>([
    ['a build that counts files', times(500, (i) => [`[${i + 1}/500] compiling`, '  cc -O2', '  done'])],
    ['percent', times(100, (i) => [`Downloading ${i}%`, 'extracting', 'verifying'])],
    ['training', times(200, (i) => [`epoch ${i}`, `loss ${(1 / (i + 1)).toFixed(6)}`, 'saved the checkpoint'])],
    ['a spinner', times(3_000, (i) => [`${'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'[i % 10]} Thinking`])],
    ['a spinner of slashes', times(3_000, (i) => [`${'|/-\\'[i % 4]} Thinking`])],
    ['a heartbeat with the time', times(1_000, (i) => [`12:00:${String(i % 60).padStart(2, '0')} still running`])],
    ['dots and blank lines', times(1_000, () => ['.', '', '....', '   '])],
    ['a warning repeated', times(1_000, () => ['(node:12) DeprecationWarning: the thing is deprecated'])],
    ['polling a server that starts', times(10, () => ['GET /health', 'connection refused', 'retrying in 1s'])],
    [
      'tests by name',
      times(800, (i) => [`# Subtest: case ${i}`, `ok ${i} - case ${i}`, '  ---', `  duration_ms: ${i}.5`, '  ...']),
    ],
    ['edits of many files', times(300, (i) => ['Reading the file', `Edited src/module${i}.ts`, 'Checks pass'])],
    ['bytes that arrive', times(100, (i) => [`received ${12_345_678 + i * 4_096} bytes`, 'writing', 'flushed'])],
    ['tests with long numbered names', times(100, (i) => [`test_parses_the_long_case_${i} PASSED`, '  setup', '  teardown'])],
    ['a progress bar redrawn in place', times(300, (i) => [`\r\u001b[32m${'#'.repeat(i % 30)}\u001b[0m ${i}/300`])],
  ])('does not count as a circle: %s', (_story, lines) => {
    expect(firstLoop(lines)).toBeNull();
  });

  it('is any stream whose lines all differ', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[g-z]{1,12}$/), { maxLength: 300 }), (lines) => {
        expect(firstLoop(lines, 2)).toBeNull();
      }),
    );
  });
});

describe('a detector', () => {
  it('never throws and stays quick on hostile lines', () => {
    const detector = new LoopDetector();
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (line) => void detector.push(line)));
    for (const piece of ['\u001b[', '1', '0a', '"time', ' ', '-', '1:', 'a1_', '\r', '1,', '1.']) {
      const start = performance.now();
      for (let i = 0; i < 40; i++) detector.push(piece.repeat(4_096 / piece.length));
      expect(performance.now() - start, JSON.stringify(piece)).toBeLessThan(5_000);
    }
    const start = performance.now();
    detector.push('x1'.repeat(10_000_000));
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});
