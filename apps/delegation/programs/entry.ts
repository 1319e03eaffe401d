/** How a goal names its programs: entries that lie near it, started by node with the extension that the goal itself has. */
import { readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The command line of the entry `name` (`./probe`). From source, `skein/checks` is found as source too. */
export function programArgv(moduleUrl: string, name: string): string[] {
  const file = moduleNear(moduleUrl, name);
  return [
    process.execPath,
    ...(file.endsWith('.ts') ? ['--conditions=skein-source', '--disable-warning=ExperimentalWarning'] : []),
    file,
  ];
}

/** A module near the one that asks as a file that any Node can load: a test reporter runs under the repository's own, which may be old. */
export function plainModule(moduleUrl: string, name: string): string {
  const file = moduleNear(moduleUrl, name);
  if (!file.endsWith('.ts')) return file;
  const plain = join(tmpdir(), `skein-${basename(name)}.mjs`);
  writeFileSync(plain, stripTypeScriptTypes(readFileSync(file, 'utf8')));
  return plain;
}

function moduleNear(moduleUrl: string, name: string): string {
  const module = fileURLToPath(moduleUrl);
  return join(dirname(module), `${name}${extname(module)}`);
}
