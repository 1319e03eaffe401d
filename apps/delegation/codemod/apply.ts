/** The agent `codemod`: applies the rule of its task to exactly the files of its task. */
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { astGrep, covers, fixed, readRules } from './ast-grep.ts';
import type { CodemodJob } from './job.ts';
import { transform } from './jscodeshift.ts';

const TIMEOUT_MS = 300_000;

const { input, shared } = JSON.parse(readFileSync(process.env.SKEIN_TASK_FILE!, 'utf8')) as {
  readonly input: string;
  readonly shared: string;
};
const failed = await apply(JSON.parse(input) as CodemodJob);
if (failed !== null) {
  process.stderr.write(`${failed}\n`);
  process.exitCode = 1;
}

async function apply(job: CodemodJob): Promise<string | null> {
  if (job.kind === 'jscodeshift')
    return transform(
      process.cwd(),
      job.file.startsWith('codemod-') ? join(shared, job.file) : join(process.cwd(), job.file),
      job.files,
      TIMEOUT_MS,
    );
  const api = await astGrep();
  if (api === null) return '@ast-grep/napi is not installed';
  const file = await readRules(await readFile(join(shared, job.file), 'utf8'), null);
  if (!file.ok) return file.why;
  for (const path of job.files) {
    let text = await readFile(path, 'utf8');
    for (const rule of file.rules)
      if (covers(rule, path) && job.before[path]?.[rule.id] !== undefined) text = fixed(api, rule, text);
    await writeFile(path, text);
  }
  return null;
}
