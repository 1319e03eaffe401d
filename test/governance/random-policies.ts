/** Random Cedar policies and requests, well typed and not: what a person may write, what a fuzzer would, and the edges of 64 bits. */
import fc from 'fast-check';

const NAMES = ['a', 'b', 'role', 'size', 'if-x', ''];
const quoted = (text: string): string => JSON.stringify(text);
const entity = fc.constantFrom('U::"ann"', 'U::"bob"', 'G::"staff"', 'G::"all"', 'R::"doc"', 'R::"nobody"', 'Action::"read"');
const text = fc.constantFrom('', 'a', 'ab', 'staff', 'A*b', 'größe', '😀', '1.5', '10.0.0.1', '1h');
const long = fc.constantFrom(
  '0',
  '1',
  '-1',
  '7',
  '9007199254740991',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
);
const decimals = fc.constantFrom(
  '1.0',
  '1.5',
  '-0.5',
  '0.0001',
  '922337203685477.5807',
  '922337203685477.5808',
  '1',
  '1.00000',
  '-0.0',
);
const ips = fc.constantFrom(
  '10.0.0.1',
  '10.0.0.0/8',
  '127.0.0.1',
  '127.0.0.0/7',
  '224.0.0.1/4',
  '::1',
  'ff00::/8',
  'ff00::/7',
  '1.2.3.4/01',
  '::/0',
  '0.0.0.0/0',
  '::1.2.3.4',
  'a:b::c:d/64',
  '1::2::3',
  '300.1.1.1',
  '1.2.3.4/00',
);
const datetimes = fc.constantFrom(
  '1970-01-01',
  '2024-02-29',
  '2023-02-29',
  '1969-12-31T23:59:59.999Z',
  '2024-10-15T11:35:00Z',
  '2024-10-15T11:35:00.000+0100',
  '0000-01-01T00:00:00-2359',
  '9999-12-31T23:59:59Z',
  '2024-10-15T24:00:00Z',
  '2024-1-1',
  '2024-10-15T11:35Z',
);
const durations = fc.constantFrom(
  '1d',
  '-1d2h3m4s5ms',
  '1ms',
  '9223372036854775807ms',
  '-9223372036854775808ms',
  '9223372036854775808ms',
  '',
  '-',
  '2h1d',
  '1d1d',
  '106751991167d',
  '0s',
);
const extension = fc.oneof(
  decimals.map((each) => `decimal("${each}")`),
  ips.map((each) => `ip("${each}")`),
  datetimes.map((each) => `datetime("${each}")`),
  durations.map((each) => `duration("${each}")`),
);
const variable = fc.constantFrom(
  'principal',
  'action',
  'resource',
  'context',
  'context.size',
  'principal.level',
  'resource.owner',
  'context.when',
  'context.tags',
);
const unary = [
  'isEmpty',
  'isIpv4',
  'isIpv6',
  'isLoopback',
  'isMulticast',
  'toDate',
  'toTime',
  'toMilliseconds',
  'toSeconds',
  'toMinutes',
  'toHours',
  'toDays',
];
const binary = [
  'contains',
  'containsAll',
  'containsAny',
  'hasTag',
  'getTag',
  'isInRange',
  'lessThan',
  'lessThanOrEqual',
  'greaterThan',
  'greaterThanOrEqual',
  'offset',
  'durationSince',
];

const { expression } = fc.letrec<{ expression: string }>((tie) => {
  const sub = tie('expression');
  const two = <T extends string>(
    operators: readonly T[],
    make: (a: string, operator: T, b: string) => string,
  ): fc.Arbitrary<string> => fc.tuple(sub, fc.constantFrom(...operators), sub).map(([a, operator, b]) => make(a, operator, b));
  return {
    expression: fc.oneof(
      { maxDepth: 5, depthSize: 'small' },
      { weight: 3, arbitrary: fc.oneof(fc.constantFrom('true', 'false'), long, text.map(quoted), entity, extension, variable) },
      { weight: 3, arbitrary: two(['==', '!=', '<', '<=', '>', '>=', 'in'], (a, operator, b) => `((${a}) ${operator} (${b}))`) },
      { weight: 3, arbitrary: two(['&&', '||'], (a, operator, b) => `((${a}) ${operator} (${b}))`) },
      { weight: 1, arbitrary: two(['+', '-', '*'], (a, operator, b) => `((${a}) ${operator} (${b}))`) },
      { weight: 2, arbitrary: two(binary, (a, operator, b) => `(${a}).${operator}(${b})`) },
      { weight: 1, arbitrary: fc.tuple(sub, fc.constantFrom(...unary)).map(([a, operator]) => `(${a}).${operator}()`) },
      { weight: 1, arbitrary: sub.map((a) => `(!(${a}))`) },
      { weight: 1, arbitrary: sub.map((a) => `(-(${a}))`) },
      { weight: 1, arbitrary: fc.tuple(sub, sub, sub).map(([a, b, c]) => `(if ${a} then ${b} else ${c})`) },
      { weight: 1, arbitrary: fc.tuple(sub, fc.constantFrom(...NAMES)).map(([a, name]) => `(${a})[${quoted(name)}]`) },
      { weight: 1, arbitrary: fc.tuple(sub, fc.constantFrom(...NAMES)).map(([a, name]) => `((${a}) has ${quoted(name)})`) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.constantFrom('context', 'principal'), fc.constantFrom('a.b', 'a.b.a', 'role'))
          .map(([a, path]) => `(${a} has ${path})`),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(sub, fc.constantFrom('*', 'a*', '*b', 'a*b*', '', 'A\\*b', '*😀', 's*a*f'))
          .map(([a, pattern]) => `((${a}) like "${pattern}")`),
      },
      { weight: 1, arbitrary: fc.tuple(sub, fc.constantFrom('U', 'G', 'N::R')).map(([a, type]) => `((${a}) is ${type})`) },
      { weight: 1, arbitrary: fc.tuple(sub, sub).map(([a, b]) => `((${a}) is U in (${b}))`) },
      { weight: 1, arbitrary: fc.array(sub, { maxLength: 3 }).map((members) => `[${members.join(', ')}]`) },
      {
        weight: 1,
        arbitrary: fc
          .uniqueArray(fc.constantFrom(...NAMES), { maxLength: 2 })
          .chain((names) =>
            fc
              .tuple(...names.map(() => sub))
              .map((values) => `{${names.map((name, i) => `${quoted(name)}: ${values[i]}`).join(', ')}}`),
          ),
      },
    ),
  };
});

const scope = (name: string, types: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(name) },
    { weight: 1, arbitrary: entity.map((each) => `${name} == ${each}`) },
    { weight: 1, arbitrary: entity.map((each) => `${name} in ${each}`) },
    { weight: 1, arbitrary: fc.constantFrom(...types).map((each) => `${name} is ${each}`) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...types), entity).map(([type, each]) => `${name} is ${type} in ${each}`) },
  );
const action = fc.constantFrom(
  'action',
  'action',
  'action == Action::"read"',
  'action in Action::"any"',
  'action in [Action::"read", Action::"write"]',
  'action == Action::"any"',
);
const condition = fc.tuple(fc.constantFrom('when', 'unless'), expression).map(([kind, body]) => `${kind} { ${body} }`);

export const policyText: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('permit', 'permit', 'forbid'),
    scope('principal', ['U', 'G']),
    action,
    scope('resource', ['R', 'G']),
    fc.array(condition, { maxLength: 2 }),
  )
  .map(
    ([effect, principal, act, resource, conditions]) => `${effect} (${principal}, ${act}, ${resource}) ${conditions.join(' ')};`,
  );

const value = fc.oneof(
  fc.boolean(),
  fc.constantFrom(0, 1, -1, 7, Number.MAX_SAFE_INTEGER),
  fc.constantFrom('', 'a', 'staff', '1.5'),
  fc.constantFrom(
    { __entity: { type: 'U', id: 'ann' } },
    { __extn: { fn: 'decimal', arg: '1.5' } },
    { __extn: { fn: 'ip', arg: '10.0.0.1' } },
    { __extn: { fn: 'datetime', arg: '2024-10-15' } },
  ),
  fc.constantFrom(['a', 1], [], { a: { b: true } }, { a: 1 }),
);
const record = fc.dictionary(fc.constantFrom(...NAMES, 'level', 'owner', 'when', 'tags'), value, { maxKeys: 5 });
const uid = (type: string, id: string): { type: string; id: string } => ({ type, id });

export const requestJson = fc
  .record({
    principal: fc.constantFrom(uid('U', 'ann'), uid('U', 'bob'), uid('U', 'stranger'), uid('G', 'staff')),
    action: fc.constantFrom(uid('Action', 'read'), uid('Action', 'write'), uid('Action', 'other'), uid('Action', 'any')),
    resource: fc.constantFrom(uid('R', 'doc'), uid('R', 'nobody'), uid('U', 'ann')),
    context: record,
    attributes: fc.tuple(record, record, record),
    tags: record,
  })
  .map(({ attributes: [ann, bob, doc], tags, ...request }) => ({
    ...request,
    entities: [
      { uid: uid('U', 'ann'), attrs: ann, parents: [uid('G', 'staff')], tags },
      { uid: uid('U', 'bob'), attrs: bob, parents: [] },
      { uid: uid('G', 'staff'), attrs: {}, parents: [uid('G', 'all')] },
      { uid: uid('R', 'doc'), attrs: doc, parents: [uid('G', 'all')] },
      { uid: uid('Action', 'read'), attrs: {}, parents: [uid('Action', 'any')] },
      { uid: uid('Action', 'write'), attrs: {}, parents: [uid('Action', 'any')] },
    ],
  }));
