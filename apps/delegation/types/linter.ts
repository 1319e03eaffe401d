/**
 * What the repository's own linter and formatter say of a file, asked only where they are installed and configured. A tool that
 * cannot run here says nothing: it is no reason to refuse a change, and the run's checks ask it again.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const TIME_MS = 20_000;
const CONFIGURED: Readonly<Record<string, RegExp>> = {
  eslint: /^(?:eslint\.config\.[cm]?[jt]s|\.eslintrc(?:\.\w+)?)$/,
  prettier: /^(?:\.prettierrc(?:\.\w+)?|prettier\.config\.[cm]?[jt]s)$/,
  biome: /^biome\.jsonc?$/,
};

/** Complaints about `after` that were not made about `before`. */
export function complaints(workspace: string, directory: string, path: string, before: string, after: string): string[] {
  const found: string[] = [];
  for (const at of new Set([join(workspace, directory), workspace])) {
    for (const [tool, config] of Object.entries(CONFIGURED)) {
      const bin = join(at, 'node_modules', '.bin', tool);
      if (!existsSync(bin) || !readdirSync(at).some((name) => config.test(name))) continue;
      const file = join(workspace, path);
      const look = tool === 'eslint' ? eslint : tool === 'prettier' ? prettier : biome;
      const [was, is] = [look(bin, at, file, before), look(bin, at, file, after)];
      if (was === null || is === null) continue;
      const left = [...was];
      for (const complaint of is) {
        const i = left.indexOf(complaint);
        if (i >= 0) left.splice(i, 1);
        else found.push(`${tool}: ${complaint}`);
      }
    }
  }
  return found;
}

function run(bin: string, cwd: string, args: readonly string[], input: string): string | null {
  const done = spawnSync(bin, args, { cwd, input, encoding: 'utf8', timeout: TIME_MS, maxBuffer: 16 * 1024 * 1024 });
  return done.error === undefined && done.signal === null && done.status !== null && done.status < 2 ? done.stdout : null;
}

function eslint(bin: string, cwd: string, file: string, text: string): string[] | null {
  const out = run(bin, cwd, ['--stdin', '--stdin-filename', file, '--format', 'json'], text);
  try {
    const [result] = JSON.parse(out ?? 'null') as { messages: { ruleId: string | null; message: string }[] }[];
    return (result?.messages ?? []).map(({ ruleId, message }) => `${ruleId ?? 'error'}: ${message}`);
  } catch {
    return null;
  }
}

function prettier(bin: string, cwd: string, file: string, text: string): string[] | null {
  const out = run(bin, cwd, ['--stdin-filepath', file], text);
  return out === null ? null : out === text ? [] : ['it would be laid out differently'];
}

function biome(bin: string, cwd: string, file: string, text: string): string[] | null {
  const out = run(bin, cwd, ['format', `--stdin-file-path=${file}`], text);
  return out === null ? null : out === text ? [] : ['it would be laid out differently'];
}
