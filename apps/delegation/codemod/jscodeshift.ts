/** jscodeshift transforms, run by the repository's own jscodeshift: nobody else knows which parser its code needs. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from '../programs/child.ts';

/** Words on a command line are bounded by the system. */
const FILES_MAX = 500;

export const INSTALL = 'jscodeshift is not installed here: npm install --save-dev jscodeshift';

/** Transforms these files in place. Null = done, else why not. */
export async function transform(top: string, file: string, files: readonly string[], timeoutMs: number): Promise<string | null> {
  const bin = join(top, 'node_modules', '.bin', 'jscodeshift');
  if (
    !(await access(bin).then(
      () => true,
      () => false,
    ))
  )
    return INSTALL;
  for (let n = 0; n < files.length; n += FILES_MAX) {
    const part = files.slice(n, n + FILES_MAX).map((path) => `./${path}`);
    const parser = part.some((path) => /\.[cm]?tsx?$/.test(path)) ? ['--parser=tsx'] : [];
    const ended = await runChild({
      command: [bin, '--transform', file, '--run-in-band', '--extensions=js,jsx,ts,tsx,cjs,mjs,cts,mts', ...parser, ...part],
      cwd: top,
      top,
      timeoutMs,
    });
    const errors = /(\d+) errors/.exec(ended.stdout)?.[1] ?? '0';
    if (ended.ended !== 'exit') return `jscodeshift was ended (${ended.ended})`;
    if (ended.code !== 0 || errors !== '0')
      return `jscodeshift: ${
        `${ended.stderr}\n${ended.stdout}`
          .split('\n')
          .find((line) => /ERR|Error/.test(line))
          ?.trim() ?? `exit code ${ended.code}`
      }`.slice(0, 300);
  }
  return null;
}
