import { describe, expect, test } from 'vitest';
import type { RunView } from '../../../assembly/index.ts';
import { timeline } from './timeline.ts';

const MINUTE = 60_000;

interface Try {
  readonly agent: string;
  readonly from: number;
  readonly to: number;
  readonly outcome?: string;
}

/** Times in minutes. */
function run(tasks: Readonly<Record<string, { readonly needs?: readonly string[]; readonly tries: readonly Try[] }>>): RunView {
  const ended = Math.max(...Object.values(tasks).flatMap(({ tries }) => tries.map(({ to }) => to)));
  return {
    run: { startedAt: 0, endedAt: ended * MINUTE },
    probes: [],
    tasks: Object.entries(tasks).map(([id, { needs = [], tries }]) => ({
      spec: { id, needs },
      attempts: tries.map(({ agent, from, to, outcome = 'landed' }) => ({
        agent,
        outcome,
        startedAt: from * MINUTE,
        endedAt: to * MINUTE,
        durationMs: ((to - from) * MINUTE) / 2,
      })),
    })),
  } as unknown as RunView;
}

describe('the timeline of a run', () => {
  test('an agent that is at work twice at once has two lanes', () => {
    const drawn = timeline(
      run({
        a: { tries: [{ agent: 'ada', from: 0, to: 4 }] },
        b: { tries: [{ agent: 'ada', from: 1, to: 3 }] },
        c: { tries: [{ agent: 'ada', from: 3, to: 5 }] },
      }),
      0,
    )!;
    expect([...String(drawn.picture).matchAll(/<li title="([^"]*)"/g)].map((match) => match[1])).toEqual(['ada', 'ada \u00b72']);
    expect(drawn.sentence).toBe('3 attempts by 1 agent in 5 min, at most 2 at once; 3 changes landed');
  });

  test('the critical path goes back from what ended last along the need that ended last', () => {
    const { critical } = timeline(
      run({
        early: { tries: [{ agent: 'ada', from: 0, to: 1 }] },
        late: { tries: [{ agent: 'bob', from: 0, to: 3 }] },
        last: { needs: ['early', 'late'], tries: [{ agent: 'ada', from: 3, to: 6 }] },
        other: { tries: [{ agent: 'bob', from: 3, to: 5 }] },
      }),
      0,
    )!;
    expect(critical).toEqual(['late', 'last']);
  });

  test('a night in which nobody worked is folded, with its length', () => {
    const drawn = timeline(
      run({
        a: { tries: [{ agent: 'ada', from: 0, to: 10 }] },
        b: { tries: [{ agent: 'ada', from: 610, to: 620 }] },
      }),
      0,
    )!;
    expect(String(drawn.picture)).toContain('idle 10 h');
    const starts = [...String(drawn.picture).matchAll(/class="bar landed" x="([\d.]+)%"/g)].map((match) => Number(match[1]));
    expect(starts[0]).toBe(0);
    expect(starts[1]).toBeGreaterThan(45);
    expect(starts[1]).toBeLessThan(55);
  });

  test('nobody at work is no picture', () => {
    expect(timeline(run({ a: { tries: [] } }), 0)).toBeNull();
  });
});
