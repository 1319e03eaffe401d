/**
 * Diagnostics out of what a compiler or linter printed, as `path: message`: no line numbers (an edit above moves them), sorted,
 * repeated as often as they occur, so that "one finding more" is a comparison of lists.
 */
import { indentation, lines } from './text.ts';

/** More findings than this are cut: a tree with so many is told apart by its exit code and its counts of these. */
const FINDINGS_MAX = 50_000;
const MESSAGE_MAX = 400;

/** A path as tools print it: no spaces at its ends, with a dot or a slash, and not a clock time. */
const PATH = /^(?:\.{0,2}\/)?[^\s:()[\]"'`<>|]+(?: [^\s:()[\]"'`<>|]+)*$/;

export function readFindings(text: string): string[] {
  const found: string[] = [];
  /** eslint stylish, xo, standard --verbose: a path alone on its line, findings indented below. */
  let file = '';
  /** rustc, clippy and oxlint say the message first and the place on the next lines. */
  let message = '';
  for (const line of lines(text)) {
    if (found.length >= FINDINGS_MAX) break;
    const shown = line.trim();
    if (shown === '') {
      message = '';
      continue;
    }
    const tsc =
      /^(.+?)\(\d+,\d+\): (?:error|warning|info) (TS\d+: .*)$/.exec(line) ??
      /^(\S.*?):\d+:\d+ - (?:error|warning) (TS\d+: .*)$/.exec(line);
    if (tsc !== null) {
      add(tsc[1]!, tsc[2]!);
      continue;
    }
    if (/^error (TS\d+: .*)$/.test(line)) {
      add('', line.slice('error '.length));
      continue;
    }
    const place = /^\s*(?:-->|[,╭]-\[|╭─\[)\s*([^\]]+?):\d+:\d+\]?/.exec(line);
    if (place !== null && message !== '') {
      add(place[1]!, message);
      message = '';
      continue;
    }
    const first = /^(?:(?:error|warning)(?:\[\w+\])?: |\s*[!x×⚠✖]\s+(?=[\w@/-]+\())(.*)$/.exec(line);
    if (first !== null) {
      message = first[1]!;
      continue;
    }
    const stylish = /^\s+\d+:\d+\s+(?:(?:error|warning|info|✖|⚠)\s+)?(.*)$/.exec(line);
    if (stylish !== null && file !== '') {
      add(file, stylish[1]!);
      continue;
    }
    const compact = /^(\S.*?): line \d+, col \d+, (?:\w+ - )?(.*)$/.exec(line);
    if (compact !== null) {
      add(compact[1]!, compact[2]!);
      continue;
    }
    const biome =
      /^(\S+?):\d+:\d+ ((?:lint|assist|parse|format|organizeImports)\S*)/.exec(line) ??
      /^(\S+) (format|organizeImports|check) ━/.exec(line);
    if (biome !== null) {
      add(biome[1]!, biome[2]!);
      continue;
    }
    // Formatters list files: prettier, ruff and black; oxfmt adds a time.
    const unformatted =
      /^\[(?:warn|error)\] (\S.*)$/.exec(line) ??
      /^[Ww]ould reformat:? (\S.*)$/.exec(line) ??
      /^(\S.*) \(\d+(?:\.\d+)?m?s\)$/.exec(line);
    if (unformatted !== null && isPath(unformatted[1]!) && !unformatted[1]!.includes(': ')) {
      add(unformatted[1]!, 'not formatted');
      continue;
    }
    const generic = /^([^:]+):(\d+)(?::(\d+))?(?::|\s-)?\s+(.+)$/.exec(line);
    if (generic !== null && indentation(line) <= 2 && isPath(generic[1]!.trim())) {
      add(generic[1]!.trim(), generic[4]!);
      continue;
    }
    if (indentation(line) === 0) file = isPath(shown) ? shown : '';
  }
  return found.toSorted();

  function add(where: string, what: string): void {
    const said = what
      .replaceAll(/\s+/g, ' ')
      .replaceAll(/\(?\b\d+:\d+(?:-\d+:\d+)?\)?/g, '')
      .trim()
      .slice(0, MESSAGE_MAX);
    found.push(where === '' ? said : `${where.replace(/^\.\//, '')}: ${said}`);
  }
}

function isPath(text: string): boolean {
  return (
    text.length <= 1024 &&
    /[./]/.test(text) &&
    /[A-Za-z]/.test(text) &&
    !/:\/\//.test(text) &&
    !/\s(?:at|in|is|was|and|the|to|with)\s/.test(` ${text} `) &&
    PATH.test(text)
  );
}
