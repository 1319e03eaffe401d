/** A small package with tests, as a repository that benches run a fleet on, and its tasks for a scripted agent. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MODULES = 8;

export function temporary(name: string): string {
  return realpathSync(mkdtempSync(join(tmpdir(), `skein-bench-${name}-`)));
}

export function git(cwd: string, ...args: string[]): string {
  const who = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', '-c', 'commit.gpgSign=false'];
  return execFileSync('git', [...who, ...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** `agent` is a shell line; it finds the file of its task in `$SKEIN_FILES`. The task file `tasks.md` has one task per module. */
export function smallPackage(parent: string, agent: string): string {
  const top = join(parent, 'repository');
  mkdirSync(join(top, 'test'), { recursive: true });
  const tasks: string[] = [];
  // One file of tests: Node starts a process for each, and what is measured here is not Node.
  const tests = ["import assert from 'node:assert';", "import { test } from 'node:test';"];
  for (let i = 1; i <= MODULES; i++) {
    writeFileSync(join(top, `times-${i}.js`), `export const times${i} = (n) => n * ${i};\n`);
    tests.push(
      `import { times${i} } from '../times-${i}.js';`,
      `test('multiplies by ${i}', () => assert.equal(times${i}(7), ${7 * i}));`,
    );
    tasks.push(`- [ ] Say what number ${i} is for (id: t${i}, claims: times-${i}.js, estimate: 1s)`);
  }
  writeFileSync(join(top, 'test', 'times.test.js'), `${tests.join('\n')}\n`);
  writeFileSync(join(top, 'package.json'), JSON.stringify({ name: 'times', type: 'module', scripts: { test: 'node --test' } }));
  writeFileSync(join(top, 'skein.yaml'), `agents:\n  worker: { command: ${JSON.stringify(agent)}, price: 0 }\n`);
  writeFileSync(join(top, 'tasks.md'), `${tasks.join('\n')}\n`);
  git(top, 'init', '-q', '-b', 'main');
  git(top, 'add', '-A');
  git(top, 'commit', '-q', '-m', 'base');
  return top;
}
