/** Closed are the lines that ended in blanks and do no more; a change of anything else is refused. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Question {
  readonly workspace: string;
  readonly base: string;
  readonly task: { readonly input: string };
}
const { workspace, base, task } = JSON.parse(readFileSync(process.env.SKEIN_JUDGE_FILE!, 'utf8')) as Question;
const { path } = JSON.parse(task.input) as { path: string };
const before = readFileSync(join(base, path), 'utf8').split('\n');
const after = readFileSync(join(workspace, path), 'utf8').split('\n');
const closed: string[] = [];
const refused: { rule: string; detail: string }[] = [];
for (const [index, line] of before.entries()) {
  const now = after[index] ?? '';
  if (now.trimEnd() !== line.trimEnd()) refused.push({ rule: 'words', detail: `${path}:${index + 1} says something else now` });
  else if (/[ \t]$/.test(line) && !/[ \t]$/.test(now)) closed.push(`${path}: ${line.trimEnd()} #${index}`);
}
process.stdout.write(JSON.stringify({ closed, refused }));
