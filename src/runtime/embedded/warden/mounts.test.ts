import { expect, it } from 'vitest';
import { mountsOf } from './sandbox.ts';

const line = (id: number, parent: number, path: string, flags = 'rw,relatime'): string =>
  `${id} ${parent} 8:1 / ${path} ${flags} shared:1 - ext4 /dev/sda rw`;

it('knows which mounts a path leads to: not those under a later one', () => {
  const mounts = mountsOf(
    [
      line(20, 1, '/'),
      line(21, 20, '/home'),
      line(22, 21, '/home/a\\040b', 'ro,nosuid'),
      line(23, 20, '/dev'),
      line(24, 23, '/dev/pts'),
      line(25, 24, '/dev/pts'), // over the one before
      line(26, 20, '/home'), // beside the first, under it
      line(27, 20, '/srv/data/old'),
      line(28, 20, '/srv'), // over the way to it
    ].join('\n'),
  );
  expect(mounts.filter((mount) => mount.reachable).map((mount) => [mount.id, mount.path])).toEqual([
    ['20', '/'],
    ['21', '/home'],
    ['22', '/home/a b'],
    ['23', '/dev'],
    ['25', '/dev/pts'],
    ['28', '/srv'],
  ]);
});

it('takes a table without a root for empty', () => {
  expect(mountsOf('').length).toBe(0);
  expect(mountsOf(line(5, 4, '/only')).some((mount) => mount.reachable)).toBe(false);
});
