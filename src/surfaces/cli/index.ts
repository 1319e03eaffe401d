/** What other programs may use of the command line: calling it with their own surface, and the documents it writes. */
export { main } from './main.ts';
export { processSurface } from './process.ts';
export { PlanDocument, ProblemDocument, RunEvent, RunSummary, SCHEMAS, schemaText } from './schema.ts';
export type { ExitCode, Surface, Terminal } from './surface.ts';
