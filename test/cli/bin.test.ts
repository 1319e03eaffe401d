import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { describe, expect, test } from 'vitest';

const BIN = new URL('../../src/surfaces/cli/bin.ts', import.meta.url);
const call = (args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [BIN.pathname, ...args], { encoding: 'utf8', timeout: 20_000 });

/** A Node older than 22.18, where the machine has one besides the one that runs the tests. */
const OLD = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
  if (!existsSync(path)) return false;
  const [major = 0, minor = 0] = execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).split('.').map(Number);
  return major < 22 || (major === 22 && minor < 18);
});

describe('the program itself', () => {
  test('--version is the version of the package, on its own line', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
    expect(call(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('help names every verb, and help of a verb every flag', () => {
    const { stdout, status } = call(['help']);
    expect(status).toBe(0);
    for (const verb of ['run', 'plan', 'status', 'resume', 'runs', 'land', 'pr'])
      expect(stdout).toMatch(new RegExp(`^  ${verb} `, 'm'));
    expect(call(['run', '--help']).stdout).toMatch(/^ {2}-a, --agent SPEC/m);
  });

  test('a mistake is exit 2 and one JSON document when nobody watches', () => {
    const { status, stdout, stderr } = call(['rnu']);
    expect([status, stderr]).toEqual([2, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'skein.problem.v1',
      exit: 2,
      what: 'skein has no verb "rnu"; did you mean run?',
    });
  });

  test('the first file imports nothing before it has looked at the version', () => {
    const source = stripTypeScriptTypes(readFileSync(BIN, 'utf8'));
    expect(source).not.toMatch(/^import |\?\.|\?\?|\bawait\b/m);
  });

  test.skipIf(OLD === undefined)(
    'an old Node (tool: a Node before 22.18) is told which one is needed, with exit 4 and no stack trace',
    () => {
      const program = stripTypeScriptTypes(readFileSync(BIN, 'utf8')).replace(/^#!.*/, '');
      const { status, stderr } = spawnSync(OLD!, ['--input-type=module', '-e', program], { encoding: 'utf8' });
      expect(status).toBe(4);
      expect(stderr).toMatch(/^skein needs Node 22\.18 or newer and found [\d.]+\. Install it from https:\/\/nodejs\.org\n$/);
    },
  );
});
