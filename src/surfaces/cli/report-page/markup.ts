/**
 * Text into HTML. Whatever is put into a template is escaped unless it was made by one, so agents, file names and tests can say
 * what they like: they become text. Controls that would drive a terminal or turn the reading direction are shown by their names.
 * Never takes markup from outside. Pure.
 */

/** Markup made by `markup`; nothing else can make one. */
export class Markup {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }

  static of(strings: TemplateStringsArray, values: readonly Value[]): Markup {
    let text = strings[0]!;
    for (let i = 0; i < values.length; i++) text += put(values[i]!) + strings[i + 1]!;
    return new Markup(text);
  }
}

export type Value = string | number | Markup | readonly Value[] | null | false;

/** Values are escaped for text and for attributes in double quotes; null and false say nothing. */
export function markup(strings: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return Markup.of(strings, values);
}

function put(value: Value): string {
  if (value === null || value === false) return '';
  if (typeof value === 'string') return escape(value);
  if (typeof value === 'number' || value instanceof Markup) return String(value);
  return value.map(put).join('');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
// Control, format and separator characters, but for tab and newline; among them ESC and everything that turns direction.
const HIDDEN = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;
const HIDDEN_MAX = 400; // names cost eight characters each: a binary file in a diff would grow eightfold

function escape(text: string): string {
  const plain = text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char]!);
  let named = 0;
  return plain.replaceAll(HIDDEN, (char) => {
    if (char === '\t' || char === '\n') return char;
    named += 1;
    if (named > HIDDEN_MAX) return '\u{fffd}';
    return char === '\u001b' ? '\u241b' : `\u27e8${char.codePointAt(0)!.toString(16).padStart(4, '0')}\u27e9`;
  });
}

/** At most so many characters; what was cut is marked. Never cuts a pair of surrogates apart. */
export function short(text: string, max: number): string {
  if (text.length <= max) return text;
  const cut = text.slice(0, max - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}\u2026`;
}
