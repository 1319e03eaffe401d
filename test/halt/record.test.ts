/** The halt record of a repository in real files, between real processes: what the warden does when nobody else can. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Appended,
  haltPort,
  HaltRegister,
  LEASE_MS,
  openOperator,
  type Operator,
  readLease,
} from '../../src/runtime/embedded/index.ts';
import { alive, mark, until, world, type World } from '../warden/world.ts';
import type { HostRequest } from './host.ts';

let place: World;
let path: string;
let operator: Operator;
let register: HaltRegister;
const children = new Set<ChildProcess>();

beforeEach(() => {
  place = world();
  path = join(place.home, 'halt.db');
  operator = openOperator(join(place.home, 'operator.seed'));
  register = new HaltRegister({ path, authority: operator.alone });
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  register.close();
  place.remove();
});

function order(kind: 'halt' | 'resume', names: number | null = null, scope = 'run/1', from = register): Appended {
  const level = kind === 'halt' ? 'HALTED' : null;
  const share = kind === 'halt' ? 0 : 10;
  const draft = { scope, kind, level, names, share, by: operator.name, reason: 'test', at: Date.now() } as const;
  return from.append(draft, (signed) => operator.sign(signed));
}

function startHost(argv: readonly string[], report = false): { readonly child: ChildProcess; readonly line: Promise<string> } {
  const request: HostRequest = {
    record: place.record,
    sockets: place.sockets,
    halt: path,
    lease: join(place.home, 'lease'),
    cwd: place.options.cwd,
    argv,
    report,
  };
  const entry = fileURLToPath(new URL('./host.ts', import.meta.url));
  const child = spawn(process.execPath, [entry, JSON.stringify(request)], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  return {
    child,
    line: new Promise((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().split('\n')[0]!));
      child.once('exit', (code) => reject(new Error(`the host ended with ${code} and said nothing`)));
    }),
  };
}

describe('the record', () => {
  it('is the same for everybody who opens it, gives every order an epoch of its own, and is never changed', () => {
    const other = new HaltRegister({ path });
    expect([order('halt'), order('halt', null, 'global', other), order('halt')].map((one) => one.ok && one.order.epoch)).toEqual([
      1, 2, 3,
    ]);
    expect(other.read().inForce(['global', 'run/1'])).toHaveLength(3);
    other.close();
    const raw = new DatabaseSync(path);
    for (const statement of ['DELETE FROM halt_order', "UPDATE halt_order SET value = '{}'", "UPDATE authority SET value = '{}'"])
      expect(() => raw.exec(statement)).toThrow('only grows');
    raw.close();
  });

  it('halts everything when somebody writes into it what nobody signed', () => {
    expect(order('halt')).toMatchObject({ ok: true });
    const raw = new DatabaseSync(path);
    const forged = { epoch: 2, scope: 'run/1', kind: 'resume', level: null, names: 1, share: 10, by: 'x', reason: '', at: 1 };
    raw.prepare('INSERT INTO halt_order VALUES (2, ?, ?)').run(JSON.stringify(forged), '[]');
    raw.close();
    expect(
      register
        .read()
        .inForce(['global', 'run/1'])
        .map((one) => one.order.scope),
    ).toEqual(['run/1', 'global']);
    expect(order('resume', 2, 'global')).toMatchObject({ ok: true }); // a person looked and says go on
    expect(order('resume', 1)).toMatchObject({ ok: true });
    expect(register.read().all()).toEqual([]);
  });

  it('lets one host of two keep its word: an acknowledgement is written once', () => {
    const ack = { epoch: 1, who: 'warden run/1', at: 1, stopped: ['a'], left: [], detail: '' };
    register.acknowledge(ack);
    register.acknowledge({ ...ack, stopped: [] });
    expect(register.acknowledged(1)).toEqual([ack]);
  });

  it('permits nothing without a lease: none before its warden, none after it', () => {
    const lease = join(place.home, 'nobody');
    const port = haltPort({ register, clock: { monotonic: () => performance.now() }, lease: () => lease });
    expect(port.lease()).toBe(null);
  });
});

describe('a halt', () => {
  it('ends every program within a second while the loop of the host hangs, and is acknowledged by name', async ({ annotate }) => {
    await annotate('starts a host that hangs, its warden and a program');
    const slept = mark();
    await startHost(['sh', '-c', `echo here; sleep ${slept} & sleep ${slept}`]).line;
    expect(alive(slept).length).toBeGreaterThanOrEqual(2);
    const lease = readLease(join(place.home, 'lease'), () => performance.now());
    expect(lease!.until - performance.now()).toBeLessThanOrEqual(LEASE_MS);
    expect(order('halt')).toMatchObject({ ok: true });
    expect(await until('the programs are gone', () => alive(slept).length === 0)).toBeLessThanOrEqual(1000);
    await until('the warden has acknowledged', () => register.acknowledged(1).length === 1);
    const [ack] = register.acknowledged(1);
    expect(ack).toMatchObject({ who: 'warden run/1', left: [] });
    expect(ack!.stopped.map((name) => name.slice(0, 8))).toEqual(['agent a ']);
  });

  it('that was written while no host ran stops the next one before its first program', async ({ annotate }) => {
    await annotate('starts a host and its warden');
    expect(order('halt', null, 'global')).toMatchObject({ ok: true });
    const marked = join(place.home, 'ran');
    const told = JSON.parse(await startHost(['touch', marked], true).line) as { ended: string; error: string };
    expect(told).toMatchObject({ ended: 'not-started', error: expect.stringContaining('halt/1 (HALTED global)') as unknown });
    expect(existsSync(marked)).toBe(false);
    expect(order('resume', 1, 'global')).toMatchObject({ ok: true });
    await until('the first host is gone', () => [...children].every((child) => child.exitCode !== null));
    expect(JSON.parse(await startHost(['touch', marked], true).line)).toMatchObject({ ended: 'exit' });
    expect(existsSync(marked)).toBe(true);
  });
});
