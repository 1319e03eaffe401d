/**
 * The power goes: the process is killed and everything that was not synced is gone, as LazyFS does it. `kill -9` alone would not
 * show a store that never synced, because the kernel's page cache outlives the process. Needs LazyFS (github.com/dsrhaslab/lazyfs)
 * on PATH or in SKEIN_LAZYFS, FUSE, and root to mount it.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/kernel/index.ts';
import { readStore, verifyLedger } from '../../src/runtime/embedded/index.ts';

const CUTS = Number(process.env.SKEIN_CHAOS_CUTS ?? 5);
const SEED = process.env.SKEIN_CHAOS_SEED ?? String(Date.now());
const MOUNTED_MS_MAX = 10_000;
const lazyfs = process.env.SKEIN_LAZYFS ?? spawnSync('sh', ['-c', 'command -v lazyfs'], { encoding: 'utf8' }).stdout.trim();
const possible = lazyfs !== '' && existsSync(lazyfs) && existsSync('/dev/fuse') && process.getuid?.() === 0;
const committer = new URL('../store/committer.ts', import.meta.url).pathname;

describe('the power goes while a store commits', () => {
  it.skipIf(!possible)(
    `and everything acknowledged is there, ${CUTS} times (tools: lazyfs, FUSE, root; SKEIN_CHAOS_SEED=${SEED})`,
    async ({ annotate }) => {
      await annotate(`mounts a file system and starts a process ${CUTS} times`);
      const random = seededRandom(SEED);
      const disk = await mountLazy();
      try {
        const path = join(disk.mounted, 'store.db');
        let before = 0;
        for (let cut = 1; cut <= CUTS; cut++) {
          // oxlint-disable-next-line no-await-in-loop -- one cut after another
          const last = await acknowledgedUntil(path, random.below(300), 1 + random.below(50));
          // oxlint-disable-next-line no-await-in-loop
          await disk.loseUnsynced();
          const { records, ledgerLength } = readStore(path);
          const kept = records.filter(({ table }) => table === 'left').length;
          const words = `cut ${cut}: ${last} acknowledged, ${kept} kept`;
          expect(kept, words).toBeGreaterThanOrEqual(last);
          expect(kept, words).toBeGreaterThan(before);
          expect(records).toHaveLength(2 * kept);
          expect(verifyLedger(path), words).toMatchObject({ sound: true, entries: ledgerLength });
          before = kept;
        }
      } finally {
        await disk.unmount();
      }
    },
  );
});

interface LazyDisk {
  readonly mounted: string;
  loseUnsynced(): Promise<void>;
  unmount(): Promise<void>;
}

async function mountLazy(): Promise<LazyDisk> {
  const home = mkdtempSync(join(tmpdir(), 'skein-lazy-'));
  const [root, mounted, faults, done, config] = ['root', 'mounted', 'faults', 'done', 'config.toml'].map((name) =>
    join(home, name),
  );
  for (const directory of [root!, mounted!]) mkdirSync(directory);
  execFileSync('mkfifo', [done!]);
  writeFileSync(
    config!,
    `[faults]\nfifo_path="${faults}"\nfifo_path_completed="${done}"\n[cache]\napply_eviction=false\n[cache.simple]\ncustom_size="256mb"\nblocks_per_page=1\n[filesystem]\nlog_all_operations=false\nlogfile=""\n`,
  );
  // Whoever writes to a fifo waits for its reader: this one stays for as long as the disk.
  const completed = createInterface({ input: createReadStream(done!) })[Symbol.asyncIterator]();
  const options = ['--config-path', config!, '-o', 'allow_other', '-o', 'modules=subdir', '-o', `subdir=${root}`, '-f'];
  const process_ = spawn(lazyfs, [mounted!, ...options], { stdio: 'ignore' });
  await until(() => spawnSync('mountpoint', ['-q', mounted!]).status === 0);
  return {
    mounted: mounted!,
    async loseUnsynced() {
      writeFileSync(faults!, 'lazyfs::clear-cache\n');
      await completed.next();
    },
    async unmount() {
      spawnSync('umount', [mounted!]);
      if (process_.exitCode === null && process_.signalCode === null) await once(process_, 'exit');
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  for (const start = performance.now(); !holds();) {
    if (performance.now() - start > MOUNTED_MS_MAX) throw new Error('LazyFS did not mount');
    // oxlint-disable-next-line no-await-in-loop -- a mount tells nobody that it is there
    await sleep(50);
  }
}

/** Kills a committer after so many acknowledgements; answers the last number it acknowledged. */
async function acknowledgedUntil(path: string, acknowledgements: number, atOnce: number): Promise<number> {
  const child: ChildProcess = spawn(process.execPath, [committer, path, String(atOnce)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = 0;
  let heard = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    last = Number(line);
    if (heard++ === acknowledgements) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return last;
}
