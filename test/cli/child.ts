/** `skein` in a process of its own with a run in memory: it goes on until it is told to stop. Started by signals.test.ts. */
import { start } from '../../src/surfaces/cli/process.ts';
import type { Fleet } from '../../src/assembly/index.ts';
import { FakeRun, fleetOf, task, view } from './fake.ts';

const tasks = [task('parse', 'fix the parser', { state: 'working' })];
const going = view(tasks, { phase: 'working', reason: '', endedAt: null });
const stopped = (reason: 'killed' | 'drained'): ReturnType<typeof view> => view(tasks, { phase: 'stopped', reason });

class Obedient extends FakeRun {
  override drain(): void {
    this.change(view(tasks, { phase: 'draining', reason: '', endedAt: null }));
  }
  override kill(): void {
    this.end(stopped('killed'));
  }
}

await start(async () => ({ ok: true, value: fleetOf({ live: new Obedient(going) }).fleet as Fleet }));
