import { delimiter } from 'node:path';
import { describe, expect, it } from 'vitest';
import { childEnv, freePort, isSecretName, userPath } from './env.ts';

const user = {
  PATH: [
    '/home/u/repo/node_modules/.bin',
    '/home/u/.npm/_npx/1/node_modules/.bin',
    './node_modules/.bin',
    '/usr/lib/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin',
    '/opt/node/bin',
    '/usr/bin',
    '/usr/bin',
  ].join(delimiter),
  HOME: '/home/u',
  LANG: 'de_DE.UTF-8',
  LC_TIME: 'C',
  NODE_OPTIONS: '--require /evil.js',
  NODE_TEST_CONTEXT: 'child-v8',
  npm_config_registry: 'x',
  npm_lifecycle_event: 'test',
  INIT_CWD: '/x',
  GITHUB_TOKEN: 'a',
  NPM_TOKEN: 'b',
  AWS_PROFILE: 'c',
  ANTHROPIC_API_KEY: 'd',
  LC_SECRET_TOKEN: 'e',
  DATABASE_URL: 'f',
  SSH_AUTH_SOCK: '/s',
  MY_SETTING: 'g',
  LD_PRELOAD: '/l.so',
  GIT_DIR: '/g',
};
const base = { from: user, temp: '/tmp/own', port: 4711 };

describe('the environment of a child', () => {
  it('has PATH, HOME and language of the user and nothing that is not needed', () => {
    const env = childEnv({ ...base, bins: ['/clone/node_modules/.bin'] });
    expect(env).toMatchObject({
      HOME: '/home/u',
      LANG: 'de_DE.UTF-8',
      LC_TIME: 'C',
      CI: '1',
      PORT: '4711',
      TMPDIR: '/tmp/own',
      TERM: 'dumb',
    });
    expect(env.PATH!.split(delimiter).slice(0, 3)).toEqual(['/clone/node_modules/.bin', '/opt/node/bin', '/usr/bin']);
    for (const name of Object.keys(user))
      if (!['PATH', 'HOME', 'LANG', 'LC_TIME'].includes(name)) expect(env).not.toHaveProperty(name);
    expect(Object.values(env).filter((value) => ['a', 'b', 'c', 'd', 'e', 'f', 'g'].includes(value))).toEqual([]);
  });

  it('passes a withheld variable by its name alone', () => {
    const env = childEnv({ ...base, passEnv: ['ANTHROPIC_API_KEY', 'NOT_SET'] });
    expect(env.ANTHROPIC_API_KEY).toBe('d');
    expect(env).not.toHaveProperty('GITHUB_TOKEN');
    expect(env).not.toHaveProperty('NOT_SET');
  });

  it('never passes what loads code into every program, even by name', () => {
    const env = childEnv({ ...base, passEnv: ['NODE_OPTIONS', 'LD_PRELOAD', 'npm_lifecycle_event'] });
    expect(env).not.toHaveProperty('NODE_OPTIONS');
    expect(env).not.toHaveProperty('LD_PRELOAD');
    expect(env).not.toHaveProperty('npm_lifecycle_event');
  });

  it('keeps what programs write inside its own temp directory', () => {
    const env = childEnv(base);
    for (const name of ['TMPDIR', 'XDG_CACHE_HOME', 'XDG_STATE_HOME', 'npm_config_cache', 'GOCACHE'])
      expect(env[name]).toMatch(/^\/tmp\/own/);
  });

  it.each([
    'GH_TOKEN',
    'API_KEY',
    'DB_PASSWORD',
    'AWS_SESSION',
    'OPENAI_API_KEY',
    'MYSECRET',
    'STRIPE_SECRET_KEY',
    'GOOGLE_APPLICATION_CREDENTIALS',
    'NPM_AUTH',
  ])('takes %s for a secret', (name) => {
    expect(isSecretName(name)).toBe(true);
  });

  it('brings a Node when the PATH has none', () => {
    expect(userPath({ PATH: '/nowhere' }, '/opt/skein/bin/node').split(delimiter)).toEqual(['/nowhere', '/opt/skein/bin']);
  });

  it('gives different free ports', async () => {
    const ports = await Promise.all([freePort(), freePort(), freePort()]);
    expect(new Set(ports).size).toBe(3);
    expect(Math.min(...ports)).toBeGreaterThan(1023);
  });
});
