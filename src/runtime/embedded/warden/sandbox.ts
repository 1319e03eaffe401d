/**
 * What a sandboxed program may reach, and the words that start it so. Linux namespaces through util-linux, or bwrap; nothing elsewhere.
 *
 *   setpriv (dies with the warden) ─▶ unshare: mounts, pids, network ─▶ sh: everything read-only but the writable directories,
 *   /tmp and /dev of its own ─▶ all capabilities dropped ─▶ sh as pid 1, which reaps ─▶ the program
 *
 * `full` keeps a program from changing files and from outliving its end. It hides nothing that the user may read: their home stays
 * readable, secrets in it too. With `network` it is on the user's network, abstract sockets included; listening sockets with a path
 * are covered, since a write through one (docker, systemd) is a write all the same. A `home` takes writes into a layer in memory that
 * ends with the program, for tools that keep state there; the real one is only read. Mounts made on the machine between the reading of
 * the mount table and the start, some milliseconds, stay as they are. /tmp, /dev/shm and that layer hold at most 1 GiB, in memory.
 * A program that a signal ended is reported by its shell as exit code 128 + signal.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, lstatSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Sandbox } from '../exec.ts';
import { cacheHome, socketHome } from '../places.ts';

export interface SandboxFound {
  readonly mode: Sandbox['mode'];
  /** Why not more than this, or what falls short in it; empty when nothing does. */
  readonly why: string;
}

export type Wrapped = { readonly ok: true; readonly argv: readonly string[] } | { readonly ok: false; readonly why: string };

/** A way into a sandbox that was tried on this machine and held. */
interface Way {
  readonly kind: 'plain' | 'user' | 'bwrap';
  readonly tools: Readonly<Record<string, string>>;
  /** Brings loopback up inside a new network; empty when no tool here can. */
  readonly loopback: string;
  /** Whether this kernel lets a `home` take writes; without it homes are read-only. */
  readonly layers: boolean;
}

const PROBE_MS_MAX = 5_000;
const COVERED_MAX = 500; // listening sockets with a path; a desktop has about a hundred
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
const KEPT: ReadonlySet<string> = new Set('nosuid nodev noexec noatime nodiratime relatime'.split(' '));
const RESOLVERS = ['/run/systemd/resolve/', '/run/nscd/', '/var/run/nscd/', '/run/avahi-daemon/']; // names must resolve
const STAGE = '/dev/shm'; // out of sight once /dev is replaced

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
/** Paths in mountinfo and fstab are written the same way. */
const escaped = (path: string): string =>
  path.replaceAll(/[ \t\n\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
const unescaped = (path: string): string =>
  path.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
const within = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);

const isDirectory = (path: string): boolean => statSync(path).isDirectory();
/** Within this user's reach. */
function visible(path: string): boolean {
  try {
    return lstatSync(path) !== undefined;
  } catch {
    return false;
  }
}
const inTemp = (path: string): boolean => within(path, '/tmp');

function tool(name: string): string | null {
  for (const directory of ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin', ...(process.env.PATH ?? '').split(':')]) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not here
    }
  }
  return null;
}

interface Mount {
  readonly id: string;
  readonly parent: string;
  readonly path: string;
  readonly flags: string;
  /** False under another mount: no path leads there. */
  readonly reachable: boolean;
}

/** The lines of /proc/self/mountinfo. */
export function mountsOf(mountinfo: string): Mount[] {
  const all = mountinfo
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Mount => {
      const [id, parent, , , path, flags] = line.split(' ') as [string, string, string, string, string, string];
      return { id, parent, path: unescaped(path), flags, reachable: false };
    });
  const ids = new Set(all.map((mount) => mount.id));
  const root = all.find((mount) => mount.path === '/' && !ids.has(mount.parent));
  const children = new Map<string, Mount[]>();
  for (const mount of all) children.set(mount.parent, [...(children.get(mount.parent) ?? []), mount]);
  const reachable = (mount: Mount): boolean => {
    let at = root;
    while (at !== undefined) {
      const over = children.get(at.id)?.filter((child) => child !== root && within(mount.path, child.path)) ?? [];
      if (over.length === 0) return at === mount;
      at = over.reduce((first, child) => (child.path.length < first.path.length ? child : first));
    }
    return false;
  };
  return all.map((mount) => ({ ...mount, reachable: reachable(mount) }));
}

/** As a remount takes them: those it would clear are locked in a user namespace, those it does not know it refuses. */
const readOnlyFlags = (flags: string): string => ['ro', ...flags.split(',').filter((flag) => KEPT.has(flag))].join(',');

/** Listening sockets with a path that a program must not speak to. */
function covered(): { directories: string[]; sockets: string[] } {
  const directories = new Set<string>();
  for (const directory of ['/run/user', process.env.XDG_RUNTIME_DIR, socketHome()]) {
    try {
      if (directory === undefined || directory === '') continue;
      directories.add(realpathSync(directory));
    } catch {
      // not on this machine
    }
  }
  const sockets = new Set<string>();
  for (const line of readFileSync('/proc/net/unix', 'utf8').split('\n').slice(1)) {
    const at = line.indexOf('/');
    if (at < 0 || line.split(/\s+/)[3] !== '00010000' || sockets.size >= COVERED_MAX) continue;
    try {
      const path = realpathSync(line.slice(at));
      if (lstatSync(path).isSocket() && !RESOLVERS.some((resolver) => path.startsWith(resolver))) sockets.add(path);
    } catch {
      // gone, or out of this user's reach
    }
  }
  return { directories: [...directories], sockets: [...sockets] };
}

// Runs as pid 1 without any capability. A line on fd 3 says that the sandbox stands and the program is next: whoever ends without it
// was never run. The shell's own words about a killed child are not the program's output.
const INIT = 'exec 9>&2 2>/dev/null; echo >&3; exec 3>&-; (exec "$@" 2>&9 9>&-); exit $?';

// `mount -a` passes over in silence what it takes for mounted already, and a mount may have come since the table was read: look.
// OPEN holds what may be writable: what is replaced, and what no path leads to.
const CLOSED = `while read -r _ _ _ _ path flags _; do
  case $flags in ro*) continue ;; esac
  case "$path/" in /dev/* | /proc/* | /tmp/* WRITABLE) continue ;; esac
  case OPEN in *" $path "*) ;; *) echo "$path stays writable" >&2; exit 1 ;; esac
done </proc/self/mountinfo`;

/** Drops everything for good: without it a namespace's root could remount read-write. */
function dropped(way: Way): string {
  const uid = process.getuid!();
  const drop = `${way.tools.setpriv} --no-new-privs --inh-caps=-all --ambient-caps=-all`;
  const inner = `/bin/sh -c ${quote(INIT)} skein-init "$@"`;
  if (way.kind === 'plain') return `exec ${drop} --bounding-set=-all -- ${inner}`;
  // A second user namespace gives the user their own id back (some agents refuse to run as root) and locks every mount of the first.
  const again = `exec ${way.tools.unshare} --user --map-user=${uid} --map-group=${process.getgid!()} --`;
  return `${again} ${drop} ${uid === 0 ? '--bounding-set=-all ' : ''}-- ${inner}`;
}

/** Without those inside another: a parent's mount brings its children. */
const outermost = (paths: readonly string[]): string[] =>
  [...new Set(paths)].filter((path, _, all) => !all.some((other) => other !== path && within(path, other)));

function fullScript(way: Way, cwd: string, sandbox: Sandbox): string {
  const writable = outermost(sandbox.writable.map((directory) => realpathSync(directory)));
  const writes = (path: string): boolean => writable.some((directory) => within(path, directory));
  const readable = outermost(
    (sandbox.readable ?? []).filter((path) => inTemp(path) && path !== '/tmp' && !writes(path) && existsSync(path)),
  );
  const replaced = (path: string): boolean => within(path, '/dev') || within(path, '/proc') || inTemp(path);
  const cover = covered();
  const masks = outermost(cover.directories).filter(
    (path) => !replaced(path) && !writes(path) && !writable.some((directory) => within(directory, path)),
  );
  const masked = (path: string): boolean => masks.some((mask) => within(path, mask));
  const home = way.layers && sandbox.home !== undefined && existsSync(sandbox.home) ? realpathSync(sandbox.home) : null;
  const layered = home !== null && home !== '/' && !replaced(home) && !writes(home) && !masked(home) ? home : null;
  const fstab: string[] = [];
  const bind = (from: string, to: string, how = 'rbind'): void =>
    void fstab.push(`${escaped(from)} ${escaped(to)} none ${how} 0 0`);
  const readOnly = (path: string, flags: string): void =>
    void fstab.push(`read-only ${escaped(path)} none remount,bind,${readOnlyFlags(flags)} 0 0`);
  const staged = (path: string): string => (inTemp(path) ? STAGE + path : path);

  const mounts = mountsOf(readFileSync('/proc/self/mountinfo', 'utf8'));
  const mountAt = (path: string): Mount | undefined =>
    mounts.filter((mount) => mount.reachable && within(path, mount.path)).toSorted((a, b) => b.path.length - a.path.length)[0];
  for (const directory of readable) {
    bind(directory, staged(directory), 'bind');
    readOnly(staged(directory), mountAt(directory)?.flags ?? '');
  }
  // What is mounted or writable below the home is put aside while the layer is laid over it. Recursively: in a user namespace a
  // mount that others lie on cannot be bound without them.
  const belowHome = (path: string): boolean => layered !== null && path !== layered && within(path, layered);
  const mounted = mounts.filter(
    ({ path, reachable }) => belowHome(path) && reachable && !writes(path) && !masked(path) && visible(path),
  );
  const below = [...mounted.map(({ path }) => path), ...writable.filter(belowHome)];
  const aside = new Map(outermost(below).map((path, index) => [path, `${STAGE}/aside/${index}`]));
  if (layered !== null) {
    for (const { path, flags } of mounted) readOnly(path, flags); // before: under the layer it could not be done
    for (const [path, at] of aside) bind(path, at);
    bind(layered, `${STAGE}/layer/lower`);
    const directories = ['lower', 'upper', 'work'].map((name) => `${name}dir=${STAGE}/layer/${name}`).join(',');
    const marks = way.kind === 'user' ? ',userxattr' : ''; // the others are for the machine's own root
    fstab.push(`skein-home ${escaped(layered)} overlay ${directories}${marks},nosuid,nodev 0 0`);
    for (const [path, at] of aside) bind(at, path);
  }
  for (const directory of writable) if (!aside.has(directory)) bind(directory, staged(directory));
  for (const device of DEVICES) bind(`/dev/${device}`, `${STAGE}/dev/${device}`, 'bind');
  fstab.push(`devpts ${STAGE}/dev/pts devpts newinstance,ptmxmode=0666,mode=620 0 0`);
  bind(`${STAGE}/dev/pts/ptmx`, `${STAGE}/dev/ptmx`, 'bind');
  for (const path of masks) bind(`${STAGE}/empty`, path, 'bind');
  for (const path of cover.sockets) {
    if (!replaced(path) && !writes(path) && !masked(path)) bind('/dev/null', path, 'bind');
  }
  const open = [...masks, ...cover.sockets, ...(layered === null ? [] : [layered])];
  for (const { path, flags, reachable } of mounts) {
    const [twin] = mounts.filter((other) => other.path === path && !other.reachable);
    if (!reachable || twin !== undefined) open.push(path);
    if (!reachable || path === '/' || path === layered || replaced(path) || writable.includes(path) || masked(path)) continue;
    if (visible(path)) readOnly(path, flags);
    else open.push(path); // inside as well as here
  }
  // Root of the machine owns /proc/sys even without capabilities; root of a user namespace still needs its id map writable below.
  if (way.kind === 'user') bind('/proc/sys', '/proc/sys');
  readOnly(way.kind === 'user' ? '/proc/sys' : '/proc', 'rw,nosuid,nodev,noexec,relatime');
  bind(`${STAGE}/tmp`, '/tmp');
  bind(`${STAGE}/dev`, '/dev');

  const asideFiles = [...aside].flatMap(([path, at]) => (isDirectory(path) ? [] : [at.slice(STAGE.length)]));
  const asides = [...aside.values()].map((at) => at.slice(STAGE.length)).filter((at) => !asideFiles.includes(at));
  const files = [...readable.filter((path) => !isDirectory(path)), ...asideFiles];
  const layer = layered === null ? [] : ['/layer/lower', '/layer/work', '/aside', ...asides];
  const named = [...readable, ...writable].filter(inTemp).map((path) => (files.includes(path) ? dirname(path) : path));
  const directories = ['/tmp', '/empty', '/dev/pts', '/dev/shm', ...layer, ...named];
  const { mount, mkdir, cp } = way.tools;
  return [
    'set -e',
    `${mount} -t tmpfs -o mode=755,size=1g,nosuid,nodev skein ${STAGE}`,
    `${mkdir} -p -m 1777 ${directories.map((path) => quote(STAGE + path)).join(' ')}`,
    ...(layered === null ? [] : [`${mkdir} -m ${(statSync(layered).mode & 0o777).toString(8)} ${STAGE}/layer/upper`]),
    ...[...[...DEVICES, 'ptmx'].map((device) => `/dev/${device}`), ...files].map((path) => `true >${quote(STAGE + path)}`),
    `${cp} -P /dev/fd /dev/stdin /dev/stdout /dev/stderr ${STAGE}/dev/`,
    `printf '%s\\n' ${fstab.map(quote).join(' ')} >${STAGE}/fstab`,
    `${mount} -a -T ${STAGE}/fstab`, // one process for all of them: one each would cost 2 ms each
    `${mount} -o remount,bind,${readOnlyFlags(mountAt('/')?.flags ?? '')} /`, // `-a` passes the root over
    CLOSED.replace('OPEN', () => quote(` ${open.map(escaped).join(' ')} `)).replace('WRITABLE', () =>
      writable.map((directory) => `| ${quote(`${escaped(directory)}/`)}*`).join(' '),
    ),
    ...(sandbox.network || way.loopback === '' ? [] : [way.loopback]),
    `cd ${quote(cwd)}`, // from under the old mounts to the same path on the new ones
    dropped(way),
  ].join('\n');
}

function bwrapArgv(way: Way, cwd: string, sandbox: Sandbox): string[] {
  const cover = covered();
  const writable = sandbox.writable.map((directory) => realpathSync(directory));
  const outside = (path: string): boolean =>
    !inTemp(path) && !writable.some((directory) => within(path, directory) || within(directory, path));
  return [
    way.tools.bwrap!,
    ...'--die-with-parent --unshare-pid --ro-bind / / --dev /dev --proc /proc --remount-ro /proc --tmpfs /tmp'.split(' '),
    ...(sandbox.network ? [] : ['--unshare-net']),
    ...cover.directories.filter(outside).flatMap((path) => ['--tmpfs', path]),
    ...cover.sockets
      .filter((path) => outside(path) && !cover.directories.some((directory) => within(path, directory)))
      .flatMap((path) => ['--ro-bind', '/dev/null', path]),
    ...(sandbox.readable ?? []).filter(inTemp).flatMap((path) => ['--ro-bind', path, path]),
    ...writable.flatMap((path) => ['--bind', path, path]),
    '--chdir',
    cwd,
    '--cap-drop',
    'ALL',
    '--',
    '/bin/sh',
    '-c',
    INIT,
    'skein-init',
  ];
}

function wrap(way: Way, argv: readonly string[], cwd: string, sandbox: Sandbox): string[] {
  if (way.kind === 'bwrap') return [...bwrapArgv(way, cwd, sandbox), ...argv];
  const full = sandbox.mode === 'full';
  const script = full
    ? fullScript(way, cwd, sandbox)
    : `set -e\n${sandbox.network ? '' : way.loopback}\ncd ${quote(cwd)}\n${dropped(way)}`;
  return [
    way.tools.setpriv!,
    ...`--pdeathsig KILL -- ${way.tools.unshare} --pid --ipc --fork --kill-child`.split(' '),
    ...(way.kind === 'user' ? ['--user', '--map-root-user'] : []),
    ...(full ? ['--mount', '--propagation', 'private', '--mount-proc'] : []),
    ...(sandbox.network ? [] : ['--net']),
    '--',
    '/bin/sh',
    '-c',
    script,
    'skein-sandbox',
    ...argv,
  ];
}

/** What the probe must see inside before a way counts. `$1` is writable, `$2` is not, `$3` is a home or empty. */
const FULL_PROBE = `
true >"$1/in" || { echo "cannot write where it should"; exit 1; }
(true >"$2/out") 2>/dev/null && { rm -f "$2/out"; echo "can write where it should not"; exit 1; }
[ -z "$3" ] || true >"$3/written" || { echo "cannot write to its home"; exit 1; }
mount -o remount,bind,rw / 2>/dev/null && { echo "can remount"; exit 1; }
while read -r key value; do case $key in CapEff:|CapPrm:) [ "$value" = 0000000000000000 ] || { echo "keeps capabilities"; exit 1; };; esac; done </proc/self/status
(cat /proc/sys/vm/swappiness | tee /proc/sys/vm/swappiness) >/dev/null 2>&1 && { echo "can change the kernel"; exit 1; }
echo x >/dev/null || { echo "no /dev/null"; exit 1; }
echo held`;

/** Three directories that stay: probes of several processes at once share them, and one that is killed leaves nothing else behind. */
function probeDirectories(): [string, string, string] {
  for (const home of [cacheHome(), join(tmpdir(), `skein-probe-${process.getuid!()}`)]) {
    try {
      const made: [string, string, string] = [join(home, 'probe', 'in'), join(home, 'probe', 'out'), join(home, 'probe', 'home')];
      for (const directory of made) mkdirSync(directory, { recursive: true, mode: 0o700 });
      return made;
    } catch {
      // a home that cannot be written to
    }
  }
  throw new Error('no directory to try it in');
}

async function tryWay(way: Way, mode: 'full' | 'network only'): Promise<string> {
  try {
    const [inside, outside, home] = probeDirectories();
    const script = [
      '/bin/sh',
      '-c',
      mode === 'full' ? FULL_PROBE : 'echo held',
      'probe',
      inside,
      outside,
      way.layers ? home : '',
    ];
    const argv = wrap(way, script, inside, { mode, writable: [inside], network: false, home });
    const failure = await new Promise<string>((resolve) => {
      execFile(
        argv[0]!,
        argv.slice(1),
        { cwd: inside, env: { PATH: process.env.PATH ?? '' }, timeout: PROBE_MS_MAX },
        (error, stdout, stderr) =>
          resolve(
            stdout.trim() === 'held'
              ? ''
              : ((stdout.trim() || stderr.trim().split('\n')[0] || error?.message) ?? 'it said nothing'),
          ),
      );
    });
    return failure === '' && existsSync(join(home, 'written')) ? 'what is written to a home reaches the real one' : failure;
  } catch (cause) {
    return (cause as Error).message;
  }
}

async function look(): Promise<SandboxFound & { readonly way?: Way }> {
  if (process.platform !== 'linux') return { mode: 'none', why: `no namespaces on ${process.platform}` };
  const names = ['setpriv', 'unshare', 'mount', 'mkdir', 'cp', 'bwrap'];
  const tools = Object.fromEntries(
    names.flatMap((name) => [[name, tool(name)]].filter((pair): pair is [string, string] => pair[1] !== null)),
  );
  const lo = [
    [tool('ip'), 'link set lo up'],
    [tool('ifconfig'), 'lo up'],
    [tool('busybox'), 'ip link set lo up'],
  ].find(([path]) => path !== null);
  const loopback = lo === undefined ? '' : lo.join(' ');
  const short =
    loopback === '' ? 'no `ip`, `ifconfig` or `busybox` here: without network, local servers cannot be reached either' : '';
  const missing = names.slice(0, 5).filter((name) => tools[name] === undefined);
  const unshares = missing.length > 0 ? [] : process.getuid!() === 0 ? (['plain', 'user'] as const) : (['user'] as const);
  const failures: string[] = missing.map((name) => `${name}: not found`);
  // A home in /tmp is replaced with it, so that nothing could be seen of a layer.
  const layers = inTemp(probeDirectories()[2]) ? [false] : [true, false];
  const ways: Way[] = unshares.flatMap((kind) => layers.map((layer) => ({ kind, tools, loopback, layers: layer })));
  if (tools.bwrap !== undefined) ways.push({ kind: 'bwrap', tools, loopback, layers: false });
  for (const way of ways) {
    // oxlint-disable-next-line no-await-in-loop -- the first that holds is taken
    const failure = await tryWay(way, 'full');
    if (failure === '') return { mode: 'full', why: way.kind === 'bwrap' ? '' : short, way };
    if (way.layers) continue; // the same way without is tried next
    const { kind } = way;
    failures.push(`${kind === 'bwrap' ? 'bwrap' : 'unshare'}: ${failure}`);
  }
  for (const kind of unshares) {
    const way: Way = { kind, tools, loopback, layers: false };
    // oxlint-disable-next-line no-await-in-loop -- as above
    if ((await tryWay(way, 'network only')) === '') return { mode: 'network only', why: failures.join('; '), way };
  }
  return { mode: 'none', why: failures.join('; ') };
}

let found: ReturnType<typeof look> | null = null;
const probed = (): ReturnType<typeof look> => (found ??= look());

/** What this machine lets an unprivileged program be kept from; tried once in each process, about 30 ms. */
export async function detectSandbox(): Promise<SandboxFound> {
  const { mode, why } = await probed();
  return { mode, why };
}

const RANK = { none: 0, 'network only': 1, full: 2 } as const;

/** The same program, started inside what `sandbox` asks for; refused when this machine cannot give that much. */
export async function sandboxed(argv: readonly string[], cwd: string, sandbox: Sandbox | undefined): Promise<Wrapped> {
  if (sandbox === undefined || sandbox.mode === 'none') return { ok: true, argv };
  const { mode, why, way } = await probed();
  if (way === undefined || RANK[mode] < RANK[sandbox.mode])
    return { ok: false, why: `sandbox '${sandbox.mode}' is not to be had here (${mode}): ${why}` };
  try {
    // A program that lies in /tmp, with what lies beside it.
    const program = dirname(argv[0]!) === '/tmp' ? argv[0]! : dirname(argv[0]!);
    const readable = [...(sandbox.readable ?? []), program];
    return { ok: true, argv: wrap(way, argv, realpathSync(cwd), { ...sandbox, readable }) };
  } catch (cause) {
    return { ok: false, why: `sandbox: ${(cause as Error).message}` }; // a writable directory that is not there
  }
}
