/** Every story of `test/scenarios` goes as it is written; SKEIN_UPDATE=1 writes what it does now. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { tell } from './stories.ts';

const directory = new URL('../scenarios/', import.meta.url);
const stories = readdirSync(directory).filter((file) => file.endsWith('.txt'));

it.each(stories)('the story of %s goes as it is told', (file) => {
  const path = new URL(file, directory);
  const written = readFileSync(path, 'utf8');
  const told = tell(written);
  expect(told.violations).toEqual([]);
  if (process.env['SKEIN_UPDATE'] === '1') writeFileSync(path, told.text);
  else expect(told.text).toBe(written);
});
