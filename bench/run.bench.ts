/**
 * What a run costs beside the work in it: eight tasks of a small package, each by a scripted agent that takes a second of wall time
 * as one that waits for a model does, with real git, real sandboxes and real checks. Baseline in the same run: a shell loop that
 * gives each task a `git worktree`, runs the same agent and the same tests, and merges.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callHost, placesOf, readEntries } from '../src/runtime/embedded/index.ts';
import { compiled, type Ran, run } from '../tools/bench/command.ts';
import { median, quantile } from '../tools/bench/figures.ts';
import { git, smallPackage, temporary } from '../tools/bench/repositories.ts';
import type { Row } from '../tools/bench/row.ts';

const ROUNDS = 5;
const TASKS = 8;
const ASK_MS = 250;
const AGENT = 'sleep 1; echo "// noted" >> "$SKEIN_FILES"';
/** Some 20 MB in five seconds, each line another. */
const PRINTER = `node -e 'let n=0;const u=Date.now()+5000;(function p(){for(let i=0;i<40;i++)console.log(++n+" ".repeat(200));Date.now()<u&&setTimeout(p,2)})()'; echo "// noted" >> "$SKEIN_FILES"`;

const LOOP = `
git checkout -q -b loop
i=1
while [ $i -le ${TASKS} ]; do
  git worktree add -q --detach ../w$i loop || exit 1
  (cd ../w$i && SKEIN_FILES=times-$i.js sh -c '${AGENT}' && git add -A && git -c user.name=b -c user.email=b@l commit -q -m "task $i" && npm test >/dev/null 2>&1) || exit 1
  git merge -q --ff-only "$(git -C ../w$i rev-parse HEAD)" || exit 1
  git worktree remove --force ../w$i
  i=$((i + 1))
done`;

export default async function runBench(): Promise<readonly Row[]> {
  const home = temporary('run');
  try {
    const bin = compiled();
    const quiet = smallPackage(join(home, 'quiet'), AGENT);
    const loud = smallPackage(join(home, 'loud'), PRINTER);
    let copies = 0;
    /** A repository that nobody ran on yet, with a cache of its own: no verdict comes from another round. */
    const fresh = (from: string): { top: string; env: NodeJS.ProcessEnv } => {
      const place = join(home, `copy-${(copies += 1)}`);
      cpSync(from, join(place, 'repository'), { recursive: true });
      return { top: join(place, 'repository'), env: { ...process.env, SKEIN_CACHE: join(place, 'cache') } };
    };
    const skein = (words: string): string[] => [process.execPath, bin, ...words.split(' ')];
    const fleet = async (agents: number): Promise<{ ran: Ran; top: string }> => {
      const { top, env } = fresh(quiet);
      const ran = await run(skein(`run tasks.md -a worker --max-agents ${agents} --json`), top, env);
      if (ran.exitCode !== 0)
        throw new Error(`a run with ${agents} agents ended with ${ran.exitCode}: ${ran.stderr.slice(-2000)}`);
      return { ran, top };
    };

    const one: Ran[] = [];
    const two: Ran[] = [];
    const loops: Ran[] = [];
    const lags: number[] = [];
    const again: Ran[] = [];
    const landings: number[] = [];
    const plain: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const alone = await fleet(1);
      one.push(alone.ran);
      landings.push(...landingsOf(placesOf(alone.top).store('1')));
      two.push((await fleet(2)).ran);

      const looped = fresh(quiet);
      loops.push(await run(['/bin/sh', '-c', LOOP], looped.top, looped.env));
      if (loops.at(-1)!.exitCode !== 0) throw new Error(`the plain loop failed: ${loops.at(-1)!.stderr}`);
      plain.push(...plainLandings(fresh(quiet).top));

      const known = fresh(quiet);
      for (let call = 0; call < 3; call++) {
        const ran = await run(skein('run --json'), known.top, known.env);
        if (ran.exitCode !== 0) throw new Error(`a run without tasks ended with ${ran.exitCode}: ${ran.stderr.slice(-2000)}`);
        if (call > 0) again.push(ran);
      }
      lags.push(await lagOf(skein('run tasks.md -a worker --max-agents 4 --json'), fresh(loud)));
    }

    const walls = (all: readonly Ran[]): number[] => all.map(({ wallMs }) => wallMs / 1000);
    const first = [...one, ...two].map(({ firstMs }) => firstMs);
    const cpu = (all: readonly Ran[]): number[] => all.map(({ cpuSeconds }) => cpuSeconds / TASKS);
    const own = one.flatMap(({ ownCpuSeconds }) => (ownCpuSeconds === null ? [] : [ownCpuSeconds / TASKS]));
    const speedup = median(walls(one)) / median(walls(two));
    const rows: Row[] = [
      {
        claim: `${TASKS} tasks with two workers against one`,
        target: 'ratio >= 1.5',
        ours: median(walls(two)),
        unit: 's',
        baseline: `one worker ${median(walls(one)).toFixed(2)} s, plain loop ${median(walls(loops)).toFixed(2)} s`,
        ratio: speedup,
        p50: median(walls(two)),
        p99: quantile(walls(two), 0.99),
        met: speedup >= 1.5,
      },
      {
        claim: 'first line of a run with tasks',
        target: '<= 2000 ms',
        ours: median(first),
        unit: 'ms',
        p50: median(first),
        p99: quantile(first, 0.99),
        met: quantile(first, 0.99) <= 2000,
      },
      {
        claim: 'second run on an unchanged tree, whole process',
        target: '<= 2000 ms',
        ours: median(again.map(({ wallMs }) => wallMs)),
        unit: 'ms',
        p50: median(again.map(({ wallMs }) => wallMs)),
        p99: quantile(
          again.map(({ wallMs }) => wallMs),
          0.99,
        ),
        cpuSeconds: median(again.map(({ cpuSeconds }) => cpuSeconds)),
        met:
          quantile(
            again.map(({ wallMs }) => wallMs),
            0.99,
          ) <= 2000,
      },
      {
        claim: "agent's end to its commit on the branch, checks excluded",
        target: '<= 500 ms',
        ours: median(landings),
        unit: 'ms',
        baseline: median(plain),
        ratio: median(plain) / median(landings),
        p50: median(landings),
        p99: quantile(landings, 0.99),
        met: median(landings) <= 500,
      },
      {
        claim: 'event-loop delay of the host, p99, while four agents print',
        target: '<= 5 ms',
        ours: median(lags),
        unit: 'ms',
        p50: median(lags),
        p99: quantile(lags, 0.99),
        met: median(lags) <= 5,
      },
      {
        claim: 'CPU for each landed task, agents and checks included, against the plain loop',
        target: '<= 4 times the loop',
        ours: median(cpu(one)),
        unit: 's',
        baseline: median(cpu(loops)),
        ratio: median(cpu(loops)) / median(cpu(one)),
        p50: median(cpu(one)),
        p99: quantile(cpu(one), 0.99),
        met: median(cpu(one)) <= 4 * median(cpu(loops)),
      },
    ];
    if (own.length > 0) {
      rows.push({
        claim: 'CPU of host and warden themselves for each landed task, start-up included',
        target: '<= 0.5 s',
        ours: median(own),
        unit: 's',
        p50: median(own),
        p99: quantile(own, 0.99),
        met: median(own) <= 0.5,
      });
    }
    return rows;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** From the ledger of a run whose landing queue never waits: the end of each agent to its landing, without the check between. */
function landingsOf(store: string): number[] {
  const at = new Map<string, number>();
  for (const { header, body } of readEntries(store)) {
    const kind = header[1];
    if (kind !== 4 && kind !== 5) continue; // an activity's intent and outcome
    const time = Number(Buffer.from(header).readBigUInt64BE(16));
    const { key, name } = JSON.parse(Buffer.from(body!).toString()) as { key: string; name: string };
    at.set(`${key.split('/')[1]} ${name} ${kind === 4 ? 'begins' : 'ends'}`, time);
  }
  return [...at].flatMap(([what, landed]) => {
    const [task, name, moment] = what.split(' ');
    const when = (other: string): number => at.get(`${task} ${other}`)!;
    if (name !== 'work.land' || moment !== 'ends') return [];
    return [landed - when('work.agent ends') - (when('work.check ends') - when('work.check begins'))];
  });
}

/** The same step of the plain loop: commit and merge. */
function plainLandings(top: string): number[] {
  git(top, 'checkout', '-q', '-b', 'loop');
  return Array.from({ length: TASKS }, (_, index) => {
    const tree = join(top, '..', `plain-${index}`);
    git(top, 'worktree', 'add', '-q', '--detach', tree, 'loop');
    const file = join(tree, `times-${index + 1}.js`);
    writeFileSync(file, `${readFileSync(file, 'utf8')}// noted\n`);
    const began = performance.now();
    git(tree, 'add', '-A');
    git(tree, 'commit', '-q', '-m', `task ${index}`);
    git(top, 'merge', '-q', '--ff-only', git(tree, 'rev-parse', 'HEAD'));
    const took = performance.now() - began;
    execFileSync('git', ['worktree', 'remove', '--force', tree], { cwd: top });
    return took;
  });
}

/** What the host itself says about its loop, asked until its run is over. */
async function lagOf(argv: readonly string[], { top, env }: { top: string; env: NodeJS.ProcessEnv }): Promise<number> {
  const host = placesOf(top, env).hostFile('1');
  let last = Number.NaN;
  let asking = Promise.resolve();
  const timer = setInterval(() => {
    asking = callHost(host, { verb: 'status' }, ASK_MS * 8).then((reply) => {
      if (reply.kind === 'answer') last = (reply.answer as unknown as { readonly lagP99Ms: number }).lagP99Ms;
    });
  }, ASK_MS);
  try {
    const ran = await run(argv, top, env);
    if (ran.exitCode !== 0) throw new Error(`the run of printers ended with ${ran.exitCode}: ${ran.stderr.slice(-2000)}`);
    return last;
  } finally {
    clearInterval(timer);
    await asking;
  }
}
