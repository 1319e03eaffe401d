/**
 * What an attempt's private repository costs on a repository of fastify's size, next to the two ways git itself offers, in the
 * same run. Both are cheaper to ask for and share what an attempt must not share: `worktree add` refs, configuration and stash,
 * `clone --local` gives a remote that points back.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { direct, fileBlobs, placesOf } from '../src/runtime/embedded/index.ts';
import * as repository from '../src/runtime/embedded/repository/index.ts';
import type { Row } from '../tools/bench/row.ts';

const FILES = 330;
const LINES = 40_000;
const ROUNDS = 15;
const TARGET_MS = 100;

const sh = (cwd: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', ...args], { cwd, encoding: 'utf8' }).trim();

const at = (times: readonly number[], share: number): number =>
  Math.round(times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))]! * 10) / 10;

export default async function workspaceBench(): Promise<readonly Row[]> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'skein-bench-')));
  try {
    const top = join(home, 'repository');
    for (let file = 0; file < FILES; file++) {
      const directory = join(top, ['lib', 'test', 'docs', 'types'][file % 4]!, `part-${file % 12}`);
      mkdirSync(directory, { recursive: true });
      const lines = Array.from(
        { length: Math.round(LINES / FILES) },
        (_, line) => `export const value${line} = ${file * line}; // ${file}`,
      );
      writeFileSync(join(directory, `file-${file}.js`), `${lines.join('\n')}\n`);
    }
    sh(top, 'init', '-q', '-b', 'main');
    sh(top, 'add', '-A');
    sh(top, 'commit', '-q', '-m', 'base');
    sh(top, 'gc', '-q');
    const base = sh(top, 'rev-parse', 'HEAD');
    const places = placesOf(top, { SKEIN_CACHE: join(home, 'cache') });
    const io = {
      idempotencyKey: 'bench',
      signal: new AbortController().signal,
      exec: direct,
      blobs: fileBlobs(join(home, 'blobs')),
    };
    const make = repository.workspaceActivity({ places });
    const payload = { run: '1', repository: top, task: 't', base, from: null, setup: null };
    const ways: Record<string, (round: number) => unknown> = {
      ours: (round) => make({ ...payload, fence: round }, io),
      'git clone --local': (round) => direct(['git', 'clone', '-q', '--local', top, join(home, `clone-${round}`)], options),
      'git worktree add': (round) =>
        direct(['git', 'worktree', 'add', '-q', '--detach', join(home, `tree-${round}`), base], options),
    };
    const options = {
      cwd: top,
      env: { PATH: process.env['PATH'] ?? '' },
      timeoutMs: 60_000,
      keepBytes: 1024,
      outputBytesMax: 65_536,
    };
    const times: Record<string, number[]> = { ours: [], 'git clone --local': [], 'git worktree add': [] };
    // In turn, so that whatever else the machine does meets all three alike; round 0 warms up. Nothing is deleted in between:
    // for five seconds ext4 steps over the inodes of deleted files one by one, which makes creating ten times as slow.
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [name, way] of Object.entries(ways)) {
        const started = performance.now();
        await way(round);
        if (round > 0) times[name]!.push(performance.now() - started);
      }
    }
    const p50 = at(times['ours']!, 0.5);
    return ['git clone --local', 'git worktree add'].map((name) => ({
      claim: `clone and set-up of an attempt, ${FILES} files and ${LINES} lines, against ${name}`,
      target: `<= ${TARGET_MS} ms`,
      ours: p50,
      unit: 'ms',
      baseline: at(times[name]!, 0.5),
      ratio: Math.round((at(times[name]!, 0.5) / p50) * 100) / 100,
      p50,
      p99: at(times['ours']!, 0.99),
      met: p50 <= TARGET_MS,
    }));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
