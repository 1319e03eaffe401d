/**
 * Who and what comes in: every check of a message before it takes a place in the inbox, cheapest refusals first, and the checks
 * that are asked once more when its turn comes. A dead letter that is handed in again passes the same ones.
 *
 *   contract known · for me · signature · skew, ttl · schema, projected ──▶ inbox ──▶ still alive · halt · gate ──▶ room
 */
import type { Json, Millis } from '../kernel/index.ts';
import type { Contract, Envelope, Refusal } from '../protocol/index.ts';
import { type Action, approvalText, type Decision, readApproval } from '../ports/index.ts';
import { SKEW } from './dedupe.ts';
import type { HaltRecords } from './halt-records.ts';
import type { HostOptions } from './options.ts';
import { project } from './projection.ts';

export interface Target {
  readonly contract: Contract;
  readonly room: string;
}

/** `authentic` false: nobody knows who sent it, so nobody is answered. */
export type Admitted =
  | { readonly ok: true; readonly envelope: Envelope; readonly room: string }
  | { readonly ok: false; readonly refusal: Refusal; readonly authentic: boolean };

export type Gated =
  | { readonly ok: true; readonly envelope: Envelope; readonly decision: Decision | null }
  | { readonly ok: false; readonly refusal: Refusal; readonly decision: Decision | null };

/** What of a contract a gate's answer depends on. */
export interface Terms {
  readonly risk: Contract['risk'];
  readonly check: (data: unknown) => boolean;
}

export class Admission {
  readonly #options: HostOptions;
  readonly #targets = new Map<string, Target>();
  readonly #own: string;
  readonly #within: string;
  readonly halts: HaltRecords;
  readonly #readAgain: () => void;

  /** `readAgain`: a halt was missed, the record has to be read once more. */
  constructor(options: HostOptions, halts: HaltRecords, readAgain: () => void) {
    this.#options = options;
    this.#own = `host:${options.realm}/${options.host}`;
    this.#within = `${this.#own}/`;
    this.halts = halts;
    this.#readAgain = readAgain;
  }

  register(contract: Contract, room: string): void {
    this.#targets.set(contract.type, { contract, room });
  }

  target(type: string): Target | undefined {
    return this.#targets.get(type);
  }

  hears(audience: string): boolean {
    if (audience === this.#own || audience.startsWith(this.#within)) return true;
    const { hears } = this.#options;
    return hears === undefined ? !audience.startsWith('host:') : hears(audience);
  }

  /** `signed`: what of it to verify; a retry changed the time, and what a room here said to another was never signed. */
  admit(envelope: Envelope, now: Millis, signed: Envelope | null = envelope): Admitted {
    const verified = signed === null ? null : (this.#options.verify?.(signed, signed !== envelope) ?? null);
    if (verified !== null) return { ok: false, refusal: verified, authentic: false };
    const target = this.#targets.get(envelope.type);
    if (target === undefined) return no('unknown-contract', `no room of this host takes ${envelope.type}`);
    if (!this.hears(envelope.audience)) {
      return no('not-for-me', `message ${envelope.id} is for ${envelope.audience}, this is ${this.#own}`);
    }
    const late = outOfTime(envelope, now);
    if (late !== null) return { ok: false, refusal: late, authentic: true };
    const { contract, room } = target;
    if (envelope.ttl < contract.ttlMin || envelope.ttl > contract.ttlMax) {
      return no('invalid', `${envelope.type} lives ${contract.ttlMin}..${contract.ttlMax} ms, not ${envelope.ttl}`);
    }
    let taken = envelope;
    if (envelope.dataschema !== contract.hash) {
      if (!/^[0-9a-f]{64}$/.test(envelope.dataschema))
        return no('invalid', `"${envelope.dataschema.slice(0, 64)}" is no hash of a contract`);
      taken = { ...envelope, data: project(contract.schema, envelope.data) };
    }
    if (!contract.check(taken.data)) {
      const why = contract.explain(taken.data).join('; ');
      const other = taken === envelope ? '' : `, produced under ${envelope.dataschema.slice(0, 12)},`;
      return no('invalid', `${envelope.type}${other} does not keep its contract: ${why}`);
    }
    return { ok: true, envelope: taken, room };
  }

  /** What is asked last of all, in the turn that hands the message to its room. */
  gate(envelope: Envelope, { risk, check }: Terms, now: Millis, retried: boolean): Gated {
    if (risk !== 'gated') return { ok: true, envelope, decision: null };
    const halted = this.haltRefusal([], false);
    if (halted !== null) return { ok: false, refusal: halted, decision: null };
    const { gate } = this.#options;
    const named = envelope.approvals.map(readApproval).some((approval) => approval !== null && approval.policy === gate?.policy);
    if (gate === undefined || !named) {
      const detail =
        gate === undefined
          ? `this host has no gate, so ${envelope.type} stays outside`
          : `${envelope.type} needs an approval that names a decision under policy ${gate.policy}: ask for one again`;
      return { ok: false, refusal: { reason: 'denied', detail }, decision: null };
    }
    return this.#decided(envelope, check, messageAction(envelope, now, retried));
  }

  /** Asks for the approval that a gated message needs where it arrives. */
  approve(envelope: Envelope, { risk, check }: Terms, now: Millis, retried: boolean): Gated {
    if (risk !== 'gated') return { ok: true, envelope, decision: null };
    if (this.#options.gate === undefined) {
      const detail = `this host has no gate, so ${envelope.type} cannot be sent`;
      return { ok: false, refusal: { reason: 'denied', detail }, decision: null };
    }
    const asked = this.#decided(envelope, check, messageAction(envelope, now, retried));
    if (!asked.ok || asked.decision === null) return asked;
    return { ...asked, envelope: { ...asked.envelope, approvals: [...envelope.approvals, approvalText(asked.decision)] } };
  }

  /** The gate's answer; an error of its own denies. */
  decide(action: Action): Decision | { readonly verdict: 'deny'; readonly id: ''; readonly policy: ''; readonly reason: string } {
    try {
      const { gate } = this.#options;
      if (gate === undefined) return { verdict: 'deny', id: '', policy: '', reason: 'no-gate' };
      return gate.decide(action);
    } catch (error) {
      const reason = `gate-failed: ${error instanceof Error ? error.message.slice(0, 200) : 'it threw'}`;
      return { verdict: 'deny', id: '', policy: '', reason };
    }
  }

  /** null = effects in the scopes of this host and these ones may start now. */
  haltRefusal(scopes: readonly string[], reduces: boolean): Refusal | null {
    const { halt, clock } = this.#options;
    if (halt === undefined) return null;
    const lease = halt.lease();
    if (lease !== null && lease.epoch > this.halts.epoch) this.#readAgain();
    return this.halts.refusal(this.scopes(scopes), reduces, lease, clock.monotonic());
  }

  /** Everything that a halt may name to reach these scopes of this host. */
  scopes(more: readonly string[]): readonly string[] {
    return ['global', `host/${this.#options.host}`, ...(this.#options.scopes ?? []), ...more];
  }

  #decided(envelope: Envelope, check: (data: unknown) => boolean, action: Action): Gated {
    const decision = this.decide(action);
    if (decision.verdict === 'deny') return { ok: false, refusal: denied(action, decision), decision };
    if (decision.verdict === 'allow') return { ok: true, envelope, decision };
    if (check(decision.input)) return { ok: true, envelope: { ...envelope, data: decision.input }, decision };
    const detail = `what the gate left of ${envelope.type} (${decision.reason}) does not keep its contract`;
    return { ok: false, refusal: { reason: 'denied', detail }, decision };
  }
}

function no(reason: Refusal['reason'], detail: string): Admitted {
  return { ok: false, refusal: { reason, detail }, authentic: true };
}

export function denied(action: Action, { id, policy, reason }: Pick<Decision, 'id' | 'policy' | 'reason'>): Refusal {
  const by = id === '' ? '' : `, decision ${approvalText({ id, policy })}`;
  return { reason: 'denied', detail: `${action.name} by ${action.principal} on ${action.resource}: ${reason}${by}` };
}

/** What the ledger keeps of a decision. */
export function decisionBody(action: string, decision: Decision): Json {
  const { id, policy, verdict, reason } = decision;
  return { action, decision: id, policy, verdict, reason };
}

/** Not yet, or no longer, at this time of this host. */
export function outOfTime(envelope: Envelope, now: Millis): Refusal | null {
  if (envelope.time > now + SKEW) {
    const detail = `message ${envelope.id} comes from ${envelope.time - now} ms in the future`;
    return { reason: 'invalid', detail };
  }
  if (envelope.time + envelope.ttl + SKEW >= now) return null;
  const detail = `message ${envelope.id} lived ${envelope.ttl} ms and is ${now - envelope.time} ms old`;
  return { reason: 'expired', detail };
}

function messageAction(envelope: Envelope, at: Millis, retried: boolean): Action {
  const { id, type, source, audience, data, approvals } = envelope;
  return { kind: 'message', id, name: type, principal: source, resource: audience, input: data, approvals, at, retried };
}
