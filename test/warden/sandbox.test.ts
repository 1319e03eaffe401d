import { execFile, execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  connectWarden,
  detectSandbox,
  type ExecResult,
  type Sandbox,
  type WardenClient,
} from '../../src/runtime/embedded/index.ts';
import type { HostRequest } from './host.ts';
import { type World, world } from './world.ts';

const NOBODY = 65_534;
const found = await detectSandbox();
const full = found.mode === 'full';
const root = process.getuid?.() === 0;
const hostEntry = fileURLToPath(new URL('./host.ts', import.meta.url));

/** Words before a command that make it run as nobody; null where this user cannot, or nobody cannot read this package. */
const asNobody: string[] | null = (() => {
  const words = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
  try {
    execFileSync(words[0]!, [...words.slice(1), process.execPath, '--check', hostEntry], { stdio: 'ignore' });
    return root ? words : null;
  } catch {
    return null;
  }
})();

/** Prints the name of every way out that worked. `$1` is outside of what is writable, `$2` another mount. */
const ESCAPES = `
try() { name=$1; shift; "$@" >/dev/null 2>&1 && echo "$name"; }
write() { true >"$1/escaped"; }
again() { cat "$1" | tee "$1"; }
try 'remounts the root' mount -o remount,bind,rw /
try 'remounts another mount' mount -o remount,bind,rw "$2"
try 'remounts /proc' mount -o remount,bind,rw /proc
try 'unmounts /proc' umount -l /proc
try 'unmounts /dev' umount -l /dev
try 'unmounts /tmp' umount -l /tmp
try 'unmounts another mount' umount -l "$2"
try 'mounts' mount -t tmpfs none .
try 'binds' mount --bind "$1" .
try 'has a mount namespace' unshare --mount true
try 'remounts in a user namespace' unshare --user --map-root-user --mount sh -c 'mount -o remount,bind,rw / && true >"$0/escaped"' "$1"
try 'unmounts in a user namespace' unshare --user --map-root-user --mount umount -l /proc
try 'enters pid 1' nsenter --target 1 --mount --pid true
try 'changes its root' chroot / true
try 'makes a disk' mknod disk b 254 0
try 'finds a disk' sh -c 'ls -l /dev | grep -q ^b'
try 'changes its owner' chown 1:1 .
try 'writes outside' write "$1"
try 'writes outside through pid 1' write "/proc/1/root$1"
try 'writes to its home' write "$HOME"
try 'writes to another mount' write "$2"
try 'writes to the root' write /
try 'writes to /sys' mkdir /sys/fs/cgroup/escaped /sys/fs/cgroup/memory/escaped
try 'writes to /proc/sys' again /proc/sys/vm/swappiness
try 'writes to /proc/sys/net' again /proc/sys/net/core/somaxconn
try 'triggers sysrq' again /proc/sysrq-trigger
try 'kills the warden' kill -9 "$WARDEN"
try 'finds the socket of the warden' test -S "$WARDEN_SOCKET"
try 'sees other processes' sh -c 'for p in /proc/[0-9]*; do case $(tr "\\0" " " <$p/cmdline) in *[m]ain.ts*) exit 0;; esac; done; exit 1'
grep -q '^CapEff:.*[1-9a-f]' /proc/self/status && echo 'has capabilities'
grep -q '^NoNewPrivs:.*0' /proc/self/status && echo 'may gain privileges'
true >here && true >/tmp/here && true >/dev/shm/here && echo x >/dev/null && head -c 1 /dev/urandom >/dev/null && echo held >/dev/stderr
`;

/** The same for a program whose home takes writes: they succeed, and what is not its home stays closed. `$2` is a mount below the home. */
const HOME_ESCAPES = `
try() { name=$1; shift; "$@" >/dev/null 2>&1 && echo "$name"; }
write() { true >"$1/escaped"; }
try 'remounts its home' mount -o remount,bind,rw "$HOME"
try 'unmounts its home' umount -l "$HOME"
try 'unmounts what is under its home' sh -c 'umount -l "$0" && true >"$0/escaped"' "$HOME"
try 'remounts in a user namespace' unshare --user --map-root-user --mount sh -c 'umount -l "$HOME" && true >"$HOME/escaped"'
try 'writes to a mount below its home' write "$2"
try 'finds the real home' sh -c 'find /dev /proc/1/root/dev -xdev -name secret | grep .'
try 'writes outside' write "$HOME/.."
try 'writes to the root' write /
try 'writes to /usr' write /usr
set -e
cat "$1/secret" && echo changed >"$1/secret" && echo more >>"$1/kept" && rm -r "$1/gone" && mkdir -p "$1/.cache/new" && write "$HOME"
cat "$1/secret" "$1/kept" && true >here && echo held >/dev/stderr
`;

/** A host of its own, as `who`, with a mount of its own that its sandbox must find; answers what it said of the program. */
function inside(
  who: readonly string[],
  home: string,
  argv: readonly string[],
  more: Partial<Sandbox> = {},
): Promise<Record<string, unknown>> {
  const [cwd, mounted] = [join(home, 'in'), join(home, 'mounted')];
  const request: HostRequest = {
    record: join(home, 'runs', 'processes.jsonl'),
    sockets: join(home, 's'),
    argv,
    cwd,
    sandbox: { mode: 'full', writable: [cwd], network: false, ...more },
    hang: false,
    report: true,
  };
  const words = ['--mount', '--propagation', 'private', 'sh', '-c', 'mount -t tmpfs none "$0" && exec "$@"', mounted];
  const command = [
    ...who,
    'unshare',
    ...(who.length === 0 && root ? [] : ['--user', '--map-root-user']),
    ...words,
    process.execPath,
    hostEntry,
  ];
  const env = { PATH: process.env.PATH, HOME: home, SKEIN_CACHE: join(home, 'cache') };
  return new Promise((resolve, reject) => {
    execFile(command[0]!, [...command.slice(1), JSON.stringify(request)], { env, cwd: home }, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout) as Record<string, unknown>);
      else reject(new Error(`${error.message}\n${stderr}`));
    });
  });
}

/** Not in /tmp, which a sandbox replaces: what cannot be seen cannot show that it cannot be written. */
function base(owner?: number): string {
  const path = realpathSync(mkdtempSync(join(existsSync('/var/tmp') ? '/var/tmp' : homedir(), 'skein-sandbox-')));
  for (const name of ['in', 'mounted', 'out', 'cache', 'runs', 's']) mkdirSync(join(path, name));
  if (owner !== undefined)
    for (const name of ['', 'in', 'mounted', 'out', 'cache', 'runs', 's']) chownSync(join(path, name), owner, owner);
  return path;
}

describe.each([
  ['this user', full, [] as string[]],
  ['an unprivileged user (root and setpriv)', full && asNobody !== null, asNobody ?? []],
])('a sandbox of %s (full)', (_, possible, who) => {
  let place: string;
  beforeAll(() => (place = base(who.length > 0 ? NOBODY : undefined)));
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it.skipIf(!possible)('holds against every way out, and its own directories are writable', async () => {
    const result = await inside(who, place, ['sh', '-c', ESCAPES, 'escapes', join(place, 'out'), join(place, 'mounted')]);
    expect(result).toMatchObject({ ended: 'exit', exitCode: 0, stdout: '', stderr: 'held\n', wardenLives: true });
    expect([...readdirSync(join(place, 'out')), ...readdirSync(join(place, 'in'))]).toEqual(['here']);
  });

  it.skipIf(!possible)('gives a home that takes writes: gone afterwards, and the real one as it was', async () => {
    const out = join(place, 'out');
    for (const [name, text] of [
      ['secret', 'mine'],
      ['kept', 'mine'],
    ] as const)
      writeFileSync(join(out, name), `${text}\n`);
    mkdirSync(join(out, 'gone'));
    const owner = who.length > 0 ? NOBODY : process.getuid!();
    for (const name of ['secret', 'kept', 'gone']) chownSync(join(out, name), owner, owner);
    const before = execFileSync('ls', ['-AlnR', out], { encoding: 'utf8' });
    const result = await inside(who, place, ['sh', '-c', HOME_ESCAPES, 'escapes', out, join(place, 'mounted')], { home: place });
    expect(result).toMatchObject({ ended: 'exit', exitCode: 0, stdout: 'mine\nchanged\nmine\nmore\n', stderr: 'held\n' });
    expect(execFileSync('ls', ['-AlnR', out], { encoding: 'utf8' })).toBe(before);
    expect(readFileSync(join(out, 'secret'), 'utf8') + readFileSync(join(out, 'kept'), 'utf8')).toBe('mine\nmine\n');
    expect(readdirSync(place).toSorted()).toEqual(['cache', 'in', 'mounted', 'out', 'runs', 's']);
    expect(readdirSync(join(place, 'in'))).toContain('here');
    rmSync(out, { recursive: true });
    mkdirSync(out);
  });

  it.skipIf(!possible)('keeps a kill of everything to itself', async () => {
    expect(await inside(who, place, ['sh', '-c', 'echo here; kill -9 -1'])).toMatchObject({
      stdout: 'here\n',
      wardenLives: true,
    });
  });
});

/** JavaScript that prints what an address answers. */
const ask = (address: string): string =>
  `fetch(${address}).then((r) => r.text()).then(console.log, (e) => console.log(e.cause.code))`;

describe('in a sandbox (full)', () => {
  let place: World;
  let warden: WardenClient;
  let server: Server;
  beforeAll(async () => {
    place = world('wörk dir');
    warden = await connectWarden({ run: '3', record: place.record, sockets: place.sockets, graceMs: 200 });
    server = createServer((_, response) => response.end('outside'));
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    await warden.close();
    server.close();
    place.remove();
  });
  const run = (script: string, change: Partial<Sandbox> = {}): Promise<ExecResult> =>
    warden.exec(['sh', '-c', script], { ...place.options, sandbox: { ...place.sandbox, ...change } });

  it.skipIf(!full)('git and node work, as the same user', async () => {
    const result = await run('git init -q . && echo x >a && git add a && git status --short && node -p "process.getuid()"; nice');
    expect(result.stdout.toString()).toBe(`A  a\n${process.getuid!()}\n10\n`);
  });

  it.skipIf(!full)('the network is the machine only where it is asked for', async () => {
    const { port } = server.address() as AddressInfo;
    const script = `node -e '${ask(`"http://127.0.0.1:${port}"`)}'`;
    expect((await run(script)).stdout.toString()).toBe('ECONNREFUSED\n');
    expect((await run(script, { network: true })).stdout.toString()).toBe('outside\n');
  });

  it.skipIf(!full || found.why !== '')('a local server works without network', async () => {
    const served =
      'require("http").createServer((_, r) => r.end("inside")).listen(0, function () { const p = this.address().port; ';
    const script = `node -e '${served}${ask('"http://127.0.0.1:" + p')}.then(() => process.exit()) })'`;
    expect((await run(script)).stdout.toString()).toBe('inside\n');
  });

  it.skipIf(!full)('of /tmp there is what was named: read-only, with the program itself', async () => {
    const [named, other] = [join(place.home, 'named ✓'), join(place.home, 'other')];
    const program = join(realpathSync(tmpdir()), `skein-program-${process.pid}`);
    for (const directory of [named, other]) mkdirSync(directory);
    writeFileSync(join(named, 'file'), 'seen\n');
    writeFileSync(
      program,
      '#!/bin/sh\ncat "$1/file"; (true >"$1/file") 2>/dev/null && echo written; ls -d "$2" 2>/dev/null; true',
      { mode: 0o755 },
    );
    const sandbox = { ...place.sandbox, readable: [named] };
    const result = await warden.exec([program, named, other], { ...place.options, sandbox });
    rmSync(program);
    expect(result).toMatchObject({ ended: 'exit', exitCode: 0, stdout: Buffer.from('seen\n') });
  });

  it.skipIf(!full)('exit codes, signals, time-outs and missing directories are told as outside', async () => {
    expect(await run('exit 7')).toMatchObject({ ended: 'exit', exitCode: 7 });
    const killed = await run('kill -9 $$');
    expect({ ...killed, stderr: killed.stderr.toString() }).toMatchObject({ ended: 'exit', exitCode: 137, stderr: '' });
    const late = warden.exec(['sleep', '50'], { ...place.options, sandbox: place.sandbox, timeoutMs: 100 });
    expect((await late).ended).toBe('timed-out');
    const nowhere = await run('true', { writable: [join(place.home, 'no such directory')] });
    expect(nowhere).toMatchObject({ ended: 'not-started', error: expect.stringContaining('no such directory') });
  });

  it.skipIf(!full)('a program is told from a sandbox that does not stand, and only the second is tried again', async () => {
    const hidden = join(place.home, 'hidden');
    mkdirSync(hidden);
    const none = await warden.exec(['sh', '-c', 'echo ran'], { ...place.options, cwd: hidden, sandbox: place.sandbox });
    expect(none).toMatchObject({ ended: 'not-started', retryable: true, error: expect.stringContaining(hidden) });
    expect(none.stdout.length).toBe(0);
    expect(await run('echo ran >>runs; echo >&3; exit 125')).toMatchObject({ ended: 'exit', exitCode: 125 });
    expect(readFileSync(join(place.options.cwd, 'runs'), 'utf8')).toBe('ran\n');
  });

  it.skipIf(!full)('nothing outlives the program: not a daemon with no ties to it', async () => {
    const result = await run('(setsid sh -c "sleep 50; echo late >late" </dev/null >/dev/null 2>&1 &); echo done');
    expect(result.stdout.toString()).toBe('done\n');
    expect(result.durationMs).toBeLessThan(5_000);
    expect(readFileSync(place.record, 'utf8')).not.toContain('late >late"}');
  });

  it.skipIf(found.mode === 'full')('is refused in words where the machine has none', async () => {
    const refused = await run('true');
    expect(refused).toMatchObject({
      ended: 'not-started',
      error: expect.stringContaining("sandbox 'full' is not to be had here"),
    });
    expect(found.why).not.toBe('');
  });
});
