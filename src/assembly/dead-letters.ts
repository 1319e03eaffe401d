/**
 * The dead letters of a run as a person holds them: read from its store, live or not; handed in again or dropped by its host when
 * it is live. While nobody holds the store a drop is written to it, and a retry is noted: the host hands it in when it opens.
 * Nothing here delivers anything.
 */
import { host } from '../contracts/index.ts';
import { canonicalJson, idSource, utf8 } from '../kernel/index.ts';
import { type Commit, type Opened, StoreError } from '../ports/index.ts';
import { callHost, readStore, SqliteStore } from '../runtime/embedded/index.ts';
import { refuse } from './problem.ts';
import type { DeadLetterDone, Outcome } from './run.ts';

const HOST_ANSWERS_MS = 5000;

/** Throws `StoreError` when the store cannot be read. */
export function deadLettersOf(store: string): readonly host.DeadLetter[] {
  return readStore(store)
    .records.filter(({ room, table }) => room === host.HOST_ROOM && table === host.DEAD_TABLE)
    .map(({ value }) => JSON.parse(value) as host.DeadLetter)
    .toSorted((a, b) => a.at - b.at);
}

export async function settleLetter(
  at: { readonly run: string; readonly store: string; readonly hostFile: string },
  key: string,
  action: 'retry' | 'drop',
): Promise<Outcome<DeadLetterDone>> {
  const next = `skein dlq show ${key} --run ${at.run}`;
  const reply = await callHost(at.hostFile, { verb: 'dead-letter', action, key }, HOST_ANSWERS_MS);
  if (reply.kind === 'answer') {
    if (reply.answer.ok) return { ok: true, value: action === 'retry' ? 'handed-in' : 'dropped' };
    return refuse('refused', reply.answer.detail, [], next);
  }
  if (reply.kind === 'no-answer')
    return refuse('refused', `the host of run ${at.run} does not answer`, [], `skein status ${at.run}`);
  try {
    return await settleStored(at.store, key, action);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return refuse('refused', error.message, [], `skein status ${at.run}`);
  }
}

async function settleStored(path: string, key: string, action: 'retry' | 'drop'): Promise<Outcome<DeadLetterDone>> {
  const before = readStore(path);
  const store = new SqliteStore({ path, realm: before.realm, host: before.host });
  const { incarnation, records } = await new Promise<Opened>((resolve, reject) =>
    store.open((error, opened) =>
      opened === null ? reject(error ?? new StoreError('failed', `${path} did not open`)) : resolve(opened),
    ),
  );
  try {
    const record = records.find((one) => one.room === host.HOST_ROOM && one.table === host.DEAD_TABLE && one.key === key);
    if (record === undefined)
      return refuse('refused', `there is no dead letter ${key}: it was retried or dropped`, [], 'skein dlq');
    const value = action === 'drop' ? null : canonicalJson({ ...(JSON.parse(record.value) as object), retry: true });
    const done: DeadLetterDone = action === 'drop' ? 'dropped' : 'noted';
    const body = utf8(canonicalJson({ letter: key, done, by: 'operator' }));
    const time = Math.max(Date.now(), before.asOf);
    const id = idSource(before.host, incarnation).next();
    const entries = [{ kind: 'decision', id, causation: null, time, body }] as const;
    const commit: Commit = { sequence: 1, writes: [{ ...record, value }], entries };
    await new Promise<void>((resolve, reject) => store.commit(commit, (error) => (error === null ? resolve() : reject(error))));
    return { ok: true, value: done };
  } finally {
    await new Promise<void>((resolve) => store.close(resolve));
  }
}
