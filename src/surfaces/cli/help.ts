/** Help from the table of verbs. Pure. */
import { COMMON, type Flags } from './flags.ts';
import { type Style, wrap } from './terminal.ts';
import { VERBS } from './verbs.ts';

export function helpText(verb: string | null, style: Style): string[] {
  const known = verb === null ? undefined : VERBS[verb];
  if (verb !== null && known !== undefined) {
    return [
      `skein ${verb} ${known.words}`,
      '',
      `  ${known.does}`,
      '',
      ...flagLines({ ...known.flags, ...COMMON }, style),
      ...(known.more ?? []).flatMap((text) => ['', ...wrap(style, text, 2)]),
    ];
  }
  const indent = 2 + Math.max(...Object.keys(VERBS).map((name) => name.length)) + 2;
  const verbs = Object.entries(VERBS).flatMap(([name, { does }]) =>
    wrap(style, does, indent).map((line, i) => (i === 0 ? `  ${name.padEnd(indent - 2)}${line.trimStart()}` : line)),
  );
  return [
    'skein runs a fleet of agents on your work, within your limits, and proves what happened.',
    '',
    ...verbs,
    '',
    '  skein run                                  what is here: checks, verdicts, agents on PATH',
    "  skein run -m 'fix the parser' --agent claude",
    '  skein plan tasks.md --agent claude         what that would do; starts nothing',
    '',
    'skein help <verb> shows its flags.',
    'Exit codes: 0 done, 1 work not done, 2 usage, 3 stopped by a limit, 4 something is missing.',
  ];
}

function flagLines(flags: Flags, style: Style): string[] {
  return Object.entries(flags).flatMap(([name, flag]) => {
    const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
    const more = flag.multiple === true && !flag.help.includes('repeated') ? '; may be repeated' : '';
    const label = `  ${short}--${name}${flag.value === undefined ? '' : ` ${flag.value}`}`;
    const lines = wrap(style, `${flag.help}${more}`, 28);
    return label.length < 27 ? [label.padEnd(28) + lines[0]!.trimStart(), ...lines.slice(1)] : [label, ...lines];
  });
}
