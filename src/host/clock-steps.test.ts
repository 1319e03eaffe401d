import { describe, expect, it } from 'vitest';
import { ClockSteps } from './clock-steps.ts';

describe('a host that looks at its clock', () => {
  const look = (steps: ClockSteps, now: number, monotonic: number): number => steps.look(now, monotonic);

  it('sees by how much it was set, once', () => {
    const steps = new ClockSteps();
    expect(look(steps, 1_000_000, 5)).toBe(0);
    expect(look(steps, 1_000_250, 105)).toBe(150);
    expect(look(steps, 1_000_350, 205)).toBe(0);
    expect(look(steps, 1_000_300, 305)).toBe(-150);
  });

  it('takes no steering for a step, however long it lasts', () => {
    const steps = new ClockSteps();
    look(steps, 1_000_000, 0);
    expect(look(steps, 1_000_000 + 3_600_000 - 1800, 3_600_000)).toBe(0);
    expect(look(steps, 1_000_000 + 7_200_000, 7_200_000)).toBe(0);
  });
});
