/**
 * Cedar's extension types: decimal, datetime, duration and ipaddr, read from text and compared exactly as the Cedar engine does
 * (held to it by test/governance/equivalence.test.ts). Integer arithmetic only; what leaves 64 bits is an evaluation error.
 */
import {
  Datetime,
  Decimal,
  Duration,
  fail,
  fitsLong,
  IpAddress,
  long,
  type Long,
  type Value,
  SetValue,
  typeName,
} from './values.ts';

const DAY_MS = 86_400_000n;
const IP_TEXT_MAX = 43; // eight groups of four digits and a prefix of three

const checked = (value: bigint, what: string): bigint => (fitsLong(value) ? value : fail(`overflow in ${what}`));

export function decimal(text: string): Decimal {
  const [, whole, fraction] = /^(-?[0-9]+)\.([0-9]+)$/.exec(text) ?? fail(`${show(text)} is not a well-formed decimal`);
  if (fraction!.length > 4) fail(`${show(text)} has more than 4 digits after the point`);
  // Most numbers are small: a bigint is made once, not four times.
  if (whole!.length < 12 && !whole!.startsWith('-'))
    return new Decimal(BigInt(Number(whole) * 10_000 + Number(fraction!.padEnd(4, '0'))));
  const scaled = BigInt(whole!) * 10_000n;
  const rest = BigInt(fraction!.padEnd(4, '0'));
  return new Decimal(checked(whole!.startsWith('-') ? scaled - rest : scaled + rest, 'a decimal'));
}

const DURATION = /^(-?)(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?$/;
const UNITS_MS = [DAY_MS, 3_600_000n, 60_000n, 1_000n, 1n];

export function duration(text: string): Duration {
  const match = text === '' || text === '-' ? null : DURATION.exec(text);
  if (match === null) return fail(`${show(text)} is not a well-formed duration`);
  const sign = match[1] === '-' ? -1n : 1n;
  let ms = 0n;
  for (const [i, unit] of UNITS_MS.entries()) ms = checked(ms + sign * BigInt(match[i + 2] ?? '0') * unit, 'a duration');
  return new Duration(ms);
}

const DATETIME =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))?(?:Z|([+-])([0-9]{2})([0-9]{2})))?$/;
const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

export function datetime(text: string): Datetime {
  const match = DATETIME.exec(text);
  if (match === null) return fail(`${show(text)} is not a well-formed datetime`);
  const part = (i: number): number => Number(match[i] ?? '0');
  const [year, month, day] = [part(1), part(2), part(3)];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const inMonth = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  if (month < 1 || month > 12 || day < 1 || day > inMonth) fail(`${show(text)} names a day that does not exist`);
  if (part(4) > 23 || part(5) > 59 || part(6) > 59) fail(`${show(text)} names a time that does not exist`);
  if (part(9) > 23 || part(10) > 59) fail(`${show(text)} has an offset of a day or more`);
  const before = year - 1;
  const leaps = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  // 719,162 days from the first of January of year 1 to 1970
  const days = before * 365 + leaps + DAYS_BEFORE[month - 1]! + (leap && month > 2 ? 1 : 0) + day - 1 - 719_162;
  const offset = (part(9) * 60 + part(10)) * (match[8] === '-' ? -1 : 1);
  return new Datetime(BigInt(days) * DAY_MS + BigInt(((part(4) * 60 + part(5) - offset) * 60 + part(6)) * 1000 + part(7)));
}

export function ip(text: string): IpAddress {
  if (text.length > IP_TEXT_MAX) fail(`${show(text)} is too long for an IP address`);
  const slash = text.indexOf('/');
  const name = slash === -1 ? text : text.slice(0, slash);
  const four = fourBytes(name);
  const address = four ?? eightGroups(name) ?? fail(`${show(text)} is not an IP address`);
  const bits = four === null ? 128 : 32;
  if (slash === -1) return new IpAddress(bits, address, bits);
  const prefix = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(prefix) || Number(prefix) > bits) fail(`${show(text)} has no prefix from 0 to ${bits}`);
  return new IpAddress(bits, address, Number(prefix));
}

function fourBytes(text: string): bigint | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((each) => /^(0|[1-9][0-9]{0,2})$/.test(each) && Number(each) < 256)) return null;
  return parts.reduce((sum, each) => (sum << 8n) | BigInt(each), 0n);
}

/** IPv4 inside IPv6 is refused, as Cedar does. */
function eightGroups(text: string): bigint | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const groups = [...head!, ...(tail ?? [])];
  if (!groups.every((each) => /^[0-9a-fA-F]{1,4}$/.test(each))) return null;
  if (tail === undefined ? groups.length !== 8 : groups.length > 7) return null;
  const zeros = Array.from({ length: 8 - groups.length }, () => '0');
  return [...head!, ...zeros, ...(tail ?? [])].reduce((sum, each) => (sum << 16n) | BigInt(`0x${each}`), 0n);
}

const show = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);

const asDecimal = (value: Value): Decimal => (value instanceof Decimal ? value : expected('decimal', value));
const asDatetime = (value: Value): Datetime => (value instanceof Datetime ? value : expected('datetime', value));
const asDuration = (value: Value): Duration => (value instanceof Duration ? value : expected('duration', value));
const asIp = (value: Value): IpAddress => (value instanceof IpAddress ? value : expected('ipaddr', value));
const asText = (value: Value): string => (typeof value === 'string' ? value : expected('string', value));

function expected(type: string, value: Value): never {
  return fail(`type error: expected ${type}, got ${typeName(value)}`);
}

const toUnit =
  (unitMs: bigint) =>
  (value: Value): Long =>
    long(asDuration(value).ms / unitMs, 'a duration');

const lastOf = (address: IpAddress): bigint => address.address | ((1n << BigInt(address.bits - address.prefix)) - 1n);
const firstOf = (address: IpAddress): bigint => {
  const host = BigInt(address.bits - address.prefix);
  return (address.address >> host) << host;
};

function isInRange(left: Value, right: Value): boolean {
  const [a, b] = [asIp(left), asIp(right)];
  return a.bits === b.bits && firstOf(b) <= firstOf(a) && lastOf(a) <= lastOf(b);
}

function withinBlock(value: Value, block4: IpAddress, block6: IpAddress): boolean {
  return isInRange(value, asIp(value).bits === 32 ? block4 : block6);
}

const LOOPBACK = [ip('127.0.0.0/8'), ip('::1/128')] as const;
const MULTICAST = [ip('224.0.0.0/4'), ip('ff00::/8')] as const;

export interface ExtensionFunction {
  readonly arity: 1 | 2;
  readonly gives: 'bool' | 'value';
  readonly call: (a: Value, b: Value) => Value;
}

const one = (call: (a: Value) => Value, gives: 'bool' | 'value' = 'value'): ExtensionFunction => ({ arity: 1, gives, call });
const two = (call: (a: Value, b: Value) => Value, gives: 'bool' | 'value' = 'value'): ExtensionFunction => ({
  arity: 2,
  gives,
  call,
});

const floorDay = (ms: bigint): bigint => ms - (((ms % DAY_MS) + DAY_MS) % DAY_MS);

/** Every function of the extensions, by the name it has in Cedar's JSON form. */
export const EXTENSION_FUNCTIONS: ReadonlyMap<string, ExtensionFunction> = new Map<string, ExtensionFunction>([
  ['decimal', one((text) => decimal(asText(text)))],
  ['lessThan', two((a, b) => asDecimal(a).value < asDecimal(b).value, 'bool')],
  ['lessThanOrEqual', two((a, b) => asDecimal(a).value <= asDecimal(b).value, 'bool')],
  ['greaterThan', two((a, b) => asDecimal(a).value > asDecimal(b).value, 'bool')],
  ['greaterThanOrEqual', two((a, b) => asDecimal(a).value >= asDecimal(b).value, 'bool')],
  ['ip', one((text) => ip(asText(text)))],
  ['isIpv4', one((a) => asIp(a).bits === 32, 'bool')],
  ['isIpv6', one((a) => asIp(a).bits === 128, 'bool')],
  ['isLoopback', one((a) => withinBlock(a, ...LOOPBACK), 'bool')],
  ['isMulticast', one((a) => withinBlock(a, ...MULTICAST), 'bool')],
  ['isInRange', two(isInRange, 'bool')],
  ['datetime', one((text) => datetime(asText(text)))],
  ['duration', one((text) => duration(asText(text)))],
  ['offset', two((a, b) => new Datetime(checked(asDatetime(a).ms + asDuration(b).ms, 'offset')))],
  ['durationSince', two((a, b) => new Duration(checked(asDatetime(a).ms - asDatetime(b).ms, 'durationSince')))],
  ['toDate', one((a) => new Datetime(checked(floorDay(asDatetime(a).ms), 'toDate')))],
  ['toTime', one((a) => new Duration(asDatetime(a).ms - floorDay(asDatetime(a).ms)))],
  ['toMilliseconds', one(toUnit(1n))],
  ['toSeconds', one(toUnit(1_000n))],
  ['toMinutes', one(toUnit(60_000n))],
  ['toHours', one(toUnit(3_600_000n))],
  ['toDays', one(toUnit(DAY_MS))],
]);

/** `<` and `<=` also compare datetimes and durations. */
export function orderable(a: Value, b: Value): readonly [Long, Long] {
  if ((typeof a === 'number' || typeof a === 'bigint') && (typeof b === 'number' || typeof b === 'bigint')) return [a, b];
  if (a instanceof Datetime) return [a.ms, asDatetime(b).ms];
  if (a instanceof Duration) return [a.ms, asDuration(b).ms];
  if (b instanceof Datetime || b instanceof Duration) return expected(typeName(b), a);
  return expected('long', typeof a === 'number' || typeof a === 'bigint' ? b : a);
}

export function asSet(value: Value): SetValue {
  return value instanceof SetValue ? value : expected('set', value);
}
