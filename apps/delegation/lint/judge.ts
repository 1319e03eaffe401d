/**
 * The judge of linter tasks: asks the repository's linter about the files of the task as they are in the candidate. What it said at
 * the base and says no longer is closed; one finding that it did not have, or one changed file outside the task, refuses the change.
 */
import { readFileSync } from 'node:fs';
import type { work } from 'skein';
import { itemOf, type LintJob } from './job.ts';
import { Linter } from './linter.ts';

const TIMEOUT_MS = 110_000;

const question = JSON.parse(readFileSync(process.env.SKEIN_JUDGE_FILE!, 'utf8')) as work.JudgeQuestion;
process.stdout.write(`${JSON.stringify(await judge(question))}\n`);

async function judge({ workspace, task, paths }: work.JudgeQuestion): Promise<work.JudgeAnswer> {
  const job = JSON.parse(task.input) as LintJob;
  const refused = paths
    .filter((path) => !job.files.includes(path))
    .map((path) => ({ rule: 'outside-the-task', detail: `${path} is none of its files` }));
  const files = job.files;
  const after = await new Linter(workspace, job.directory, job.command).ask(files, TIMEOUT_MS);
  if (!after.ok)
    return { closed: [], refused: [...refused, { rule: 'linter-failed', detail: `${job.command.tool}: ${after.why}` }] };
  const closed: string[] = [];
  for (const path of files) {
    const was = job.before[path] ?? {};
    const is = after.counts.get(path) ?? new Map<string, number>();
    for (const [rule, count] of is)
      if (count > (was[rule] ?? 0))
        refused.push({ rule: 'new-finding', detail: `${path}:${after.lines.get(`${path} ${rule}`) ?? 1}: ${rule}` });
    for (const [rule, count] of Object.entries(was))
      for (let n = (is.get(rule) ?? 0) + 1; n <= count; n += 1) closed.push(itemOf(path, rule, n));
  }
  return { closed, refused };
}
