import { simulate } from '../../src/runtime/simulation/index.ts';
import { drawPlan, WorkWorld } from './work-world.ts';
const [from, to] = process.argv.slice(2).map(Number);
let bad = 0;
for (let n = from!; n < to!; n++) {
  const r = simulate({ seed: String(n) }, (s) => new WorkWorld(s, drawPlan(s.random.stream('plan'))));
  if (r.violations.length > 0) {
    bad++;
    console.log(n, r.violations[0]);
  }
}
console.log('done', bad);
