/**
 * The goal packs of a run: modules that export `pack`. Skein's own is one of them and has no door that others have not; it is loaded
 * only when a run has goals, because it knows compilers and linters.
 */
import type { GoalPack } from '../../assembly/index.ts';

const PACKS = ['skein/delegation'];

export async function loadPacks(): Promise<readonly GoalPack[]> {
  const modules = await Promise.all(PACKS.map((name) => import(name) as Promise<{ readonly pack: GoalPack }>));
  return modules.map((module) => module.pack);
}
