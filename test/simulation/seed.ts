/** One seed with its whole trace: `node test/simulation/seed.ts <seed> [crash at step]`. */
import { describeRun, simulate } from '../../src/runtime/simulation/index.ts';
import { drawPlan, WorkWorld } from './work-world.ts';

const [seed = '0', step] = process.argv.slice(2);
const result = simulate(
  { seed, trace: true, ...(step === undefined ? {} : { crashAtStep: Number(step) }) },
  (simulation) => new WorkWorld(simulation, drawPlan(simulation.random.stream('plan'))),
);
console.log(`${result.trace.join('\n')}\n\n${describeRun(result)}`);
