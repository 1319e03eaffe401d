/**
 * What identity costs, in CPU time of one process: both implementations of the primitives through the wrappers that everything
 * uses, and the three ways to vouch for 64 messages of 256 bytes: a signature for each, one for their frame, a session's tag.
 * Baseline in the same run: node:crypto and plain JavaScript; for frames, a signature for each message.
 */
import { randomFillSync } from 'node:crypto';
import {
  checkInBatch,
  type Crypto,
  FrameDoor,
  Handshake,
  KEY_LIFE_MAX,
  KeyRing,
  admitMember,
  sealInSession,
  sealSigned,
  SeedSigner,
  type Session,
  signBatch,
  signMessage,
  verifyMessage,
} from '../src/protocol/index.ts';
import { openCrypto } from '../src/runtime/embedded/index.ts';
import { quantile } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';

const ROUNDS = 15;
const ROUND_CPU_US = 30_000; // of each contestant in each round
const MESSAGES = 64;
const MESSAGE_BYTES = 256;
const BATCH = 1024; // paths of ten hashes
const NOW = 1_800_000_000_000;

/** CPU microseconds of one call, by round. The contestants take turns, so that what slows one round down slows all of them. */
function measure(contestants: Readonly<Record<string, () => void>>): Record<string, readonly number[]> {
  const micros: Record<string, number[]> = {};
  for (const [name, once] of Object.entries(contestants)) {
    micros[name] = [];
    for (let i = 0; i < 50; i++) once();
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, once] of Object.entries(contestants)) {
      const before = process.cpuUsage();
      let calls = 0;
      let spent = 0;
      while (spent < ROUND_CPU_US) {
        for (let i = 0; i < 16; i++) once();
        calls += 16;
        const { user, system } = process.cpuUsage(before);
        spent = user + system;
      }
      micros[name]!.push(spent / calls);
    }
  }
  return micros;
}

/** Calls a CPU-second, ours against the baseline. */
function rate(claim: string, ours: readonly number[], baseline: readonly number[], timesBetter: number): Row {
  const perSecond = (micros: readonly number[], share: number): number => Math.round(1e6 / quantile(micros, share));
  const ratio = quantile(baseline, 0.5) / quantile(ours, 0.5);
  return {
    claim,
    target: `>= ${timesBetter} times the fallback`,
    ours: perSecond(ours, 0.5),
    unit: '/CPU-s',
    baseline: perSecond(baseline, 0.5),
    ratio,
    p50: perSecond(ours, 0.5),
    p99: perSecond(ours, 0.99), // the slowest rounds
    met: ratio >= timesBetter,
  };
}

/** CPU microseconds, at most so many; or at least so many times less than the baseline. */
function cost(
  claim: string,
  ours: readonly number[],
  bound: { readonly micros?: number; readonly baseline?: readonly number[]; readonly times?: number },
): Row {
  const p50 = quantile(ours, 0.5);
  const ratio = bound.baseline === undefined ? null : quantile(bound.baseline, 0.5) / p50;
  return {
    claim,
    target: bound.micros === undefined ? `>= ${bound.times} times less than a signature for each` : `<= ${bound.micros} us`,
    ours: p50,
    unit: 'us CPU',
    baseline: bound.baseline === undefined ? null : quantile(bound.baseline, 0.5),
    ratio,
    p50,
    p99: quantile(ours, 0.99),
    met: bound.micros === undefined ? ratio! >= bound.times! : p50 <= bound.micros,
  };
}

export default async function bench(): Promise<readonly Row[]> {
  const fast = (await openCrypto()).crypto;
  const plain = (await openCrypto(['sodium-native', 'hash-wasm'])).crypto;
  const message = randomFillSync(new Uint8Array(MESSAGE_BYTES));
  const key = randomFillSync(new Uint8Array(32));
  const pair = fast.keyPair(key);
  const signature = fast.sign(pair.secretKey, message);
  const sign = (primitives: Crypto) => (): void => void primitives.sign(pair.secretKey, message);
  const verify = (primitives: Crypto) => (): void => void primitives.verify(pair.publicKey, message, signature);
  const mac = (primitives: Crypto) => (): void => void primitives.mac(key, message);
  const world = makeWorld(fast);
  const micros = measure({
    signFast: sign(fast),
    signPlain: sign(plain),
    verifyFast: verify(fast),
    verifyPlain: verify(plain),
    macFast: mac(fast),
    macPlain: mac(plain),
    handshake: world.handshake,
    each: world.each,
    signed: world.signed,
    session: world.session,
    proof: world.proof,
  });
  const perMessage = (name: string): readonly number[] => micros[name]!.map((each) => each / MESSAGES);
  return [
    rate('Ed25519 signatures, 256 bytes', micros.signFast!, micros.signPlain!, 1.2),
    rate('Ed25519 checks, 256 bytes', micros.verifyFast!, micros.verifyPlain!, 1.2),
    rate('keyed BLAKE3, 256 bytes', micros.macFast!, micros.macPlain!, 4),
    cost('a handshake, both sides', micros.handshake!, { micros: 1000 }),
    cost('a message in a signed frame of 64, sealed and let in', perMessage('signed'), {
      baseline: perMessage('each'),
      times: 10,
    }),
    cost('a message in a session frame of 64, sealed and let in', perMessage('session'), {
      baseline: perMessage('each'),
      times: 30,
    }),
    cost('a Merkle proof of ten hashes, checked', micros.proof!, { micros: 10 }),
  ];
}

/** Two hosts that know each other, with a session. */
function makeWorld(primitives: Crypto): Readonly<Record<'handshake' | 'each' | 'signed' | 'session' | 'proof', () => void>> {
  const fresh = (): Uint8Array => randomFillSync(new Uint8Array(32));
  const authority = new SeedSigner(fresh(), primitives);
  const ring = new KeyRing([{ name: 'operator:bench/root', publicKey: authority.publicKey }], primitives);
  const [a, b, agent] = ['host:bench/aaaaaaaaaaaa', 'host:bench/bbbbbbbbbbbb', 'agent:bench/ada'].map((member) => {
    const key = new SeedSigner(fresh(), primitives);
    ring.apply(admitMember({ member, from: NOW, until: NOW + KEY_LIFE_MAX, key }, authority), NOW);
    return { crypto: primitives, ring, name: member, key, contracts: fresh() };
  }) as [Member, Member, Member];
  const connect = (): [Session, Session] => {
    const { handshake, hello } = Handshake.initiate(a, b.name, fresh(), NOW);
    const responder = Handshake.respond(b, fresh(), NOW);
    const reply = sent(responder.receive(hello, NOW));
    const last = handshake.receive(reply, NOW);
    const done = responder.receive(sent(last), NOW);
    if (!last.ok || !done.ok) throw new Error('two hosts that know each other have no session');
    return [last.session!, done.session!];
  };
  const [left, right] = connect();
  const door = new FrameDoor({ ring, realm: 'bench', host: 'bbbbbbbbbbbb' });
  door.add(right);
  const frame = randomFillSync(new Uint8Array(64 + MESSAGES * MESSAGE_BYTES));
  const messages = Array.from({ length: MESSAGES }, (_, i) =>
    frame.subarray(64 + i * MESSAGE_BYTES, 64 + (i + 1) * MESSAGE_BYTES),
  );
  const claims = { from: 'aaaaaaaaaaaa', to: 'bbbbbbbbbbbb', incarnation: 1 };
  const letIn = (seal: ReturnType<typeof sealSigned>): void =>
    must(door.unseal({ ...claims, ...seal }, frame, seal.seal(frame), NOW) === null);
  let sequence = 0;
  const batch = Array.from({ length: BATCH }, (_, i) => Uint8Array.of(i & 255, i >> 8));
  const { signed, path } = signBatch(batch, a.key, primitives);
  const steps = path(777);
  return {
    handshake: () => void connect(),
    each() {
      for (const message of messages)
        must(verifyMessage(message, signMessage(message, agent.key), agent.name, ring, NOW) === null);
    },
    signed: () => letIn(sealSigned(a.key, (sequence += 1))),
    session: () => letIn(sealInSession(left, NOW)!),
    proof: () => must(checkInBatch(batch[777]!, 777, steps, signed, primitives) === null),
  };
}

interface Member {
  readonly crypto: Crypto;
  readonly ring: KeyRing;
  readonly name: string;
  readonly key: SeedSigner;
  readonly contracts: Uint8Array;
}

function sent(step: ReturnType<Handshake['receive']>): Uint8Array {
  if (!step.ok || step.send === null) throw new Error('a handshake of two hosts that know each other stopped');
  return step.send;
}

/** What is measured has to succeed: a refusal is fast. */
function must(yes: boolean): void {
  if (!yes) throw new Error('what was sealed was not let in');
}
