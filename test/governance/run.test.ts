/** `skein run` in a repository where a policy is in force: what it forbids is not started, not once. */
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { activatePolicy, loadPolicy, policyFiles } from '../../src/assembly/index.ts';
import { repository, request, runToEnd, shell } from '../run/repositories.ts';

const REVIEWERS = ['alice', 'boris'].map((name) => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex');
  return { name, key, pem: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
});

describe('a run under a policy', () => {
  it('leaves a task whose agent is forbidden to a person, with the decision, and starts nothing for it', async ({ annotate }) => {
    await annotate('runs agents and checks in real processes');
    const top = repository('governed', {
      'package.json': JSON.stringify({ name: 'governed', scripts: { test: 'node -e ""' } }),
      'policy/schema.cedarschema':
        'entity Agent; entity Resource;\naction "do work.agent" appliesTo { principal: Agent, resource: Resource, context: { input: { spec?: { task?: String } }, retried: Bool, at: datetime, capable: Bool } };',
      'policy/agents.cedar': '@id("no-agents") forbid (principal, action == Action::"do work.agent", resource);',
      'policy/reviewers.json': JSON.stringify(REVIEWERS.map(({ name, key }) => ({ name, key }))),
      'policy/tests/agents.json': JSON.stringify([
        { kind: 'effect', type: 'work.agent', principal: 'a', resource: 't', expect: 'deny' },
      ]),
    });
    const loaded = await loadPolicy(join(top, 'policy'), Date.now());
    if (!loaded.ok) throw new Error(loaded.problem.details.join('\n'));
    for (const { name, pem } of REVIEWERS) {
      const key = join(dirname(top), `${name}.pem`);
      writeFileSync(key, pem);
      const activated = activatePolicy(loaded.value, policyFiles(top), { key, now: Date.now(), compared: 20 });
      expect(activated).toMatchObject({ ok: true, value: { active: name === 'boris' } });
    }
    const started = join(dirname(top), 'started');
    const { view } = await runToEnd(
      top,
      request(top, { messages: ['do it'], agents: [shell('sh', `touch ${started}`)], sandbox: false }),
    );
    const [task] = view.tasks;
    expect(task).toMatchObject({ state: 'failed', detail: expect.stringContaining('forbidden, decision effect/') });
    expect(task!.detail).toContain(`@${loaded.value.set.hash}`);
    expect(existsSync(started)).toBe(false);
    const decided = policyFiles(top).decisions(100) as { action: { name: string }; verdict: string; reason: string }[];
    expect(decided.filter(({ verdict }) => verdict === 'deny').map(({ action }) => action.name)).toEqual(['work.agent']);
    expect(decided.some(({ verdict, reason }) => verdict === 'allow' && reason === 'own-work')).toBe(true);
  });
});
