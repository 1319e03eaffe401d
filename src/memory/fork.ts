/**
 * Equivocation: an author who signed two different operations under one dot. The proof is self-contained and goes from replica to
 * replica: the chain before the fork, and two branches of headers and payload hashes, each up to a head that the author signed.
 * Nobody needs to trust who brings it. Payloads are not in it: what was to be kept secret or was erased stays so.
 */
import { equalBytes } from '../kernel/index.ts';
import type { Crypto } from '../protocol/index.ts';
import { ByteReader, ByteWriter } from './lanes.ts';
import { firstOf, headStatement, type Log, type Segment, segmentOffsets, SIGNATURE_BYTES, step } from './log.ts';
import { AUTHOR_BYTES, EPOCH_MAX, type LogName, OperationReader, SEQUENCE_MAX } from './operation.ts';

export const FORK_BYTES_MAX = 4_194_304; // of one proof: a branch between two signatures is far shorter

export interface Fork {
  readonly name: LogName;
  /** The first sequence of which there are two versions. */
  readonly at: number;
}

interface Branch {
  readonly headers: readonly Uint8Array[];
  readonly hashes: readonly Uint8Array[];
  readonly ms: number;
  readonly count: number;
  readonly signature: Uint8Array;
}

/** The proof that a segment and the log contradict each other from `at` on, or null where the segment is not the author's. */
export function proveFork(log: Log, theirs: Segment, at: number, primitives: Crypto): Uint8Array | null {
  const ours = log.segment(at, 0);
  const before = log.chainBefore(at);
  const other = branchOf(theirs, log.stamp(theirs.from - 1), at, primitives);
  if (ours === null || other === null || !holds(log.first, log.name, before, at, other, primitives)) return null;
  const own = branchOf(ours, log.stamp(at - 1), at, primitives)!;
  const to = new ByteWriter();
  to.raw(log.name.author);
  to.whole(log.name.epoch);
  to.whole(at);
  to.raw(before);
  writeBranch(to, own);
  writeBranch(to, other);
  return to.taken();
}

/** What a proof proves in this scope; null where it proves nothing. Never throws. */
export function checkFork(proof: Uint8Array, scope: Uint8Array, primitives: Crypto): Fork | null {
  if (proof.length > FORK_BYTES_MAX) return null;
  const from = new ByteReader(proof);
  const author = from.raw(AUTHOR_BYTES).slice();
  const epoch = from.whole();
  const at = from.whole();
  const before = from.raw(32);
  if (from.bad || epoch > EPOCH_MAX || at > SEQUENCE_MAX) return null;
  const branches = [readBranch(from), readBranch(from)] as const;
  if (from.bad || from.at !== from.end || branches[0] === null || branches[1] === null) return null;
  const [a, b] = branches;
  if (equalBytes(a.headers[0]!, b.headers[0]!) && equalBytes(a.hashes[0]!, b.hashes[0]!)) return null;
  const name = { author, epoch };
  const first = firstOf(name, scope, primitives);
  return holds(first, name, before, at, a, primitives) && holds(first, name, before, at, b, primitives) ? { name, at } : null;
}

/** Whether the author signed the end of this branch. */
function holds(first: Uint8Array, name: LogName, before: Uint8Array, at: number, branch: Branch, primitives: Crypto): boolean {
  let chain = before;
  for (const [i, header] of branch.headers.entries()) {
    chain = step(chain, header, 0, header.length, branch.hashes[i]!, primitives);
  }
  const head = headStatement(first, at + branch.headers.length, chain, branch.ms, branch.count);
  return primitives.verify(name.author, head, branch.signature);
}

/** Headers and hashes of a segment from `at` on; `stamp` is the one before the segment. */
function branchOf(
  segment: Segment,
  stamp: { readonly ms: number; readonly count: number },
  at: number,
  primitives: Crypto,
): Branch | null {
  const offsets = segmentOffsets(segment, stamp, segment.count);
  if (offsets === null || offsets.at(-1) !== segment.bytes.length) return null;
  const headers: Uint8Array[] = [];
  const hashes: Uint8Array[] = [];
  const operation = new OperationReader();
  const stripped = new Set(segment.stripped);
  let { ms, count } = stamp;
  for (let i = 0; i < segment.count; i++) {
    operation.header(new ByteReader(segment.bytes, offsets[i]), ms, count, Infinity);
    ({ ms, count } = operation);
    if (segment.from + i < at) continue;
    headers.push(segment.bytes.slice(offsets[i], operation.payload));
    const payload = segment.bytes.slice(operation.payload, offsets[i + 1]);
    hashes.push(stripped.has(segment.from + i) ? payload : primitives.hash(payload));
  }
  return { headers, hashes, ms, count, signature: segment.signature };
}

function writeBranch(to: ByteWriter, { headers, hashes, ms, count, signature }: Branch): void {
  to.whole(headers.length);
  for (const [i, header] of headers.entries()) {
    to.whole(header.length);
    to.raw(header);
    to.raw(hashes[i]!);
  }
  to.whole(ms);
  to.whole(count);
  to.raw(signature);
}

function readBranch(from: ByteReader): Branch | null {
  const length = from.whole();
  if (length === 0 || length * 33 > from.end - from.at) return null;
  const headers: Uint8Array[] = [];
  const hashes: Uint8Array[] = [];
  for (let i = 0; i < length && !from.bad; i++) {
    headers.push(from.raw(from.whole()));
    hashes.push(from.raw(32));
  }
  const ms = from.whole();
  const count = from.whole();
  const signature = from.raw(SIGNATURE_BYTES);
  return from.bad || count > 65_535 ? null : { headers, hashes, ms, count, signature };
}
