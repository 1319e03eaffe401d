/**
 * Guardrail packs: risk limits as people keep them in TOML, in the shape of `trading_risk_v1.toml`. Each key becomes a Cedar
 * `forbid` whose id names pack and key, and each number is kept beside it, because a policy says yes or no and a trim needs to
 * know how much. An unknown key, a number that ten-thousandths cannot hold and a missing reviewer refuse the pack.
 *
 * A pack guards the actions of the group `Action::"guarded"`, its hedging section those of `Action::"hedging"`; the schema says
 * which these are. What an action is to be judged by has to be in its input: a missing field is an error, and that denies.
 */
import { decimal } from './extensions.ts';
import type { Millis } from '../kernel/index.ts';
import { decimalText, EvaluationError } from './values.ts';

const SYMBOLS_MAX = 1_000; // instruments of one pack
const REVIEW_DAYS_MAX = 366;
const DAY_MS = 86_400_000;

export interface PackLimit {
  /** `<pack>/<section>.<key>`, as the forbid is called. */
  readonly id: string;
  /** Of the action's input. */
  readonly field: string;
  /** Ten-thousandths. */
  readonly max: bigint;
  readonly symbol: string | null;
  /** What is made smaller when the limit is passed: the field itself, the size that it grows with, or nothing. */
  readonly trims: 'field' | 'size' | 'nothing';
  readonly group: 'guarded' | 'hedging';
}

export interface GuardrailPack {
  readonly name: string;
  readonly owner: string;
  readonly reviewCadenceDays: number;
  /** Day of the last review, at its beginning in UTC. */
  readonly lastReview: Millis;
  readonly limits: readonly PackLimit[];
  readonly requireStopLoss: boolean;
  /** What a breach of it asks for; the halt itself is no policy. */
  readonly haltOnBreach: boolean;
  /** What else the pack says, by `<section>.<key>`: for flows and alerts, not for decisions. */
  readonly settings: Readonly<Record<string, string | boolean>>;
}

export type PackResult =
  | { readonly ok: true; readonly pack: GuardrailPack }
  | { readonly ok: false; readonly problems: readonly string[] };

type LimitRow = readonly [field: string, trims: PackLimit['trims'], group: PackLimit['group']];

const LIMIT_KEYS: Readonly<Record<string, LimitRow>> = {
  'daily_limits.max_drawdown_pct': ['daily_drawdown_pct', 'nothing', 'guarded'],
  'daily_limits.max_loss_pct': ['daily_loss_pct', 'nothing', 'guarded'],
  'daily_limits.max_var_pct': ['portfolio_var_pct', 'nothing', 'guarded'],
  'per_symbol.max_position': ['size', 'field', 'guarded'],
  'per_symbol.max_leverage': ['leverage', 'field', 'guarded'],
  'checks.max_order_size_notional': ['notional', 'size', 'guarded'],
  'hedging.max_residual_exposure_pct': ['residual_exposure_pct', 'nothing', 'hedging'],
};
const SWITCHES = new Set(['checks.require_stop_loss', 'checks.halt_on_breach', 'alerts.breach_page']);
const TEXTS = new Set(['hedging.fallback_strategy']);
const NUMBERS = new Set(['alerts.p95_latency_ms_threshold']);
const HEAD = new Set(['name', 'owner', 'review_cadence_days', 'last_review', 'opa_bundle']);
const SECTIONS = new Set(['daily_limits', 'per_symbol', 'checks', 'hedging', 'alerts']);

/** `toml` is the parsed file: dates as text, integers and floats as numbers. */
export function readPack(toml: unknown): PackResult {
  const problems: string[] = [];
  if (!isTable(toml)) return { ok: false, problems: ['a pack is a table'] };
  const limits: PackLimit[] = [];
  const settings: Record<string, string | boolean> = {};
  const { name, owner, review_cadence_days: days, last_review: reviewed } = toml;
  const pack = typeof name === 'string' && /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/.test(name) ? name : null;
  if (pack === null) problems.push('name is missing: write name = "trading_risk.v1"');
  if (typeof owner !== 'string' || owner === '') problems.push('owner is missing: somebody has to review the pack');
  if (!isWhole(days) || days < 1 || days > REVIEW_DAYS_MAX)
    problems.push(`review_cadence_days is a number of days, 1 to ${REVIEW_DAYS_MAX}`);
  const lastReview =
    typeof reviewed === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(reviewed) ? Date.parse(`${reviewed}T00:00:00Z`) : Number.NaN;
  if (!Number.isFinite(lastReview)) problems.push('last_review is a day: write last_review = "2026-11-20"');

  const entry = (section: string, key: string, value: unknown, symbol: string | null): void => {
    const path = `${section}.${key}`;
    const shown = symbol === null ? path : `${section}.${symbol}.${key}`;
    const row = LIMIT_KEYS[path];
    if (row !== undefined && (section === 'per_symbol') === (symbol !== null)) {
      const max = tenThousandths(value);
      if (max === null) problems.push(`${shown} is no number from 0 with at most four digits after the point`);
      else limits.push({ id: `${pack ?? ''}/${shown}`, field: row[0], max, symbol, trims: row[1], group: row[2] });
    } else if (SWITCHES.has(path)) {
      if (typeof value === 'boolean') settings[path] = value;
      else problems.push(`${shown} is true or false`);
    } else if (TEXTS.has(path) || NUMBERS.has(path)) {
      if (NUMBERS.has(path) ? isWhole(value) : typeof value === 'string') settings[path] = String(value);
      else problems.push(`${shown} is ${NUMBERS.has(path) ? 'a whole number' : 'text'}`);
    } else problems.push(`${shown} is not known: remove it, or nobody will enforce it`);
  };

  for (const [key, value] of Object.entries(toml)) {
    if (HEAD.has(key)) continue;
    if (!SECTIONS.has(key) || !isTable(value)) problems.push(`${key} is not known: remove it, or nobody will enforce it`);
    else if (key !== 'per_symbol') for (const [inner, each] of Object.entries(value)) entry(key, inner, each, null);
    else {
      if (Object.keys(value).length > SYMBOLS_MAX) problems.push(`per_symbol has more than ${SYMBOLS_MAX} symbols`);
      for (const [symbol, table] of Object.entries(value)) {
        if (!isTable(table) || !/^[A-Z0-9_./-]{1,20}$/.test(symbol))
          problems.push(`per_symbol.${symbol} is no table of a symbol`);
        else for (const [inner, each] of Object.entries(table)) entry(key, inner, each, symbol);
      }
    }
  }
  if (typeof toml['opa_bundle'] === 'string') settings['opa_bundle'] = toml['opa_bundle'];
  if (problems.length > 0 || pack === null || typeof owner !== 'string' || typeof days !== 'number')
    return { ok: false, problems };
  const requireStopLoss = settings['checks.require_stop_loss'] === true;
  const haltOnBreach = settings['checks.halt_on_breach'] === true;
  return {
    ok: true,
    pack: { name: pack, owner, reviewCadenceDays: days, lastReview, limits, requireStopLoss, haltOnBreach, settings },
  };
}

/** The forbids of a pack, as Cedar text. */
export function packPolicies(pack: GuardrailPack): string {
  const rules = pack.limits.map(({ id, field, max, symbol, group }) => {
    const over = `context.input.${field}.greaterThan(decimal("${decimalText(max)}"))`;
    const when = symbol === null ? over : `context.input.symbol == ${JSON.stringify(symbol)} && ${over}`;
    return `@id(${JSON.stringify(id)})\nforbid (principal, action in Action::"${group}", resource) when { ${when} };`;
  });
  if (pack.requireStopLoss) {
    const id = `${pack.name}/checks.require_stop_loss`;
    rules.push(
      `@id(${JSON.stringify(id)})\nforbid (principal, action in Action::"guarded", resource) unless { context.input has stop_loss };`,
    );
  }
  return rules.join('\n');
}

/** When its review is due. Past it, what the pack guards is denied. */
export function reviewDue(pack: GuardrailPack): Millis {
  return pack.lastReview + (pack.reviewCadenceDays + 1) * DAY_MS; // the last day counts to its end
}

/** What a pack means, in a form that canonical JSON holds. */
export function canonicalPack(pack: GuardrailPack): unknown {
  const limits = pack.limits.map((each) => ({ ...each, max: decimalText(each.max) })).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return { ...pack, limits };
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}

/** A TOML number, or a decimal as text, exactly. */
function tenThousandths(value: unknown): bigint | null {
  if (typeof value !== 'number' && typeof value !== 'string') return null;
  const text = String(value);
  try {
    const read = decimal(/^[0-9]+$/.test(text) ? `${text}.0` : text).value;
    return read < 0n ? null : read;
  } catch (error) {
    if (error instanceof EvaluationError) return null;
    throw error;
  }
}
