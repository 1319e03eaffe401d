/** The Cedar project's own test corpus, read in place from its archive: policies, schema, entities and requests with answers. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import {
  actionsOf,
  compilePolicies,
  decide,
  type PolicyIndex,
  readEntities,
  readEntityRef,
  readRecord,
  withActions,
} from '../../src/governance/index.ts';
import { cedarEngine, parseExact } from '../../src/runtime/embedded/index.ts';

export interface CorpusRequest {
  readonly principal: unknown;
  readonly action: unknown;
  readonly resource: unknown;
  readonly context: unknown;
  readonly decision: 'allow' | 'deny';
  readonly reason: readonly string[];
  readonly errors: readonly string[];
}

export interface CorpusCase {
  readonly name: string;
  readonly policies: string;
  readonly schema: string;
  readonly entities: unknown;
  readonly requests: readonly CorpusRequest[];
}

/** The files of a .tar.gz, by name. */
function filesOf(archive: string): Map<string, string> {
  const bytes = gunzipSync(readFileSync(archive));
  const files = new Map<string, string>();
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
    const text = (from: number, length: number): string =>
      bytes.toString('latin1', at + from, at + from + length).replace(/\0.*$/s, '');
    const size = Number.parseInt(text(124, 12), 8);
    if (text(156, 1) === '0' || text(156, 1) === '') files.set(text(0, 100), bytes.toString('utf8', at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

export function readCorpus(archive: string): CorpusCase[] {
  const files = filesOf(archive);
  return [...files.keys()]
    .filter((each) => each.endsWith('.cedar'))
    .map((each) => {
      const name = each.slice(0, -'.cedar'.length);
      const { requests } = parseExact(files.get(`${name}.json`)!) as { requests: readonly CorpusRequest[] };
      return {
        name,
        policies: files.get(each)!,
        schema: files.get(`${name}.cedarschema`)!,
        entities: parseExact(files.get(`${name}.entities.json`)!),
        requests,
      };
    });
}

export const must = <T>(read: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string }): T => {
  if (!read.ok) throw new Error(read.problem);
  return read.value;
};

/** Compiles a case; a string says why it was refused. */
export function compileCase({ policies, schema }: CorpusCase): PolicyIndex | string {
  const engine = cedarEngine();
  const parsed = engine.parse(policies);
  if (!parsed.ok) return parsed.problems.map((each) => each.message).join('; ');
  const json = engine.schemaJson(schema);
  const compiled = compilePolicies(parsed.policies, json.ok ? actionsOf(json.json) : []);
  return compiled.ok ? compiled.index : compiled.problems.map((each) => each.problem).join('; ');
}

/** Differences between our answers and the corpus's, as text. */
export function judgeCase(index: PolicyIndex, { name, entities, requests }: CorpusCase): string[] {
  const store = withActions(index, must(readEntities(entities)));
  return requests.flatMap((request, i) => {
    const answer = decide(index, {
      principal: must(readEntityRef(request.principal)),
      action: must(readEntityRef(request.action)),
      resource: must(readEntityRef(request.resource)),
      context: must(readRecord(request.context)),
      entities: store,
    });
    const ours = JSON.stringify([answer.cedar, answer.reasons.toSorted(), answer.errors.map((each) => each.policy).toSorted()]);
    const theirs = JSON.stringify([request.decision, request.reason.toSorted(), request.errors.toSorted()]);
    const denies = answer.errors.length === 0 || answer.decision === 'deny';
    return ours === theirs && denies
      ? []
      : [`${name}#${i}: ${ours}, expected ${theirs} ${answer.errors.map((each) => each.message).join('; ')}`];
  });
}

/** The verdict on every `step`th set of the corpus. */
export function corpusVerdict(archive: string, step: number): { refused: string[]; differing: string[]; asked: number } {
  const refused: string[] = [];
  const differing: string[] = [];
  let asked = 0;
  for (const each of readCorpus(archive).filter((_, i) => i % step === 0)) {
    const index = compileCase(each);
    if (typeof index === 'string') refused.push(`${each.name}: ${index}`);
    else {
      asked += each.requests.length;
      differing.push(...judgeCase(index, each));
    }
  }
  return { refused, differing, asked };
}
