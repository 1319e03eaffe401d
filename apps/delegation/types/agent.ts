/**
 * What both agents of this goal do: read the task, ask for the types that may land, write the file. They say what they did and
 * claim nothing; a task in which nothing may land leaves the file as it is.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Agent } from './answers.ts';
import { ask } from './client.ts';
import type { PackageScope } from './compiler.ts';

/** What the probe gives a task of this goal: `TaskSpec.input`. */
export interface TaskInput {
  readonly file: string;
  readonly package: string;
  readonly mode: PackageScope['mode'];
  /** Name of a file in the run's shared directory that lists the sources; too long for the task itself. */
  readonly sources: string;
  /** Name of the recording there; null = there is none. */
  readonly recording: string | null;
  /** What the compiler says of the file, the first of it: for agents that read. */
  readonly errors: readonly string[];
}

interface TaskFile {
  readonly id: string;
  readonly input: string;
  readonly shared: string | null;
}

const TIME_MS = 90_000;
const REASONS_SHOWN = 8;

export function scopeOf(input: TaskInput, workspace: string, shared: string): PackageScope {
  const files = JSON.parse(readFileSync(join(shared, input.sources), 'utf8')) as string[];
  return { workspace, package: input.package, mode: input.mode, files };
}

export async function work(agent: Agent): Promise<void> {
  const task = JSON.parse(readFileSync(process.env['SKEIN_TASK_FILE']!, 'utf8')) as TaskFile;
  if (task.shared === null) throw new Error(`${task.id}: there is no shared directory with what the probe found`);
  const input = JSON.parse(task.input) as TaskInput;
  const answer = await ask({
    op: 'annotate',
    scope: scopeOf(input, process.cwd(), task.shared),
    agent,
    file: input.file,
    recording: input.recording === null ? null : join(task.shared, input.recording),
    deadline: Date.now() + TIME_MS,
  });
  if (answer.closed.length > 0) writeFileSync(input.file, answer.text);
  console.log(`${input.file}: ${answer.kept} declarations given a type, ${answer.closed.length} errors gone`);
  for (const because of answer.dropped.slice(0, REASONS_SHOWN)) console.log(`left alone: ${because}`);
}
