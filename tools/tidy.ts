/**
 * `node tools/tidy.ts [directory]`: checks the repository itself against the house rules. One line for each finding, exit 1
 * when there is any. The rules are in tidy/rules.ts; the compiler and the linter enforce the rest.
 */
import { readRepository } from './tidy/files.ts';
import { RULES } from './tidy/rules.ts';

const files = readRepository(process.argv[2] ?? '.');
let count = 0;
for (const rule of RULES) {
  const findings = rule.check(files);
  for (const { path, line, message } of findings) console.log(`${path}:${line}: ${message} [${rule.name}]`);
  count += findings.length;
  if (findings.length > 0) console.log(`  why ${rule.name}: ${rule.why}`);
}
console.log(count === 0 ? `tidy: ${files.length} files, ${RULES.length} rules, nothing to do` : `tidy: ${count} findings`);
process.exitCode = count === 0 ? 0 : 1;
