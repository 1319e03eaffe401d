import { expect, it } from 'vitest';
import { Inbox, INBOX_MAX, INBOX_RESERVE } from './inbox.ts';

const nobody = (): boolean => false;

it('hands out the urgent first, then in turn among the rooms, each in its own order', () => {
  const inbox = new Inbox<string>();
  for (const n of [1, 2, 3]) inbox.push('a', `a${n}`, 1);
  for (const n of [1, 2]) inbox.push('b', `b${n}`, 1);
  inbox.push('b', 'b0', 0);
  const order = Array.from({ length: 7 }, () => inbox.shift(nobody));
  expect(order).toEqual(['b0', 'a1', 'b1', 'a2', 'b2', 'a3', undefined]);
});

it('keeps the bulk of a held room, hands out its control lane, and forgets nothing', () => {
  const inbox = new Inbox<string>();
  inbox.push('a', 'bulk', 3);
  inbox.push('a', 'control', 0);
  inbox.push('b', 'other', 3);
  const held = (room: string): boolean => room === 'a';
  expect([inbox.shift(held), inbox.shift(held), inbox.shift(held)]).toEqual(['control', 'other', undefined]);
  expect([inbox.size, inbox.shift(nobody)]).toEqual([1, 'bulk']);
});

it('takes bulk up to its bound over all rooms, and control beyond it', () => {
  const inbox = new Inbox<number>();
  let taken = 0;
  for (let n = 0; n < INBOX_MAX; n++) taken += inbox.push(n % 2 === 0 ? 'a' : 'b', n, 3) ? 1 : 0;
  expect(taken).toBe(INBOX_MAX - INBOX_RESERVE);
  for (let n = 0; n < INBOX_RESERVE; n++) expect(inbox.push('c', n, 0)).toBe(true);
  expect(inbox.push('c', 0, 0)).toBe(false);
});
