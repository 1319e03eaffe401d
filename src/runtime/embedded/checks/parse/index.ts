/** Reading what checks print. */
export { readFindings } from './findings.ts';
export { type Output, read, type Reading, readNow } from './reading.ts';
export { plain, relative } from './text.ts';
export { readTests, type TestReport } from './tests.ts';
