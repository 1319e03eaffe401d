/** Writes `schema/*.json` from their source: `node --conditions=skein-source test/cli/write-schema.ts && npx oxfmt schema`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { SCHEMAS, schemaText } from '../../src/surfaces/cli/index.ts';

const directory = new URL('../../schema/', import.meta.url);
mkdirSync(directory, { recursive: true });
for (const [name, schema] of Object.entries(SCHEMAS)) writeFileSync(new URL(name, directory), schemaText(schema));
