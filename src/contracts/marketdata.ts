/** Market data: ticks and bars, the first link of the trading chain. Prices and sizes are decimal text, times host ms. */
import { type Static, Type } from 'typebox';
import { type Contract, defineContract } from '../protocol/index.ts';
import { Amount, closed, Count, Decimal, Key, Time, Word } from './words.ts';

/** `XAUUSD`, `BTC/USDT`, `BTC/USDT:USDT-260327`: the unified form of exchanges. */
export const Symbol = Type.String({ pattern: '^[A-Z0-9][A-Z0-9_.:/-]{0,39}$' });

const Tick = Type.Object(
  {
    tick_id: Key,
    symbol: Symbol,
    venue: Word,
    bid: Decimal,
    ask: Decimal,
    bid_size: Amount,
    ask_size: Amount,
    last: Type.Optional(Decimal),
    last_size: Type.Optional(Amount),
    /** When the venue said it; the envelope's time is when we did. */
    venue_time: Time,
    /** Counts up for each venue and symbol: a gap is seen. */
    sequence: Count,
  },
  closed,
);

const Bar = Type.Object(
  {
    /** Venue, symbol, interval and opening time: the same bar has the same name. */
    bar_id: Key,
    symbol: Symbol,
    venue: Word,
    interval_ms: Type.Integer({ minimum: 1000, maximum: 31 * 24 * 3_600_000 }),
    opened_at: Time,
    open: Decimal,
    high: Decimal,
    low: Decimal,
    close: Decimal,
    volume: Amount,
    trades: Type.Optional(Count),
    /** False while the interval runs. */
    final: Type.Boolean(),
  },
  closed,
);

const terms = { durability: 'ephemeral', journal: 'window', orderingKey: 'symbol', ttlMax: 10_000, p50: 40, p95: 75 } as const;

export const TickEvent: Contract<Static<typeof Tick>> = defineContract('marketdata.event.tick.v1', Tick, {
  ...terms,
  idempotency: 'tick_id',
});
export const BarEvent: Contract<Static<typeof Bar>> = defineContract('marketdata.event.bar.v1', Bar, {
  ...terms,
  idempotency: 'bar_id',
});
