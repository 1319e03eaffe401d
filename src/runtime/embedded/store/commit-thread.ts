/** Entry of the commit thread: one message in, one transaction, one message out. It ends itself after the first failure. */
import { parentPort, workerData } from 'node:worker_threads';
import { StoreError } from '../../../ports/index.ts';
import { storeError } from './database.ts';
import type { CommitThreadData, FromCommitThread, ToCommitThread } from './messages.ts';
import { Partition } from './partition.ts';

const data = workerData as CommitThreadData;
const port = parentPort!;

function say(message: FromCommitThread, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function sayFailed(error: unknown): void {
  const { code, message } = storeError(data.path, error);
  say({ kind: 'failed', code, message });
  port.close();
}

try {
  const partition = new Partition(data);
  say({ kind: 'opened', incarnation: partition.incarnation, records: partition.records() });
  port.on('message', (message: ToCommitThread) => {
    if (message.kind === 'commit') commit(partition, message);
    else if (message.kind === 'read') read(partition, message);
    else {
      partition.close();
      say({ kind: 'closed' });
      port.close();
    }
  });
} catch (error) {
  sayFailed(error);
}

function commit(partition: Partition, { buffer, length, first, last }: ToCommitThread & { kind: 'commit' }): void {
  try {
    partition.commit(buffer, length, first, last);
    say({ kind: 'committed', buffer }, [buffer]);
  } catch (error) {
    partition.close();
    sayFailed(error);
  }
}

function read(partition: Partition, { call, index, max }: ToCommitThread & { kind: 'read' }): void {
  try {
    say({ kind: 'read', call, entries: partition.entries(index, max) });
  } catch (error) {
    const { code, message } = error instanceof StoreError ? error : storeError(data.path, error);
    say({ kind: 'read-failed', call, code, message });
  }
}
