/**
 * A reporter for node's own test runner: one JSON line for each test as it ends, with its file, its place and its time, so that
 * a failure is known at once and equal names in two files stay apart.
 */
export interface TestEvent {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly ms: number;
  /** 0 = not inside another test. */
  readonly nesting: number;
  /** A test file, which the runner counts as a test around its tests. */
  readonly whole: boolean;
  readonly state: 'pass' | 'fail' | 'skip';
}

interface RunnerEvent {
  readonly type: string;
  readonly data: {
    readonly file?: string;
    readonly line?: number;
    readonly name?: string;
    readonly skip?: unknown;
    readonly todo?: unknown;
    readonly nesting?: number;
    readonly details?: { readonly passed?: boolean; readonly duration_ms?: number; readonly type?: string };
  };
}

export const EVENT_MARK = '{"skein-test":';

export default async function* testEvents(source: AsyncIterable<RunnerEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if (type !== 'test:complete' || data.details?.type === 'suite') continue;
    const set = (flag: unknown): boolean => flag !== undefined && flag !== false;
    const state = set(data.skip) || set(data.todo) ? 'skip' : data.details?.passed === false ? 'fail' : 'pass';
    const { file = '', line = 0, name = '', nesting = 0, details } = data;
    const event: TestEvent = {
      file,
      line,
      name,
      ms: details?.duration_ms ?? 0,
      nesting,
      whole: nesting === 0 && isFile(data),
      state,
    };
    yield `${EVENT_MARK}${JSON.stringify(event)}}\n`;
  }
}

function isFile({ file = '', name = '' }: RunnerEvent['data']): boolean {
  return name === file || (/[/\\.]/.test(name) && file.endsWith(name));
}

/** The events in a run's output. */
export function readEvents(text: string): TestEvent[] {
  const found: TestEvent[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith(EVENT_MARK)) continue;
    try {
      found.push((JSON.parse(line) as { 'skein-test': TestEvent })['skein-test']);
    } catch {
      // cut off in the middle
    }
  }
  return found;
}
