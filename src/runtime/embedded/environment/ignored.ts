/**
 * Files that are in the user's tree and in no fresh clone because git ignores them: the usual reason why a check is green for
 * the user and red in a clone. They are named, never copied.
 */
import { basename } from 'node:path';
import type { Exec } from '../exec.ts';

export interface IgnoredFile {
  /** Relative to the top; directories end in `/`. */
  readonly path: string;
  /** True for what looks like credentials: it is named only so that a person can decide. */
  readonly secret: boolean;
}

/** Provided otherwise, or written by tools while they run. */
const NOISE =
  /(?:^|\/)(?:node_modules|\.venv|venv|__pycache__|\.pytest_cache|\.mypy_cache|\.ruff_cache|\.tox|\.git|\.idea|\.vscode|coverage|\.nyc_output|\.cache|\.turbo|\.next\/cache|target|\.DS_Store|Thumbs\.db)\/?$|\.(?:log|pyc|tsbuildinfo|swp|lcov)$|~$|(?:^|\/)\.skein\//;
const SECRET =
  /^\.env(?:\..+)?$|^\.npmrc$|^\.netrc$|\.(?:pem|key|p12|pfx|keystore|jks)$|credential|secret|^id_(?:rsa|ed25519|ecdsa)/i;
/** Enough to recognise what is missing; a list longer than this is not read by anyone. */
const FILES_MAX = 50;

export async function missingIgnored(
  top: string,
  exec: Exec,
  env: Readonly<Record<string, string>>,
): Promise<readonly IgnoredFile[]> {
  const listed = await exec(['git', 'ls-files', '--others', '--ignored', '--exclude-standard', '--directory', '-z'], {
    cwd: top,
    env,
    timeoutMs: 10_000,
    keepBytes: 4 * 1024 * 1024,
    outputBytesMax: 64 * 1024 * 1024,
  });
  return listed.stdout
    .toString('utf8')
    .split('\0')
    .filter((path) => path !== '' && !path.startsWith('.skein/') && !NOISE.test(path))
    .slice(0, FILES_MAX)
    .map((path) => ({ path, secret: SECRET.test(basename(path)) }));
}

/** What a person is told when checks are red in the clone alone. */
export function aboutMissing(ignored: readonly IgnoredFile[]): string {
  if (ignored.length === 0) return '';
  const shown = ignored.slice(0, 8).map((file) => file.path);
  const more = ignored.length > shown.length ? ` and ${ignored.length - shown.length} more` : '';
  return `a fresh clone has no ignored files; your tree has ${shown.join(', ')}${more}. If a check needs one, say how to make it with \`setup:\` in skein.yaml (for example \`setup: npm run build\`)`;
}
