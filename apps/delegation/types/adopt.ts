/**
 * Turns proposals into the largest set of types that may land: writes them, lets the compiler and the rules of truth object,
 * drops what they object to, and ends when nothing new is wrong anywhere in the program. An agent's whole conscience.
 */
import type { Compiler, Diagnosis, Item } from './compiler.ts';
import { codeOffset, functionsOf } from './functions.ts';
import { withTypes, type Proposal } from './annotate.ts';
import type { FileRecording } from './record.ts';
import { refusals } from './truth.ts';

export interface Adopted {
  readonly text: string;
  readonly kept: readonly Proposal[];
  readonly closed: readonly string[];
  readonly dropped: readonly { readonly proposal: Proposal; readonly because: string }[];
  readonly verdicts: number;
}

/** Enough to drop every proposal of a large file one by one is not worth the time: what still objects then is dropped at once. */
const VERDICTS_MAX = 40;
const SECOND_CHANCES = 12;

export interface Difference {
  readonly closed: readonly string[];
  readonly opened: readonly Item[];
}

/**
 * What a change of types did to the errors of a program. An error that stays at its place in the code but now reads otherwise
 * is neither closed nor new: knowing more about a type often rewords what is said of it.
 */
export function difference(before: Diagnosis, after: Diagnosis): Difference {
  const placeOf = ({ path, at }: Item): string => `${path} ${at}`;
  const count = (items: readonly Item[]): Map<string, number> => {
    const map = new Map<string, number>();
    for (const item of items) map.set(placeOf(item), (map.get(placeOf(item)) ?? 0) + 1);
    return map;
  };
  const keysBefore = new Set(before.items.map(({ key }) => key));
  const [were, are] = [count(before.items), count(after.items)];
  const closed: string[] = [];
  const opened: Item[] = [];
  for (const item of before.items) {
    const left = are.get(placeOf(item)) ?? 0;
    if (left > 0) are.set(placeOf(item), left - 1);
    else closed.push(item.key);
  }
  for (const item of after.items) {
    const left = were.get(placeOf(item)) ?? 0;
    if (left > 0) were.set(placeOf(item), left - 1);
    else opened.push(item);
  }
  // Where the code itself changed, places mean nothing: then names decide.
  if (opened.length > 0 && closed.length > 0) {
    const reopened = new Set(opened.filter(({ key }) => keysBefore.has(key)).map(({ key }) => key));
    return { closed: closed.filter((key) => !reopened.has(key)), opened: opened.filter(({ key }) => !reopened.has(key)) };
  }
  return { closed, opened };
}

export function adopt(
  compiler: Compiler,
  path: string,
  proposals: readonly Proposal[],
  recording: FileRecording | null,
  packageDirectory: string,
  deadline: number,
): Adopted {
  const { ts } = compiler;
  compiler.try(path, null);
  const original = compiler.text(path);
  const before = compiler.diagnose();
  const dropped: { proposal: Proposal; because: string }[] = [];
  let verdicts = 1;
  const look = (set: readonly Proposal[]): { change: Difference; diagnosis: Diagnosis } => {
    verdicts += 1;
    compiler.try(path, withTypes(ts, path, original, set));
    const diagnosis = compiler.diagnose();
    return { change: difference(before, diagnosis), diagnosis };
  };
  const refuse = (set: readonly Proposal[]): Map<Proposal, string> => {
    const found = new Map<Proposal, string>();
    for (const { place, detail, rule } of refusals(compiler, path, original, recording, packageDirectory).refused) {
      const proposal =
        set.find((one) => one.kind === 'function' && one.place === place) ?? set.find((one) => one.kind === 'statement');
      if (proposal !== undefined && !found.has(proposal)) found.set(proposal, `${rule}: ${detail}`);
    }
    return found;
  };
  const late = (): boolean => Date.now() > deadline || verdicts > VERDICTS_MAX;

  let kept = [...proposals];
  const collateral: Proposal[] = [];
  while (kept.length > 0) {
    const { change } = look(kept);
    const objections = refuse(kept);
    if (change.opened.length === 0 && objections.size === 0) break;
    if (objections.size === 0) for (const [proposal, because] of culprits(kept, change.opened)) objections.set(proposal, because);
    if (late()) for (const proposal of kept) objections.set(proposal, objections.get(proposal) ?? 'out of time');
    for (const [proposal, because] of objections) {
      dropped.push({ proposal, because });
      if (because.startsWith('opens ')) collateral.push(proposal);
    }
    kept = kept.filter((proposal) => !objections.has(proposal));
  }
  // Some were dropped for the errors of others: each gets one more chance beside those that stayed.
  for (const proposal of collateral.slice(0, SECOND_CHANCES)) {
    if (late()) break;
    const { change } = look([...kept, proposal]);
    if (change.opened.length > 0 || change.closed.length === 0 || refuse([...kept, proposal]).size > 0) continue;
    kept.push(proposal);
    dropped.splice(
      dropped.findIndex((one) => one.proposal === proposal),
      1,
    );
  }
  const { change } = look(kept);
  const text = change.opened.length === 0 && change.closed.length > 0 ? compiler.text(path) : original;
  compiler.try(path, null);
  return { text, kept: text === original ? [] : kept, closed: text === original ? [] : change.closed, dropped, verdicts };

  /** Whose doing a new error is: the innermost function with new types around it; if none is around it, half of what is left. */
  function culprits(set: readonly Proposal[], opened: readonly Item[]): Map<Proposal, string> {
    const found = new Map<Proposal, string>();
    const source = compiler.source(path);
    if (source !== undefined) {
      const functions = functionsOf(ts, source);
      for (const item of opened.filter((one) => one.path === path)) {
        const around = set
          .flatMap((proposal) => (proposal.kind === 'function' ? [{ proposal, node: functions[proposal.place]! }] : []))
          .filter(
            ({ node }) => codeOffset(ts, source, node.getStart(source)) <= item.at && item.at <= codeOffset(ts, source, node.end),
          )
          .toSorted((a, b) => b.node.pos - a.node.pos);
        if (around[0] !== undefined) found.set(around[0].proposal, `opens ${item.key}: ${item.message}`);
      }
    }
    if (found.size > 0) return found;
    const first = opened[0]!;
    const statements = set.filter(({ kind }) => kind === 'statement');
    for (const proposal of statements.length > 0
      ? statements.slice(0, Math.ceil(statements.length / 2))
      : set.slice(0, Math.ceil(set.length / 2)))
      found.set(proposal, `opens ${first.key}: ${first.message}`);
    return found;
  }
}
