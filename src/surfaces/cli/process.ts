/** The surface of a real process: its streams, signals and clock; the runs are loaded when a verb first asks for them. */
import { readFileSync } from 'node:fs';
import type { OpenFleet } from '../../assembly/index.ts';
import { main } from './main.ts';
import type { Surface, Terminal } from './surface.ts';

function terminal(stream: NodeJS.WriteStream): Terminal {
  // A reader that went away (`skein run | head`) ends the output, not the run.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  return {
    write: (text) => void stream.write(text),
    isTTY: stream.isTTY,
    get columns() {
      return stream.columns ?? 80;
    },
    get rows() {
      return stream.rows ?? 24;
    },
    colors: stream.isTTY ? stream.getColorDepth() : 1,
  };
}

/** What this process offers a verb; the runs are the runtime's unless somebody brings their own. */
export function processSurface(openFleet?: OpenFleet): Surface {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
  return {
    stdout: terminal(process.stdout),
    stderr: terminal(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    platform: process.platform,
    versions: { skein: version, node: process.versions.node, platform: `${process.platform}-${process.arch}` },
    openFleet: openFleet ?? (async (cwd) => (await import('../../assembly/index.ts')).openFleet(cwd)),
    packs: async () => (await import('./packs.ts')).loadPacks(),
    now: () => Date.now(),
    every: (ms, tick) => {
      const timer = setInterval(tick, ms);
      return () => clearInterval(timer);
    },
    onSignal: (listener) => {
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
  };
}

/** One call of `skein` as this whole process. */
export async function start(openFleet?: OpenFleet): Promise<void> {
  const surface = processSurface(openFleet);
  const code = await main(process.argv.slice(2), surface);
  // What is still open then (a reader of a socket, a worker) must not keep a finished command alive.
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
  process.exit(code);
}
