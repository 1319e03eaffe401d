/**
 * `skein contracts`: what may be said, and whether a change of it breaks anybody. Reads the catalogue and files only; needs no
 * repository. `check` exits 1 when the change needs a new version, also when that cannot be decided.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Outcome, Problem } from '../../../assembly/index.ts';
import { catalogue, system } from '../../../contracts/index.ts';
import {
  type Answer,
  asyncApiOf,
  compareEditions,
  type Contract,
  type ContractRegistry,
  type ContractTerms,
  type Evolution,
  type Reading,
} from '../../../protocol/index.ts';
import { type Parsed, usage } from '../flags.ts';
import { hint } from '../nearest.ts';
import { emit, type ExitCode, fail, type Surface, wantsJson } from '../surface.ts';
import { type Cell, clean, plural, type Style, symbol, table, wrap } from '../terminal.ts';

const ACTIONS = ['list', 'show', 'check', 'asyncapi'];
const FILE_BYTES_MAX = 1_048_576; // the largest message; no contract comes near it

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const [action = 'list', first, second] = flags.words;
  const registry = catalogue();
  const wrong = misuse(action, [first, second].filter((word) => word !== undefined).length);
  if (wrong !== null) return fail(surface, json, wrong);
  if (action === 'list') {
    const contracts = registry.list().map((contract) => description(contract, registry));
    emit(surface, json, { schema: 'skein.contracts.v1', contracts }, (style) => listText(contracts, style));
    return 0;
  }
  if (action === 'asyncapi') {
    const document = asyncApiOf(registry, { title: 'Skein', version: surface.versions.skein, aliases: system.aliasesOf });
    surface.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    return 0;
  }
  if (action === 'show') {
    const contract = named(registry, first!);
    if (!contract.ok) return fail(surface, json, contract.problem);
    const document = { schema: 'skein.contract.v1', ...description(contract.value, registry), jsonSchema: contract.value.schema };
    emit(surface, json, document, (style) => showText(document, style));
    return 0;
  }
  const before = await side(registry, first!, surface);
  if (!before.ok) return fail(surface, json, before.problem);
  const after = await side(registry, second!, surface);
  if (!after.ok) return fail(surface, json, after.problem);
  const evolution = compareEditions(before.value, after.value);
  const document = { schema: 'skein.evolution.v1', before: before.value.name, after: after.value.name, ...evolution };
  emit(surface, json, document, (style) => checkText(document, style));
  return evolution.bump === 'major' ? 1 : 0;
}

function misuse(action: string, words: number): Problem | null {
  const wanted: Readonly<Record<string, number>> = { list: 0, asyncapi: 0, show: 1, check: 2 };
  const count = wanted[action];
  if (count === undefined)
    return usage(`skein contracts cannot "${action}"${hint(action, ACTIONS)}`, `skein contracts [${ACTIONS.join(' | ')}]`)
      .problem;
  if (words === count) return null;
  const form = { show: 'show <name>', check: 'check <old> <new>' }[action] ?? action;
  return usage(`skein contracts ${action} takes ${plural(count, 'name')}, not ${words}`, `skein contracts ${form}`).problem;
}

interface Description extends ContractTerms {
  readonly number: number;
  readonly type: string;
  readonly hash: string;
  readonly aliases: readonly string[];
}

function description(contract: Contract, registry: ContractRegistry): Description {
  const { type, hash, minor, durability, journal, signing, risk, orderingKey, idempotency, ttlMin, ttlMax, p50, p95 } = contract;
  return {
    number: registry.numberOf(type)!,
    type,
    minor,
    hash,
    aliases: system.aliasesOf(type),
    durability,
    journal,
    signing,
    risk,
    orderingKey,
    idempotency,
    ttlMin,
    ttlMax,
    p50,
    p95,
  };
}

/** By type, by an older name, or by the name without its version: then the newest. */
function named(registry: ContractRegistry, word: string): Outcome<Contract> {
  const exact = registry.get(word) ?? registry.get(system.resolveAlias(word)?.type ?? '');
  const versions = registry.list().filter(({ type, version }) => type === `${word}.v${version}`);
  const found = exact ?? versions.toSorted((a, b) => b.version - a.version)[0];
  if (found !== undefined) return { ok: true, value: found };
  const near = hint(
    word,
    registry.list().map(({ type }) => type),
  );
  return { ok: false, problem: usage(`there is no contract "${word}"${near}`, 'skein contracts list').problem };
}

interface Side {
  readonly name: string;
  readonly schema: unknown;
  readonly terms?: Partial<ContractTerms>;
}

/** A contract of the catalogue, a file that holds a JSON Schema, or one that `skein contracts show --json` wrote. */
async function side(registry: ContractRegistry, word: string, surface: Surface): Promise<Outcome<Side>> {
  const known = named(registry, word);
  if (known.ok) return { ok: true, value: { name: known.value.type, schema: known.value.schema, terms: known.value } };
  const missing = (what: string): Outcome<Side> => {
    const next = 'name a contract (skein contracts list) or a file with a JSON Schema';
    return { ok: false, problem: { kind: 'missing', what, details: [], next } };
  };
  if (!/[./\\]json$|[/\\]/.test(word)) return known;
  let read: unknown;
  try {
    const bytes = await readFile(resolve(surface.cwd, word));
    if (bytes.length > FILE_BYTES_MAX) return missing(`${word} is larger than 1 MiB`);
    read = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return missing(`${word} cannot be read: ${(error as Error).message}`);
  }
  const document = read as { schema?: unknown; jsonSchema?: unknown } | null;
  if (document?.schema !== 'skein.contract.v1') return { ok: true, value: { name: word, schema: read } };
  return { ok: true, value: { name: word, schema: document.jsonSchema, terms: document as Partial<ContractTerms> } };
}

// ---- text -----------------------------------------------------------------------------------------------------------

function listText(contracts: readonly Description[], style: Style): string[] {
  const rows = contracts.map((each): Cell[] => [
    { text: String(each.number), tone: 'dim' },
    { text: each.type },
    { text: each.durability === 'ephemeral' ? 'ephemeral' : '', tone: 'dim' },
    { text: each.risk === 'gated' ? 'gated' : '' },
    { text: each.hash.slice(0, 12), tone: 'dim' },
  ]);
  return [...table(style, rows, [1]), '', style.paint('dim', `  ${plural(contracts.length, 'contract')}`)];
}

function showText(document: Description & { readonly jsonSchema: unknown }, style: Style): string[] {
  const { type, jsonSchema, schema: _, aliases, ...terms } = document as typeof document & { schema: string };
  const rows = Object.entries(terms).map(([term, value]): Cell[] => [
    { text: term, tone: 'dim' },
    { text: value === null ? 'none' : String(value) },
  ]);
  if (aliases.length > 0) rows.push([{ text: 'aliases', tone: 'dim' }, { text: aliases.join(', ') }]);
  return [style.paint('strong', type), '', ...table(style, rows, [1]), '', JSON.stringify(jsonSchema, null, 2)];
}

type Checked = Evolution & { readonly before: string; readonly after: string };

function checkText({ before, after, live, strict, bump, terms }: Checked, style: Style): string[] {
  const needs = {
    none: 'nothing changed',
    patch: 'patch: the same messages; raise minor if the hash changed',
    minor: 'minor: old and new understand each other; raise minor',
    major: 'major: give it a new version',
  }[bump];
  const lines = [style.paint('strong', `${clean(before)} -> ${clean(after)}`), ''];
  lines.push(`  ${style.paint(bump === 'major' ? 'alarm' : 'plain', needs)}`, '');
  lines.push(...readingText('as hosts read it: closed at the producer, projected at the consumer', live, style), '');
  lines.push(...readingText('as sets of documents', strict, style));
  if (terms.length > 0) lines.push('', ...terms.map(({ why }) => `  ${why}`));
  return lines;
}

function readingText(title: string, { backward, forward }: Reading, style: Style): string[] {
  return [
    style.paint('dim', `  ${title}`),
    ...answerText('backward: new readers, old documents', backward, style),
    ...answerText('forward: old readers, new documents', forward, style),
  ];
}

function answerText(title: string, answer: Answer, style: Style): string[] {
  if (answer.answer === 'yes') return [`  ${symbol(style, 'landed')} ${title}`];
  const mark = style.paint('alarm', symbol(style, answer.answer === 'no' ? 'refused' : 'unavailable'));
  const why = `${answer.path} ${answer.rule}`;
  const lines = [
    `  ${mark} ${title}`,
    ...wrap(style, clean(answer.answer === 'no' ? why : `not decided, so refused: ${why}`), 6),
  ];
  if (answer.answer === 'no' && answer.counterExample !== null)
    lines.push(`      ${clean(JSON.stringify(answer.counterExample))}`);
  return lines;
}
