/** Random schemas, small edits of them, and random documents, all over the same few names and values, so that they meet. */
import type { Random } from '../../src/kernel/index.ts';

type Schema = Record<string, unknown>;
const NAMES = ['a', 'b', 'c', 'k1'];

export const pick = <T>(random: Random, values: readonly T[]): T => values[random.below(values.length)]!;

function scalar(random: Random): Schema {
  const chance = (share: number, more: () => Schema): Schema => (random.chance(share) ? more() : {});
  switch (random.below(8)) {
    case 0:
      return pick(random, [{}, { type: 'null' }, { type: 'boolean' }, { not: {} }]);
    case 1:
      return {
        type: pick(random, ['integer', 'number']),
        ...chance(0.5, () => ({ minimum: random.below(4) })),
        ...chance(0.5, () => ({ maximum: 2 + random.below(6) })),
        ...chance(0.2, () => ({ multipleOf: 1 + random.below(4) })),
      };
    case 2:
      return {
        type: 'string',
        ...chance(0.4, () => ({ minLength: random.below(3) })),
        ...chance(0.4, () => ({ maxLength: 1 + random.below(4) })),
        ...chance(0.3, () => ({ pattern: pick(random, ['^a', 'b$', '^[ab]*$', '^a{1,2}$', 'a|b', '^.$', '\\d']) })),
      };
    case 3:
      return {
        enum: Array.from({ length: 1 + random.below(3) }, () =>
          pick(random, [1, 2, 'a', 'b', null, true, [], {}, [1], { a: 1 }]),
        ),
      };
    case 4:
      return { const: pick(random, [1, 'a', null, 0, { a: 1 }]) };
    case 5:
      return {
        type: pick(random, [
          ['string', 'null'],
          ['integer', 'string'],
          ['object', 'array'],
          ['number', 'boolean'],
        ]),
      };
    case 6:
      return {
        ...chance(0.5, () => ({ minimum: random.below(5) })),
        ...chance(0.5, () => ({ exclusiveMaximum: random.below(9) })),
      };
    default:
      return { type: 'string', format: pick(random, ['date', 'uuid', 'email']) };
  }
}

function objectSchema(random: Random, depth: number): Schema {
  const out: Schema = {
    properties: Object.fromEntries(NAMES.filter(() => random.chance(0.5)).map((name) => [name, schemaAt(random, depth - 1)])),
  };
  if (random.chance(0.8)) out.type = 'object';
  if (random.chance(0.5)) out.required = NAMES.filter(() => random.chance(0.4));
  if (random.chance(0.6)) out.additionalProperties = random.chance(0.6) ? false : schemaAt(random, depth - 1);
  if (random.chance(0.15)) out.patternProperties = { [pick(random, ['^k', '^.$', '1$'])]: schemaAt(random, depth - 1) };
  if (random.chance(0.1)) out.minProperties = random.below(3);
  if (random.chance(0.1)) out.maxProperties = 1 + random.below(3);
  if (random.chance(0.1)) out.dependentRequired = { [pick(random, NAMES)]: [pick(random, NAMES)] };
  if (random.chance(0.05)) out.dependentSchemas = { [pick(random, NAMES)]: schemaAt(random, depth - 1) };
  if (random.chance(0.05)) out.propertyNames = { maxLength: 1 };
  if (random.chance(0.05)) out.unevaluatedProperties = false;
  return out;
}

function arraySchema(random: Random, depth: number): Schema {
  const out: Schema = { type: 'array' };
  if (random.chance(0.7)) out.items = schemaAt(random, depth - 1);
  if (random.chance(0.3)) out.prefixItems = Array.from({ length: 1 + random.below(2) }, () => schemaAt(random, depth - 1));
  if (random.chance(0.3)) out.minItems = random.below(3);
  if (random.chance(0.3)) out.maxItems = 1 + random.below(3);
  if (random.chance(0.2)) out.uniqueItems = true;
  if (random.chance(0.1)) out.contains = scalar(random);
  return out;
}

function schemaAt(random: Random, depth: number): Schema {
  const below = (): Schema => schemaAt(random, depth - 1);
  const some = (): Schema[] => Array.from({ length: 1 + random.below(3) }, below);
  switch (depth <= 0 ? 0 : random.below(16)) {
    case 8:
    case 9:
    case 10:
      return objectSchema(random, depth);
    case 11:
      return arraySchema(random, depth);
    case 12:
      return { anyOf: some() };
    case 13:
      return { oneOf: some() };
    case 14:
      return { allOf: [below(), below()] };
    case 15:
      return pick(random, [
        () => ({ not: below() }),
        () => Object.fromEntries(['if', 'then', ...(random.chance(0.5) ? ['else'] : [])].map((keyword) => [keyword, below()])),
        () => ({ ...below(), not: scalar(random) }),
        () => ({ $ref: '#/$defs/list' }),
      ])();
    default:
      return scalar(random);
  }
}

/** A schema of an object that may refer to a recursive list. */
export function randomSchema(random: Random): Schema {
  const list = { type: 'object', properties: { n: { $ref: '#/$defs/list' }, a: scalar(random) }, additionalProperties: false };
  return { ...objectSchema(random, 2), $defs: { list } };
}

/** The same schema with one thing changed, somewhere. */
export function randomEdit(random: Random, schema: Schema): Schema {
  const copy = structuredClone(schema);
  const parts: Schema[] = [];
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return;
    if (Array.isArray(part)) part.forEach(visit);
    else {
      parts.push(part as Schema);
      for (const [keyword, value] of Object.entries(part)) {
        if (['properties', 'patternProperties', 'dependentSchemas'].includes(keyword))
          Object.values(value as object).forEach(visit);
        else if (!['const', 'enum', 'dependentRequired', '$defs'].includes(keyword)) visit(value);
      }
    }
  };
  visit(copy);
  const part = pick(random, parts);
  if (part.properties !== undefined && random.chance(0.3)) {
    const name = pick(random, NAMES);
    const required = (part.required ?? []) as string[];
    part.required = required.includes(name) ? required.filter((each) => each !== name) : [...required, name];
    return copy;
  }
  const keyword = pick(random, [...Object.keys(part), '$none']);
  const value = part[keyword];
  if (random.chance(0.5)) {
    if (typeof value === 'number' && keyword !== 'const')
      part[keyword] = Math.max(keyword === 'multipleOf' ? 1 : 0, value + (random.chance(0.5) ? 1 : -1));
    else if (keyword === 'required') (value as string[]).pop();
    else if (keyword === 'enum') (value as unknown[]).push(9);
    else if (!keyword.startsWith('$')) delete part[keyword];
  } else if (typeof part.properties === 'object') (part.properties as Schema)[pick(random, ['a', 'b', 'z'])] = scalar(random);
  else Object.assign(part, scalar(random));
  return copy;
}

export function randomDocument(random: Random, depth = 3): unknown {
  switch (random.below(depth <= 0 ? 5 : 8)) {
    case 0:
      return pick(random, [null, true, false]);
    case 1:
      return pick(random, [0, 1, 2, 3, 4, 5, 6, 9, 1.5, -1]);
    case 2:
    case 3:
      return pick(random, ['', 'a', 'b', 'ab', 'aa', 'aab', 'x', '1', '2026-01-01', 'abcde']);
    case 4:
      return pick(random, [1, 'a']);
    case 5:
      return Array.from({ length: random.below(4) }, () => randomDocument(random, depth - 1));
    default:
      return Object.fromEntries(
        [...NAMES, 'z', 'n'].filter(() => random.chance(0.35)).map((name) => [name, randomDocument(random, depth - 1)]),
      );
  }
}
