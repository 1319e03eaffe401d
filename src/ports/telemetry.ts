/** Everything counted. Names are `skein_<room>_<noun>_<unit>[_total]`; never on the path of a decision. */
export interface Telemetry {
  measure(name: string, value: number): void;
}
