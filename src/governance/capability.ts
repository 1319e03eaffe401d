/**
 * Capabilities: a signed chain of links that can only narrow. The first link is signed by an authority, each further one by the
 * holder that the link before it names, so that whoever holds a chain can pass on less of it and nobody can make it more. Checked
 * once for a session; a policy then asks `context.capable`. Keys, clock and primitives are handed in.
 */
import { canonicalJson, fromHex, hex, type Millis, sha256Hex, utf8 } from '../kernel/index.ts';
import type { Crypto } from '../protocol/index.ts';

const LINKS_MAX = 8; // person, fleet, cluster, agent, tool, and some room
const NAMES_MAX = 64; // actions or resources of one link

export interface CapabilityTerms {
  /** Names, or beginnings that end in `*`. Empty: none. */
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Largest values of decimal fields of the input, in ten-thousandths; a field that is not named has no bound, one that is named has to be there. */
  readonly limits: Readonly<Record<string, number>>;
  readonly expires: Millis;
  /** Public key of whoever may use it or pass it on, hex. */
  readonly holder: string;
}

export interface CapabilityLink {
  readonly terms: CapabilityTerms;
  /** Over the terms and everything before them, hex. */
  readonly signature: string;
}

/** What a chain allows in the end: all of its links at once. */
export interface Capability {
  readonly id: string;
  readonly links: readonly CapabilityTerms[];
  readonly holder: string;
  readonly expires: Millis;
}

export type CapabilityResult =
  | { readonly ok: true; readonly capability: Capability }
  | { readonly ok: false; readonly problem: string };

type Primitives = Pick<Crypto, 'verify'>;

function statement(before: readonly CapabilityLink[], terms: CapabilityTerms): Uint8Array {
  return utf8(canonicalJson({ purpose: 'skein.capability.v1', before, terms }));
}

/** Adds a link; `sign` belongs to the authority for the first and to the holder of the chain for each other. */
export function delegate(
  chain: readonly CapabilityLink[],
  terms: CapabilityTerms,
  sign: (bytes: Uint8Array) => Uint8Array,
): readonly CapabilityLink[] {
  return [...chain, { terms, signature: hex(sign(statement(chain, terms))) }];
}

/** Checks every link: signed by who may, within its bounds, not wider than the one before, not expired. */
export function verifyCapability(
  chain: readonly CapabilityLink[],
  authorities: readonly Uint8Array[],
  now: Millis,
  primitives: Primitives,
): CapabilityResult {
  if (chain.length === 0 || chain.length > LINKS_MAX) return refuse(`a chain has 1 to ${LINKS_MAX} links`);
  for (const [i, { terms, signature }] of chain.entries()) {
    const problem = shapeProblem(terms, signature);
    if (problem !== null) return refuse(`link ${i}: ${problem}`);
    const before = chain.slice(0, i);
    const signers = i === 0 ? authorities : [bytesOf(chain[i - 1]!.terms.holder)];
    const bytes = statement(before, terms);
    if (!signers.some((key) => primitives.verify(key, bytes, bytesOf(signature))))
      return refuse(`link ${i} is not signed by ${i === 0 ? 'an authority' : 'the holder of the link before'}`);
    if (terms.expires <= now) return refuse(`link ${i} expired ${now - terms.expires} ms ago`);
    const above = i === 0 ? null : chain[i - 1]!.terms;
    const wider = above === null ? null : widening(above, terms);
    if (wider !== null) return refuse(`link ${i} widens ${wider}`);
  }
  const { holder, expires } = chain.at(-1)!.terms;
  return {
    ok: true,
    capability: { id: sha256Hex(canonicalJson(chain)), links: chain.map((each) => each.terms), holder, expires },
  };
}

/** Whether a capability covers a deed. `fields`: decimal fields of the input, in ten-thousandths. */
export function covers(
  capability: Capability,
  deed: { readonly action: string; readonly resource: string; readonly at: Millis; readonly fields: ReadonlyMap<string, bigint> },
): boolean {
  return capability.links.every(
    ({ actions, resources, limits, expires }) =>
      deed.at < expires &&
      actions.some((each) => fits(each, deed.action)) &&
      resources.some((each) => fits(each, deed.resource)) &&
      Object.entries(limits).every(([field, max]) => (deed.fields.get(field) ?? BigInt(max) + 1n) <= BigInt(max)),
  );
}

function bytesOf(text: string): Uint8Array {
  return fromHex(text) ?? new Uint8Array(0); // its shape was checked: this signs nothing
}

function shapeProblem({ actions, resources, limits, expires, holder }: CapabilityTerms, signature: string): string | null {
  if (
    ![actions, resources].every(
      (each) => Array.isArray(each) && each.length <= NAMES_MAX && each.every((name) => typeof name === 'string'),
    )
  ) {
    return `actions and resources are lists of up to ${NAMES_MAX} names`;
  }
  if (!Object.values(limits).every((each) => Number.isSafeInteger(each) && each >= 0))
    return 'a limit is a whole number of ten-thousandths';
  if (!Number.isSafeInteger(expires)) return 'it has no time of expiry';
  if (!/^[0-9a-f]{64}$/.test(holder)) return 'its holder is no public key';
  return /^[0-9a-f]{128}$/.test(signature) ? null : 'its signature is none';
}

function widening(above: CapabilityTerms, below: CapabilityTerms): string | null {
  for (const part of ['actions', 'resources'] as const) {
    const wider = below[part].find((each) => !above[part].some((allowed) => fits(allowed, each)));
    if (wider !== undefined) return `${part} by ${wider}`;
  }
  if (below.expires > above.expires) return 'its expiry';
  const field = Object.entries(above.limits).find(([name, max]) => (below.limits[name] ?? max) > max);
  return field === undefined ? null : `the limit of ${field[0]}`;
}

/** `a*` fits whatever begins with `a`, other patterns that do included. */
function fits(pattern: string, text: string): boolean {
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}

function refuse(problem: string): CapabilityResult {
  return { ok: false, problem };
}
