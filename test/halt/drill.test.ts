import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fleetOf, repository } from '../run/repositories.ts';

it('a drill says of each step of a halt how long it took, touches no run, and leaves evidence', async ({ annotate }) => {
  await annotate('starts two wardens and four programs');
  const fleet = await fleetOf(repository('drill', { 'a.txt': '' }));
  const drilled = await fleet.drill();
  expect(drilled).toMatchObject({ ok: true, value: { sound: true } });
  if (!drilled.ok) return;
  expect(drilled.value.steps.map(({ step }) => step)).toContain('every agent acknowledged by name');
  expect(existsSync(join(drilled.value.evidence, 'drill.json'))).toBe(true);
  expect(await fleet.halts()).toEqual({ ok: true, value: [] });
});
