/**
 * 30,000 agents as rows of one process under a halt record: tries effects all the time, stops when it is halted, and says on
 * standard output when it last did one. Told by its standard input what is left to say.
 */
import { HaltRecords } from '../../src/host/index.ts';
import { haltPort, HaltRegister, machineMs, watchHalts } from '../../src/runtime/embedded/index.ts';

const [path, lease, count] = process.argv.slice(2) as [string, string, string];
const names = Array.from({ length: Number(count) }, (_, n) => `agent/a${n}`);
const running = new Uint8Array(names.length).fill(1);
const register = new HaltRegister({ path });
const clock = { monotonic: () => performance.now() };
const port = haltPort({ register, clock, lease: () => lease });
const records = new HaltRecords();
let last = 0;
let effects = 0;

port.onRecord((record) => void records.merge(record));
port.read((_, all) => {
  for (const record of all) records.merge(record);
  records.complete();
});
const watch = watchHalts(
  { path, lease, scopes: ['global'], who: 'agents' },
  {
    halt: () => {
      const stopped = names.filter((_, n) => running[n] === 1);
      running.fill(0);
      return stopped;
    },
    left: () => names.filter((_, n) => running[n] === 1),
  },
);
const trying = setInterval(() => {
  if (records.refusal(['global'], false, port.lease(), clock.monotonic()) !== null) return;
  running.fill(1); // resumed
  last = machineMs();
  effects += 1;
}, 1);
process.stdin.on('data', (chunk: Buffer) => {
  if (chunk.toString().includes('end')) {
    clearInterval(trying);
    void watch.close().then(() => {
      register.close();
      process.exit(0);
    });
  } else process.stdout.write(`${JSON.stringify({ last, effects, now: machineMs() })}\n`);
});
process.stdout.write('ready\n');
