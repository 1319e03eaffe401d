/**
 * Asks the warm compiler, or does the work here when there is none: the answer is the same, only slower. Nothing waits for a
 * service that does not answer: after a while the question is answered here.
 */
import { connect } from 'node:net';
import type { Answers, Question } from './answers.ts';

/** The service answers one at a time; behind a few others a large package takes this long. Cold it takes some 20 s. */
const ANSWER_MS_MAX = 60_000;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export async function ask<Q extends Question>(
  question: Q,
  socket = process.env['SKEIN_SERVICE_TYPES'],
): Promise<Answers[Q['op']]> {
  const warm = socket === undefined || socket === '' ? null : await overSocket(socket, question);
  if (warm !== null) return warm as Answers[Q['op']];
  const { answer } = await import('./answers.ts');
  return answer(question);
}

function overSocket(path: string, question: Question): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let held = '';
    const timer = setTimeout(() => end(null), ANSWER_MS_MAX);
    const end = (value: unknown): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(value);
    };
    socket.setEncoding('utf8');
    socket.on('error', () => end(null));
    socket.on('close', () => end(null));
    socket.on('connect', () => socket.write(`${JSON.stringify(question)}\n`));
    socket.on('data', (chunk: string) => {
      held += chunk;
      if (held.length > ANSWER_BYTES_MAX) end(null);
      else if (held.endsWith('\n')) {
        // What it could not answer it may not have been allowed to read: here it may be.
        const reply = JSON.parse(held) as { ok?: unknown };
        end(reply.ok ?? null);
      }
    });
  });
}
