/**
 * What a repository is: packages, languages, size, import graph, checks that it lacks. It reads files and starts nothing.
 */
import { moduleGraph, type ModuleGraph } from 'skein/checks';
import { notIgnored } from '../programs/linted.ts';
import { counted, openProbe, type Probe, quote } from '../programs/probe.ts';
import { CODE, isSource } from '../programs/sources.ts';
import { cyclesOf, type NeedsValue } from './cycles.ts';

/** Files whose lines are counted: some seconds of reading. */
const COUNTED_MAX = 20_000;
const TEXT_MAX = 2 * 1024 * 1024;

const LANGUAGES: Readonly<Record<string, string>> = {
  js: 'JavaScript', cjs: 'JavaScript', mjs: 'JavaScript', jsx: 'JavaScript', ts: 'TypeScript', mts: 'TypeScript', cts: 'TypeScript', tsx: 'TypeScript',
  py: 'Python', go: 'Go', rs: 'Rust', java: 'Java', kt: 'Kotlin', rb: 'Ruby', php: 'PHP', c: 'C', h: 'C', cc: 'C++', cpp: 'C++', hpp: 'C++', cs: 'C#',
  swift: 'Swift', sh: 'Shell', vue: 'Vue', svelte: 'Svelte', css: 'CSS', scss: 'CSS', html: 'HTML', sql: 'SQL', ex: 'Elixir', exs: 'Elixir', zig: 'Zig',
}; // prettier-ignore

const probe = openProbe();

async function main({ question, measure, note, read, left }: Probe): Promise<void> {
  const texts = new Map<string, string>();
  const lines = new Map<string, number>();
  let files = 0;
  for (const path of await notIgnored(question.workspace, '', question.files)) {
    const language = LANGUAGES[path.slice(path.lastIndexOf('.') + 1)];
    if (language === undefined) continue;
    if (files >= COUNTED_MAX || left() < 1000) {
      note(`size: only the first ${counted(files, 'file')} were read`);
      break;
    }
    files += 1;
    const text = (await read(path)) ?? '';
    if (text.length > TEXT_MAX) continue;
    if (CODE.test(path)) texts.set(path, text);
    lines.set(language, (lines.get(language) ?? 0) + text.split('\n').filter((line) => line.trim() !== '').length);
  }
  const total = [...lines.values()].reduce((sum, count) => sum + count, 0);
  if (total > 0) {
    const shares = [...lines]
      .toSorted((a, b) => b[1] - a[1])
      .map(([language, count]) => ({ language, percent: Math.round((100 * count) / total) }));
    const named = shares
      .filter(({ percent }) => percent >= 1)
      .slice(0, 5)
      .map(({ language, percent }) => `${language} ${percent} %`);
    measure({
      name: 'lines',
      value: total,
      unit: 'lines',
      text: `${counted(total, 'line')} that people wrote, without blank ones, in ${counted(files, 'file')}: ${named.join(', ')}`,
    });
  }
  const packages = question.files.filter(
    (path) =>
      /(?:^|\/)package\.json$/.test(path) && !/(?:^|\/)(?:tests?|fixtures?|__fixtures__|examples?|templates?)\//.test(path),
  );
  if (packages.length > 1)
    measure({
      name: 'packages',
      value: packages.length,
      unit: 'packages',
      text: `${counted(packages.length, 'package')}: ${packages
        .slice(0, 8)
        .map((path) => path.replace(/\/?package\.json$/, '') || 'top')
        .join(', ')}`,
    });
  if (texts.size > 0) await imports(texts);
  await missing(probe);
}

async function imports(texts: ReadonlyMap<string, string>): Promise<void> {
  const graph = await moduleGraph(probe.question.files, async (path) => texts.get(path) ?? (await probe.read(path)));
  const own = [...graph.modules.keys()].filter(isSource);
  const edges = own.reduce(
    (sum, path) => sum + graph.modules.get(path)!.imports.filter(({ kind, path: to }) => kind !== 'path' && isSource(to)).length,
    0,
  );
  probe.measure({
    name: 'modules',
    value: own.length,
    unit: 'modules',
    text: `${counted(own.length, 'module')} of its own with ${counted(edges, 'import')} of each other, and ${graph.modules.size - own.length} of tests, examples and tools`,
  });
  if (graph.leftOut > 0) probe.note(`import graph: ${counted(graph.leftOut, 'module')} left out`);
  const { shortest, groups } = cyclesOf(graph, isSource, await valuesNeeded(texts, graph));
  if (groups.length === 0) return;
  const inside = groups.reduce((sum, group) => sum + group.length, 0);
  const path = shortest.slice(0, -1);
  const names = path.map((module) => module.slice(module.lastIndexOf('/') + 1).replace(/\.[cm]?[jt]sx?$/, ''));
  const pattern = `(require\\(|from |import ).*(${[...new Set(names)].map((name) => name.replaceAll(/[^\w-]/g, '.')).join('|')})`;
  probe.finding({
    kind: 'cycle',
    title: `import cycle: ${shortest.join(' -> ')}`,
    detail:
      `These modules need each other while they are loaded, so what one finds in the other depends on which is imported first.` +
      (inside > path.length
        ? `\n${counted(inside, 'module')} in ${counted(groups.length, 'group')} of such modules: ${groups.map((group) => group.slice(0, 6).join(', ')).join('; ')}`.slice(
            0,
            2000,
          )
        : ''),
    path: path[0]!,
    line: null,
    show: `grep -nE ${quote(pattern)} ${path.map(quote).join(' ')}`,
  });
}

/** In TypeScript an import of which only types are used is erased: that takes the parser, and is asked for edges in cycles alone. */
async function valuesNeeded(texts: ReadonlyMap<string, string>, graph: ModuleGraph): Promise<NeedsValue> {
  if (![...texts.keys()].some((path) => /\.[cm]?tsx?$/.test(path))) return () => true;
  const ts = await import('typescript-classic').then(
    (module) => module.default,
    () => null,
  );
  if (ts === null) return (from) => !/\.[cm]?tsx?$/.test(from);
  const used = new Map<string, ReadonlySet<string>>();
  return (from, to) => {
    if (!/\.[cm]?tsx?$/.test(from)) return true;
    const specifiers = used.get(from) ?? valueSpecifiers(ts, from, texts.get(from) ?? '');
    used.set(from, specifiers);
    // Specifiers end as the module's path does; index files are named by their directory.
    const stem = to.replace(/(?:\/index)?(?:\.d)?\.[cm]?[jt]sx?$/, '');
    const name = stem.slice(stem.lastIndexOf('/') + 1);
    const others = graph.modules.get(from)!.imports.length;
    return [...specifiers].some(
      (one) =>
        one
          .replace(/(?:\/index)?\.[cm]?[jt]sx?$/, '')
          .split('/')
          .at(-1) === name ||
        (others === 1 && one !== ''),
    );
  };
}

function valueSpecifiers(ts: typeof import('typescript-classic'), path: string, text: string): ReadonlySet<string> {
  const out = ts.transpileModule(text, {
    fileName: path,
    compilerOptions: { target: ts.ScriptTarget.Latest, module: ts.ModuleKind.ESNext, jsx: ts.JsxEmit.Preserve },
  }).outputText;
  return new Set([...out.matchAll(/(?:\bfrom|\bimport|\brequire\()\s*["']([^"']+)["']/g)].map((match) => match[1]!));
}

/** npm's own placeholder for a test script is none. */
async function missing({ question, finding, read }: Probe): Promise<void> {
  const manifest = await read('package.json');
  if (manifest === null) return;
  let scripts: Record<string, unknown>;
  try {
    scripts = (JSON.parse(manifest) as { scripts?: Record<string, unknown> }).scripts ?? {};
  } catch {
    return;
  }
  if (question.checks.some((check) => check.kind === 'tests')) return;
  const placeholder = typeof scripts.test === 'string' && /no test specified/.test(scripts.test);
  const said =
    scripts.test === undefined
      ? 'package.json has no test script'
      : placeholder
        ? "the test script is npm's placeholder"
        : 'no check runs tests';
  finding({
    kind: 'no-tests',
    title: `${said}: nothing tells a good change from a bad one`,
    detail: '',
    path: 'package.json',
    line: null,
    show: 'npm pkg get scripts',
  });
}

await main(probe);
