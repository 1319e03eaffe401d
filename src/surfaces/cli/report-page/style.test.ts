import { describe, expect, test } from 'vitest';
import { STYLE, TOKENS } from './style.ts';

type Rgb = readonly [number, number, number];

const THEMES = ['light', 'dark'] as const;
const token = (name: string, theme: (typeof THEMES)[number]): string => TOKENS[name]![theme === 'light' ? 0 : 1];

function linear(hex: string): Rgb {
  const channel = (at: number): number => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

const times = (m: readonly Rgb[], [r, g, b]: Rgb): Rgb => m.map((row) => row[0] * r + row[1] * g + row[2] * b) as unknown as Rgb;

/** How eyes that lack one kind of cone see linear light. Source: Machado, Oliveira, Fernandes 2009, severity 1. */
const EYES: Readonly<Record<string, readonly Rgb[]>> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** Björn Ottosson's OKLab from linear sRGB. */
function oklab(light: Rgb): Rgb {
  const [l, m, s] = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    light,
  ).map((value) => Math.cbrt(Math.max(0, value))) as unknown as Rgb;
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    [l, m, s],
  );
}

/** x100, between what these eyes see. */
function distance(a: string, b: string, eyes: readonly Rgb[]): number {
  const [one, two] = [oklab(times(eyes, linear(a))), oklab(times(eyes, linear(b)))];
  return 100 * Math.hypot(one[0] - two[0], one[1] - two[1], one[2] - two[2]);
}

function contrast(a: string, b: string): number {
  const luminance = (hex: string): number => times([[0.2126, 0.7152, 0.0722]], linear(hex))[0];
  const [low, high] = [luminance(a), luminance(b)].toSorted((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const STATES = ['ready', 'transit', 'conflict', 'open', 'frozen', 'lost'];

describe('colours of the report', () => {
  for (const theme of THEMES)
    for (const [kind, eyes] of Object.entries(EYES))
      test(`all states are told apart by ${kind} eyes in the ${theme} theme`, () => {
        for (const [i, a] of STATES.entries())
          for (const b of STATES.slice(i + 1))
            expect(distance(token(a, theme), token(b, theme), eyes), `${a} and ${b}`).toBeGreaterThan(9);
      });

  test('two colours that look different and are one to deutan eyes are caught', () => {
    expect(distance('#b3200f', '#7d5a00', EYES.normal!)).toBeGreaterThan(9);
    expect(distance('#b3200f', '#7d5a00', EYES.deutan!)).toBeLessThan(9);
  });

  test('text can be read on everything it stands on, and fills can be seen', () => {
    for (const theme of THEMES) {
      const on = (text: string, ground: string): void => {
        const ratio = contrast(token(text, theme), token(ground, theme));
        expect(ratio, `${text} on ${ground}, ${theme}`).toBeGreaterThanOrEqual(4.5);
      };
      for (const ground of ['bg', 'panel', 'raise'])
        for (const text of ['ink', 'ink2', 'ink3', 'ready-ink', 'transit-ink', 'conflict-ink', 'open-ink']) on(text, ground);
      for (const ground of ['old', 'old-word', 'new', 'new-word']) on('ink', ground);
      for (const [text, ground] of [
        ['ink2', 'old'],
        ['ink3', 'old'],
        ['ink3', 'new'],
        ['ready-ink', 'new'],
        ['on-ready', 'ready'],
        ['on-check', 'ready-ink'],
        ['on-transit', 'transit'],
        ['ink', 'lost'],
        ['ink', 'ghost'],
      ] as const)
        on(text, ground);
      // What is lost recedes on purpose.
      for (const fill of STATES.filter((state) => state !== 'lost'))
        expect(contrast(token(fill, theme), token('bg', theme)), `${fill}, ${theme}`).toBeGreaterThanOrEqual(3);
    }
  });

  test('every colour that is used is a token', () => {
    const used = [...STYLE.matchAll(/var\(--([\w-]+)\)/g)].map((match) => match[1]!);
    expect(used.filter((name) => !(name in TOKENS) && name !== 'sans' && name !== 'mono')).toEqual([]);
  });
});
