/**
 * The judge of a candidate of this goal: which errors are gone in the whole program, and which of the new types must not land.
 * Reads the question from SKEIN_JUDGE_FILE, prints one JSON object.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scopeOf, type TaskInput } from './agent.ts';
import { ask } from './client.ts';
import { complaints } from './linter.ts';

interface JudgeQuestion {
  readonly workspace: string;
  readonly base: string;
  readonly task: { readonly input: string };
  readonly shared: string;
}

const REFUSED_MAX = 50;

const question = JSON.parse(readFileSync(process.env['SKEIN_JUDGE_FILE']!, 'utf8')) as JudgeQuestion;
const input = JSON.parse(question.task.input) as TaskInput;
const recording = input.recording === null ? null : join(question.shared, input.recording);
const scope = scopeOf(input, question.workspace, question.shared);
const { closed, refused, changed } = await ask({ op: 'judge', scope, base: question.base, recording });
const all = [...refused];
if (all.length === 0) {
  for (const path of changed) {
    const before = join(question.base, path);
    const [was, is] = [
      existsSync(before) ? readFileSync(before, 'utf8') : '',
      readFileSync(join(question.workspace, path), 'utf8'),
    ];
    for (const complaint of complaints(question.workspace, input.package, path, was, is))
      all.push({ rule: 'noise', detail: `${path}: ${complaint}` });
  }
}
console.log(JSON.stringify({ closed, refused: all.slice(0, REFUSED_MAX) }));
