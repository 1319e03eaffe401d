/** Finds lines that end in blanks, and makes one task for each file that has some. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Question {
  readonly files: readonly string[];
}
const question = JSON.parse(readFileSync(process.env.SKEIN_PROBE_FILE!, 'utf8')) as Question;
const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
let count = 0;
for (const path of question.files.filter((file) => file.endsWith('.txt'))) {
  const lines = readFileSync(path, 'utf8').split('\n');
  const found = lines.flatMap((line, index) => (/[ \t]$/.test(line) ? [index + 1] : []));
  if (found.length === 0) continue;
  count += found.length;
  const show = `grep -n '[[:blank:]]$' '${path}'`;
  say({ finding: { kind: 'blank', title: `${path}: ${found.length} lines end in blanks`, path, line: found[0], show } });
  say({
    task: {
      id: `tidy-${path.replaceAll(/\W+/g, '-')}`,
      title: `Take the blanks off the ends of lines in ${path}`,
      claims: [path],
      rivals: ['first-line', 'liar', 'all-lines'],
      judge: [process.execPath, fileURLToPath(new URL('judge.ts', import.meta.url))],
      input: JSON.stringify({ path }),
    },
  });
}
say({ measure: { name: 'blank-lines', value: count, unit: 'lines', text: `${count} lines end in blanks` } });
