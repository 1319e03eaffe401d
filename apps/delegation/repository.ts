/**
 * The demonstration's repository: the published source and tests of light-my-request, committed as somebody's project in a temporary
 * directory, with the packages that its tests need linked from here. Nothing is downloaded.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const AGENTS = ['editor', 'saboteur', 'cheater'] as const;

export interface Demonstration {
  /** Top of the repository. */
  readonly top: string;
  readonly tasks: string;
  /** Arguments of `skein run` that ask for all agents. */
  readonly agents: readonly string[];
}

export function makeDemonstration(): Demonstration {
  const here = dirname(fileURLToPath(import.meta.url));
  const source = dirname(createRequire(import.meta.url).resolve('light-my-request/package.json'));
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'skein-demonstration-')));
  cpSync(source, top, { recursive: true, filter: (path) => path !== join(source, 'node_modules') });
  linkPackages(join(top, 'node_modules'), dirname(source));
  linkPackages(join(top, 'node_modules'), join(source, 'node_modules')); // what it needs in another version than we do
  const quoted = (path: string): string => `'${path.replaceAll("'", `'\\''`)}'`;
  const agents = AGENTS.map((name) => {
    const command = `${quoted(process.execPath)} ${quoted(join(here, 'agents', `${name}.ts`))}`;
    return `  ${name}: { command: ${JSON.stringify(command)}, price: 0 }\n`;
  });
  // Its own `npm test` also lints and measures coverage with tools that are not installed here.
  writeFileSync(join(top, 'skein.yaml'), `checks:\n  - node --test\nagents:\n${agents.join('')}`);
  writeFileSync(join(top, '.gitignore'), 'node_modules/\n');
  const git = (...args: string[]): void => void execFileSync('git', args, { cwd: top, stdio: 'ignore' });
  git('init', '-b', 'main');
  git('add', '-A');
  git(
    '-c',
    'user.name=Demonstration',
    '-c',
    'user.email=demonstration@localhost',
    '-c',
    'commit.gpgSign=false',
    'commit',
    '-m',
    'light-my-request 6.8.1',
  );
  return { top, tasks: join(here, 'tasks.md'), agents: AGENTS.flatMap((name) => ['--agent', name]) };
}

function linkPackages(into: string, from: string): void {
  mkdirSync(into, { recursive: true });
  let names: string[];
  try {
    names = readdirSync(from);
  } catch {
    return; // everything is hoisted
  }
  for (const name of names) {
    if (name.startsWith('.')) continue;
    rmSync(join(into, name), { force: true });
    symlinkSync(join(from, name), join(into, name));
  }
}
