/**
 * Halts of one repository, for a surface: written as signed orders, then followed until every live run has acknowledged or is
 * listed by name; and the question whether a run may start. Writes orders and reads answers; the wardens act.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cleanWardenRecord,
  type HaltAck,
  HaltRecordError,
  HaltRegister,
  isAlive,
  openOperator,
  type Operator,
  type Places,
  readHostFile,
} from '../runtime/embedded/index.ts';
import { haltEpoch, haltId, type HaltInForce, type HaltLevel, RESUME_STAGES } from '../protocol/index.ts';
import { KeysError } from '../ports/index.ts';
import { refuse } from './problem.ts';
import type { HaltedRun, HaltReport, HaltRow, HaltTarget, Outcome, Problem, ResumeReport } from './run.ts';

const ACKNOWLEDGED_MS_MAX = 5000; // G8: who has not answered by then is listed and fenced
const LOOK_MS = 10;

export class Halts {
  readonly #places: Places;

  constructor(places: Places) {
    this.#places = places;
  }

  /** Writes a halt and waits until every live run it concerns has answered, 5 s at most. */
  async order(target: HaltTarget, level: HaltLevel, reason: string): Promise<Outcome<HaltReport>> {
    return this.#with(async (register, operator) => {
      const began = performance.now();
      const live = this.#liveRuns(target);
      const scope = scopeOf(target);
      const draft = { scope, kind: 'halt', level, names: null, share: 0, by: operator.name, reason, at: Date.now() } as const;
      const appended = register.append(draft, (order) => operator.sign(order));
      if (!appended.ok) return refuse('refused', appended.refusal.detail, [], 'skein halt --list');
      const { epoch } = appended.order;
      const durableMs = performance.now() - began;
      const speaker = level === 'HALTED' || level === 'KILLED' ? 'warden' : 'host';
      const who = live.map((run) => `${speaker} run/${run}`);
      const missing = (): string[] => {
        const heard = new Set(register.acknowledged(epoch).map((ack) => ack.who));
        return who.filter((one) => !heard.has(one));
      };
      // oxlint-disable-next-line no-await-in-loop -- one look after another
      while (missing().length > 0 && performance.now() - began < ACKNOWLEDGED_MS_MAX) await pause(LOOK_MS);
      const silent = missing();
      const fenced = speaker === 'warden' ? await this.#fence(silent) : 0;
      const runs = live.map((run): HaltedRun => answerOf(run, speaker, register.acknowledged(epoch)));
      return {
        ok: true,
        value: {
          id: haltId(epoch),
          scope,
          level,
          reason,
          by: operator.name,
          durableMs: Math.round(durableMs),
          acknowledgedMs: silent.length === 0 && live.length > 0 ? Math.round(performance.now() - began) : null,
          runs,
          fenced,
          resumeNeeds: register.authority?.resumeNeeds ?? 1,
        },
      };
    });
  }

  /** Ends one halt, or its resume's next stage has to be taken by the run itself. */
  async resume(id: string, reason: string): Promise<Outcome<ResumeReport>> {
    return this.#with(async (register, operator) => {
      const names = haltEpoch(id);
      if (names === null) return refuse('usage', `"${id}" is no halt: a halt is halt/ and a number`, [], 'skein halt --list');
      const halt = register.read().halt(names);
      if (halt === null) return refuse('usage', `there is no ${id} here`, [], 'skein halt --list');
      const { scope, level } = halt;
      const share = level === 'FROZEN' ? 100 : RESUME_STAGES[0]!;
      const draft = { scope, kind: 'resume', level: null, names, share, by: operator.name, reason, at: Date.now() } as const;
      const appended = register.append(draft, (order) => operator.sign(order));
      if (!appended.ok) return refuse('refused', appended.refusal.detail, [], 'skein halt --list');
      const still = register.read().inForce(scope === 'global' ? ['global'] : ['global', scope]);
      return { ok: true, value: { id, scope, share, still: still.map(rowOf), order: haltId(appended.order.epoch) } };
    });
  }

  /** Ends the freezes of a target; halts stay. */
  async thaw(target: HaltTarget): Promise<Outcome<readonly ResumeReport[]>> {
    const listed = await this.list();
    if (!listed.ok) return listed;
    const frozen = listed.value.filter((row) => row.level === 'FROZEN' && row.scope === scopeOf(target));
    if (frozen.length === 0) return refuse('refused', `${scopeOf(target)} is not frozen`, [], 'skein halt --list');
    const thawed: ResumeReport[] = [];
    for (const { id } of frozen) {
      // oxlint-disable-next-line no-await-in-loop -- each gets its own epoch
      const one = await this.resume(id, 'thaw');
      if (!one.ok) return one;
      thawed.push(one.value);
    }
    return { ok: true, value: thawed };
  }

  /** What is in force, most severe first. */
  async list(): Promise<Outcome<readonly HaltRow[]>> {
    return this.#with(async (register) => ({ ok: true, value: register.read().all().map(rowOf) }));
  }

  /** Why a run may not start or go on now; null = it may. */
  async refusal(run: string | null): Promise<Problem | null> {
    const asked = await this.#with(async (register): Promise<Outcome<Problem | null>> => {
      const [worst] = register.read().inForce(run === null ? ['global'] : ['global', `run/${run}`]);
      if (worst === undefined) return { ok: true, value: null };
      const { id, scope, level, by, reason } = rowOf(worst);
      const next =
        level === 'KILLED' ? '' : level === 'FROZEN' ? `skein thaw ${scope === 'global' ? 'all' : scope}` : `skein resume ${id}`;
      const details = [`${id} by ${by}: ${reason === '' ? 'no reason given' : reason}`];
      return { ok: true, value: { kind: 'policy', what: `${scope} is ${level}: nothing starts`, details, next } };
    });
    return asked.ok ? asked.value : asked.problem;
  }

  async #with<T>(act: (register: HaltRegister, operator: Operator) => Promise<Outcome<T>>): Promise<Outcome<T>> {
    let register: HaltRegister | null = null;
    try {
      const operator = openHome(this.#places);
      register = new HaltRegister({ path: this.#places.haltRecord, authority: operator.alone });
      return await act(register, operator);
    } catch (error) {
      if (!(error instanceof HaltRecordError || error instanceof KeysError)) throw error;
      return refuse('missing', error.message, [], `the halt record is ${this.#places.haltRecord}`);
    } finally {
      register?.close();
    }
  }

  #liveRuns(target: HaltTarget): string[] {
    const home = join(this.#places.home, 'run');
    let names: string[] = [];
    try {
      names = readdirSync(home).flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? []);
    } catch {
      // no run was ever live here
    }
    const asked = target === 'all' ? names : names.filter((run) => run === target.run);
    return asked.filter((run) => {
      const entry = readHostFile(this.#places.hostFile(run));
      return entry !== null && isAlive(entry.process);
    });
  }

  /** Who did not answer has no warden that works: its groups are ended from here, by their record. */
  async #fence(silent: readonly string[]): Promise<number> {
    let ended = 0;
    for (const who of silent) {
      const run = who.slice(who.indexOf('/') + 1);
      // oxlint-disable-next-line no-await-in-loop -- one run after another
      const cleaned = await cleanWardenRecord(join(this.#places.workspaces(run), 'processes.jsonl'));
      ended += cleaned.groups + cleaned.escaped;
    }
    return ended;
  }
}

/** `.skein/`, which ignores itself, and the key in it. */
export function openHome(places: Places): Operator {
  mkdirSync(places.home, { recursive: true });
  try {
    writeFileSync(join(places.home, '.gitignore'), '*\n', { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return openOperator(places.operatorSeed);
}

function scopeOf(target: HaltTarget): string {
  return target === 'all' ? 'global' : `run/${target.run}`;
}

function rowOf({ order, level }: HaltInForce): HaltRow {
  const { epoch, scope, by, reason, at } = order;
  return { id: haltId(epoch), scope, level, by, reason, at };
}

function answerOf(run: string, speaker: string, acks: readonly HaltAck[]): HaltedRun {
  const ack = acks.find(({ who }) => who === `${speaker} run/${run}`);
  if (ack === undefined)
    return { run, acknowledged: false, stopped: [], left: [`${speaker} of run ${run}`], detail: 'no answer' };
  return { run, acknowledged: true, stopped: ack.stopped, left: ack.left, detail: ack.detail };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
