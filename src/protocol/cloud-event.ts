/**
 * An envelope as a CloudEvent 1.0.2 in its JSON format, for the edges where other programs listen and speak. Lossless both
 * ways: what is written here and read here is the same envelope. What has no place in an envelope (an unknown attribute,
 * binary data, an id that is none of ours) is refused by name rather than dropped.
 *
 * `id source type time subject dataschema data` are CloudEvents' own, `traceparent` and `sequence` its documented extensions,
 * the rest extensions of a fleet: lower-case letters and digits, as the specification asks. Its integers end at 2^31, so counters and spans
 * travel as decimal text; its attributes hold no lists, so lists travel as JSON text. An attribute that is not there means null,
 * empty, or the default that the table below names.
 */
import { type Id, isId, type Json, type Priority, utf8 } from '../kernel/index.ts';
import { findProblem, parseForeignJson } from './depth.ts';
import type { Coordination, Envelope } from './envelope.ts';
import { ROUTINGS, TRINARIES, VERBS } from './envelope-wire.ts';
import { LIST_MAX, NAME_UNITS_MAX, WHOLE_MAX } from './limits.ts';
import type { Refusal } from './refusal.ts';
import { ANY_SHAPE } from './wire.ts';
import { Writer } from './wire-lanes.ts';
import type { Result } from './wire-table.ts';

const TIME_MAX = 253_402_300_799_999; // RFC 3339 ends with the year 9999
const SCHEMA_PREFIX = 'nih:sha-256;'; // RFC 6920: a thing named by its hash, in hexadecimal

/** Name of the attribute and of the field, for the fields of text that may be empty. */
const NAMES = [
  ['subject', 'subject'],
  ['audience', 'audience'],
  ['keyid', 'keyId'],
  ['session', 'session'],
  ['traceparent', 'traceparent'],
] as const satisfies readonly (readonly [string, keyof Envelope])[];
const COUNTERS = [
  ['ttl', 'ttl'],
  ['sequence', 'sequence'],
  ['haltepoch', 'haltEpoch'],
  ['dependson', 'dependsOn'],
] as const satisfies readonly (readonly [string, keyof Envelope])[];
const SPANS = [
  ['arrivalwindow', 'window'],
  ['payloadweight', 'payloadWeight'],
  ['lead', 'lead'],
  ['processing', 'expectedProcessing'],
] as const satisfies readonly (readonly [string, keyof Coordination])[];

/** `invalid`: it holds what a CloudEvent cannot say, or breaks a limit of foreign JSON that its reader would refuse. */
export function writeCloudEvent(envelope: Envelope): Result<Uint8Array> {
  const problem = findUnsayable(envelope);
  if (problem !== null) return refused(`message ${envelope.id} cannot be a CloudEvent: ${problem}`);
  const bytes = utf8(JSON.stringify(attributesOf(envelope)));
  const broken = findProblem(bytes);
  return broken === null ? { ok: true, value: bytes } : refused(`message ${envelope.id} cannot be a CloudEvent: ${broken}`);
}

function attributesOf(envelope: Envelope): Record<string, unknown> {
  const { coordination } = envelope;
  const out: Record<string, unknown> = {
    specversion: '1.0',
    id: envelope.id,
    source: envelope.source,
    type: envelope.type,
    time: rfc3339(envelope.time),
    datacontenttype: 'application/json',
  };
  if (envelope.dataschema !== '') out.dataschema = SCHEMA_PREFIX + envelope.dataschema;
  if (envelope.correlation !== envelope.id) out.correlation = envelope.correlation;
  if (envelope.causation !== null) out.causation = envelope.causation;
  if (envelope.idempotencyKey !== envelope.id) out.idempotencykey = envelope.idempotencyKey;
  out.priority = envelope.priority;
  out.routing = envelope.routing;
  for (const [attribute, field] of NAMES) if (envelope[field] !== '') out[attribute] = envelope[field];
  for (const [attribute, field] of COUNTERS) if (envelope[field] !== 0) out[attribute] = String(envelope[field]);
  if (envelope.approvals.length > 0) out.approvals = JSON.stringify(envelope.approvals);
  if (coordination !== null) {
    out.arrival = rfc3339(coordination.targetArrival);
    for (const [attribute, field] of SPANS) out[attribute] = String(coordination[field]);
    out.requires = JSON.stringify(coordination.requires);
    out.verb = coordination.verb;
    out.confidence = coordination.confidence;
    out.expectation = coordination.expectation;
  }
  out.data = envelope.data;
  return out;
}

/** The specification allows no control characters and no noncharacters in an attribute. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const UNSAYABLE = /[\u0000-\u001f\u007f-\u009f\p{Surrogate}\p{Noncharacter_Code_Point}]/u;

function findUnsayable(envelope: Envelope): string | null {
  const { id, correlation, causation, source, type, dataschema, idempotencyKey, approvals, coordination } = envelope;
  if (![id, correlation, causation ?? id].every(isId)) return 'an id is not 32 hexadecimal digits';
  if (source === '' || type === '' || idempotencyKey === '') return 'its source, type or idempotency key is empty';
  if (dataschema !== '' && !/^[0-9a-f]{64}$/.test(dataschema)) return 'its schema is not named by a SHA-256';
  const names = [source, type, idempotencyKey, ...NAMES.map(([, field]) => envelope[field])];
  if (names.some((name) => name.length > NAME_UNITS_MAX)) return `a name is longer than ${NAME_UNITS_MAX} characters`;
  if (names.some((name) => UNSAYABLE.test(name))) return 'a name holds a control character or half a surrogate pair';
  for (const list of [approvals, coordination?.requires ?? []]) {
    if (!isNameList(list)) return `a list has more than ${LIST_MAX} names, or one that no message may have`;
  }
  const times = [envelope.time, coordination?.targetArrival ?? 0];
  if (!times.every((time) => isWhole(time) && time <= TIME_MAX)) return 'a time is not in the years 1970 to 9999';
  const wholes = [...COUNTERS.map(([, field]) => envelope[field]), ...SPANS.map(([, field]) => coordination?.[field] ?? 0)];
  if (!wholes.every(isWhole)) return 'a counter or span is no integer in 0..2^48 - 1';
  if (![0, 1, 2, 3].includes(envelope.priority) || !ROUTINGS.includes(envelope.routing)) return 'its priority or routing is none';
  if (coordination !== null && !isCoordinated(coordination)) return 'its coordination is none';
  // Where JSON.stringify would drop or change something, the wire form says no.
  const probe = new Writer();
  if (!ANY_SHAPE.write(envelope.data, probe) || probe.flushText() < 0) return probe.problem;
  return null;
}

function isWhole(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= WHOLE_MAX;
}

function isNameList(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length <= LIST_MAX &&
    value.every((name) => typeof name === 'string' && name.length <= NAME_UNITS_MAX && !/\p{Surrogate}/u.test(name))
  );
}

function isCoordinated({ confidence, verb, expectation }: Pick<Coordination, 'confidence' | 'verb' | 'expectation'>): boolean {
  return (
    Number.isInteger(confidence) &&
    confidence >= 0 &&
    confidence <= 1000 &&
    VERBS.includes(verb) &&
    TRINARIES.includes(expectation)
  );
}

function rfc3339(time: number): string {
  return new Date(time).toISOString();
}

// ---- reading ---------------------------------------------------------------------------------------------------------

/** One CloudEvent in the JSON format. Whether its contract takes the data is for the host, as with any other message. */
export function readCloudEvent(bytes: Uint8Array): Result<Envelope> {
  const parsed = parseForeignJson(bytes);
  if (!parsed.ok) return parsed;
  const event = parsed.value;
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return refused('a CloudEvent is a JSON object');
  const taken = new Attributes(event as Readonly<Record<string, Json>>);
  const envelope = envelopeOf(taken);
  const problem = taken.problem ?? taken.unknown() ?? findUnsayable(envelope);
  return problem === null ? { ok: true, value: envelope } : refused(`a CloudEvent was refused: ${problem}`);
}

function envelopeOf(from: Attributes): Envelope {
  if (from.text('specversion') !== '1.0') from.refuse('its specversion is not 1.0');
  if (!/^application\/json(\s*;\s*charset=utf-8)?$/i.test(from.text('datacontenttype', 'application/json'))) {
    from.refuse('its datacontenttype is not application/json');
  }
  const id = from.text('id') as Id;
  const schema = from.text('dataschema', '');
  if (schema !== '' && !schema.startsWith(SCHEMA_PREFIX)) from.refuse(`its dataschema does not begin with ${SCHEMA_PREFIX}`);
  return {
    id,
    source: from.text('source'),
    type: from.text('type'),
    time: from.time('time'),
    subject: from.text('subject', ''),
    dataschema: schema.slice(SCHEMA_PREFIX.length),
    data: from.any('data'),
    correlation: from.text('correlation', id) as Id,
    causation: from.has('causation') ? (from.text('causation') as Id) : null,
    idempotencyKey: from.text('idempotencykey', id),
    ttl: from.counter('ttl'),
    priority: from.number('priority', 1) as Priority,
    audience: from.text('audience', ''),
    routing: from.oneOf('routing', ROUTINGS, 'direct'),
    keyId: from.text('keyid', ''),
    session: from.text('session', ''),
    sequence: from.counter('sequence'),
    haltEpoch: from.counter('haltepoch'),
    approvals: from.list('approvals'),
    traceparent: from.text('traceparent', ''),
    coordination: from.has('arrival') ? coordinationOf(from) : null,
    dependsOn: from.counter('dependson'),
  };
}

function coordinationOf(from: Attributes): Coordination {
  return {
    targetArrival: from.time('arrival'),
    window: from.counter('arrivalwindow'),
    payloadWeight: from.counter('payloadweight'),
    requires: from.list('requires'),
    verb: from.oneOf('verb', VERBS),
    lead: from.counter('lead'),
    expectedProcessing: from.counter('processing'),
    confidence: from.number('confidence', -1),
    expectation: from.oneOf('expectation', TRINARIES),
  };
}

/** Takes the attributes of one event, remembers which were asked for and the first that was not what it has to be. */
class Attributes {
  problem: string | null = null;
  readonly #event: Readonly<Record<string, Json>>;
  readonly #asked = new Set<string>();

  constructor(event: Readonly<Record<string, Json>>) {
    this.#event = event;
  }

  refuse(problem: string): void {
    this.problem ??= problem;
  }

  /** An attribute that nobody asked for has no place in an envelope. */
  unknown(): string | null {
    const name = Object.keys(this.#event).find((each) => !this.#asked.has(each));
    return name === undefined
      ? null
      : `it has the attribute "${name.slice(0, 100)}", which an envelope cannot keep: leave it out`;
  }

  any(name: string): Json {
    this.#asked.add(name);
    return Object.hasOwn(this.#event, name) ? this.#event[name]! : null;
  }

  has(name: string): boolean {
    return this.any(name) !== null; // the JSON format takes null for an attribute that is not there
  }

  text(name: string, otherwise?: string): string {
    const value = this.any(name);
    if (value === null && otherwise !== undefined) return otherwise;
    if (typeof value === 'string' && value !== '') return value;
    this.refuse(`its ${name} is ${value === null ? 'missing' : 'no text, or empty'}`);
    return '';
  }

  number(name: string, otherwise: number): number {
    const value = this.any(name);
    if (value === null) return otherwise;
    if (typeof value === 'number') return value;
    this.refuse(`its ${name} is no number`);
    return otherwise;
  }

  counter(name: string): number {
    const value = this.text(name, '0');
    if (/^(0|[1-9][0-9]{0,14})$/.test(value) && Number(value) <= WHOLE_MAX) return Number(value);
    this.refuse(`its ${name} is no decimal number in 0..2^48 - 1, as text`);
    return 0;
  }

  time(name: string): number {
    const time = millisOf(this.text(name));
    if (time === null) this.refuse(`its ${name} is no time of RFC 3339 to the millisecond, 1970 to 9999`);
    return time ?? 0;
  }

  list(name: string): readonly string[] {
    const text = this.text(name, '[]');
    const parsed = parseForeignJson(utf8(text));
    if (parsed.ok && isNameList(parsed.value)) return parsed.value;
    this.refuse(`its ${name} is no JSON list of at most ${LIST_MAX} names`);
    return [];
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], otherwise?: T): T {
    const value = this.text(name, otherwise);
    const found = allowed.find((each) => each === value);
    if (found === undefined) this.refuse(`its ${name} is not one of ${allowed.join(', ')}`);
    return found ?? allowed[0]!;
  }
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,3})0*)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Host milliseconds, or null: also for a day that no calendar has, a leap second, and what a millisecond cannot hold. */
function millisOf(text: string): number | null {
  const match = RFC_3339.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const millis = Number((match[7] ?? '').padEnd(3, '0'));
  const [offsetHour, offsetMinute] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) return null;
  const local = Date.UTC(year, month - 1, day, hour, minute, second, millis);
  if (new Date(local).toISOString().slice(0, 10) !== text.slice(0, 10)) return null;
  const time = local - (match[8] === '-' ? -1 : 1) * (offsetHour * 60 + offsetMinute) * 60_000;
  return time >= 0 && time <= TIME_MAX ? time : null;
}

function refused(detail: string): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { reason: 'invalid', detail } };
}
