/** `skein simulate`: a fleet on virtual time under faults drawn from a seed; a seed that fails is made smaller. Touches nothing. */
import { createHash } from 'node:crypto';
import type { FaultClass, FleetRequest, Problem, SimulatedFailure, SimulatedSeed } from '../../../assembly/index.ts';
import type { Parsed } from '../flags.ts';
import { emit, type ExitCode, fail, type Surface, wantsJson } from '../surface.ts';
import { plural, type Style, symbol } from '../terminal.ts';

const SEEDS_MAX = 10_000_000;
const STORM_MAX = 3_600_000;
const FAILED_SHOWN_MAX = 20;

interface Failed extends SimulatedSeed {
  readonly shrunk: SimulatedFailure;
}

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const { simulateSeed, shrinkSeed, SIMULATION, simulationCrypto } = await import('../../../assembly/index.ts');
  const { faultClasses, hostsMax, agentsMax, checkers } = SIMULATION;
  const wishes = readWishes(flags, faultClasses, hostsMax, agentsMax);
  if (!wishes.ok) return fail(surface, json, wishes.problem);
  const { request, seeds, trace } = wishes;
  const crypto = await simulationCrypto();

  const runs: { seed: string; hash: string; events: number; simulatedMs: number; violations: number }[] = [];
  let first: SimulatedSeed | null = null;
  let failed: Failed | null = null;
  let [failures, events] = [0, 0];
  const hashes = createHash('sha256');
  for (let n = 0; n < seeds; n++) {
    // Seeds that are numbers follow one another; a word is one seed.
    const seed = seeds === 1 ? request.seed : String(Number(request.seed) + n);
    const run = simulateSeed({ ...request, seed }, trace, {}, crypto);
    first ??= run;
    events += run.result.events;
    const { hash, violations, endedAt } = run.result;
    hashes.update(hash);
    if (violations.length > 0) {
      failures += 1;
      failed ??= { ...run, shrunk: shrinkSeed({ ...request, seed }, run.result) };
    }
    if (seeds === 1 || violations.length > 0)
      if (runs.length < FAILED_SHOWN_MAX)
        runs.push({ seed, hash, events: run.result.events, simulatedMs: endedAt, violations: violations.length });
    if (surface.stderr.isTTY && n % 50 === 49) surface.stderr.write(`\r${n + 1}/${seeds} seeds, ${failures} failed`);
  }
  if (surface.stderr.isTTY && seeds >= 50) surface.stderr.write('\r\u001b[K');
  const shown = failed ?? first!;
  const hashOfAll = seeds === 1 ? shown.result.hash : hashes.digest('hex').slice(0, 16);
  const document = {
    schema: 'skein.simulation.v1',
    build: surface.versions,
    seeds,
    failed: failures,
    events,
    hashOfAll,
    runs,
    seed: shown.seed,
    hash: shown.result.hash,
    options: shown.options,
    violations: shown.result.violations,
    shrunk: failed === null ? null : { ...shrunkOf(failed.shrunk) },
    ...(trace ? { trace: shown.result.trace } : {}),
  };
  emit(surface, json, document, (style) =>
    lines(style, shown, failed, { seeds, failures, events, hash: hashOfAll, checkers, trace }),
  );
  return failures === 0 ? 0 : 1;
}

function shrunkOf({ command, options, result, runs }: SimulatedFailure): object {
  return { command, runs, hash: result.hash, options, violations: result.violations };
}

function lines(
  style: Style,
  { seed, options, result }: SimulatedSeed,
  failed: Failed | null,
  all: {
    seeds: number;
    failures: number;
    events: number;
    hash: string;
    checkers: Readonly<Record<string, string>>;
    trace: boolean;
  },
): readonly string[] {
  const { faults, incidents, clocks, ...sizes } = options;
  const told = Object.entries(sizes).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  const drawn = Object.entries(faults).filter(([, value]) => value !== 0 && value !== false);
  return [
    ...(all.trace ? [...result.trace, ''] : []),
    `${style.paint(failed === null ? 'dim' : 'alarm', symbol(style, failed === null ? 'landed' : 'refused'))} ${plural(all.seeds, 'seed')}, ${all.failures} failed, ${plural(all.events, 'event')}, hash of all ${all.hash}`,
    `seed ${seed}  hash ${result.hash}  ${plural(result.events, 'event')} in ${(result.endedAt / 1000).toFixed(1)} simulated s, ${plural(result.crashes, 'crash', 'crashes')} at a step`,
    ...told.map((line) => `  ${style.paint('dim', line)}`),
    `  ${style.paint('dim', `clocks ${clocks.map(({ offset, ppm }) => `${offset} ms ${ppm} ppm`).join(', ')}`)}`,
    `  ${style.paint('dim', `faults ${drawn.length === 0 ? 'none' : drawn.map(([name, value]) => `${name} ${String(value)}`).join(', ')}`)}`,
    ...incidents.map((incident, index) => `  ${style.paint('dim', `incident ${index} ${JSON.stringify(incident)}`)}`),
    ...result.violations.map(
      ({ checker, detail, at }) =>
        `${style.paint('alarm', checker)} at ${at} ms: ${detail} (${all.checkers[checker] ?? 'the run itself'})`,
    ),
    ...(failed === null
      ? []
      : [`${style.paint('dim', 'smaller:')} ${failed.shrunk.command}  (${plural(failed.shrunk.runs, 'run')})`]),
  ];
}

type Wishes =
  | { readonly ok: true; readonly request: FleetRequest; readonly seeds: number; readonly trace: boolean }
  | { readonly ok: false; readonly problem: Problem };

function readWishes(flags: Parsed, classes: readonly string[], hostsMax: number, agentsMax: number): Wishes {
  const no = (what: string): Wishes => ({
    ok: false,
    problem: { kind: 'usage', what, details: [], next: 'skein help simulate' },
  });
  const numbers: Record<string, number | undefined> = {};
  const bounds: readonly (readonly [string, number, number])[] = [
    ['seeds', 1, SEEDS_MAX],
    ['hosts', 2, hostsMax],
    ['agents', 1, agentsMax],
    ['storm', 1, STORM_MAX],
  ];
  for (const [name, least, most] of bounds) {
    const text = flags.text(name);
    if (text === null) continue;
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : -1;
    if (value < least || value > most) return no(`--${name} is a whole number from ${least} to ${most}, not "${text}"`);
    numbers[name] = value;
  }
  const { hosts, agents, storm, seeds = 1 } = numbers;
  const seed = flags.text('seed') ?? '1';
  if (seeds > 1 && !/^[0-9]{1,9}$/.test(seed)) return no(`--seeds counts up from a number, and "${seed}" is none`);
  const without = (flags.text('without') ?? '').split(',').filter((word) => word !== '');
  const unknown = without.find((word) => !classes.includes(word));
  if (unknown !== undefined) return no(`--without knows ${classes.join(', ')}; not "${unknown}"`);
  const only = flags.text('only');
  if (only !== null && only !== 'none' && !/^[0-9]{1,4}(,[0-9]{1,4})*$/.test(only))
    return no(`--only takes indexes of incidents such as 0,3 or none, not "${only}"`);
  return {
    ok: true,
    seeds,
    trace: flags.on('trace'),
    request: {
      seed,
      ...(hosts === undefined ? {} : { hosts }),
      ...(agents === undefined ? {} : { agents }),
      ...(storm === undefined ? {} : { storm }),
      ...(without.length === 0 ? {} : { without: without as FaultClass[] }),
      ...(flags.on('codec') ? { codec: true } : {}),
      ...(only === null ? {} : { only: only === 'none' ? [] : only.split(',').map(Number) }),
    },
  };
}
