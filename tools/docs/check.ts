/** The checks behind tools/docs.ts: documents and the paths that exist in, findings out. */
import { posix } from 'node:path';
import type { Finding, RepositoryFile } from '../tidy/files.ts';

/** Written above an example: `<!-- tested by: test/x.test.ts -->` or `<!-- not executed: why -->`. */
const MARK = /^<!-- (tested by|not executed): (.+?) -->$/;
const EXAMPLE = /^```(sh|bash|shell|ts|typescript)\b/;
/** A measured figure: a number with a unit of time, rate, ratio or share. */
const FIGURE = /(?<![\w.-])\d[\d.,]*\s?(?:ms|µs|us|ns|s|seconds|x|times|×|%|MB\/s|\/s)(?![\w-])/;
const EVIDENCE = /\]\((?:\.\/)?(?:bench\/results\/|test\/|src\/[^)]*\.test\.ts|bench\/[^)]*\.bench\.ts)/;

export function checkDocuments(files: readonly RepositoryFile[]): readonly Finding[] {
  const paths = new Set(files.map((file) => file.path));
  for (const { path } of files) for (let up = posix.dirname(path); up !== '.'; up = posix.dirname(up)) paths.add(up);
  const documents = files.filter((file) => file.path.endsWith('.md') && !file.path.startsWith('test/fixtures/'));
  return documents.flatMap((file) => [
    ...links(file, paths, files),
    ...examples(file, paths),
    ...(file.path === 'README.md' ? figures(file) : []),
    ...(file.path === 'ARCHITECTURE.md' ? invariants(file) : []),
  ]);
}

/** Lines of prose with their numbers; fenced blocks left out. */
function prose(file: RepositoryFile): readonly { readonly text: string; readonly line: number }[] {
  let fenced = false;
  return file.text.split('\n').flatMap((text, i) => {
    const fence = text.trimStart().startsWith('```');
    if (fence) fenced = !fenced;
    return fenced || fence ? [] : [{ text, line: i + 1 }];
  });
}

function anchorsOf(file: RepositoryFile): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const { text } of prose(file)) {
    const heading = /^#{1,6}\s+(.*)$/.exec(text)?.[1];
    if (heading === undefined) continue;
    const words = heading
      .replaceAll(/`|\*|\[([^\]]*)\]\([^)]*\)/g, '$1')
      .trim()
      .toLowerCase();
    anchors.add(words.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-'));
  }
  return anchors;
}

function links(file: RepositoryFile, paths: ReadonlySet<string>, files: readonly RepositoryFile[]): readonly Finding[] {
  return prose(file).flatMap(({ text, line }) =>
    [...text.replaceAll(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)].flatMap((match): Finding[] => {
      const target = match[1]!;
      if (/^[a-z][a-z+.-]*:/i.test(target)) return []; // an address on the web
      const [path = '', anchor] = target.split('#');
      const resolved =
        path === '' ? file.path : posix.normalize(posix.join(posix.dirname(file.path), decodeURI(path))).replace(/\/$/, '');
      if (!paths.has(resolved)) return [file.finding(line, `${target} leads nowhere: mend the link, or remove it`)];
      const page = files.find((each) => each.path === resolved);
      if (anchor === undefined || page === undefined || !resolved.endsWith('.md') || anchorsOf(page).has(anchor)) return [];
      return [file.finding(line, `${resolved} has no heading #${anchor}: mend the link`)];
    }),
  );
}

function examples(file: RepositoryFile, paths: ReadonlySet<string>): readonly Finding[] {
  const lines = file.text.split('\n');
  return lines.flatMap((text, i): Finding[] => {
    if (!EXAMPLE.test(text)) return [];
    const above = lines.slice(0, i).findLast((each) => each.trim() !== '') ?? '';
    const mark = MARK.exec(above.trim());
    if (mark === null) {
      return [
        file.finding(
          i + 1,
          'an example that no test executes: write <!-- tested by: path --> or <!-- not executed: why --> above it',
        ),
      ];
    }
    const missing = mark[1] === 'tested by' ? mark[2]!.split(/,\s*/).filter((path) => !paths.has(path)) : [];
    return missing.map((path) => file.finding(i + 1, `the example is said to be tested by ${path}, which does not exist`));
  });
}

function figures(file: RepositoryFile): readonly Finding[] {
  const paragraphs: { text: string; line: number }[] = [];
  let last = -1;
  for (const { text, line } of prose(file)) {
    const joins = text.trim() !== '' && line === last + 1 && !/^\s*([-*|#]|\d+\.)/.test(text);
    if (joins && paragraphs.length > 0) paragraphs.at(-1)!.text += ` ${text}`;
    else paragraphs.push({ text, line });
    last = text.trim() === '' ? -1 : line;
  }
  return paragraphs.flatMap(({ text, line }) => {
    const figure = FIGURE.exec(text.replaceAll(/`[^`]*`/g, ''));
    if (figure === null || EVIDENCE.test(text)) return [];
    return [
      file.finding(
        line,
        `"${figure[0]}" is a figure without its bench: link to bench/results/ or to the test beside it, or drop it`,
      ),
    ];
  });
}

function invariants(file: RepositoryFile): readonly Finding[] {
  let inside = false;
  let seen = false;
  const findings: Finding[] = [];
  for (const { text, line } of prose(file)) {
    if (/^#{1,6}\s/.test(text)) inside = /^#{1,6}\s+invariants\b/i.test(text);
    seen ||= inside;
    const row =
      inside &&
      (/^\s*[-*]\s/.test(text) || (text.startsWith('|') && !/^\|[\s|:-]*\|$/.test(text) && !/^\|\s*invariant\s*\|/i.test(text)));
    if (row && !/\]\([^)#]+\.test\.ts\)/.test(text)) {
      findings.push(file.finding(line, 'an invariant without a link to the test that would catch its breach'));
    }
  }
  return seen ? findings : [file.finding(1, 'there is no section "Invariants": say what always holds, each with its test')];
}
