/** Bytes too large for a record, by content: an output, a diff, a set of verdicts. */
export interface BlobRef {
  /** SHA-256, 64 hexadecimal digits. */
  readonly sha256: string;
  readonly bytes: number;
}
