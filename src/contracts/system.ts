/** Of the whole system: halt and resume, the audit trail and the dead letters of an agent. Whom they bind is governance's and the host's. */
import { type Static, Type } from 'typebox';
import { type Contract, defineContract, type RefusalReason, REFUSALS } from '../protocol/index.ts';
import { closed, Count, Key, Sha256, Signature, Span, Text, Time, Who, Word } from './words.ts';

const Scope = Type.Object(
  {
    kind: Type.Enum(['global', 'realm', 'sector', 'cluster', 'host', 'agent', 'venue', 'symbol', 'strategy', 'client']),
    /** '' with `global` only. */
    target: Type.String({ maxLength: 256 }),
  },
  closed,
);

const Halt = Type.Object(
  {
    halt_id: Key,
    scope: Scope,
    /** REDUCING: only what makes exposure smaller. HALTED: no new effects. KILLED: what runs is ended too. */
    level: Type.Enum(['REDUCING', 'HALTED', 'KILLED']),
    /** Counts up for each scope; an older resume has no force. */
    epoch: Count,
    issued_by: Who,
    reason: Text,
    /** Where state is kept for the post-mortem. */
    preserve_state_to: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
  },
  closed,
);

const Resume = Type.Object(
  {
    halt_id: Key,
    scope: Scope,
    /** Of the halt that it ends. */
    epoch: Count,
    expires_at: Time,
    /** Share of the scope that goes first: 10, 50, 100 of a hundred. */
    stage: Type.Integer({ minimum: 1, maximum: 100 }),
    /** m of n roles, each by its own key. */
    approvals: Type.Array(Type.Object({ role: Word, signer: Who, signature: Signature }, closed), { minItems: 1, maxItems: 16 }),
  },
  closed,
);

const Entry = Type.Object(
  {
    agent: Who,
    /** What was done: the type of the message, or a word of the agent. */
    action: Word,
    outcome: Word,
    policy_hash: Type.Optional(Sha256),
    detail: Text,
    at: Time,
  },
  closed,
);

const reasons = Object.keys(REFUSALS) as RefusalReason[];
const Letter = Type.Object(
  {
    agent: Who,
    /** Of the message that was given up. */
    contract: Word,
    reason: Type.Enum(reasons),
    detail: Text,
    /** The message as it came, in base 64. */
    original: Type.String({ maxLength: 262_144, pattern: '^[A-Za-z0-9+/]*={0,2}$' }),
    history: Type.Array(Type.Object({ at: Time, reason: Type.Enum(reasons), detail: Text }, closed), { maxItems: 16 }),
    waited_ms: Span,
  },
  closed,
);

/** Any authorised signer halts. */
export const HaltIntent: Contract<Static<typeof Halt>> = defineContract('system.intent.halt.v1', Halt, {
  signing: 'each',
  idempotency: 'halt_id',
});
/** Resuming takes several. It never widens a scope. */
export const ResumeIntent: Contract<Static<typeof Resume>> = defineContract('system.intent.resume.v1', Resume, {
  signing: 'each',
  risk: 'gated',
  ttlMax: 3_600_000,
});
/** Append-only for ever. Topic `audit.event.<agent>` of the seeds. */
export const AuditEntry: Contract<Static<typeof Entry>> = defineContract('system.audit.entry.v1', Entry, {
  orderingKey: 'agent',
});
/** Topic `dlq.<agent>` of the seeds. */
export const DeadLetterNotice: Contract<Static<typeof Letter>> = defineContract('system.dlq.letter.v1', Letter, {
  orderingKey: 'agent',
});

// ---- names of the seeds ---------------------------------------------------------------------------------------------

export interface Alias {
  /** The contract that is meant. */
  readonly type: string;
  /** The agent or domain that the name speaks of; null = none. */
  readonly about: string | null;
}

const FIXED: Readonly<Record<string, string>> = {
  'system.halt.intent': HaltIntent.type,
  'system.resume.intent': ResumeIntent.type,
};
const AGENT = '([a-z0-9_][a-z0-9_-]{0,127})';
const PER_AGENT: readonly (readonly [form: RegExp, type: string])[] = [
  [new RegExp(`^audit\\.event\\.${AGENT}$`), AuditEntry.type],
  [new RegExp(`^${AGENT}\\.audit$`), AuditEntry.type],
  [new RegExp(`^dlq\\.${AGENT}$`), DeadLetterNotice.type],
  [new RegExp(`^${AGENT}\\.dlq$`), DeadLetterNotice.type],
];

/** What an older name means, in both spellings of audit and dead letters; null when it is no alias. */
export function resolveAlias(name: string): Alias | null {
  if (Object.hasOwn(FIXED, name)) return { type: FIXED[name]!, about: null };
  for (const [form, type] of PER_AGENT) {
    const about = form.exec(name)?.[1];
    if (about !== undefined) return { type, about };
  }
  return null;
}

/** The older names of a contract: the fixed ones, and the forms with the agent in them. */
export function aliasesOf(type: string): readonly string[] {
  const fixed = Object.entries(FIXED).flatMap(([name, target]) => (target === type ? [name] : []));
  if (type === AuditEntry.type) return ['audit.event.<agent>', '<agent>.audit'];
  return type === DeadLetterNotice.type ? ['dlq.<agent>', '<agent>.dlq'] : fixed;
}
