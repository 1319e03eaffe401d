import { Ajv2020 } from 'ajv/dist/2020.js';
import { Compile } from 'typebox/schema';
import { describe, expect, it } from 'vitest';
import { Projector } from './contract-projection.ts';
import { type Answer, type Bump, compareEditions, type Evolution } from './evolution.ts';
import { bundle } from './json-schema.ts';

type Says = 'yes' | 'no' | 'unsure';
/** A condition; written by entries, because an object literal with `then` looks like something to await. */
const condition = (test: object, fits: object, otherwise?: object): object => {
  const values = otherwise === undefined ? [test, fits] : [test, fits, otherwise];
  return Object.fromEntries(values.map((value, i) => [['if', 'then', 'else'][i], value]));
};

/** What changed, before, after, then backward and forward read strictly, and the bump. */
type Case = readonly [change: string, before: unknown, after: unknown, backward: Says, forward: Says, bump: Bump];

const int = { type: 'integer' };
const str = { type: 'string' };
const object = (properties: object, more: object = {}): object => ({ type: 'object', properties, ...more });
const closed = (properties: object, more: object = {}): object => object(properties, { additionalProperties: false, ...more });

const CASES: readonly Case[] = [
  // whole schemas
  ['nothing', closed({ a: int }), closed({ a: int }), 'yes', 'yes', 'none'],
  ['an annotation', { ...int, title: 'a' }, { ...int, description: 'b' }, 'yes', 'yes', 'patch'],
  ['the order of required', object({}, { required: ['a', 'b'] }), object({}, { required: ['b', 'a'] }), 'yes', 'yes', 'patch'],
  ['anything to something', true, int, 'no', 'yes', 'major'],
  ['something to anything', int, {}, 'yes', 'no', 'major'],
  ['nothing to something', false, int, 'yes', 'no', 'major'],
  ['true to the empty schema', true, {}, 'yes', 'yes', 'patch'],
  ['false to not anything', false, { not: {} }, 'yes', 'yes', 'patch'],
  // type
  ['integer to number', int, { type: 'number' }, 'yes', 'no', 'major'],
  ['number to integer', { type: 'number' }, int, 'no', 'yes', 'major'],
  ['string to integer', str, int, 'no', 'no', 'major'],
  ['a type is added', str, { type: ['string', 'null'] }, 'yes', 'no', 'major'],
  ['a type is removed', { type: ['string', 'null'] }, str, 'no', 'yes', 'major'],
  ['types in another order', { type: ['string', 'null'] }, { type: ['null', 'string'] }, 'yes', 'yes', 'patch'],
  ['a list of one type', { type: ['string'] }, str, 'yes', 'yes', 'patch'],
  ['types as a union', { type: ['string', 'null'] }, { anyOf: [str, { type: 'null' }] }, 'yes', 'yes', 'patch'],
  ['all types are none said', { type: ['null', 'boolean', 'number', 'string', 'array', 'object'] }, {}, 'yes', 'yes', 'patch'],
  ['boolean is two values', { type: 'boolean' }, { enum: [true, false] }, 'yes', 'yes', 'patch'],
  ['null is one value', { type: 'null' }, { const: null }, 'yes', 'yes', 'patch'],
  // enum and const
  ['a value is added', { enum: ['a'] }, { enum: ['a', 'b'] }, 'yes', 'no', 'major'],
  ['a value is removed', { enum: ['a', 'b'] }, { enum: ['a'] }, 'no', 'yes', 'major'],
  ['values in another order', { enum: ['a', 'b'] }, { enum: ['b', 'a'] }, 'yes', 'yes', 'patch'],
  ['const to the same enum', { const: 'a' }, { enum: ['a'] }, 'yes', 'yes', 'patch'],
  ['const to another', { const: 'a' }, { const: 'b' }, 'no', 'no', 'major'],
  ['enum to its type', { enum: ['a', 'b'] }, str, 'yes', 'no', 'major'],
  ['enum to another type', { enum: ['a', 'b'] }, int, 'no', 'no', 'major'],
  ['enum gets a type that all have', { enum: ['a'] }, { enum: ['a'], type: 'string' }, 'yes', 'yes', 'patch'],
  ['enum gets a type that some have', { enum: ['a', 1] }, { enum: ['a', 1], type: 'string' }, 'no', 'yes', 'major'],
  ['a range to its integers', { ...int, minimum: 1, maximum: 3 }, { enum: [1, 2, 3] }, 'yes', 'yes', 'patch'],
  ['a range to all but one', { ...int, minimum: 1, maximum: 3 }, { enum: [1, 3] }, 'no', 'yes', 'major'],
  ['1 is 1.0', { const: 1 }, { const: 1.0 }, 'yes', 'yes', 'none'],
  ['"1" is not 1', { const: '1' }, { const: 1 }, 'no', 'no', 'major'],
  ['an object as a value', { const: { a: [1] } }, closed({ a: { type: 'array' } }), 'yes', 'no', 'major'],
  ['union of literals to enum', { anyOf: [{ const: 'a' }, { const: 'b' }] }, { enum: ['a', 'b'] }, 'yes', 'yes', 'patch'],
  // numbers
  ['minimum to the same, exclusive', { ...int, minimum: 1 }, { ...int, exclusiveMinimum: 0 }, 'yes', 'yes', 'patch'],
  ['the same of fractions', { type: 'number', minimum: 1 }, { type: 'number', exclusiveMinimum: 0 }, 'yes', 'no', 'major'],
  ['minimum to exclusive', { type: 'number', minimum: 1 }, { type: 'number', exclusiveMinimum: 1 }, 'no', 'yes', 'major'],
  ['maximum to exclusive', { type: 'number', maximum: 1 }, { type: 'number', exclusiveMaximum: 1 }, 'no', 'yes', 'major'],
  ['a bound that integers cannot tell', { ...int, minimum: 1 }, { ...int, minimum: 0.5 }, 'yes', 'yes', 'patch'],
  ['multipleOf to a divisor', { type: 'number', multipleOf: 10 }, { type: 'number', multipleOf: 5 }, 'yes', 'no', 'major'],
  ['multipleOf to a multiple', { type: 'number', multipleOf: 5 }, { type: 'number', multipleOf: 10 }, 'no', 'yes', 'major'],
  ['multipleOf to neither', { type: 'number', multipleOf: 4 }, { type: 'number', multipleOf: 6 }, 'no', 'no', 'major'],
  ['multipleOf is added', int, { ...int, multipleOf: 3 }, 'no', 'yes', 'major'],
  ['multipleOf 1 says integer', int, { ...int, multipleOf: 1 }, 'yes', 'yes', 'patch'],
  ['a bound without a type', { minimum: 1 }, { minimum: 0 }, 'yes', 'no', 'major'],
  ['a bound of numbers on strings', str, { ...str, minimum: 3 }, 'yes', 'yes', 'patch'],
  [
    'two intervals to what they cover',
    {
      anyOf: [
        { ...int, maximum: 5 },
        { ...int, minimum: 6 },
      ],
    },
    int,
    'yes',
    'yes',
    'patch',
  ],
  [
    'one interval to two that leave a gap',
    int,
    {
      anyOf: [
        { ...int, maximum: 5 },
        { ...int, minimum: 7 },
      ],
    },
    'no',
    'yes',
    'major',
  ],
  // strings
  ['pattern is added', str, { ...str, pattern: '^a' }, 'no', 'yes', 'major'],
  ['pattern is widened', { ...str, pattern: '^[A-Z]{1,8}$' }, { ...str, pattern: '^[A-Z]{1,20}$' }, 'yes', 'no', 'major'],
  ['pattern is narrowed', { ...str, pattern: '^[a-z0-9]+$' }, { ...str, pattern: '^[a-z]+$' }, 'no', 'yes', 'major'],
  ['pattern in other words', { ...str, pattern: '^\\d+$' }, { ...str, pattern: '^[0-9][0-9]*$' }, 'yes', 'yes', 'patch'],
  ['pattern to another', { ...str, pattern: '^a+$' }, { ...str, pattern: '^b+$' }, 'no', 'no', 'major'],
  ['alternatives to a class', { ...str, pattern: '^(a|b)$' }, { ...str, pattern: '^[ab]$' }, 'yes', 'yes', 'patch'],
  ['an anchor is lost', { ...str, pattern: '^a$' }, { ...str, pattern: 'a' }, 'yes', 'no', 'major'],
  [
    'a pattern that implies a length',
    { ...str, pattern: '^[ab]{2,4}$' },
    { ...str, maxLength: 4, minLength: 2 },
    'yes',
    'no',
    'major',
  ],
  [
    'a length that the pattern implies',
    { ...str, pattern: '^[ab]{2}$' },
    { ...str, pattern: '^[ab]{2}$', maxLength: 2 },
    'yes',
    'yes',
    'patch',
  ],
  [
    'a pattern that is not regular, the same',
    { ...str, pattern: '^(a)\\1$' },
    { ...str, pattern: '^(a)\\1$', minLength: 0 },
    'yes',
    'yes',
    'patch',
  ],
  [
    'a pattern that is not regular, another',
    { ...str, pattern: '^(?=a)' },
    { ...str, pattern: '^(?=ab)' },
    'no',
    'unsure',
    'major',
  ],
  ['pattern to an enum of it', { ...str, pattern: '^[a.]$' }, { enum: ['a', '.'] }, 'yes', 'yes', 'patch'],
  ['format is added', str, { ...str, format: 'date' }, 'no', 'yes', 'major'],
  ['format is removed', { ...str, format: 'date' }, str, 'yes', 'no', 'major'],
  ['format to another', { ...str, format: 'date' }, { ...str, format: 'uuid' }, 'no', 'no', 'major'],
  // objects
  ['a required property is added, closed', closed({}), closed({ a: int }, { required: ['a'] }), 'no', 'no', 'major'],
  ['an optional property is added, closed', closed({ a: int }), closed({ a: int, b: str }), 'yes', 'no', 'minor'],
  ['an optional property is removed, closed', closed({ a: int, b: str }), closed({ a: int }), 'no', 'yes', 'minor'],
  ['an optional property is added, open', object({ a: int }), object({ a: int, b: str }), 'no', 'yes', 'major'],
  ['an optional property is removed, open', object({ a: int, b: str }), object({ a: int }), 'yes', 'no', 'major'],
  ['a property becomes required', closed({ a: int }), closed({ a: int }, { required: ['a'] }), 'no', 'yes', 'major'],
  ['a property becomes optional', closed({ a: int }, { required: ['a'] }), closed({ a: int }), 'yes', 'no', 'major'],
  ['a required property is removed, closed', closed({ a: int }, { required: ['a'] }), closed({}), 'no', 'no', 'major'],
  [
    'a property is renamed',
    closed({ a: int }, { required: ['a'] }),
    closed({ b: int }, { required: ['b'] }),
    'no',
    'no',
    'major',
  ],
  ['an optional property is renamed', closed({ a: int }), closed({ b: int }), 'no', 'no', 'minor'],
  ['a property changes its type', closed({ a: int }), closed({ a: str }), 'no', 'no', 'major'],
  ['an object is closed', object({ a: int }), closed({ a: int }), 'no', 'yes', 'minor'],
  ['an object is opened', closed({ a: int }), object({ a: int }), 'yes', 'no', 'minor'],
  [
    'additional properties get a schema',
    object({ a: int }),
    object({ a: int }, { additionalProperties: str }),
    'no',
    'yes',
    'major',
  ],
  [
    'additional properties get another',
    object({}, { additionalProperties: str }),
    object({}, { additionalProperties: int }),
    'no',
    'no',
    'major',
  ],
  [
    'a property as the additional ones',
    object({}, { additionalProperties: int }),
    object({ a: int }, { additionalProperties: int }),
    'yes',
    'yes',
    'patch',
  ],
  [
    'a property beyond the additional ones',
    object({}, { additionalProperties: int }),
    object({ a: str }, { additionalProperties: int }),
    'no',
    'no',
    'major',
  ],
  ['a property that can never be', closed({ a: int }), closed({ a: int, b: false }), 'yes', 'yes', 'patch'],
  ['a pattern of names is added, closed', closed({}), closed({}, { patternProperties: { '^x-': str } }), 'yes', 'no', 'minor'],
  [
    'a pattern of names gets another schema',
    closed({}, { patternProperties: { '^x-': str } }),
    closed({}, { patternProperties: { '^x-': int } }),
    'no',
    'no',
    'major',
  ],
  [
    'a pattern of names is widened',
    closed({}, { patternProperties: { '^x-a': str } }),
    closed({}, { patternProperties: { '^x-': str } }),
    'yes',
    'no',
    'minor',
  ],
  [
    'a name that its pattern describes',
    closed({ 'x-a': str }),
    closed({}, { patternProperties: { '^x-': str } }),
    'yes',
    'no',
    'minor',
  ],
  ['names get a bound', object({}), object({}, { propertyNames: { maxLength: 3 } }), 'no', 'yes', 'major'],
  [
    'maxProperties that the properties imply',
    closed({ a: int, b: int }),
    closed({ a: int, b: int }, { maxProperties: 2 }),
    'yes',
    'yes',
    'patch',
  ],
  [
    'minProperties that required implies',
    closed({ a: int }, { required: ['a'] }),
    closed({ a: int }, { required: ['a'], minProperties: 1 }),
    'yes',
    'yes',
    'patch',
  ],
  ['a property brings another along', object({}), object({}, { dependentRequired: { a: ['b'] } }), 'no', 'yes', 'major'],
  [
    'a dependency that required fulfils',
    object({}, { required: ['b'] }),
    object({}, { required: ['b'], dependentRequired: { a: ['b'] } }),
    'yes',
    'yes',
    'patch',
  ],
  [
    'a dependency in other words',
    object({}, { dependentRequired: { a: ['b'] } }),
    object({}, { dependentSchemas: { a: { required: ['b'] } } }),
    'yes',
    'yes',
    'patch',
  ],
  [
    'a property with a schema along',
    object({}),
    object({}, { dependentSchemas: { a: { required: ['b'] } } }),
    'no',
    'yes',
    'major',
  ],
  [
    'a property called __proto__',
    closed({}),
    JSON.parse('{"type":"object","properties":{"__proto__":{"type":"integer"}},"additionalProperties":false}'),
    'yes',
    'no',
    'minor',
  ],
  [
    'unevaluated properties are closed',
    object({ a: int }),
    object({ a: int }, { unevaluatedProperties: false }),
    'no',
    'yes',
    'major',
  ],
  [
    'unevaluated the same',
    closed({ p: object({ a: int }, { unevaluatedProperties: false }) }),
    closed({ p: object({ a: int }, { unevaluatedProperties: false }), q: int }),
    'yes',
    'no',
    'major',
  ],
  // arrays
  ['items get a schema', { type: 'array' }, { type: 'array', items: int }, 'no', 'yes', 'major'],
  ['items are widened', { type: 'array', items: int }, { type: 'array', items: { type: 'number' } }, 'yes', 'no', 'major'],
  [
    'items of closed objects get a property',
    { type: 'array', items: closed({ a: int }) },
    { type: 'array', items: closed({ a: int, b: int }) },
    'yes',
    'no',
    'minor',
  ],
  ['a place gets a schema', { type: 'array' }, { type: 'array', prefixItems: [int] }, 'no', 'yes', 'major'],
  ['places as items', { type: 'array', items: int }, { type: 'array', prefixItems: [int], items: int }, 'yes', 'yes', 'patch'],
  [
    'a tuple gets longer',
    { type: 'array', prefixItems: [int], items: false },
    { type: 'array', prefixItems: [int, int], items: false },
    'yes',
    'no',
    'major',
  ],
  ['places change', { type: 'array', prefixItems: [int, str] }, { type: 'array', prefixItems: [str, int] }, 'no', 'no', 'major'],
  ['no items as none', { type: 'array', items: false }, { type: 'array', maxItems: 0 }, 'yes', 'yes', 'patch'],
  ['items that must differ', { type: 'array' }, { type: 'array', uniqueItems: true }, 'no', 'yes', 'major'],
  [
    'one item cannot repeat',
    { type: 'array', maxItems: 1 },
    { type: 'array', maxItems: 1, uniqueItems: true },
    'yes',
    'yes',
    'patch',
  ],
  ['something must be in it', { type: 'array' }, { type: 'array', contains: int }, 'no', 'yes', 'major'],
  [
    'more of it must be',
    { type: 'array', contains: int },
    { type: 'array', contains: int, minContains: 2 },
    'no',
    'unsure',
    'major',
  ],
  [
    'the older form of a tuple',
    { type: 'array', items: [int], additionalItems: false },
    { type: 'array', prefixItems: [int], items: false },
    'yes',
    'yes',
    'patch',
  ],
  // unions and the others
  ['a part is added', { anyOf: [int, str] }, { anyOf: [int, str, { type: 'null' }] }, 'yes', 'no', 'major'],
  ['a part is removed', { anyOf: [int, str] }, { anyOf: [int] }, 'no', 'yes', 'major'],
  ['parts in another order', { anyOf: [int, str] }, { anyOf: [str, int] }, 'yes', 'yes', 'patch'],
  ['a part twice', { anyOf: [int, str] }, { anyOf: [int, str, int] }, 'yes', 'yes', 'patch'],
  ['anyOf to oneOf, apart', { anyOf: [int, str] }, { oneOf: [int, str] }, 'yes', 'yes', 'patch'],
  ['anyOf to oneOf, together', { anyOf: [int, { type: 'number' }] }, { oneOf: [int, { type: 'number' }] }, 'no', 'yes', 'major'],
  ['a part of oneOf is added', { oneOf: [int, str] }, { oneOf: [int, str, { type: 'null' }] }, 'yes', 'no', 'major'],
  ['allOf taken apart', { allOf: [object({ a: int }), object({ b: str })] }, object({ a: int, b: str }), 'yes', 'yes', 'patch'],
  [
    'allOf gets one more',
    { allOf: [object({ a: int })] },
    { allOf: [object({ a: int }), object({ b: str })] },
    'no',
    'yes',
    'major',
  ],
  ['something is excluded', str, { ...str, not: { const: 'a' } }, 'no', 'yes', 'major'],
  [
    'what never was is excluded',
    { ...str, maxLength: 2 },
    { ...str, maxLength: 2, not: { minLength: 3 } },
    'yes',
    'yes',
    'patch',
  ],
  ['less is excluded', { not: { enum: ['a', 'b'] } }, { not: { enum: ['a'] } }, 'yes', 'no', 'major'],
  ['not a type', { not: str }, { type: ['null', 'boolean', 'number', 'array', 'object'] }, 'yes', 'yes', 'patch'],
  [
    'a condition',
    object({ a: int }),
    object({ a: int }, condition({ required: ['a'] }, { required: ['b'] })),
    'no',
    'yes',
    'major',
  ],
  [
    'a condition that always holds',
    object({}, { required: ['a', 'b'] }),
    object({}, { required: ['a', 'b'], ...condition({ required: ['a'] }, { required: ['b'] }) }),
    'yes',
    'yes',
    'patch',
  ],
  [
    'a condition as a union',
    condition(str, { minLength: 1 }, int),
    { anyOf: [{ ...str, minLength: 1 }, int] },
    'yes',
    'yes',
    'patch',
  ],
  [
    'a union by a kind gets a member',
    { anyOf: [closed({ k: { const: 'a' } }, { required: ['k'] })] },
    { anyOf: [closed({ k: { const: 'a' } }, { required: ['k'] }), closed({ k: { const: 'b' } }, { required: ['k'] })] },
    'yes',
    'no',
    'major',
  ],
  [
    'a union by a kind, as a member gets a property',
    { anyOf: [closed({ k: { const: 'a' } }, { required: ['k'] }), int] },
    { anyOf: [closed({ k: { const: 'a' }, b: int }, { required: ['k'] }), int] },
    'yes',
    'no',
    'minor',
  ],
  [
    'values of a property as a union of objects',
    closed({ k: { enum: ['a', 'b'] } }, { required: ['k'] }),
    { anyOf: [closed({ k: { const: 'a' } }, { required: ['k'] }), closed({ k: { const: 'b' } }, { required: ['k'] })] },
    'yes',
    'yes',
    'patch',
  ],
  [
    'present or absent',
    object({}),
    { type: 'object', anyOf: [{ required: ['a'] }, { properties: { a: false } }] },
    'unsure',
    'yes',
    'major',
  ],
  // references
  ['a reference for what it means', { $defs: { i: int }, $ref: '#/$defs/i' }, int, 'yes', 'yes', 'patch'],
  [
    'the name of a reference',
    { $defs: { i: int }, properties: { a: { $ref: '#/$defs/i' } } },
    { $defs: { j: int }, properties: { a: { $ref: '#/$defs/j' } } },
    'yes',
    'yes',
    'patch',
  ],
  [
    'the target of a reference',
    { $defs: { i: int }, properties: { a: { $ref: '#/$defs/i' } } },
    { $defs: { i: str }, properties: { a: { $ref: '#/$defs/i' } } },
    'no',
    'no',
    'major',
  ],
  ['a definition that nobody uses', int, { ...int, $defs: { x: str } }, 'yes', 'yes', 'patch'],
  ['pattern to more than an enum of it', { ...str, pattern: '^[abc]$' }, { enum: ['a', 'b'] }, 'no', 'yes', 'major'],
  ['an anchor', { $defs: { i: { $anchor: 'i', ...int } }, $ref: '#i' }, int, 'yes', 'yes', 'patch'],
  ['a recursive list gets a property', recursive({}), recursive({ b: str }), 'yes', 'no', 'minor'],
  [
    'a recursive list is unrolled',
    recursive({}),
    { ...recursive({}), $ref: undefined, ...closed({ next: { $ref: '#/$defs/n' }, v: int }) },
    'yes',
    'yes',
    'patch',
  ],
  [
    'a recursive list changes below',
    recursive({}),
    { $defs: { n: closed({ next: { $ref: '#/$defs/n' }, v: str }) }, $ref: '#/$defs/n' },
    'no',
    'no',
    'major',
  ],
  [
    'recursion by another way',
    { $defs: { n: closed({ n: { $ref: '#/$defs/n' } }) }, $ref: '#/$defs/n' },
    { $defs: { n: closed({ n: { $ref: '#/$defs/m' } }), m: closed({ n: { $ref: '#/$defs/n' } }) }, $ref: '#/$defs/n' },
    'yes',
    'yes',
    'patch',
  ],
  [
    'a reference to another document',
    { $ref: 'https://example.com/a' },
    { $ref: 'https://example.com/b' },
    'unsure',
    'unsure',
    'major',
  ],
  ['words beside what is not understood', { $dynamicRef: '#a' }, { $dynamicRef: '#a', title: 'A' }, 'yes', 'yes', 'patch'],
  ['a dynamic reference', { $dynamicRef: '#a' }, { $dynamicRef: '#b' }, 'unsure', 'unsure', 'major'],
  ['a reference to itself', { $ref: '#' }, int, 'unsure', 'unsure', 'major'],
  ['a pattern that is none', { ...str, pattern: '(' }, str, 'unsure', 'unsure', 'major'],
  ['what is no schema', { type: 'integre' }, int, 'unsure', 'unsure', 'major'],
];

function recursive(more: object): object {
  return { $defs: { n: closed({ next: { $ref: '#/$defs/n' }, v: int, ...more }) }, $ref: '#/$defs/n' };
}

/** Keywords that bound from below and from above, with the rest of the schema that each stands in. */
const BOUNDS: readonly (readonly [low: string, high: string, rest: object])[] = [
  ['minimum', 'maximum', { type: 'number' }],
  ['exclusiveMinimum', 'exclusiveMaximum', { type: 'number' }],
  ['minimum', 'maximum', int],
  ['minLength', 'maxLength', str],
  ['minItems', 'maxItems', { type: 'array' }],
  ['minProperties', 'maxProperties', { type: 'object' }],
];
/** Where in a document the changed schema stands. */
const PLACES: readonly (readonly [place: string, put: (schema: unknown) => unknown])[] = [
  ['at the top', (schema) => schema],
  ['in a property', (schema) => closed({ a: schema, b: int }, { required: ['a'] })],
  ['in an optional property', (schema) => object({ a: schema })],
  ['in items', (schema) => ({ type: 'array', items: schema })],
  ['in a union', (schema) => ({ anyOf: [{ type: 'null' }, schema] })],
  ['behind a reference', (schema) => ({ $defs: { x: schema }, type: 'object', properties: { a: { $ref: '#/$defs/x' } } })],
];
const CHANGES: readonly (readonly [change: string, low: readonly [object, object], high: readonly [object, object]])[] = [
  ['is added', [{}, { n: 3 }], [{}, { n: 3 }]],
  ['is tightened', [{ n: 2 }, { n: 3 }], [{ n: 3 }, { n: 2 }]],
];

/** Tightening is forward only, loosening (the same, the other way round) is backward only: bound by bound, place by place. */
const FAMILIES: readonly Case[] = BOUNDS.flatMap(([low, high, rest]) =>
  PLACES.flatMap(([place, put]) =>
    CHANGES.flatMap(([change, ...pairs]) =>
      pairs.flatMap(([loose, tight], i): Case[] => {
        const keyword = i === 0 ? low : high;
        const [before, after] = [loose, tight].map((n) => put({ ...rest, ...('n' in n ? { [keyword]: n.n } : {}) }));
        const name = `${keyword} of ${JSON.stringify(rest)} ${change} ${place}`;
        return [
          [name, before, after, 'no', 'yes', 'major'],
          [`${name}, undone`, after, before, 'yes', 'no', 'major'],
        ];
      }),
    ),
  ),
);

/** A counter-example counts only when both compiled checkers say so. */
function verified(answer: Answer, writer: unknown, reader: unknown, live: boolean): void {
  if (answer.answer !== 'no') return;
  const reads = Compile(reader as object);
  const seen = live ? new Projector(bundle(reader)).project(answer.counterExample).value : answer.counterExample;
  expect([Compile(writer as object).Check(answer.counterExample), reads.Check(answer.counterExample), reads.Check(seen)]).toEqual(
    [true, false, false],
  );
}

function check(before: unknown, after: unknown): Evolution {
  const evolution = compareEditions({ schema: before }, { schema: after });
  verified(evolution.strict.backward, before, after, false);
  verified(evolution.strict.forward, after, before, false);
  verified(evolution.live.backward, before, after, true);
  verified(evolution.live.forward, after, before, true);
  return evolution;
}

describe('the evolution checker', () => {
  it.each(CASES)('judges when this changes: %s', (_change, before, after, backward, forward, bump) => {
    const { strict, bump: derived } = check(before, after);
    expect({ backward: strict.backward.answer, forward: strict.forward.answer, bump: derived }).toEqual({
      backward,
      forward,
      bump,
    });
  });

  it('judges every change of a bound, at every place of a document', () => {
    for (const [name, before, after, backward, forward, bump] of FAMILIES) {
      const { strict, bump: derived } = check(before, after);
      expect([strict.backward.answer, strict.forward.answer, derived], name).toEqual([backward, forward, bump]);
    }
  });

  it('refuses what is nested too deeply or has too many alternatives, and survives it', () => {
    let [deep, wide]: [object, object] = [int, {}];
    for (let i = 0; i < 20_000; i++) deep = { items: deep };
    for (let i = 0; i < 40; i++) wide = { allOf: [wide, { anyOf: [{ minimum: i }, { required: [`r${i}`] }] }] };
    expect(compareEditions({ schema: deep }, { schema: int }).strict.backward).toMatchObject({
      answer: 'unsure',
      rule: expect.stringContaining('nested deeper'),
    });
    expect(compareEditions({ schema: wide }, { schema: { ...wide, title: 'a' } }).bump).toBe('patch');
    expect(compareEditions({ schema: wide }, { schema: { not: wide } }).bump).toBe('major');
  });

  it('names the place and the rule, and gives the smallest document that shows it', () => {
    const before = closed({ order: closed({ size: int, note: str }, { required: ['size'] }), tag: str }, { required: ['order'] });
    const after = closed(
      { order: closed({ size: { ...int, maximum: 10 }, note: str }, { required: ['size'] }), tag: str },
      { required: ['order'] },
    );
    expect(check(before, after).live.backward).toEqual({
      answer: 'no',
      path: '/order/size',
      rule: 'must be <= 10',
      counterExample: { order: { size: 11 } },
    });
  });

  it('knows that a required property with a new name is a new version, whatever projection drops', () => {
    const { live } = check(closed({ a: int }, { required: ['a'] }), closed({ b: int }, { required: ['b'] }));
    expect(live.backward).toMatchObject({ answer: 'no', counterExample: { a: 0 } });
  });
});

describe('the terms of a contract in its evolution', () => {
  const schema = closed({ a: int });
  it.each([
    [{ ttlMax: 1000 }, { ttlMax: 2000 }, 'major'],
    [{ signing: 'frame' }, { signing: 'each' }, 'major'],
    [{ idempotency: 'id' }, { idempotency: 'a' }, 'major'],
    [{ p95: 10 }, { p95: 20 }, 'minor'],
    [{ p95: 10 }, {}, 'none'],
  ] as const)('weigh as they bind: %j to %j is %s', (before, after, bump) => {
    const said = compareEditions({ schema, terms: before }, { schema, terms: after });
    expect([said.bump, said.live.full]).toEqual([bump, bump !== 'major']);
  });
});

describe('verdicts beside another checker', () => {
  const ajv = new Ajv2020({ strict: false, ownProperties: true, validateFormats: false, logger: false });

  it('rest on counter-examples that another checker confirms', () => {
    let confirmed = 0;
    for (const [change, before, after, , , bump] of CASES) {
      if (
        bump !== 'major' ||
        /format|not regular|older form|another document|dynamic|itself|is none|no schema|__proto__|anchor/.test(change)
      )
        continue;
      const { strict } = compareEditions({ schema: before }, { schema: after });
      if (strict.backward.answer !== 'no') continue;
      const document = strict.backward.counterExample;
      expect([ajv.validate(before as object, document), ajv.validate(after as object, document)], change).toEqual([true, false]);
      confirmed += 1;
    }
    expect(confirmed).toBeGreaterThan(40);
  });
});
