import type { Millis } from '../kernel/index.ts';
import type { Refusal, Rotation, Signer, SigningContext } from '../protocol/index.ts';

/**
 * The keys of one host and its agents. Secrets never leave it: a signer signs and shows nothing. Synchronous, because signing is
 * arithmetic; where a key lives in another process, that runtime needs another port.
 */
export interface Keys {
  /** `host:<realm>/<id>` */
  readonly host: string;
  /** The current key of the host, or of one of its agents, at that time. Throws `InvariantError` for anybody else's name. */
  signer(member: string, now: Millis): Signer;
  /** Whether the time has come to announce a successor. */
  rotationDue(member: string, now: Millis): boolean;
  /** A record for the membership log; the successor signs once the log had it for `KEY_ANNOUNCED`. Changes nothing by itself. */
  rotate(member: string, now: Millis): Rotation;
  /** Whether a signature is to be believed at that time, by the membership log as far as it was read; null: it is. */
  verify(id: Uint8Array, context: SigningContext, bytes: Uint8Array, signature: Uint8Array, at: Millis): Refusal | null;
  /** Overwrites the secrets; signing throws from then on. */
  close(): void;
}

/** `exposed`: others can read the seed. `damaged`: it is not what was written. `unavailable`: the disk does not give or take it. */
export class KeysError extends Error {
  override readonly name: string = 'KeysError';
  readonly code: 'exposed' | 'damaged' | 'unavailable';
  /** None of them passes by itself. */
  readonly retryable: boolean = false;

  constructor(code: KeysError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
