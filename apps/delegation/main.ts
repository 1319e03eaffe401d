/**
 * The demonstration: six tasks on the source of light-my-request, done by an honest agent, a saboteur and a cheater, supervised by
 * that package's own 184 tests. No model, no key, no network; real git, real processes, real checks.
 */
import { main, processSurface, type Terminal } from 'skein/cli';
import { makeDemonstration } from './repository.ts';

const { top, tasks, agents } = makeDemonstration();
process.stdout.write(
  `An honest agent, a saboteur and a cheater on light-my-request 6.8.1, supervised by its own tests.\n${top}\n\n`,
);
process.chdir(top);
const surface = processSurface();
// Where nobody looks at a terminal the text is wanted all the same, and the events are not.
const plain = (terminal: Terminal): Terminal => ({ ...terminal, isTTY: true, colors: terminal.colors });
const silent: Terminal = { write: () => {}, isTTY: false, columns: 80, rows: 24, colors: 1 };
const code = await main(['run', tasks, ...agents, '--max-attempts', '2'], {
  ...surface,
  cwd: top,
  stdout: plain(surface.stdout),
  stderr: surface.stderr.isTTY ? surface.stderr : silent,
});
// Two tasks stay open on purpose: nobody should be able to do them.
if (code !== 1)
  throw new Error(`the demonstration ended with ${code}; 1 was expected, because two of its tasks can only be refused`);
process.stdout.write(`
Exit code 1 is right here: two given tasks were not done, whatever their agents claimed.

look at it    cd ${top} && git log --stat skein/1
kill it -9    npm run start:kill      starts this run again, kills it in the middle, and resumes it
`);
process.exit(0);
