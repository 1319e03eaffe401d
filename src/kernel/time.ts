/** Host time: integer milliseconds since the epoch, never decreasing on one host. */
export type Millis = number;
/** A monotonic reading in milliseconds; only differences have a meaning. Leases and permission count on this one. */
export type MonotonicMillis = number;
