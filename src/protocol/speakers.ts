/**
 * Who may say what over a link: a host for itself and its parts, for an agent by the agent's certificate, and nobody for what
 * needs its author's own signature. Signs for this host's own speakers, opens each certificate once and keeps it, asks the key
 * ring by time. A signature travels beside its message, not in it; here it is kept with the message for as long as that lives.
 */
import { assert, canonicalJson, fromHex, type Millis, utf8 } from '../kernel/index.ts';
import { type Delegation, needsOwnSignature, openCertificate, speaksFor } from './certificate.ts';
import type { Contract } from './contract.ts';
import type { Envelope } from './envelope.ts';
import { type KeyRing, SKEW } from './key-ring.ts';
import { keyText, type Signer } from './keys.ts';
import type { Refusal } from './refusal.ts';
import { signMessage, verifyMessage } from './signature.ts';

const DELEGATIONS_MAX = 65_536; // agents of 30,000 hosts' worth of one realm, twice; the oldest is asked for again

export interface SpeakersOptions {
  readonly ring: KeyRing;
  /** `host:<realm>/<host>` */
  readonly host: string;
  /** What is known of a type here; undefined: nothing, and its message ends as a dead letter. */
  readonly contract: (type: string) => Contract | undefined;
  /** The key of this host or of one of its agents. */
  readonly signer: (member: string, now: Millis) => Signer;
}

export class Speakers {
  readonly #options: SpeakersOptions;
  readonly #delegations = new Map<string, Delegation>();
  readonly #signatures = new WeakMap<Envelope, Uint8Array>();
  #signs = false;

  constructor(options: SpeakersOptions) {
    this.#options = options;
  }

  /** With its author's signature where its contract needs one. What came from elsewhere keeps the one that it has. */
  sign(
    envelope: Envelope,
    now: Millis,
  ): { readonly ok: true; readonly envelope: Envelope } | { readonly ok: false; readonly refusal: Refusal } {
    const contract = this.#options.contract(envelope.type);
    if (contract === undefined || !needsOwnSignature(contract) || this.#signatures.has(envelope)) return { ok: true, envelope };
    const author = authorOf(envelope.source);
    if (author !== this.#options.host && !author.startsWith('agent:'))
      return { ok: false, refusal: { reason: 'denied', detail: `${this.#options.host} holds no key of ${author}` } };
    const key = this.#options.signer(author, now);
    const signed = { ...envelope, keyId: keyText(key.id) };
    const bytes = signedBytes(signed);
    if (bytes === null) {
      const detail = `${envelope.type} ${envelope.id} holds what cannot be signed: write amounts as text, not as fractions`;
      return { ok: false, refusal: { reason: 'invalid', detail } };
    }
    this.#keep(signed, signMessage(bytes, key));
    return { ok: true, envelope: signed };
  }

  /** 80 bytes that go before the message; undefined: it goes without. */
  signatureOf(envelope: Envelope): Uint8Array | undefined {
    return this.#signs ? this.#signatures.get(envelope) : undefined;
  }

  /** A certificate of an agent that a host showed. */
  learn(certificate: Uint8Array, host: string, now: Millis): Refusal | null {
    const opened = openCertificate(certificate, this.#options.ring, now);
    if (!opened.ok) return opened.refusal;
    const { delegation } = opened;
    if (delegation.host !== host) {
      return { reason: 'bad-signature', detail: `${host} showed a certificate of ${delegation.agent} for ${delegation.host}` };
    }
    this.#delegations.delete(delegation.agent);
    this.#delegations.set(delegation.agent, delegation);
    if (this.#delegations.size > DELEGATIONS_MAX) this.#delegations.delete(this.#delegations.keys().next().value!);
    return null;
  }

  /** Whether `envelope` may come from that host; null: it may. `relays`: the hub, which has asked this of each of its spokes. */
  hear(envelope: Envelope, host: string, signature: Uint8Array | null, relays: boolean, now: Millis): Refusal | null {
    const { source } = envelope;
    const isItself = source.startsWith(host) && (source.length === host.length || source[host.length] === '/');
    const contract = this.#options.contract(envelope.type);
    const own = contract !== undefined && needsOwnSignature(contract);
    const refusal = own
      ? this.#ownSignature(envelope, signature, now)
      : isItself || relays
        ? null
        : this.#speaksFor(envelope, host, contract, now);
    if (refusal !== null) return refusal;
    if (own && !isItself && !relays && !source.startsWith('agent:') && !source.startsWith('operator:'))
      return { reason: 'bad-signature', detail: `${host} brought a message of ${source}, which is another host` };
    if (signature !== null) this.#keep(envelope, signature);
    return null;
  }

  /** For a host's `verify`, of what is not being delivered by the bus right now: a dead letter, or what somebody else handed in. */
  verify(envelope: Envelope, again: boolean, now: Millis): Refusal | null {
    const { source, keyId } = envelope;
    if (authorOf(source) === this.#options.host) return null;
    if (!again) return { reason: 'bad-signature', detail: `message ${envelope.id} of ${source} did not come over a session` };
    const id = fromHex(keyId);
    return keyId === '' || id === null ? null : this.#options.ring.accepts(id, now);
  }

  #keep(envelope: Envelope, signature: Uint8Array): void {
    this.#signs = true;
    this.#signatures.set(envelope, signature);
  }

  #ownSignature(envelope: Envelope, signature: Uint8Array | null, now: Millis): Refusal | null {
    const author = authorOf(envelope.source);
    const what = `${envelope.type} ${envelope.id} of ${author}`;
    if (signature === null)
      return { reason: 'bad-signature', detail: `${what} needs its own signature: no certificate covers it` };
    const { time, ttl } = envelope;
    if (now > time + ttl + SKEW || time > now + SKEW) {
      return { reason: 'expired', detail: `${what} was signed ${now - time} ms ago to live ${ttl} ms: sign it again` };
    }
    const bytes = signedBytes(envelope);
    if (bytes === null) return { reason: 'invalid', detail: `${what} holds what cannot be signed` };
    return verifyMessage(bytes, signature, author, this.#options.ring, now);
  }

  #speaksFor(envelope: Envelope, host: string, contract: Contract | undefined, now: Millis): Refusal | null {
    const { source, type } = envelope;
    if (!source.startsWith('agent:'))
      return { reason: 'bad-signature', detail: `${host} spoke for ${source.slice(0, 200)}, which is somebody else` };
    const delegation = this.#delegations.get(source);
    if (delegation === undefined)
      return { reason: 'bad-signature', detail: `${host} showed no certificate of ${source.slice(0, 200)}` };
    const kind = contract?.kind ?? KIND.exec(type)?.[1];
    if (kind === undefined) return { reason: 'invalid', detail: `"${type.slice(0, 100)}" is no name of a contract` };
    return speaksFor(delegation, { agent: source, host, kind: kind as Contract['kind'] }, now);
  }
}

const KIND = /^[a-z][a-z0-9-]*\.(intent|event|state|audit|dlq)\./;

/** Whose key speaks for a name: a part of a host has the host's. */
function authorOf(source: string): string {
  if (!source.startsWith('host:')) return source;
  const [realm, host] = source.split('/', 2);
  return `${realm}/${host}`;
}

/** What a signature covers: everything that its author said. On which commit it waits is between its host and its store. */
function signedBytes(envelope: Envelope): Uint8Array | null {
  assert(envelope.data !== undefined, `message ${envelope.id} was not read yet`);
  try {
    return utf8(canonicalJson({ ...envelope, dependsOn: 0 }));
  } catch {
    return null; // a fraction: JSON has no one text for it
  }
}
