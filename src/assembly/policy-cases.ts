/** Cases for policies: a deed and what is expected of the gate. Reads them field by field and says which one is wrong. */
import type { Action } from '../ports/index.ts';

const CASES_MAX = 10_000; // of one set

export interface PolicyCase {
  readonly file: string;
  readonly name: string;
  readonly action: Action;
  readonly expect: 'allow' | 'deny' | 'trim';
  /** Code of the decision, where the case asks for one. */
  readonly reason: string | null;
}

export type ReadCases =
  | { readonly ok: true; readonly cases: readonly PolicyCase[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** `now` stands for `at` where a case has none. */
export function readCases(files: readonly { readonly file: string; readonly json: unknown }[], now: number): ReadCases {
  const problems: string[] = [];
  const cases = files.flatMap(({ file, json }) =>
    (Array.isArray(json) ? (json as unknown[]) : [json]).flatMap((each, i) => {
      const read = readCase(file, i, each, now);
      if (typeof read !== 'string') return [read];
      problems.push(`${file}: case ${i + 1}: ${read}`);
      return [];
    }),
  );
  if (cases.length > CASES_MAX) problems.push(`${cases.length} cases, at most ${CASES_MAX}`);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, cases };
}

const FIELDS = new Set(['name', 'kind', 'type', 'principal', 'resource', 'input', 'at', 'retried', 'expect', 'reason']);

function readCase(file: string, index: number, json: unknown, now: number): PolicyCase | string {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'a case is an object';
  const {
    name,
    kind = 'message',
    type,
    principal,
    resource,
    input = {},
    at,
    retried,
    expect = 'allow',
    reason,
  } = json as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(json).find((each) => !FIELDS.has(each));
  if (unknown !== undefined) return `"${unknown}" is not known; known are ${[...FIELDS].join(', ')}`;
  if (kind !== 'message' && kind !== 'effect') return 'kind is message or effect';
  if (typeof type !== 'string') return 'type names a contract or an activity';
  if (typeof principal !== 'string' || typeof resource !== 'string') return 'principal and resource are names';
  if (expect !== 'allow' && expect !== 'deny' && expect !== 'trim') return 'expect is allow, deny or trim';
  const when = at === undefined ? now : typeof at === 'string' ? Date.parse(at) : Number.NaN;
  if (!Number.isFinite(when)) return 'at is a time such as 2026-11-20T12:00:00Z';
  const action: Action = {
    kind,
    id: `${file}/${index + 1}`,
    name: type,
    principal,
    resource,
    input,
    approvals: [],
    at: when,
    retried: retried === true,
  };
  return {
    file,
    name: typeof name === 'string' ? name : `case ${index + 1}`,
    action,
    expect,
    reason: typeof reason === 'string' ? reason : null,
  };
}
