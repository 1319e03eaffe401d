/**
 * Skein's own goal pack: what a repository asks for by itself, and what its owner may ask for on top. Agents without a model do the
 * work; compilers, linters and the repository's own tests judge it. Built on nothing but the published package.
 */
import type { GoalPack } from 'skein';
import { codemod } from './codemod/goal.ts';
import { health } from './health/goal.ts';
import { fixable, lint } from './lint/goal.ts';
import { mutants } from './mutants/goal.ts';
import { typeErrorsGoal, typesGoal } from './types/goal.ts';

export const pack: GoalPack = {
  name: 'delegation',
  // The unasked ones in the order in which they are looked for: what pays most for the least time first.
  goals: [fixable, typeErrorsGoal, health, mutants, lint, typesGoal, codemod],
};
