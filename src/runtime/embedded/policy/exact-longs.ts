/**
 * Longs beyond 2^53 on their way through JSON. Cedar's JSON form gives a long as a JSON number, which JavaScript rounds, so a
 * policy would compare with another number than its author wrote. Before the text is turned into JSON every such literal is
 * replaced by a call that carries its digits, and afterwards the call by `{ Long: digits }`. The mark is chosen so that it does
 * not occur in the text; strings and comments are left alone.
 */

const TOKEN = /"(?:[^"\\]|\\.)*"|\/\/[^\n]*|[A-Za-z_][A-Za-z0-9_]*|[0-9]+/gs;

export interface Marked {
  readonly text: string;
  readonly mark: string;
}

/** The text must already have been accepted by Cedar's parser. */
export function markLongs(text: string): Marked {
  let mark = 'long:';
  while (text.includes(mark)) mark = `_${mark}`;
  return {
    mark,
    text: text.replace(TOKEN, (token) =>
      /^[0-9]/.test(token) && !Number.isSafeInteger(Number(token)) ? `decimal("${mark}${BigInt(token)}")` : token,
    ),
  };
}

/** The JSON form of a marked text, with the digits where they belong. */
export function unmarkLongs(json: unknown, mark: string): unknown {
  if (Array.isArray(json)) return json.map((each: unknown) => unmarkLongs(each, mark));
  if (typeof json !== 'object' || json === null) return json;
  const digits = markedDigits(json, mark);
  if (digits !== null) return { Long: digits };
  return Object.fromEntries(Object.entries(json).map(([name, each]) => [name, unmarkLongs(each, mark)]));
}

function markedDigits({ decimal }: { readonly decimal?: unknown }, mark: string): string | null {
  if (!Array.isArray(decimal)) return null;
  const [argument] = decimal as readonly { readonly Value?: unknown }[];
  const text = argument?.Value;
  return typeof text === 'string' && text.startsWith(mark) ? text.slice(mark.length) : null;
}

/** JSON in which integers beyond 2^53 become bigint, so that nothing is rounded. Throws what JSON.parse throws. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, (_name: string, value: unknown, context?: { readonly source?: string }) => {
    const { source } = context ?? {};
    const rounded = typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined;
    return rounded && /^-?[0-9]+$/.test(source) ? BigInt(source) : value;
  });
}
