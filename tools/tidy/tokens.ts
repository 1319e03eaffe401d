/**
 * Splits TypeScript into tokens: enough to tell code from comments, strings and regular expressions, no more.
 * TypeScript 7 has no classic API, so the rules read tokens; a word in a comment or a string never counts as code.
 */
export interface Token {
  readonly kind: 'word' | 'number' | 'string' | 'regex' | 'punctuator' | 'comment';
  /** For a string its content without quotes; a template's `${}` parts are tokens of their own and the text around them is one string each. */
  readonly text: string;
  readonly line: number;
}

const WORD = /[\p{ID_Start}_$#@][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /(?:0[xXbBoO][\da-fA-F_]+|(?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][+-]?\d+)?)n?/y;
const PUNCTUATOR = /=>|\.\.\.|\*\*=?|\?\.|\?\?=?|[=!]==?|&&=?|\|\|=?|\+\+|--|[-+*/%&|^<>]=|[^\s]/uy;
/** After these words a slash starts a regular expression, after any other word it divides. */
const BEFORE_REGEX = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'delete',
  'void',
  'throw',
  'new',
  'do',
  'else',
  'yield',
  'await',
]);

export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const code: Token[] = []; // the same without comments
  const braces: ('code' | 'template')[] = []; // what each open `{` belongs to
  let at = text.startsWith('#!') ? text.indexOf('\n') : 0;
  let line = 1;

  const take = (kind: Token['kind'], content: string, end: number): void => {
    const token = { kind, text: content, line };
    tokens.push(token);
    if (kind !== 'comment') code.push(token);
    advance(end);
  };
  const advance = (end: number): void => {
    for (let i = at; i < end; i++) if (text.charCodeAt(i) === 10) line += 1;
    at = end;
  };
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? null;
  };
  /** From the character after a backtick or a closing `}`, up to the next `${` or backtick. */
  const template = (from: number): void => {
    let end = from;
    while (end < text.length && text[end] !== '`' && !(text[end] === '$' && text[end + 1] === '{'))
      end += text[end] === '\\' ? 2 : 1;
    const opens = text[end] === '$';
    take('string', text.slice(from, end), end + (opens ? 2 : 1));
    if (opens) braces.push('template');
  };

  while (at < text.length) {
    const char = text[at]!;
    const next = text[at + 1];
    if (/\s/.test(char)) advance(at + 1);
    else if (char === '/' && next === '/') take('comment', text.slice(at, endOf(text, '\n', at)), endOf(text, '\n', at));
    else if (char === '/' && next === '*')
      take('comment', text.slice(at, endOf(text, '*/', at + 2)), endOf(text, '*/', at + 2) + 2);
    else if (char === "'" || char === '"') {
      let end = at + 1;
      while (end < text.length && text[end] !== char && text[end] !== '\n') end += text[end] === '\\' ? 2 : 1;
      take('string', text.slice(at + 1, end), end + 1);
    } else if (char === '`') template(at + 1);
    else if (char === '}' && braces.at(-1) === 'template') {
      braces.pop();
      template(at + 1);
    } else if (char === '/' && startsRegex(code.slice(-2))) {
      let end = at + 1;
      let inClass = false;
      while (end < text.length && text[end] !== '\n' && (inClass || text[end] !== '/')) {
        if (text[end] === '[') inClass = true;
        else if (text[end] === ']') inClass = false;
        end += text[end] === '\\' ? 2 : 1;
      }
      const flags = /^\w*/.exec(text.slice(end + 1))![0];
      take('regex', text.slice(at + 1, end), end + 1 + flags.length);
    } else {
      const word = match(WORD);
      const number = word === null && /[\d.]/.test(char) ? match(NUMBER) : null;
      if (word !== null) take('word', word, at + word.length);
      else if (number !== null && number !== '') take('number', number, at + number.length);
      else {
        if (char === '{') braces.push('code');
        else if (char === '}') braces.pop();
        const punctuator = match(PUNCTUATOR) ?? char;
        take('punctuator', punctuator, at + punctuator.length);
      }
    }
  }
  return tokens;
}

function endOf(text: string, needle: string, from: number): number {
  const found = text.indexOf(needle, from);
  return found === -1 ? text.length : found;
}

/** By the two tokens before the slash: `x! / y` divides, `!/y/.test(x)` does not. */
function startsRegex(before: readonly Token[]): boolean {
  const last = before.at(-1);
  if (last === undefined) return true;
  if (last.kind === 'word') return BEFORE_REGEX.has(last.text);
  if (last.kind !== 'punctuator') return false;
  if (last.text === '!') return startsRegex(before.slice(0, -1));
  return ![')', ']', '}', '++', '--'].includes(last.text);
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `import('x')`: at run time, and a promise. */
  readonly dynamic: boolean;
}

/** Every `import ... from 'x'`, `export ... from 'x'`, `import 'x'` and `import('x')`. */
export function importsOf(tokens: readonly Token[]): readonly Import[] {
  const imports: Import[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token.kind !== 'string' || i === 0) continue;
    const before = tokens[i - 1]!;
    const dynamic = before.text === '(' && tokens[i - 2]?.text === 'import' && tokens[i - 3]?.text !== '.';
    const from = before.kind === 'word' && before.text === 'from' && closesClause(tokens[i - 2]);
    const bare = before.kind === 'word' && before.text === 'import';
    if (dynamic || from || bare) imports.push({ specifier: token.text, line: token.line, dynamic });
  }
  return imports;
}

function closesClause(token: Token | undefined): boolean {
  return token !== undefined && (token.kind === 'word' || token.text === '}' || token.text === '*');
}
