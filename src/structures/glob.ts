/**
 * Globs over repository paths: which files a claim covers. Own code rather than a dependency, because a claim is a
 * security decision about hostile paths: the pattern becomes a list of tokens that is walked as an automaton, one step per
 * character, O(path x pattern) and never a backtracking regular expression; and every form it does not know is refused
 * when the claim is read, never given a meaning by surprise.
 *
 *   *  any characters but /      ?  one character but /      [a-z] [!a-z]  one of, none of      {a,b}  either
 *   **  as a whole segment: any number of segments           a/  everything below a            \x  x itself
 *   src/parser  the file, or everything below the directory of that name (also after wildcards in earlier segments)
 *
 * Wildcards match leading dots: what a claim covers must not depend on a convention of shells.
 */

export type Glob =
  | { readonly ok: true; readonly pattern: string; readonly literal: boolean; matches(path: string): boolean }
  | { readonly ok: false; readonly why: string };

const PATTERN_MAX = 1024; // as long as the longest path that anybody types
const ALTERNATIVES_MAX = 64; // {a,b}{c,d}... doubles: six pairs are more than a claim needs

type Token =
  | { readonly kind: 'character'; readonly code: number }
  | { readonly kind: 'any' | 'star' | 'segments' | 'rest' }
  | { readonly kind: 'class'; readonly not: boolean; readonly ranges: readonly (readonly [number, number])[] };

const SLASH = 47;

class Refused extends Error {}

/** Never throws. `literal` says that the pattern names one path without any wildcard. */
export function compileGlob(pattern: string): Glob {
  try {
    const automata = read(pattern);
    const literal = automata.length === 2 && automata[0]!.every((token) => token.kind === 'character');
    return { ok: true, pattern, literal, matches: (path) => automata.some((tokens) => matches(tokens, path.normalize('NFC'))) };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, why: error.message };
    throw error;
  }
}

function read(pattern: string): Token[][] {
  if (pattern.length > PATTERN_MAX) throw new Refused(`is longer than ${PATTERN_MAX} characters`);
  let text = pattern
    .trim()
    .normalize('NFC')
    .replace(/\/{2,}/g, '/');
  while (text.startsWith('./')) text = text.slice(2);
  if (text === '' || text === '.') throw new Refused('is empty: write ** for everything');
  if (text.startsWith('!')) throw new Refused('starts with !: a claim lists what may change, it cannot take away');
  if (text.startsWith('/')) throw new Refused('starts with /: paths are relative to the top of the repository');
  if (text.includes('\0')) throw new Refused('holds a NUL character');
  if (text.split('/').includes('..')) throw new Refused('leaves the repository by ..');
  return alternatives(text).flatMap((one) => {
    if (one.startsWith('/') || one.split('/').includes('..')) throw new Refused('leaves the repository');
    if (one.endsWith('/')) return [tokenize(`${one}**`)];
    const last = one.slice(one.lastIndexOf('/') + 1);
    return /[*?[]/.test(last) ? [tokenize(one)] : [tokenize(one), tokenize(`${one}/**`)];
  });
}

/** {a,b}c -> ac, bc; nested braces too. */
function alternatives(text: string): string[] {
  let done: string[] = [''];
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === '}') throw new Refused('has a } without {');
    if (char === '\\' || char === '[') {
      const end = char === '\\' ? i + 1 : endOfClass(text, i);
      const part = text.slice(i, end + 1);
      done = done.map((start) => start + part);
      i = end;
    } else if (char === '{') {
      const { options, end } = braces(text, i);
      const inner = options.flatMap((option) => alternatives(option));
      if (done.length * inner.length > ALTERNATIVES_MAX) throw new Refused(`has more than ${ALTERNATIVES_MAX} alternatives`);
      done = done.flatMap((start) => inner.map((option) => start + option));
      i = end;
    } else done = done.map((start) => start + char);
  }
  return done;
}

function braces(text: string, open: number): { options: string[]; end: number } {
  const options: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let i = open; i < text.length; i++) {
    const char = text[i]!;
    if (char === '\\') i++;
    else if (char === '[') i = endOfClass(text, i);
    else if (char === '{') {
      if (++depth > 4) throw new Refused('nests braces deeper than 4');
    } else if (char === ',' && depth === 1) {
      options.push(text.slice(from, i));
      from = i + 1;
    } else if (char === '}' && --depth === 0) {
      options.push(text.slice(from, i));
      return { options, end: i };
    }
  }
  throw new Refused('has a { without }');
}

function endOfClass(text: string, open: number): number {
  let i = open + 1;
  if (text[i] === '!' || text[i] === '^') i++;
  if (text[i] === ']') i++; // []a] holds ]
  while (i < text.length && text[i] !== ']') i += text[i] === '\\' ? 2 : 1;
  if (i >= text.length) throw new Refused('has a [ without ]');
  return i;
}

function tokenize(text: string): Token[] {
  const found: Token[] = [];
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === '*') {
      let end = i;
      while (text[end] === '*') end++;
      const whole = end - i === 2 && (i === 0 || text[i - 1] === '/');
      if (whole && end === text.length) found.push({ kind: 'rest' });
      else if (whole && text[end] === '/') {
        if (found.at(-1)?.kind !== 'segments') found.push({ kind: 'segments' }); // **/**/ is **/
        end++;
      } else found.push({ kind: 'star' });
      i = end - 1;
    } else if (char === '?') found.push({ kind: 'any' });
    else if (char === '[') {
      const end = endOfClass(text, i);
      found.push(classOf(text.slice(i + 1, end)));
      i = end;
    } else {
      if (char === '\\' && ++i >= text.length) throw new Refused('ends in a backslash');
      const code = text.codePointAt(i)!;
      found.push({ kind: 'character', code });
      if (code > 0xffff) i++;
    }
  }
  return found;
}

function classOf(body: string): Token {
  const not = body.startsWith('!') || body.startsWith('^');
  const codes = Array.from(not ? body.slice(1) : body, (char) => char.codePointAt(0)!);
  const ranges: [number, number][] = [];
  for (let i = 0; i < codes.length; i++) {
    if (codes[i] === 92 && i + 1 < codes.length) i++;
    const low = codes[i]!;
    if (codes[i + 1] === 45 && i + 2 < codes.length) {
      i += 2;
      if (codes[i] === 92 && i + 1 < codes.length) i++;
      if (codes[i]! < low) throw new Refused('has a range that runs backwards');
      ranges.push([low, codes[i]!]);
    } else ranges.push([low, low]);
  }
  return { kind: 'class', not, ranges };
}

function matches(pattern: readonly Token[], path: string): boolean {
  const end = pattern.length;
  let now = new Uint8Array(end + 1);
  let next = new Uint8Array(end + 1);
  // Entering a token that may match nothing enters the one behind it as well.
  const enter = (set: Uint8Array, at: number): void => {
    set[at] = 1;
    while (at < end && (pattern[at]!.kind === 'star' || pattern[at]!.kind === 'segments')) set[++at] = 1;
  };
  enter(now, 0);
  for (const char of path) {
    const code = char.codePointAt(0)!;
    next.fill(0);
    for (let at = 0; at < end; at++) {
      if (now[at] === 0) continue;
      const token = pattern[at]!;
      switch (token.kind) {
        case 'character':
          if (token.code === code) enter(next, at + 1);
          break;
        case 'any':
          if (code !== SLASH) enter(next, at + 1);
          break;
        case 'class':
          if (code !== SLASH && token.ranges.some(([low, high]) => code >= low && code <= high) !== token.not)
            enter(next, at + 1);
          break;
        case 'star':
          if (code !== SLASH) enter(next, at);
          break;
        case 'segments': // inside a segment it only waits for the slash
          next[at] = 1;
          if (code === SLASH) enter(next, at + 1);
          break;
        case 'rest':
          next[at] = 1;
          next[end] = 1;
          break;
      }
    }
    [now, next] = [next, now];
  }
  return now[end] === 1;
}
