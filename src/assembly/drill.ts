/**
 * A rehearsed halt in a run of its own: real programs under a warden of their own, with a halt record of their own that the
 * operator's key signs, so that nothing of anybody's work is touched. Every step has its time; record and times stay as evidence.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HaltRecords } from '../host/index.ts';
import { type HaltOrder, haltId } from '../protocol/index.ts';
import { connectWarden, HaltRecordError, HaltRegister, haltPort, type Places } from '../runtime/embedded/index.ts';
import { KeysError } from '../ports/index.ts';
import { openHome } from './halts.ts';
import { refuse } from './problem.ts';
import type { DrillReport, Outcome } from './run.ts';

const AGENTS = 3;
const STOPPED_MS_MAX = 1000; // also with a host that hangs
const DURABLE_MS_MAX = 250;
const START_MS_MAX = 15_000;
const LOOK_MS = 5;

type Step = DrillReport['steps'][number];

export async function drill(places: Places): Promise<Outcome<DrillReport>> {
  const closing: (() => unknown)[] = [];
  try {
    const operator = openHome(places);
    const home = freshDirectory(join(places.home, 'drills'));
    const path = join(home, 'halt.db');
    const register = new HaltRegister({ path, authority: operator.alone });
    closing.push(() => register.close());
    const scopes = ['global', 'run/drill'];
    const cache = places.workspaces('drill');
    const lease = join(cache, 'lease');
    const halt = { path, lease, scopes, who: 'warden run/drill' };
    const begin = (): ReturnType<typeof connectWarden> =>
      connectWarden({ run: 'drill', record: join(cache, 'processes.jsonl'), halt });
    const warden = await begin();
    closing.push(() => warden.close());

    const steps: Step[] = [];
    const timed = async (step: string, msMax: number | null, act: () => boolean | Promise<boolean>): Promise<void> => {
      const began = performance.now();
      const ok = await act();
      const ms = Math.round(performance.now() - began);
      steps.push({ step, ms, msMax, ok: ok && (msMax === null || ms <= msMax) });
    };
    const options = {
      cwd: home,
      env: { PATH: process.env.PATH ?? '' },
      timeoutMs: 60_000,
      keepBytes: 1024,
      outputBytesMax: 1024,
    };
    const write = (kind: 'halt' | 'resume', names: number | null): HaltOrder | string => {
      const level = kind === 'halt' ? 'HALTED' : null;
      const [share, reason] = [kind === 'halt' ? 0 : 10, 'a drill'];
      const draft = { scope: 'run/drill', kind, level, names, share, by: operator.name, reason, at: Date.now() } as const;
      const appended = register.append(draft, (order) => operator.sign(order));
      return appended.ok ? appended.order : appended.refusal.detail;
    };

    const running = Array.from({ length: AGENTS }, (_, n) =>
      warden.exec(['sh', '-c', 'sleep 60 & wait'], { ...options, label: `agent ${n + 1}` }),
    );
    await timed(`${AGENTS} agents run`, START_MS_MAX, () =>
      until(async () => (await warden.status()).processes.length === AGENTS, START_MS_MAX),
    );
    let epoch = 0;
    await timed('the halt is durable', DURABLE_MS_MAX, () => {
      const order = write('halt', null);
      if (typeof order === 'string') return false;
      epoch = order.epoch;
      return true;
    });
    await timed('every agent stopped', STOPPED_MS_MAX, async () =>
      (await Promise.all(running)).every((ended) => ended.ended === 'cancelled'),
    );
    await timed('every agent acknowledged by name', STOPPED_MS_MAX, () =>
      until(
        () => register.acknowledged(epoch).some(({ stopped, left }) => stopped.length === AGENTS && left.length === 0),
        STOPPED_MS_MAX,
      ),
    );
    await timed('nothing starts while halted', null, async () => {
      const refused = await warden.exec(['true'], { ...options, label: 'late' });
      const port = haltPort({ register, clock: { monotonic: () => performance.now() }, lease: () => lease });
      const records = new HaltRecords();
      await new Promise<void>((resolve) => {
        port.read((_, all) => {
          for (const one of all) records.merge(one);
          records.complete();
          resolve();
        });
      });
      return refused.ended === 'not-started' && records.refusal(scopes, false, port.lease(), performance.now()) !== null;
    });
    await timed('the resume names the halt', null, () => typeof write('resume', epoch) !== 'string');
    await timed('the same resume again is refused', null, () => typeof write('resume', epoch) === 'string');
    await warden.close();
    await timed('agents run again', START_MS_MAX, async () => {
      const next = await begin();
      closing.push(() => next.close());
      return (await next.exec(['true'], { ...options, label: 'after' })).ended === 'exit';
    });
    const report = { sound: steps.every(({ ok }) => ok), steps, evidence: home };
    writeFileSync(
      join(home, 'drill.json'),
      `${JSON.stringify({ ...report, halt: haltId(epoch), by: operator.name }, null, 2)}\n`,
    );
    return { ok: true, value: report };
  } catch (error) {
    if (!(error instanceof HaltRecordError || error instanceof KeysError)) throw error;
    return refuse('missing', error.message, [], 'mend it, then skein drill again: until then a halt may not work');
  } finally {
    // oxlint-disable-next-line no-await-in-loop -- the last opened first
    for (const close of closing.toReversed()) await close();
  }
}

/** `1`, `2`, ... under this one. */
function freshDirectory(parent: string): string {
  mkdirSync(parent, { recursive: true });
  const taken = readdirSync(parent).map(Number).filter(Number.isSafeInteger);
  const path = join(parent, String(Math.max(0, ...taken) + 1));
  mkdirSync(path);
  return path;
}

async function until(holds: () => boolean | Promise<boolean>, msMax: number): Promise<boolean> {
  const began = performance.now();
  // oxlint-disable-next-line no-await-in-loop -- one look after another
  while (!(await holds())) {
    if (performance.now() - began > msMax) return false;
    // oxlint-disable-next-line no-await-in-loop -- one look after another
    await new Promise((resolve) => void setTimeout(resolve, LOOK_MS));
  }
  return true;
}
