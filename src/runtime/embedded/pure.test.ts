import { afterEach, expect, it } from 'vitest';
import { PureThread } from './pure.ts';

const here = new URL('./pure.ts', import.meta.url).href;
/** An entry made of text, so that the test needs no file of its own. */
const entry = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { servePure } from ${JSON.stringify(here)};
    servePure({ double: (n) => 2 * n, fail: () => { throw new Error('no such change') }, die: () => process.exit(3) });
  `)}`,
);
const thread = new PureThread(entry);
afterEach(() => thread.close());

it('computes elsewhere and answers each question with its own value', async () => {
  expect(await Promise.all([1, 2, 3].map((n) => thread.run('double', n)))).toEqual([2, 4, 6]);
});

it('fails for good what the function itself refused, and what has no name', async () => {
  await expect(thread.run('fail', null)).rejects.toMatchObject({ message: 'no such change', retryable: false });
  await expect(thread.run('toString', null)).rejects.toMatchObject({ retryable: false });
});

it('fails as retryable what a dying thread had in hand, and answers the next question from a new one', async () => {
  const [died, lost] = [thread.run('die', null), thread.run('double', 4)];
  await expect(died).rejects.toMatchObject({ retryable: true });
  await expect(lost).rejects.toMatchObject({ retryable: true });
  expect(await thread.run('double', 4)).toBe(8);
});
