/** How a goal names its programs: entries that lie near it, started by node with the extension that the goal itself has. */
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The command line of the entry `name` (`./probe`). From source, `skein/checks` is found as source too. */
export function programArgv(moduleUrl: string, name: string): string[] {
  const file = moduleNear(moduleUrl, name);
  return [process.execPath, ...(file.endsWith('.ts') ? ['--conditions=skein-source'] : []), file];
}

/** The path of a module near the one that asks, to be handed to another program: a test reporter. */
export function moduleNear(moduleUrl: string, name: string): string {
  const module = fileURLToPath(moduleUrl);
  return join(dirname(module), `${name}${extname(module)}`);
}
