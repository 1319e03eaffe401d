/** A linter's command as the repository writes it: program, options and files, without what only concerns how it prints. */

export interface LintCommand {
  readonly tool: ToolName;
  /** Assignments before it. */
  readonly env: Readonly<Record<string, string>>;
  /** Subcommand and options, without files and without `--fix`, formats and caches. */
  readonly options: readonly string[];
  readonly paths: readonly string[];
}

export type ToolName =
  | 'eslint'
  | 'oxlint'
  | 'biome'
  | 'prettier'
  | 'standard'
  | 'semistandard'
  | 'ts-standard'
  | 'ruff'
  | 'ruff format'
  | 'black';

/** Options with a value in the next word. */
const VALUED: Readonly<Record<string, RegExp>> = {
  eslint:
    /^(?:-c|--config|--ext|--rulesdir|--plugin|--parser|--parser-options|--resolve-plugins-relative-to|--ignore-path|--ignore-pattern|--rule|--env|--global|--flag|--concurrency|--suppressions-location)$/,
  oxlint: /^(?:-c|--config|--tsconfig|-A|-W|-D|--allow|--warn|--deny|--ignore-path|--ignore-pattern|--threads)$/,
  biome: /^(?:--config-path|--max-diagnostics|--diagnostic-level|--only|--skip|--log-level|--stdin-file-path)$/,
  prettier: /^(?:--config|--ignore-path|--plugin|--parser|--log-level|--tab-width|--print-width|--trailing-comma|--end-of-line)$/,
  standard: /^(?:--parser|--plugin|--env|--global|--ext)$/,
  ruff: /^(?:--config|--select|--ignore|--extend-select|--extend-ignore|--exclude|--extend-exclude|--target-version|--line-length|--per-file-ignores)$/,
  black:
    /^(?:--config|-l|--line-length|-t|--target-version|--include|--exclude|--extend-exclude|--force-exclude|-W|--workers|--required-version)$/,
};
/** What changes the report, writes, or remembers: with its value in the next word, or alone. */
const REPORT_VALUED =
  /^(?:-f|--format|--formatter|-o|--output-file|--output-format|--cache-location|--cache-strategy|--cache-file|--max-warnings|--reporter|--fix-type)$/;
const REPORT =
  /^(?:--fix|--fix-dry-run|--write|-w|--apply|--check|-c|-l|--list-different|--diff|--cache|--color|--no-color|--colors|-v|--verbose|--stats|--quiet-exit|(?:--format|--formatter|--output-format|--output-file|--cache-\w+|--max-warnings|--reporter|--fix-type)=.*)$/;

/** Null for anything but one linter started in the ordinary way. */
export function lintCommand(command: string): LintCommand | null {
  if (/[|;&<>()`$\\\n]/.test(command)) return null;
  const words = (command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? []).map((word) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'),
  );
  const env: Record<string, string> = {};
  let at = 0;
  for (; at < words.length; at += 1) {
    const assigned = /^([A-Za-z_]\w*)=(.*)$/.exec(words[at]!);
    if (assigned !== null) env[assigned[1]!] = assigned[2]!;
    else if (!/^(?:cross-env|npx|env|--yes|-y|--no-install|--)$/.test(words[at]!)) break;
  }
  let name = (words[at] ?? '').replace(/^.*\//, '');
  let rest = words.slice(at + 1);
  const options: string[] = [];
  if (name === 'biome') {
    if (!/^(?:check|lint|format|ci)$/.test(rest[0] ?? '')) return null;
    options.push(rest[0] === 'ci' ? 'check' : rest[0]!);
    rest = rest.slice(1);
  } else if (name === 'ruff') {
    if (rest[0] === 'format') name = 'ruff format';
    else if (rest[0] !== 'check') return null;
    options.push(rest[0]);
    rest = rest.slice(1);
  } else if (!/^(?:eslint|oxlint|prettier|standard|semistandard|ts-standard|black)$/.test(name)) return null;
  if (name === 'prettier' && !rest.some((word) => /^(?:-c|--check|-l|--list-different)$/.test(word))) return null;
  const valued = VALUED[name.replace(/^(?:semi|ts-)/, '').replace(' format', '')]!;
  const paths: string[] = [];
  for (let i = 0; i < rest.length; i += 1) {
    const word = rest[i]!;
    // `-c` names settings for some and only checks for others.
    if (valued.test(word) && !(name === 'prettier' && word === '-c')) options.push(word, ...rest.slice((i += 1), i + 1));
    else if (REPORT_VALUED.test(word)) i += 1;
    else if (REPORT.test(word)) continue;
    else if (word.startsWith('-')) options.push(word);
    else paths.push(word);
  }
  return { tool: name as ToolName, env, options, paths };
}
