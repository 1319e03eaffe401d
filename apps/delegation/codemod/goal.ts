/** `--goal codemod <rule>`: an ast-grep rule file, a rule in it (`rules.yml#id`), or a jscodeshift transform. Never unasked. */
import { access } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Goal } from 'skein';
import { programArgv } from '../programs/entry.ts';
import { agentOf, NOTHING, probeOf } from '../programs/plan.ts';

const PROBE_MS = 300_000;
const AGENT_MS = 300_000;

export const codemod: Goal = {
  name: 'codemod',
  says: 'a rule of yours, applied',
  unasked: false,
  async plan(scene) {
    const { argument, repository } = scene;
    if (argument === null || argument === '')
      return { ...NOTHING, notes: ['codemod needs a rule: --goal "codemod rules/x.yml"'] };
    const [path = '', id] = argument.split('#');
    // A rule that is not committed is not in the checkout: it is read where the person has it.
    const absolute = isAbsolute(path) ? path : join(repository, path);
    const untracked =
      (await scene.read(path)) === null &&
      (await access(absolute).then(
        () => true,
        () => false,
      ));
    const asked = untracked ? `${absolute}${id === undefined ? '' : `#${id}`}` : argument;
    return {
      ...NOTHING,
      probes: [
        probeOf({
          name: 'codemod',
          goal: 'codemod',
          says: `where ${argument} applies`.slice(0, 200),
          argv: programArgv(import.meta.url, './probe'),
          argument: asked,
          timeout: PROBE_MS,
          keeps: false, // the rule may change without the tree
        }),
      ],
      agents: [agentOf({ name: 'codemod', argv: programArgv(import.meta.url, './apply'), timeout: AGENT_MS, only: 'codemod' })],
    };
  },
};
