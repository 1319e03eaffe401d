/**
 * `skein.yaml` as `skein init` writes it: what a run without the file would do, said so that a person can change it. What depends on
 * the machine or costs money stands there as a comment. Pure; reading it back is config.ts.
 */
import { stringify } from 'yaml';
import type { Prepared } from '../../assembly/index.ts';

const CHECK_MINUTES = 10; // what a check has where the file says nothing

/** Where the package keeps the schema of the file, for whoever has Skein among their dependencies. */
export const SCHEMA_PATH = './node_modules/skein/schema/skein-yaml.v1.json';

export function skeinYaml({ spec, agentsFound }: Prepared): string {
  const { checks, limits, setup } = spec;
  const found = agentsFound[0]?.name ?? 'claude';
  const lines = [
    `# yaml-language-server: $schema=${SCHEMA_PATH}`,
    '# Skein needs no file. As it stands, this one says what a run does without it. Flags and SKEIN_* variables go before it.',
    '',
    '# What must stay green. This list replaces what Skein finds by itself.',
  ];
  if (checks.length === 0) lines.push('# checks:', '#   - npm test');
  else lines.push('checks:');
  for (const { name, command, directory, kind, timeout, source } of checks) {
    lines.push(`  # found in ${oneLine(source)}`, `  - name: ${scalar(name)}`, `    command: ${scalar(command)}`);
    if (directory !== '') lines.push(`    directory: ${scalar(directory)}`);
    lines.push(`    kind: ${kind}`); // tests: counted or named; findings: diagnostics; build: only an exit code
    if (timeout !== CHECK_MINUTES * 60_000) lines.push(`    minutes: ${timeout / 60_000}`);
  }
  lines.push(
    '',
    '# One shell line that prepares a fresh clone, where linking the installed dependencies is not enough.',
    ...(setup === null ? ['# setup: npm ci'] : [`setup: ${scalar(setup)}`]),
    '',
    '# Agents by names of your own. Naming one here starts nothing; --agent NAME does. A price is in USD: of an attempt, or of a million tokens.',
    '# agents:',
    `#   careful: { preset: ${found}, minutes: 20 }`,
    "#   script: { command: './fix.sh {task}', price: 0 }",
    "#   local: { model: openai-compatible/qwen3, baseUrl: 'http://127.0.0.1:8080/v1', apiKeyEnv: MY_KEY, price: { input: 0.25, output: 2 } }",
    '',
    'limits:',
    `  minutes: ${limits.wallTime / 60_000} # of one sitting`,
    `  attempts: ${limits.attemptsMax} # failed ones, before a task is left to a person`,
    '  # agents: 4 # at once; without it as cores and free memory allow',
    '  # checks: 2 # trees checked at once; without it half the cores',
    '  # cost: 5 # USD of the whole run; without it there is no cap',
    '',
    '# policies:',
    '#   fail-on: open # exit 1 for anything left open or red, given or not',
    '#   sandbox: full # start nothing where agents and checks cannot be held this far',
  );
  return `${lines.join('\n')}\n`;
}

/** Lines that one file has and the other has not, comments aside: `+` would come, `-` would go. */
export function changedLines(there: string, wanted: string): string[] {
  const of = (text: string): string[] =>
    text.split('\n').filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#'));
  const [old, fresh] = [of(there), of(wanted)];
  return [
    ...fresh.filter((line) => !old.includes(line)).map((line) => `+ ${line}`),
    ...old.filter((line) => !fresh.includes(line)).map((line) => `- ${line}`),
  ];
}

/** On one line, quoted where YAML would read something else. */
function scalar(text: string): string {
  return text.includes('\n') ? JSON.stringify(text) : stringify(text, { lineWidth: 0 }).replace(/\n$/, '');
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}
