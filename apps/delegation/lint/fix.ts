/** The agent `lint-fix`: the linter's own repair on exactly the files of its task. It changes nothing else and decides nothing. */
import { readFileSync } from 'node:fs';
import type { LintJob } from './job.ts';
import { Linter } from './linter.ts';

const TIMEOUT_MS = 300_000;

const { input } = JSON.parse(readFileSync(process.env.SKEIN_TASK_FILE!, 'utf8')) as { readonly input: string };
const job = JSON.parse(input) as LintJob;
const linter = new Linter(process.cwd(), job.directory, job.command);
const failed = await linter.fix(job.files, job.without, TIMEOUT_MS);
if (failed !== null) {
  process.stderr.write(`${job.command.tool}: ${failed}\n`);
  process.exitCode = 1;
}
