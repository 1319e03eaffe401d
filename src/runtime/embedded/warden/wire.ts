/**
 * What host and warden say to each other over one socket: frames of `length u32 | kind u8 | body`.
 * Kind 0 is JSON; the others carry output as `execution u32 | bytes`, so that bytes are never encoded as text.
 * Both ends are the same build, started one from the other: no versions here.
 */
import type { ExecResult, Sandbox } from '../exec.ts';

export const FRAME = { json: 0, live: 1, stdout: 2, stderr: 3 } as const;

/** A start request holds the environment and stdin; nothing of ours comes near this. */
export const FRAME_BYTES_MAX: number = 32 * 1024 * 1024;

/** Output of one execution on its way to a host that has not said it took it. Two reads of a socket, so that neither end waits. */
export const CREDIT_BYTES: number = 128 * 1024;

/** Kept output travels in pieces that a busy loop takes in well under a millisecond each. */
const PIECE_BYTES = 64 * 1024;

export interface StartRequest {
  readonly verb: 'start';
  readonly id: number;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly label: string;
  readonly timeoutMs: number;
  readonly keepBytes: number;
  readonly outputBytesMax: number;
  readonly live: boolean;
  readonly sandbox?: Sandbox;
  readonly stdin?: string;
  readonly plumbing?: boolean;
}

export type ToWarden =
  | StartRequest
  | { readonly verb: 'cancel'; readonly id: number }
  | { readonly verb: 'credit'; readonly id: number; readonly bytes: number }
  | { readonly verb: 'status'; readonly request: number }
  | { readonly verb: 'halt'; readonly request: number }
  | { readonly verb: 'close' };

/** An execution's end without its output, which came before it in frames of its own. */
export type Ending = Omit<ExecResult, 'stdout' | 'stderr'>;

export type ToHost =
  | { readonly verb: 'ready'; readonly cleaned: Cleaned }
  | { readonly verb: 'started'; readonly id: number }
  | { readonly verb: 'ended'; readonly id: number; readonly ending: Ending }
  | { readonly verb: 'halted'; readonly killed: number; readonly why: string }
  | { readonly verb: 'answer'; readonly request: number; readonly value: unknown };

/** What a warden found alive of the one before it, and killed. */
export interface Cleaned {
  readonly groups: number;
  /** Processes that had left their group and were found by their marker. */
  readonly escaped: number;
}

export interface ProcessStatus {
  readonly pid: number;
  /** With the pid, the identity of a process: it differs when a pid is used again. */
  readonly start: string;
  readonly execution: string;
  readonly label: string;
  readonly command: string;
  readonly runningMs: number;
  /** Resident memory of the process and everything under it. */
  readonly rssBytes: number;
}

export interface WardenStatus {
  readonly pid: number;
  readonly run: string;
  readonly halted: boolean;
  readonly processes: readonly ProcessStatus[];
}

export function jsonFrame(message: ToWarden | ToHost): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  const head = Buffer.allocUnsafe(5);
  head.writeUInt32BE(body.length + 1, 0);
  head[4] = FRAME.json;
  return Buffer.concat([head, body]);
}

/** One head and the bytes themselves, uncopied, for each piece. */
export function* bytesFrames(kind: number, id: number, bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const piece = bytes.subarray(at, at + PIECE_BYTES);
    const head = Buffer.allocUnsafe(9);
    head.writeUInt32BE(piece.length + 5, 0);
    head[4] = kind;
    head.writeUInt32BE(id, 5);
    yield head;
    yield piece;
  }
}

export interface FrameSink {
  json(message: unknown): void;
  bytes(kind: number, id: number, bytes: Buffer): void;
}

/** Cuts a stream into frames. Throws on a length no sender of ours writes. */
export function frameReader(sink: FrameSink): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let held = 0;
  let wanted = 5;
  return (chunk) => {
    parts.push(chunk);
    held += chunk.length;
    if (held < wanted) return;
    let all = parts.length === 1 ? chunk : Buffer.concat(parts);
    for (;;) {
      wanted = all.length < 4 ? 5 : all.readUInt32BE(0) + 4;
      if (wanted > FRAME_BYTES_MAX || wanted < 5) throw new Error(`frame of ${wanted} bytes: not from this build`);
      if (all.length < wanted) break;
      const kind = all[4]!;
      if (kind === FRAME.json) sink.json(JSON.parse(all.toString('utf8', 5, wanted)));
      else sink.bytes(kind, all.readUInt32BE(5), all.subarray(9, wanted));
      all = all.subarray(wanted);
    }
    parts = all.length === 0 ? [] : [all];
    held = all.length;
  };
}
