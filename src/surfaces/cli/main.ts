/** One call of `skein`: the verb is found, its flags are checked, its code is loaded, and only then anything happens. */
import { parseFlags } from './flags.ts';
import { hint } from './nearest.ts';
import { type ExitCode, fail, styleOf, type Surface, wantsJson } from './surface.ts';
import { VERBS } from './verbs.ts';

export async function main(args: readonly string[], surface: Surface): Promise<ExitCode> {
  const [first, ...rest] = args;
  const json = wantsJson(surface, args.includes('--json'));
  if (first === undefined || ['help', '--help', '-h'].includes(first))
    return help(rest.find((word) => !word.startsWith('-')) ?? null, surface);
  if (['version', '--version', '-V', '-v'].includes(first)) {
    const { skein, node, platform } = surface.versions;
    // Plain text even when piped: `$(skein --version)` is what people write; --json gives the document.
    surface.stdout.write(
      rest.includes('--json') ? `${JSON.stringify({ schema: 'skein.version.v1', skein, node, platform })}\n` : `${skein}\n`,
    );
    return 0;
  }
  const verb = Object.hasOwn(VERBS, first) ? VERBS[first] : undefined;
  if (verb === undefined) {
    const what = `skein has no verb "${first}"${hint(first, [...Object.keys(VERBS), 'help', 'version'])}`;
    return fail(surface, json, { kind: 'usage', what, details: [], next: 'skein help' });
  }
  const flags = parseFlags(first, rest, verb.flags, verb.wordsMax);
  if (!flags.ok) return fail(surface, json, flags.problem);
  if (flags.value.on('help')) return help(first, surface);
  const loaded = await verb.load();
  return loaded.verb(flags.value, surface);
}

async function help(verb: string | null, surface: Surface): Promise<ExitCode> {
  if (verb !== null && !Object.hasOwn(VERBS, verb)) {
    const what = `skein has no verb "${verb}"${hint(verb, Object.keys(VERBS))}`;
    return fail(surface, wantsJson(surface, false), { kind: 'usage', what, details: [], next: 'skein help' });
  }
  const { helpText } = await import('./help.ts');
  surface.stdout.write(`${helpText(verb, styleOf(surface, surface.stdout)).join('\n')}\n`);
  return 0;
}
