/**
 * Contract evolution: may this schema follow that one? "Yes" rests on a proof, "no" on a document that one compiled checker
 * accepts and the other refuses, and "unsure" refuses: it never guesses. Two readings. `strict`: the sets of documents. `live`:
 * closed at the producer, projected at the consumer, as hosts of two versions talk; from it the version bump is derived.
 */
import { Compile } from 'typebox/schema';
import { type ContractTerms, meaningOf } from './contract.ts';
import { isProjectable, opened, Projector } from './contract-projection.ts';
import { Effort, type Part, Undecided } from './evolution/clauses.ts';
import { Inclusion, type NotShown } from './evolution/inclusion.ts';
import { FEW, MANY, Samples } from './evolution/samples.ts';
import { bundle, type Bundle, isSchemaObject } from './json-schema.ts';

/** One side of a comparison: a contract, or a schema with the terms that are known of it. */
export interface Edition {
  readonly schema: unknown;
  readonly terms?: Partial<ContractTerms>;
}

export type Answer =
  | { readonly answer: 'yes' }
  | {
      readonly answer: 'no';
      /** Where and by which rule, in the words of the checker that refused. */
      readonly path: string;
      readonly rule: string;
      /** A document that the writing side may send and the reading side refuses, verified; null where a term of the contract says so. */
      readonly counterExample: unknown;
    }
  | { readonly answer: 'unsure'; readonly path: string; readonly rule: string };

export interface Reading {
  /** What was valid before is valid now: new readers read old documents. */
  readonly backward: Answer;
  /** What is valid now was valid before: old readers read new documents. */
  readonly forward: Answer;
  /** Both. */
  readonly full: boolean;
}

export type Bump = 'none' | 'patch' | 'minor' | 'major';

export interface Evolution {
  readonly strict: Reading;
  readonly live: Reading;
  /** none: not a letter changed. patch: the same documents. minor: old and new talk to each other. major: a new vN. */
  readonly bump: Bump;
  /** Terms that differ, each with what it asks for. */
  readonly terms: readonly { readonly term: keyof ContractTerms; readonly bump: Bump; readonly why: string }[];
}

/** One question about two schemas of a few hundred keywords takes some thousand steps. */
const EFFORT_MAX = 60_000;
const SHRINK_MAX = 400;

export function compareEditions(before: Edition, after: Edition): Evolution {
  const [old, now] = [new Side(before.schema), new Side(after.schema)];
  const terms = compareTerms(before.terms ?? {}, after.terms ?? {});
  const strict = reading(old, now, 'strict');
  const live = withTerms(reading(old, now, 'live'), terms);
  const same = strict.full && plainText(before.schema) === plainText(after.schema) && terms.length === 0;
  const least = terms.reduce<Bump>((most, { bump }) => (RANK[bump] > RANK[most] ? bump : most), 'patch');
  const bump: Bump = same ? 'none' : !live.full ? 'major' : strict.full ? least : least === 'major' ? 'major' : 'minor';
  return { strict, live, bump, terms };
}

const RANK: Readonly<Record<Bump, number>> = { none: 0, patch: 1, minor: 2, major: 3 };

function reading(old: Side, now: Side, as: 'strict' | 'live'): Reading {
  const backward = included(old, now, as);
  const forward = included(now, old, as);
  return { backward, forward, full: backward.answer === 'yes' && forward.answer === 'yes' };
}

/** A schema, compiled when first asked. */
class Side {
  readonly schema: unknown;
  readonly of: Bundle;
  readonly projector: Projector;
  /** Why there is no checker; null = there is one. */
  readonly malformed: string | null;
  readonly #compiled: ReturnType<typeof Compile>;

  constructor(schema: unknown) {
    this.schema = schema;
    this.of = bundle(schema);
    this.projector = new Projector(this.of);
    let malformed = this.of.malformed;
    let compiled = Compile({});
    try {
      if (malformed === null) compiled = Compile(schema as Parameters<typeof Compile>[0]);
    } catch (error) {
      malformed = (error as Error).message; // a pattern that is none
    }
    this.malformed = malformed;
    this.#compiled = compiled;
  }

  writes(document: unknown): boolean {
    return this.#compiled.Check(document);
  }

  reads(document: unknown, as: 'strict' | 'live'): boolean {
    return this.#compiled.Check(document) || (as === 'live' && this.#compiled.Check(this.projector.project(document).value));
  }

  explain(document: unknown, as: 'strict' | 'live'): { readonly path: string; readonly rule: string } {
    const said = as === 'live' ? this.projector.project(document).value : document;
    const [first] = this.#compiled.Errors(said)[1];
    const rule = first?.message === 'schema is false' ? 'is not known here' : (first?.message ?? 'is refused');
    return { path: first?.instancePath || '/', rule };
  }
}

/** May a reader that holds `to` read whatever a writer that holds `from` sends? */
function included(from: Side, to: Side, as: 'strict' | 'live'): Answer {
  const malformed = from.malformed ?? to.malformed;
  if (malformed !== null) return { answer: 'unsure', path: '/', rule: malformed };
  if (plainText(meaningOf(from.schema)) === plainText(meaningOf(to.schema))) return { answer: 'yes' };
  const trouble = [...from.of.trouble, ...to.of.trouble];
  let not: NotShown | null = { path: '', rule: trouble[0] ?? '' };
  const part = (of: Bundle): Part[] => [{ schema: of.root, of }];
  if (trouble.length === 0) {
    not = prove(part(from.of), part(to.of));
    // Opened, the reader's schema accepts what projection makes valid: only where nothing but closed objects is in the way.
    if (not !== null && as === 'live' && isProjectable(to.of)) {
      const live = prove(part(from.of), part(opened(to.of)));
      not = live;
    }
    if (not === null) return { answer: 'yes' };
  }
  const refuted = (document: unknown): boolean => from.writes(document) && !to.reads(document, as);
  const found = search(part(from.of), part(to.of), refuted);
  if (found === null) return { answer: 'unsure', path: not.path || '/', rule: not.rule };
  const counterExample = shrink(found.document, refuted);
  return { answer: 'no', ...to.explain(counterExample, as), counterExample };
}

function prove(inner: readonly Part[], outer: readonly Part[]): NotShown | null {
  try {
    return new Inclusion(new Effort(EFFORT_MAX)).show(inner, outer);
  } catch (error) {
    if (error instanceof Undecided) return { path: '', rule: error.message };
    if (error instanceof RangeError) return { path: '', rule: 'too many alternatives inside one another' };
    throw error;
  }
}

function search(
  inner: readonly Part[],
  outer: readonly Part[],
  refuted: (document: unknown) => boolean,
): { readonly document: unknown } | null {
  for (const size of [FEW, MANY]) {
    const document = new Samples(new Effort(EFFORT_MAX), size).documents(inner, outer).find(refuted);
    if (document !== undefined) return { document };
  }
  return null;
}

/** Leaves out what the counter-example does not need, property by property and item by item. */
function shrink(document: unknown, refuted: (document: unknown) => boolean): unknown {
  let best = document;
  let tries = 0;
  const smaller = (value: unknown): unknown[] => {
    if (Array.isArray(value)) {
      const less = value.map((_, i) => value.filter((__, j) => i !== j));
      return [...less, ...value.flatMap((each, i) => smaller(each).map((one) => value.with(i, one)))];
    }
    if (!isSchemaObject(value)) return [];
    const entries = Object.entries(value);
    const less = entries.map(([name]) => Object.fromEntries(entries.filter(([other]) => other !== name)));
    const inside = entries.flatMap(([name, each]) =>
      smaller(each).map((one) => Object.fromEntries(entries.map(([other, was]) => [other, other === name ? one : was]))),
    );
    return [...less, ...inside];
  };
  for (;;) {
    const next = smaller(best)
      .slice(0, SHRINK_MAX)
      .find((each) => {
        tries += 1;
        return tries <= SHRINK_MAX && refuted(each);
      });
    if (next === undefined) return best;
    best = next;
  }
}

// ---- terms ----------------------------------------------------------------------------------------------------------

type TermChange = Evolution['terms'][number];

const TERM_RULES: { readonly [K in keyof ContractTerms]: readonly [bump: Bump, why: string] } = {
  minor: ['none', 'the number itself'],
  durability: ['major', 'one side would wait for an acknowledgement that the other does not send'],
  signing: ['major', 'one side would refuse what the other calls signed'],
  risk: ['major', 'one side would ask for an approval that the other does not attach'],
  orderingKey: ['major', 'the same messages would go to different buckets, so their order is lost'],
  idempotency: ['major', 'one side would take two deeds for one, or one for two'],
  ttlMin: ['major', 'one side would refuse lifetimes that the other grants'],
  ttlMax: ['major', 'one side would refuse lifetimes that the other grants'],
  journal: ['minor', 'replay covers another part'],
  p50: ['minor', 'another promise, the same messages'],
  p95: ['minor', 'another promise, the same messages'],
};

/** Only terms that both sides state are compared. */
function compareTerms(old: Partial<ContractTerms>, now: Partial<ContractTerms>): TermChange[] {
  return (Object.keys(TERM_RULES) as (keyof ContractTerms)[]).flatMap((term) => {
    if (term === 'minor' || old[term] === undefined || now[term] === undefined || old[term] === now[term]) return [];
    const [bump, why] = TERM_RULES[term];
    return [{ term, bump, why: `${term} ${String(old[term])} -> ${String(now[term])}: ${why}` }];
  });
}

function withTerms(live: Reading, terms: readonly TermChange[]): Reading {
  const breaking = terms.find(({ bump }) => bump === 'major');
  if (breaking === undefined) return live;
  const no: Answer = { answer: 'no', path: `terms/${breaking.term}`, rule: breaking.why, counterExample: null };
  const or = (answer: Answer): Answer => (answer.answer === 'yes' ? no : answer);
  return { backward: or(live.backward), forward: or(live.forward), full: false };
}

/** Equal for equal schemas; foreign ones may hold fractions, which canonical JSON refuses. */
function plainText(schema: unknown): string {
  return JSON.stringify(schema ?? true, (_, value: unknown) =>
    isSchemaObject(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
}
