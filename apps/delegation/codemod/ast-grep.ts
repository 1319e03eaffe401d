/**
 * ast-grep rule files: read, matched and applied through `@ast-grep/napi`, which is an optional package. A fix is made only where it
 * can be made as ast-grep itself would; what goes beyond (ranges that a fix expands, several fixes to choose from) is said.
 */
import type { NapiConfig, SgNode } from '@ast-grep/napi';

export interface Rule {
  readonly id: string;
  readonly message: string;
  readonly language: string;
  readonly fix: string;
  readonly config: NapiConfig;
}

export type RuleFile =
  | { readonly ok: true; readonly rules: readonly Rule[]; readonly notes: readonly string[] }
  | { readonly ok: false; readonly why: string };

type Api = typeof import('@ast-grep/napi');

const LANGUAGES: Readonly<Record<string, readonly [language: string, files: RegExp]>> = {
  javascript: ['JavaScript', /\.(?:[cm]?js|jsx)$/],
  js: ['JavaScript', /\.(?:[cm]?js|jsx)$/],
  jsx: ['JavaScript', /\.(?:[cm]?js|jsx)$/],
  typescript: ['TypeScript', /\.[cm]?ts$/],
  ts: ['TypeScript', /\.[cm]?ts$/],
  tsx: ['Tsx', /\.tsx$/],
  css: ['Css', /\.css$/],
  html: ['Html', /\.(?:x?html|htm)$/],
};

/** Only rules named `id` when it is given. */
export async function readRules(text: string, id: string | null): Promise<RuleFile> {
  const yaml = await import('yaml');
  const rules: Rule[] = [];
  const notes: string[] = [];
  for (const document of yaml.parseAllDocuments(text)) {
    if (document.errors.length > 0) return { ok: false, why: document.errors[0]!.message.split('\n')[0]! };
    const value = document.toJS() as Record<string, unknown> | null;
    if (value === null || typeof value !== 'object' || typeof value.rule !== 'object') continue;
    const name = typeof value.id === 'string' ? value.id : `rule ${rules.length + 1}`;
    if (id !== null && name !== id) continue;
    const asked = typeof value.language === 'string' ? value.language.toLowerCase() : '';
    const language = LANGUAGES[asked];
    if (language === undefined) notes.push(`${name}: language '${asked}' is not among JavaScript, TypeScript, Tsx, Css and Html`);
    else if (value.fix === undefined) notes.push(`${name}: it has no fix, so there is nothing to apply`);
    else if (typeof value.fix !== 'string')
      notes.push(`${name}: only a fix that is one text can be applied here; ast-grep itself can do more`);
    else
      rules.push({
        id: name,
        message: typeof value.message === 'string' ? value.message : '',
        language: asked,
        fix: value.fix.replace(/\n$/, ''),
        config: {
          rule: value.rule as NapiConfig['rule'],
          ...(value.constraints === undefined
            ? {}
            : { constraints: value.constraints as NonNullable<NapiConfig['constraints']> }),
          ...(value.utils === undefined ? {} : { utils: value.utils as NonNullable<NapiConfig['utils']> }),
          ...(value.transform === undefined ? {} : { transform: value.transform }),
        },
      });
  }
  if (rules.length === 0 && notes.length === 0)
    return { ok: false, why: id === null ? 'it holds no rule' : `it holds no rule named ${id}` };
  return { ok: true, rules, notes };
}

export async function astGrep(): Promise<Api | null> {
  return import('@ast-grep/napi').then(
    (module) => module,
    () => null,
  );
}

export function covers(rule: Rule, path: string): boolean {
  return LANGUAGES[rule.language]![1].test(path);
}

/** Lines (from 1) of its matches, those inside of another one left out: a fix replaces the outer one. */
export function matchesOf(api: Api, rule: Rule, text: string): number[] {
  return outermost(parsed(api, rule, text).findAll(rule.config)).map((node) => node.range().start.line + 1);
}

export function fixed(api: Api, rule: Rule, text: string): string {
  const root = parsed(api, rule, text);
  const edits = outermost(root.findAll(rule.config)).map((node) => node.replace(spelled(rule.fix, node, text)));
  return edits.length === 0 ? text : root.commitEdits(edits);
}

function parsed(api: Api, rule: Rule, text: string): SgNode {
  return api.parse(LANGUAGES[rule.language]![0], text).root();
}

function outermost(nodes: readonly SgNode[]): SgNode[] {
  const kept: SgNode[] = [];
  for (const node of nodes.toSorted(
    (a, b) => a.range().start.index - b.range().start.index || b.range().end.index - a.range().end.index,
  ))
    if (node.range().start.index >= (kept.at(-1)?.range().end.index ?? 0)) kept.push(node);
  return kept;
}

/** `$A` and `$$$ARGS` filled in, further lines indented as the match is. */
function spelled(fix: string, node: SgNode, text: string): string {
  const { line, column } = node.range().start;
  const indent = /^\s*/.exec(text.split('\n')[line]!.slice(0, column))![0];
  return fix
    .replaceAll('\n', `\n${indent}`)
    .replaceAll(/\$\$\$([A-Z_][A-Z0-9_]*)|\$([A-Z_][A-Z0-9_]*)/g, (_, many: string | undefined, one: string | undefined) => {
      if (one !== undefined) return node.getMatch(one)?.text() ?? node.getTransformed(one) ?? '';
      const nodes = node.getMultipleMatches(many!);
      if (nodes.length === 0) return '';
      return between(text, nodes[0]!.range().start, nodes.at(-1)!.range().end);
    });
}

interface Place {
  readonly line: number;
  readonly column: number;
}

function between(text: string, start: Place, end: Place): string {
  const lines = text.split('\n').slice(start.line, end.line + 1);
  lines[lines.length - 1] = lines.at(-1)!.slice(0, end.column);
  lines[0] = lines[0]!.slice(start.column);
  return lines.join('\n');
}
