/** Takes the blanks off the first line that has some, and stops. */
import { readFileSync, writeFileSync } from 'node:fs';

const { input } = JSON.parse(readFileSync(process.env.SKEIN_TASK_FILE!, 'utf8')) as { input: string };
const { path } = JSON.parse(input) as { path: string };
const text = readFileSync(path, 'utf8');
writeFileSync(path, text.replace(/[ \t]+$/m, ''));
