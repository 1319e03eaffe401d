import { describe, expect, it } from 'vitest';
import { placesAt, ResumeStage } from './resume-stages.ts';

describe('a stage of a resume', () => {
  it('is over when as many as it has places ended well', () => {
    const stage = new ResumeStage({ places: 3, p95MsMax: null });
    expect([1, 2, 3].map(() => stage.ended(true, 10))).toEqual(['stay', 'stay', 'next']);
  });

  it('halts again at an error rate of 1 %, not below it', () => {
    expect(new ResumeStage({ places: 3, p95MsMax: null }).ended(false, 10)).toBe('halt');
    const large = new ResumeStage({ places: 1000, p95MsMax: null });
    expect(Array.from({ length: 9 }, () => large.ended(false, 10)).every((answer) => answer === 'stay')).toBe(true);
    expect(large.ended(false, 10)).toBe('halt');
  });

  it('halts again when what ended was too slow', () => {
    const stage = new ResumeStage({ places: 2, p95MsMax: 100 });
    expect([stage.ended(true, 50), stage.ended(true, 101)]).toEqual(['stay', 'halt']);
  });

  it('lets one go at least', () => {
    expect([placesAt(10, 4), placesAt(10, 100), placesAt(50, 5), placesAt(100, 7)]).toEqual([1, 10, 2, 7]);
  });
});
