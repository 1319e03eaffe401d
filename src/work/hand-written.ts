/**
 * Which files people write: what a run plans, edits and counts. Everything else is somebody else's or a program's: generated,
 * vendored, minified, locked. Pure: it is handed a path, the beginning of the text and what `.gitattributes` says; what git
 * ignores never gets here, because only tracked files are asked about. Markers and names follow GitHub's linguist, narrowed:
 * a mark counts only in the comment at the top of a file, and only where it speaks about the file itself.
 */
import { compileGlob } from '../structures/index.ts';

/** What an attribute file says about a path; null = nothing. */
export interface LinguistSays {
  readonly generated: boolean | null;
  readonly vendored: boolean | null;
}
export type Linguist = (path: string) => LinguistSays;

/** Characters of a file's beginning that are worth handing in: licence headers are long, minified lines longer. */
export const HEAD_CHARS = 8192;
/** More lines of attributes than this belong to no repository that people read. */
const RULES_MAX = 2000;
/** Leading comment lines that are looked at: a mark stands above or right below the licence. */
const HEADER_LINES_MAX = 60;
/** Mean line length of code that nobody wrote by hand; linguist takes 110, which hits data tables. */
const MINIFIED_MEAN = 250;
const MINIFIED_CHARS = 1000;

const VENDORED =
  /(?:^|\/)(?:node_modules|bower_components|jspm_packages|vendor|vendors|vendored|third[_-]?party|Godeps|Pods|\.yarn|\.pnp\.[cm]?js)(?:\/|$)/;
const BUILT = /(?:^|\/)(?:dist|__generated__|__snapshots__|\.next|\.nuxt|coverage)\//;
const LOCKED =
  /(?:^|\/)(?:package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|deno\.lock|Cargo\.lock|go\.sum|poetry\.lock|uv\.lock|pdm\.lock|Pipfile\.lock|composer\.lock|Gemfile\.lock|mix\.lock|pubspec\.lock|flake\.lock|gradle\.lockfile)$/;
const BY_NAME =
  /(?:[.-]min\.(?:[cm]?js|css)|\.(?:bundle|pack)\.js|\.(?:js|css|[cm]js)\.map|\.snap|\.(?:gen|generated|g)\.[a-z]+|\.pb\.[a-z]+|_pb2(?:_grpc)?\.pyi?|_pb\.(?:d\.ts|js)|\.designer\.cs)$/i;
const SOURCE = /\.(?:[cm]?[jt]sx?|css|html?|svg|json)$/i;

/** True for a file that a person keeps. O(head). `head` = the first `HEAD_CHARS` characters. */
export function isHandWritten(path: string, head: string, linguist: Linguist = () => NOTHING): boolean {
  const says = linguist(path);
  if (says.generated === true || says.vendored === true || LOCKED.test(path)) return false;
  const byPath = VENDORED.test(path) || BUILT.test(path) || BY_NAME.test(path);
  // What the repository says in so many words beats what a name suggests.
  if (byPath && says.vendored !== false && says.generated !== false) return false;
  if (says.generated === false) return true;
  return !isMinified(path, head) && !header(head).some(marks);
}

const TYPESCRIPT = /\.[cm]?tsx?$/;
const DECLARATIONS = /\.d\.[cm]?ts$/;
const EMITTED = /(?:\.d)?\.[cm]?[jt]sx?$/;

/**
 * What a compiler wrote beside its sources: `v4/core.cjs` with `v4/core.d.cts` where `src/v4/core.ts` is tracked too. Both have to
 * be there, because a hand-written `index.js` over `src/index.ts` is common.
 */
export function compiledAmong(paths: readonly string[]): ReadonlySet<string> {
  const mirrored = new Set<string>();
  const declared = new Set<string>();
  for (const path of paths) {
    if (DECLARATIONS.test(path)) declared.add(path.replace(DECLARATIONS, ''));
    else if (TYPESCRIPT.test(path) && /(?:^|\/)src\//.test(path))
      mirrored.add(path.replace(/(^|\/)src\//, '$1').replace(TYPESCRIPT, ''));
  }
  return new Set(
    paths.filter((path) => {
      const stem = path.replace(EMITTED, '');
      return stem !== path && mirrored.has(stem) && declared.has(stem);
    }),
  );
}

function isMinified(path: string, head: string): boolean {
  if (!SOURCE.test(path) || head.length < MINIFIED_CHARS) return false;
  return head.length / head.split('\n').length > MINIFIED_MEAN;
}

/** Text of the comments before the first statement; `'use strict'` and a shebang may stand between them. */
function header(head: string): string[] {
  const found: string[] = [];
  let end: RegExp | null = null;
  for (const raw of head.replace(/^\uFEFF/, '').split('\n', HEADER_LINES_MAX)) {
    const line = raw.trim();
    if (end !== null) {
      const close = end.exec(line);
      found.push(close === null ? line : line.slice(0, close.index));
      if (close !== null) end = null;
      continue;
    }
    if (
      line === '' ||
      line.startsWith('#!') ||
      /^(['"])use \w+\1;?$/.test(line) ||
      /^(?:<\?xml|<\?php|<!doctype|package )/i.test(line)
    )
      continue;
    const single = /^(?:\/\/+|#+|--|;+|%+)(.*)$/.exec(line);
    if (single !== null) {
      found.push(single[1]!);
      continue;
    }
    const open = /^(?:(\/\*)|(<!--)|("""|''')|(\(\*)|(\{-))/.exec(line);
    if (open === null) break;
    const close = ['*/', '-->', open[3] ?? '', '*)', '-}'][open.slice(1).findIndex((one) => one !== undefined)]!;
    const rest = line.slice(open[0].length);
    const at = rest.indexOf(close);
    found.push(at < 0 ? rest : rest.slice(0, at));
    if (at < 0) end = new RegExp(close.replaceAll(/[*()}]/g, '\\$&'));
    else if (rest.slice(at + close.length).trim() !== '') break;
  }
  return found;
}

/** True when a comment line says that a program wrote this file. What stands in quotes is spoken about, not said. */
function marks(comment: string): boolean {
  const said = comment.replaceAll(/`[^`]*`|"[^"]*"|'[^'\s][^']*'/g, ' ').replace(/^[\s*#!/]+/, '');
  return (
    /(?:^|\s)@(?:partially-)?generated(?=$|[\s.,;:!<(])/.test(said) ||
    /\bdo not (?:edit|modify|change)\b(?:(?:\s+(?:this(?: file)?|it|by hand|manually|directly|the generated \w+))*\s*(?:$|[.,;:!*<)(-]))/i.test(
      said,
    ) ||
    /\b(?:file|code|module|source|document)s?\b.{0,60}\b(?:auto(?:matically)?[- ]?)generated\b/i.test(said) ||
    /^(?:this (?:file|code|module) (?:is|was) |code |file )?(?:auto(?:matically)?[- ]?generated)\s*(?:$|[.,;:!*(-]|(?:by|from|with|using|via|file|code|on|at)\b)/i.test(
      said,
    ) ||
    /^(?:this (?:file|code|module) (?:is|was|has been) |code |file )generated\s+(?:by|from|with|using|via)\b/i.test(said)
  );
}

// ---- .gitattributes -----------------------------------------------------------------------------------------------------

const NOTHING: LinguistSays = { generated: null, vendored: null };

/** Reads the tracked attribute files: `directory` is where each stands, '' = top. Deeper files and later lines win. */
export function linguistOf(files: readonly { readonly directory: string; readonly text: string }[]): Linguist {
  const rules: { matches(path: string): boolean; readonly says: Partial<LinguistSays> }[] = [];
  const byDepth = files.toSorted(
    (a, b) => a.directory.split('/').length - b.directory.split('/').length || a.directory.length - b.directory.length,
  );
  for (const { directory, text } of byDepth)
    for (const line of text.split('\n')) {
      const [pattern = '', ...attributes] = line.trim().split(/\s+/);
      if (pattern === '' || pattern.startsWith('#') || pattern.startsWith('"') || rules.length >= RULES_MAX) continue;
      const says = saysOf(attributes);
      const matches = matcher(pattern, directory);
      if (says !== null && matches !== null) rules.push({ matches, says });
    }
  if (rules.length === 0) return () => NOTHING;
  return (path) => {
    let says = NOTHING;
    for (const rule of rules) if (rule.matches(path)) says = { ...says, ...rule.says };
    return says;
  };
}

function saysOf(attributes: readonly string[]): Partial<LinguistSays> | null {
  const says: { generated?: boolean | null; vendored?: boolean | null } = {};
  for (const attribute of attributes) {
    const match = /^([-!]?)linguist-(generated|vendored)(?:=(.*))?$/.exec(attribute);
    if (match === null) continue;
    says[match[2] as 'generated' | 'vendored'] =
      match[1] === '!' ? null : match[1] !== '-' && !/^(?:false|0|no|off)$/i.test(match[3] ?? '');
  }
  return Object.keys(says).length === 0 ? null : says;
}

/** A pattern without a slash is a name at any depth; with one it is a path from where the file stands. Directories never match. */
function matcher(pattern: string, directory: string): ((path: string) => boolean) | null {
  const anchored = pattern.replace(/^\//, '');
  const below = directory === '' ? '' : `${directory}/`;
  const named = !pattern.includes('/');
  // A claim's glob also covers what lies below a name; an attribute does not, so the last segment is matched as a pattern alone.
  const glob = compileGlob(named ? anchored : anchored.replaceAll(/[{}]/g, '\\$&'));
  if (!glob.ok || pattern.endsWith('/')) return null;
  const depth = anchored.includes('**') ? null : anchored.split('/').length;
  return (path) => {
    if (!path.startsWith(below)) return false;
    const rest = path.slice(below.length);
    if (named) return glob.matches(rest.slice(rest.lastIndexOf('/') + 1));
    return (depth === null || rest.split('/').length === depth) && glob.matches(rest);
  };
}
