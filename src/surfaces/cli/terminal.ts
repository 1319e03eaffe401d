/**
 * How text looks on this terminal: few colours, symbols whose shape says as much as their colour, columns that fit.
 * Healthy is dim, exceptions shine; violet is a conflict (information), vermilion only refused, open and halt. Pure.
 */
import { stripVTControlCharacters } from 'node:util';

export type Tone = 'plain' | 'dim' | 'strong' | 'conflict' | 'alarm';

export interface Style {
  readonly width: number;
  readonly unicode: boolean;
  paint(tone: Tone, text: string): string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** `colors` is what the terminal can show: 1 (none), 4, 8 or 24 bits. */
export function styleFor(terminal: { isTTY: boolean; columns: number; colors: number }, env: Env, platform: string): Style {
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== '';
  const plain = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb' || (!forced && (!terminal.isTTY || terminal.colors < 4));
  const many = terminal.colors >= 8;
  const codes: Record<Tone, string> = {
    plain: '',
    dim: '2',
    strong: '1',
    conflict: many ? '38;5;141' : '35',
    alarm: many ? '38;5;202' : '31',
  };
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return {
    // Below 40 columns lines wrap rather than say nothing; above 120 they are hard to read.
    width: Math.max(40, Math.min(120, terminal.columns || 80)),
    unicode: (env.SKEIN_ASCII ?? '') === '' && (/utf-?8/i.test(locale) || (locale === '' && platform === 'darwin')),
    paint: (tone, text) => (plain || tone === 'plain' || text === '' ? text : `\u001b[${codes[tone]}m${text}\u001b[0m`),
  };
}

const SYMBOLS = {
  landed: ['✓', '+'],
  working: ['▸', '>'],
  queued: ['◇', '~'],
  waiting: ['·', '.'],
  conflict: ['◆', '%'],
  refused: ['✗', 'x'],
  open: ['○', 'o'],
  blocked: ['‖', '|'],
  unavailable: ['?', '?'],
  ellipsis: ['…', '...'],
  between: ['·', '-'],
} as const;

export function symbol(style: Style, name: keyof typeof SYMBOLS): string {
  return SYMBOLS[name][style.unicode ? 0 : 1];
}

/** Text of agents, tests and files without control characters: nothing they print can drive the terminal. */
export function clean(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

/** The columns that text takes. */
export function cells(text: string): number {
  let total = 0;
  for (const char of text) {
    if (/^[\p{Mn}\p{Me}\p{Cf}]$/u.test(char)) continue;
    const code = char.codePointAt(0)!;
    const wide =
      (code >= 0x11_00 && code <= 0x11_5f) ||
      (code >= 0x2e_80 && code <= 0xa4_cf) ||
      (code >= 0xac_00 && code <= 0xd7_a3) ||
      (code >= 0xf9_00 && code <= 0xfa_ff) ||
      (code >= 0xfe_30 && code <= 0xfe_6f) ||
      (code >= 0xff_00 && code <= 0xff_60) ||
      (code >= 0x1_f3_00 && code <= 0x1_fa_ff) ||
      (code >= 0x2_00_00 && code <= 0x3_ff_fd);
    total += wide ? 2 : 1;
  }
  return total;
}

/** At most `width` columns; what was cut is marked. */
export function clip(style: Style, text: string, width: number): string {
  if (cells(text) <= width) return text;
  const mark = symbol(style, 'ellipsis');
  let out = '';
  let used = mark.length;
  for (const char of text) {
    used += cells(char);
    if (used > width) break;
    out += char;
  }
  return width < mark.length ? text.slice(0, Math.max(0, width)) : out + mark;
}

export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - cells(text)));
}

export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
}

const FLEX_MIN = 12;

/** Rows of cells as aligned lines. The cells at `flex` give way in this order when a row is too long; the last is not padded. */
export function table(style: Style, rows: readonly (readonly Cell[])[], flex: readonly number[], indent = 2): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(0, ...rows.map((row) => cells(row[i]?.text ?? ''))));
  const gaps = 2 * Math.max(0, widths.filter((width) => width > 0).length - 1);
  let over = indent + gaps + widths.reduce((sum, width) => sum + width, 0) - style.width;
  for (const column of flex) {
    const width = widths[column] ?? 0;
    const less = Math.max(0, Math.min(over, width - FLEX_MIN));
    widths[column] = width - less;
    over -= less;
  }
  return rows.map((row) => {
    const parts = row.flatMap((cell, i) => {
      if (widths[i] === 0) return [];
      const text = clip(style, cell.text, widths[i]!);
      const last = row.slice(i + 1).every((later) => later.text === '');
      return [style.paint(cell.tone ?? 'plain', last ? text : pad(text, widths[i]!))];
    });
    return `${' '.repeat(indent)}${parts.join('  ')}`.trimEnd();
  });
}

/** Words broken into lines of the style's width; long words stay whole, so that commands can be copied. */
export function wrap(style: Style, text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && cells(line) + 1 + cells(word) + indent > style.width) {
      lines.push(' '.repeat(indent) + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, ' '.repeat(indent) + line];
}

/** Text under a label: the first line beside it, the rest below, at most `linesMax`. */
export function beside(style: Style, lead: string, leadCells: number, text: string, linesMax: number): string[] {
  const lines = wrap(style, text, leadCells).map((line) => line.slice(leadCells));
  const kept = lines.slice(0, linesMax);
  if (kept.length < lines.length) kept[kept.length - 1] = `${kept.at(-1)!} ${symbol(style, 'ellipsis')}`;
  return kept.map((line, i) => (i === 0 ? lead : ' '.repeat(leadCells)) + line);
}

export function duration(ms: number): string {
  if (ms < 950) return `${Math.round(ms)} ms`;
  if (ms < 59_500) return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function clock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Micro-units as dollars: cents, or two digits that mean something below a cent. */
export function money(micros: number): string {
  const usd = micros / 1e6;
  return `$${usd === 0 || usd >= 0.01 ? usd.toFixed(2) : usd.toPrecision(2)}`;
}

export function bytes(count: number | null): string {
  if (count === null) return 'unknown';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
