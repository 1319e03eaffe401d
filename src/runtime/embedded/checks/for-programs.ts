/**
 * What the programs of a goal (probes, judges, agents) may use while they run: reading what checks print, and the import graph.
 * Published as `skein/checks`, apart from `skein`, because a program is started hundreds of times and must not load a runtime.
 */
export {
  type Affected,
  affectedTests,
  type ModuleGraph,
  moduleGraph,
  type ModuleNode,
  narrow,
  type Narrowing,
  runnerOf,
  testFiles,
} from './affected.ts';
export { plain, readFindings, readTests, type TestReport } from './parse/index.ts';
