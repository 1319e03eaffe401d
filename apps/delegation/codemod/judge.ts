/** The judge of codemod tasks: what matched at the base and matches no longer is closed; changes elsewhere and new matches refuse. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { work } from 'skein';
import { astGrep, covers, matchesOf, readRules } from './ast-grep.ts';
import { type CodemodJob, itemOf } from './job.ts';
import { transform } from './jscodeshift.ts';

const TIMEOUT_MS = 110_000;

const question = JSON.parse(readFileSync(process.env.SKEIN_JUDGE_FILE!, 'utf8')) as work.JudgeQuestion;
const job = JSON.parse(question.task.input) as CodemodJob;
const outside = question.paths
  .filter((path) => !job.files.includes(path))
  .map((path) => ({ rule: 'outside-the-task', detail: `${path} is none of its files` }));
const answer = job.kind === 'ast-grep' ? await matched() : await shifted();
process.stdout.write(`${JSON.stringify({ closed: answer.closed, refused: [...outside, ...answer.refused] })}\n`);

async function matched(): Promise<work.JudgeAnswer> {
  const api = await astGrep();
  const file = api === null ? null : await readRules(await readFile(join(question.shared, job.file), 'utf8'), null);
  if (api === null || file === null || !file.ok)
    return { closed: [], refused: [{ rule: 'rule-failed', detail: 'the rule could not be asked' }] };
  const closed: string[] = [];
  const refused: { rule: string; detail: string }[] = [];
  for (const path of job.files) {
    const text = await readFile(join(question.workspace, path), 'utf8').catch(() => '');
    const was = job.before[path] ?? {};
    for (const rule of file.rules) {
      const [before, goes] = was[rule.id] ?? [0, 0];
      if (!covers(rule, path)) continue;
      const now = matchesOf(api, rule, text);
      if (rule.id in was && now.length > before) refused.push({ rule: 'new-match', detail: `${path}:${now.at(-1)}: ${rule.id}` });
      const gone = Math.min(goes, before - now.length);
      for (let n = 1; n <= gone; n += 1) closed.push(itemOf(path, rule.id, n));
    }
  }
  return { closed, refused };
}

/** Done is what another run of the transform leaves as it is. */
async function shifted(): Promise<work.JudgeAnswer> {
  const read = (path: string): Promise<string> => readFile(join(question.workspace, path), 'utf8').catch(() => '');
  const before = await Promise.all(job.files.map(read));
  const file = job.file.startsWith('codemod-') ? join(question.shared, job.file) : join(question.base, job.file);
  const failed = await transform(question.workspace, file, job.files, TIMEOUT_MS);
  if (failed !== null) return { closed: [], refused: [{ rule: 'rule-failed', detail: failed }] };
  const after = await Promise.all(job.files.map(read));
  return {
    closed: job.files.flatMap((path, n) =>
      before[n] === after[n] ? Object.keys(job.before[path] ?? {}).map((rule) => itemOf(path, rule, 1)) : [],
    ),
    refused: [],
  };
}
