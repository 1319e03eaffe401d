/**
 * The demonstration: agents without a model give the source of light-my-request types that are true, beside a saboteur and a cheater,
 * supervised by that package's own 184 tests. No model, no key, no network; real git, real processes, a real compiler, real tests.
 */
import { fileURLToPath } from 'node:url';
import { main, processSurface, type Terminal } from 'skein/cli';
import { makeDemonstration } from './repository.ts';

const { top } = makeDemonstration();
const tasks = fileURLToPath(new URL('start.md', import.meta.url));
process.stdout.write(`skein run start.md --goal types --goal mutants --agent saboteur --agent cheater
on the source of light-my-request 6.8.1 in ${top}, supervised by its own tests

`);
process.chdir(top);
const surface = processSurface();
// Where nobody looks at a terminal the text is wanted all the same, and the events are not.
const plain = (terminal: Terminal): Terminal => ({ ...terminal, isTTY: true, colors: terminal.colors });
const silent: Terminal = { write: () => {}, isTTY: false, columns: 80, rows: 24, colors: 1 };
const goal = ['--goal', 'types', '--goal', 'mutants', '--agent', 'saboteur', '--agent', 'cheater', '--max-attempts', '1'];
const code = await main(['run', tasks, ...goal], {
  ...surface,
  cwd: top,
  stdout: plain(surface.stdout),
  stderr: surface.stderr.isTTY ? surface.stderr : silent,
});
// Two tasks stay open on purpose: nobody should be able to do them.
if (code !== 1)
  throw new Error(`the demonstration ended with ${code}; 1 was expected, because the two given tasks can only be refused`);
process.stdout.write(`
Exit code 1 is right here: two given tasks were not done, whatever their agents claimed.

look at it    ${top}/.skein/runs/1/report.html
              cd ${top} && git log --stat skein/1
kill it -9    npm run start:kill      starts such a run, kills it in the middle, and resumes it
`);
process.exit(0);
