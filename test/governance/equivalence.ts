/** Random policies and requests, put to the compiled code and to the Cedar engine. */
import fc from 'fast-check';
import { compilePolicies, decide, readEntities, readEntityRef, readRecord, withActions } from '../../src/governance/index.ts';
import { cedarEngine } from '../../src/runtime/embedded/index.ts';
import { must } from './corpus.ts';
import { policyText, requestJson } from './random-policies.ts';

const ACTIONS = must(
  readEntities([
    { uid: { type: 'Action', id: 'read' }, parents: [{ type: 'Action', id: 'any' }] },
    { uid: { type: 'Action', id: 'write' }, parents: [{ type: 'Action', id: 'any' }] },
  ]),
);

export interface Tally {
  asked: number;
  allowed: number;
  failed: number;
}

/** Throws fast-check's report where the two differ in decision, reasons or errors. */
export function compareRandom(runs: number, seed: number): Tally {
  const engine = cedarEngine();
  const tally: Tally = { asked: 0, allowed: 0, failed: 0 };
  const sets = fc.array(policyText, { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(sets, fc.array(requestJson, { minLength: 1, maxLength: 8 }), (texts, requests) => {
      const parsed = engine.parse(texts.join('\n'));
      if (!parsed.ok)
        throw new Error(`the generator wrote what Cedar refuses: ${parsed.problems[0]?.message}\n${texts.join('\n')}`);
      const compiled = compilePolicies(parsed.policies, ACTIONS);
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
      const reference = engine.reference(parsed.policies);
      for (const request of requests) {
        const theirs = reference(request);
        if (!theirs.ok) throw new Error(theirs.message);
        const ours = decide(compiled.index, {
          principal: must(readEntityRef(request.principal)),
          action: must(readEntityRef(request.action)),
          resource: must(readEntityRef(request.resource)),
          context: must(readRecord(request.context)),
          entities: withActions(compiled.index, must(readEntities(request.entities))),
        });
        tally.asked += 1;
        tally.allowed += ours.cedar === 'allow' ? 1 : 0;
        tally.failed += ours.errors.length > 0 ? 1 : 0;
        const failures = (errors: readonly { readonly policy: string }[]): string[] =>
          errors.map((each) => each.policy).toSorted();
        const left = JSON.stringify([ours.cedar, ours.reasons.toSorted(), failures(ours.errors)]);
        const right = JSON.stringify([theirs.decision, theirs.reasons.toSorted(), failures(theirs.errors)]);
        if (left !== right)
          throw new Error(
            `compiled ${left} ${JSON.stringify(ours.errors)}, Cedar ${right} ${JSON.stringify(theirs.errors)}\n${texts.join('\n')}`,
          );
      }
    }),
    { numRuns: runs, seed },
  );
  return tally;
}
