/** Reading what checks print. */
export { readFindings } from './findings.ts';
export { plain, relative } from './text.ts';
export { readTests, type TestReport } from './tests.ts';
