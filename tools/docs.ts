/**
 * `node tools/docs.ts [directory]`: checks what the documents promise. Every relative link and anchor leads somewhere; every
 * shell or TypeScript example names the test that executes it; every measured figure in README.md stands beside a link to its
 * result or test; every invariant in ARCHITECTURE.md links to a test. One line for each finding, exit 1 when there is any.
 */
import { readRepository } from './tidy/files.ts';
import { checkDocuments } from './docs/check.ts';

const files = readRepository(process.argv[2] ?? '.');
const findings = checkDocuments(files);
for (const { path, line, message } of findings) console.log(`${path}:${line}: ${message}`);
const documents = files.filter((file) => file.path.endsWith('.md')).length;
console.log(findings.length === 0 ? `docs: ${documents} documents, nothing to do` : `docs: ${findings.length} findings`);
process.exitCode = findings.length === 0 ? 0 : 1;
