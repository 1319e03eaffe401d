/** `skein run`: prepares, says what it may cost, starts, stays until the end. */
import type { Prepared, Problem } from '../../../assembly/index.ts';
import type { Parsed } from '../flags.ts';
import { prepareFrom } from '../request.ts';
import { failAlone, failRehearsed } from '../rehearsal.ts';
import { superviseRun, watchOn } from '../supervise.ts';
import { type ExitCode, fail, type Surface, wantsJson } from '../surface.ts';
import { plural } from '../terminal.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const ready = await prepareFrom(flags, surface);
  if (!ready.ok) return failAlone(flags, ready.problem, surface, json);
  const { fleet, prepared, settings } = ready.value;
  const nobody = noAgent(prepared, flags);
  if (nobody !== null) return failRehearsed(ready.value, nobody, surface, json);

  const watch = watchOn(surface);
  watch.plan(prepared);
  const live = await fleet.start(prepared, { record: flags.on('record') });
  if (!live.ok) return fail(surface, json, live.problem);
  const { agentsFound, notes } = prepared;
  return superviseRun(live.value, watch, surface, { fleet, json, failOnOpen: settings.failOnOpen, agentsFound, notes });
}

/** Tasks without anybody to do them: the programs found are named, not started, because they cost money. */
function noAgent(prepared: Prepared, flags: Parsed): Problem | null {
  const { tasks, agents } = prepared.spec;
  if (tasks.length === 0 || agents.some((agent) => agent.only === null)) return null;
  const given =
    flags.words[0] ??
    flags
      .all('message')
      .map((text) => `-m '${text.replaceAll("'", `'\\''`)}'`)
      .join(' ');
  const found = prepared.agentsFound.map((agent) => `skein run ${given} --agent ${agent.name}    starts: ${agent.command}`);
  return {
    kind: 'missing',
    what: `${plural(tasks.length, 'task')}, and no agent to do ${tasks.length === 1 ? 'it' : 'them'}: an agent is started only when you ask for it`,
    details:
      found.length > 0 ? ['on PATH, each with the line that would use it:', ...found] : ['no agent program was found on PATH'],
    next:
      found.length > 0 ? 'choose one of these lines, or give any command' : `skein run ${given} --agent './your-agent.sh {task}'`,
  };
}
