/**
 * One connection between two hosts, from the first byte: the meeting, then frames under its session, renewed on the way when the
 * session or a key grows old. It lets nothing through that the door refuses, and ends with a word why. It knows no queue and
 * no address: what it read it hands on, what is to be sent it is given.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { assert, equalBytes, type Millis } from '../../kernel/index.ts';
import {
  type ContractRegistry,
  type Crypto,
  type Envelope,
  type FrameBuilder,
  type FrameDoor,
  HANDSHAKE_LIFE,
  isRecord,
  type KeyRing,
  Meeting,
  type MeetingSelf,
  type Met,
  openFrame,
  type Refusal,
  refusalRecord,
  sealInSession,
  sealSigned,
  type Signer,
  type WireTable,
} from '../../protocol/index.ts';
import { type FrameLine, readUnits } from './socket-frames.ts';

const HELLO = 1; // kind of a record
const CUT_MS = 1000; // in which the other side may read why

/** Who a host is on its connections. */
export interface SocketIdentity {
  readonly realm: string;
  /** 12 hexadecimal digits. */
  readonly host: string;
  /** Grows with every start of this process. */
  readonly incarnation: number;
  readonly crypto: Crypto;
  readonly ring: KeyRing;
  /** The current key of this host or of one of its agents. */
  readonly signer: (member: string, now: Millis) => Signer;
  /** What this host speaks; the bus adds its own contract. */
  readonly contracts: ContractRegistry;
  /** Certificates by which this host speaks for its agents, as they are now. */
  readonly certificates?: () => readonly Uint8Array[];
  /** `session` (default): a keyed tag for each frame. `signature`: the host's own, which a third party can check. */
  readonly frames?: 'session' | 'signature';
}

export interface LinkOptions {
  readonly socket: Socket;
  readonly identity: SocketIdentity;
  readonly door: FrameDoor;
  readonly now: () => Millis;
  /** The host to begin with; null: the other side begins. */
  readonly peer: string | null;
  /** The number of the next signed frame to that host; counted over all its connections of this incarnation. */
  readonly nextSigned: (peer: string) => number;
  /** Once, when frames may be sent. */
  readonly onMet: (link: SocketLink) => void;
  /** After every renewal. */
  readonly onRenewed: () => void;
  readonly onFrame: (envelopes: readonly Envelope[]) => void;
  readonly onBroken: (refusal: Refusal, peer: string | null) => void;
}

export class SocketLink implements FrameLine {
  readonly socket: Socket;
  readonly #options: LinkOptions;
  readonly #self: MeetingSelf;
  readonly #began: Millis;
  #meeting: Meeting | null = null;
  #meetingSince: Millis = 0;
  #hellos = 0;
  #met: Met | null = null;
  #over = false;

  constructor(options: LinkOptions) {
    const { identity, socket } = options;
    const name = `host:${identity.realm}/${identity.host}`;
    this.socket = socket;
    this.#options = options;
    this.#began = options.now();
    this.#self = { ...identity, name, signer: (now) => identity.signer(name, now) };
    readUnits(
      socket,
      (unit) => this.#take(unit),
      (refusal) => this.cut(refusal),
    );
  }

  get table(): WireTable {
    assert(this.#met !== null, 'no frames before the two hosts have met');
    return this.#met.table;
  }

  /** The name of the other host; null before it has shown who it is. */
  get peer(): string | null {
    return this.#met?.session.peer ?? null;
  }

  /** Says hello, first or once more. */
  begin(): void {
    const { now, peer } = this.#options;
    assert(peer !== null, 'the side that listens does not begin');
    const { meeting, send } = Meeting.begin(this.#self, peer, randomBytes(32), now());
    this.#meeting = meeting;
    this.#meetingSince = now();
    this.socket.write(send);
  }

  /** To be called every second or so: gives up a meeting that takes too long, renews what grows old. */
  tend(): void {
    const now = this.#options.now();
    if (this.#met === null) {
      if (now > this.#began + HANDSHAKE_LIFE) this.cut({ reason: 'timed-out', detail: `nobody met within ${HANDSHAKE_LIFE} ms` });
      return;
    }
    if (this.#options.peer === null || (this.#meeting !== null && now < this.#meetingSince + HANDSHAKE_LIFE)) return;
    const { session, ownKeyId } = this.#met;
    const { ring } = this.#options.identity;
    const rotated = !equalBytes(this.#self.signer(now).id, ownKeyId) || !ring.isActive(session.peerKeyId, now);
    if (rotated || session.renewalDue(now)) this.begin();
  }

  seal(builder: FrameBuilder): Uint8Array | null {
    const { identity, now, nextSigned } = this.#options;
    const { session } = this.#met!;
    const { host, incarnation } = identity;
    const sealed =
      identity.frames === 'signature'
        ? sealSigned(this.#self.signer(now()), nextSigned(session.peer))
        : sealInSession(session, now());
    if (sealed === null) {
      this.tend(); // used up: the next session is on its way
      return null;
    }
    const { seal, ...claims } = sealed;
    return builder.seal({ ...claims, from: host, to: session.peer.slice(-host.length), incarnation }, seal);
  }

  /** Ends the connection and tells the other side why, if it still reads. */
  cut(refusal: Refusal): void {
    if (this.#over) return;
    this.#over = true;
    const { socket } = this;
    if (!socket.destroyed) {
      socket.setTimeout(CUT_MS, () => socket.destroy());
      socket.end(refusalRecord(refusal), () => socket.destroy());
    }
    this.#options.onBroken(refusal, this.peer);
  }

  #take(unit: Uint8Array): void {
    if (this.#over) return;
    if (isRecord(unit)) return this.#hear(unit);
    const met = this.#met;
    if (met === null)
      return this.cut({ reason: 'denied', detail: 'a frame came before the two hosts had met: begin with hello' });
    const { door, identity, now } = this.#options;
    const opened = openFrame(unit, met.table, (claims, bytes, tag) =>
      `host:${identity.realm}/${claims.from}` === met.session.peer
        ? door.unseal(claims, bytes, tag, now())
        : { reason: 'bad-signature', detail: `${met.session.peer} brought a frame of host ${claims.from}` },
    );
    if (!opened.ok) return this.cut(opened.refusal);
    const envelopes: Envelope[] = [];
    for (const message of opened.value.messages) {
      const read = message.envelope();
      if (!read.ok) return this.cut(read.refusal);
      envelopes.push(read.value);
    }
    this.#options.onFrame(envelopes);
  }

  #hear(bytes: Uint8Array): void {
    const { now, peer } = this.#options;
    const time = now();
    if (bytes[4] === HELLO) this.#meeting = null; // the one before was given up
    if (this.#meeting === null) {
      if (peer !== null) return this.cut({ reason: 'invalid', detail: `${peer} answered what was not asked` });
      this.#hellos += 1;
      // A hello costs an exchange of keys: at once for a renewal or two, and then one each second.
      if (this.#hellos > 3 + (time - this.#began) / 1000)
        return this.cut({ reason: 'overloaded', detail: `${this.#hellos} handshakes on one connection: wait between them` });
      this.#meeting = Meeting.answer(this.#self, randomBytes(32), time);
    }
    const step = this.#meeting.hear(bytes, time);
    if (!step.ok) return this.cut(step.refusal);
    const { send, met } = step.value;
    if (met !== null) {
      this.#meeting = null;
      const before = this.peer;
      const refused =
        before === null || before === met.session.peer
          ? this.#options.door.add(met.session)
          : ({ reason: 'bad-signature', detail: `${met.session.peer} renewed the session of ${before}` } as const);
      if (refused !== null) return this.cut(refused);
      this.#met = met;
      if (send !== null) this.socket.write(send);
      if (before === null) this.#options.onMet(this);
      else this.#options.onRenewed();
    } else if (send !== null) this.socket.write(send);
  }
}
