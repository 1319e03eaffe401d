/** An agent that makes tests pass by not running them. */
import { readFileSync, writeFileSync } from 'node:fs';

const path = 'test/stream.test.js';
const text = readFileSync(path, 'utf8');
writeFileSync(path, text.replace("test('", "test.skip('"));
process.stdout.write('Done: the stream tests are faster now.\n');
