/**
 * An honest agent without a model: it knows four edits. The last one it gets wrong at first, as agents do; given the error,
 * it corrects it. It is told its task, sees its own workspace, and says nothing about success: others decide that.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Task {
  readonly id: string;
  readonly failures: readonly string[];
}

const task = JSON.parse(readFileSync(process.env.SKEIN_TASK_FILE!, 'utf8')) as Task;

function edit(path: string, before: string, after: string): void {
  const text = readFileSync(path, 'utf8');
  if (!text.includes(before)) throw new Error(`${path} does not contain ${JSON.stringify(before)}`);
  writeFileSync(
    path,
    text.replace(before, () => after),
  );
}

switch (task.id) {
  case 'typo':
    edit('lib/request.js', 'Otheriwse', 'Otherwise');
    break;
  case 'directive':
    edit('lib/request.js', '/* eslint no-prototype-builtins: 0 */\n\n', '');
    break;
  case 'spread':
    edit('lib/parse-url.js', 'Object.assign({}, url.query, query)', '{ ...url.query, ...query }');
    break;
  case 'escape':
    if (task.failures.length === 0) {
      edit(
        'lib/form-data.js',
        String.raw`str.replace(/\n/g, '%0A').replace(/\r/g, '%0D').replace(/"/g, '%22')`,
        String.raw`str.replaceAll(/\n/, '%0A').replaceAll(/\r/, '%0D').replaceAll(/"/, '%22')`,
      );
    } else {
      edit(
        'lib/form-data.js',
        String.raw`str.replaceAll(/\n/, '%0A').replaceAll(/\r/, '%0D').replaceAll(/"/, '%22')`,
        String.raw`str.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22')`,
      );
    }
    break;
  default:
    throw new Error(`this agent does not know the task ${task.id}`);
}
