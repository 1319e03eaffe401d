/** The thread that reads long output; see reading.ts. */
import { parentPort } from 'node:worker_threads';
import { type Output, readNow } from './reading.ts';

parentPort?.on('message', ({ id, output }: { id: number; output: Output }) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage({ id, reading: readNow(output) });
});
