/**
 * Stories of a run as text: commands, `----`, what happened. One story is one file of `test/scenarios`; its expected part is
 * written by SKEIN_UPDATE=1 and read in review.
 *
 *   agent <temper> [price=<n>] [only=<goal>]        the agents, in turn; with a goal it is called <goal>-<temper>
 *   task <id> [needs=a,b] [agent=x] [claims=p,q] [rivals=a,b] [breaks=yes]    a task; with rivals a judge looks at what they do
 *   probe <name> [when=last] [sandboxed=yes]        a probe; find <probe> <id> and the options of a task: what it finds
 *   file <path> <word>                              a file of the base
 *   limits <name>=<n> ...                           over the usual ones
 *   slow checks                                     checks take twenty times as long, so that changes wait
 *   stubborn                                        agents do not mend their ways when told what failed
 *   crash at <step>                                 the host dies the first time it reaches a step that contains this
 *   drain | kill | resume | push                    what the person does now
 *   run until <landed <id> | state <state> <id> | phase <phase> | ended | <seconds>>     prints what happened since the last time
 *   status                                          prints run and tasks as they are durable
 */
import { NO_FAULTS, Simulation, withoutAmbient } from '../../src/runtime/simulation/index.ts';
import type { work } from '../../src/contracts/index.ts';
import {
  agentSpec,
  BREAKS,
  PLAN,
  type Plan,
  probeSpec,
  type Step,
  taskSpec,
  type Temper,
  TEMPERS,
  WorkWorld,
} from './work-world.ts';

const TIME_MAX = 24 * 60 * 60_000; // a story that takes longer waits for something that never happens
const NOISE = /^(turn|wake|opened|handled|issued|durable|message|work\.|start work\.discard|outcome work\.discard)/;

export interface Told {
  readonly text: string;
  /** What checkers saw: nothing, in a good story. */
  readonly violations: readonly string[];
}

/** Plays all blocks of a story and gives it back with what really happened. */
export function tell(story: string): Told {
  return withoutAmbient(() => {
    const teller = new Teller();
    const blocks = story
      .trimEnd()
      .split(/\n\n+/)
      .map((block) => {
        const commands = block.split('\n----')[0]!.split('\n');
        const output = commands.flatMap((line) => (line.startsWith('#') ? [] : teller.play(line)));
        return output.length === 0 && !block.includes('\n----')
          ? commands.join('\n')
          : [...commands, '----', ...output].join('\n');
      });
    return { text: `${blocks.join('\n\n')}\n`, violations: teller.end() };
  });
}

class Teller {
  #plan: Plan = { ...PLAN, agents: [] };
  #simulation: Simulation | null = null;
  #world: WorkWorld | null = null;
  #told = 0;
  readonly #crashes: string[] = [];

  /** Lines that this command prints. */
  play(line: string): string[] {
    const [command, ...words] = line.trim().split(/\s+/) as [string, ...string[]];
    const options = Object.fromEntries(
      words.filter((word) => word.includes('=')).map((word) => word.split('=') as [string, string]),
    );
    switch (command) {
      case 'agent':
        this.#plan = {
          ...this.#plan,
          agents: [...this.#plan.agents, agentSpec(temper(words[0]), Number(options['price'] ?? 0), options['only'] ?? null)],
        };
        return [];
      case 'task':
        this.#plan = { ...this.#plan, tasks: [...this.#plan.tasks, taskFrom(words[0]!, options)] };
        return [];
      case 'probe': {
        const when = options['when'] === 'last' ? 'last' : 'first';
        const probe = probeSpec(words[0]!, { when, sandboxed: options['sandboxed'] === 'yes' });
        this.#plan = { ...this.#plan, probes: [...this.#plan.probes, probe] };
        return [];
      }
      case 'find': {
        const [name, id] = words as [string, string];
        const found = [...(this.#plan.finds[name] ?? []), taskFrom(id, options)];
        this.#plan = { ...this.#plan, finds: { ...this.#plan.finds, [name]: found } };
        return [];
      }
      case 'file':
        this.#plan = { ...this.#plan, files: new Map([...this.#plan.files, [words[0]!, words[1]!]]) };
        return [];
      case 'limits':
        this.#plan = { ...this.#plan, limits: { ...this.#plan.limits, ...numbers(options) } };
        return [];
      case 'slow':
        this.#plan = { ...this.#plan, checkSlowness: 20 };
        return [];
      case 'stubborn':
        this.#plan = { ...this.#plan, mends: false };
        return [];
      case 'crash':
        this.#crashes.push(words.slice(1).join(' '));
        return [];
      case 'drain':
      case 'kill':
      case 'resume':
      case 'push':
        this.#begun().act(command satisfies Step['act']);
        return [];
      case 'run':
        return this.#runUntil(words.slice(1));
      case 'status':
        return status(this.#begun());
      default:
        throw new Error(`a story has no command "${line}"`);
    }
  }

  end(): string[] {
    const world = this.#begun();
    this.#run(() => world.settled());
    world.end();
    return world.simulation.violations.map(({ checker, detail }) => `${checker}: ${detail}`);
  }

  #begun(): WorkWorld {
    if (this.#world !== null) return this.#world;
    this.#simulation = new Simulation({
      seed: 'story',
      trace: true,
      faults: NO_FAULTS,
      crashWhen: (step) => {
        const at = this.#crashes.findIndex((wanted) => step.includes(wanted));
        if (at >= 0) this.#crashes.splice(at, 1);
        return at >= 0;
      },
    });
    this.#world = new WorkWorld(this.#simulation, this.#plan);
    return this.#world;
  }

  #runUntil([what, name, id]: string[]): string[] {
    const world = this.#begun();
    const simulation = this.#simulation!;
    const { timeline } = simulation;
    if (what !== undefined && /^[0-9.]+$/.test(what)) {
      const until = simulation.now + Number(what) * 1000;
      while (timeline.step(until));
      timeline.idleUntil(until);
    } else {
      this.#run(() => reached(world, what, name, id));
    }
    const events = simulation.trace.slice(this.#told);
    this.#told = simulation.trace.length;
    return events
      .map((event) => event.split(/ (.*)/s) as [string, string])
      .flatMap(([at, happened]) => (NOISE.test(happened) ? [] : [seconds(at, happened)]));
  }

  #run(enough: () => boolean): void {
    const { timeline } = this.#simulation!;
    while (!enough()) if (!timeline.step(TIME_MAX)) throw new Error('the story waits for something that never happens');
  }
}

function reached(world: WorkWorld, what: string | undefined, name: string | undefined, id: string | undefined): boolean {
  switch (what) {
    case 'ended':
      return world.settled();
    case 'landed':
      return world.tasks.some(({ spec, state }) => spec.id === name && state === 'landed');
    case 'state':
      return world.tasks.some(({ spec, state }) => spec.id === id && state === name);
    case 'phase':
      return world.run?.phase === name;
    default:
      throw new Error(`a story cannot run until "${what}"`);
  }
}

function seconds(at: string, what: string): string {
  return `${(Number(at) / 1000).toFixed(3).padStart(9)}  ${what}`;
}

function temper(name: string | undefined): Temper {
  const found = TEMPERS.find((each) => each === name);
  if (found === undefined) throw new Error(`an agent is one of ${TEMPERS.join(', ')}, not ${name}`);
  return found;
}

function list(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',');
}

function numbers(options: Readonly<Record<string, string>>): Partial<work.Limits> {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, Number(value)]));
}

function taskFrom(id: string, options: Readonly<Record<string, string>>): work.TaskSpec {
  const { needs, claims, agent, rivals, breaks } = options;
  const judged = rivals === undefined ? {} : { rivals: list(rivals), judge: ['judge'], input: id };
  return taskSpec(id, {
    needs: list(needs),
    claims: list(claims),
    agent: agent ?? null,
    ...judged,
    ...(breaks === undefined ? {} : { text: BREAKS }),
  });
}

function status(world: WorkWorld): string[] {
  const { run } = world;
  if (run === null) return ['no run'];
  const head = [`run ${run.phase}`, run.reason, `landed ${run.landed}`, `spent ${run.spent}`, `sitting ${run.sittings}`].filter(
    Boolean,
  );
  return [
    head.join(', '),
    ...world.probes.map(
      ({ spec, state, detail, tasks }) =>
        `  probe ${spec.name} ${state}${detail === '' ? '' : ` (${detail})`}${tasks.length === 0 ? '' : `: ${tasks.join(', ')}`}`,
    ),
    ...world.tasks.map(({ spec, state, detail, attempts }) => {
      const tries = attempts.map(({ fence, tier, agent, outcome, vet }) => {
        const closed = vet === null || vet.closed.length === 0 ? '' : ` closes ${vet.closed.length}`;
        return `${fence}:${agent}/${tier} ${outcome}${closed}`;
      });
      return `  ${spec.id} ${state}${detail === '' ? '' : ` (${detail})`}${tries.length === 0 ? '' : ` [${tries.join(', ')}]`}`;
    }),
  ];
}
