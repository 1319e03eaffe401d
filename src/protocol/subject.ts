/**
 * Names and subjects. A name says who somebody is and never where: `agent:<realm>/<path>`, `host:<realm>/<host>`. A subject
 * says where a bus has to bring a message:
 *
 *   sk.<realm>.h.<host>                                    the host
 *   sk.<realm>.g.<group>                                   every member of the group
 *   sk.<realm>.t.<domain>.<kind>.<name>.v<N>.<bucket>      every subscriber; the bucket is that of the ordering key
 *   sk.<realm>.q.<pool>                                    one of the competing members
 *   sk.<realm>.c                                           control
 *
 * A topic without its bucket stands for all 64. Nothing here sends.
 */
import { assert, canonicalJson, type Id, utf8 } from '../kernel/index.ts';
import type { Contract } from './contract.ts';

export const TOPIC_BUCKETS = 64;

export type SubjectKind = 'host' | 'group' | 'topic' | 'pool' | 'control';

export interface Subject {
  readonly kind: SubjectKind;
  readonly realm: string;
  /** Host, group or pool; of a topic its contract, `domain.kind.name.vN`; empty for control. */
  readonly name: string;
  /** null: no topic, or all its buckets. */
  readonly bucket: number | null;
}

// One token of a subject: what every transport carries without quoting.
const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
const NAMED = /^sk\.([A-Za-z0-9_-]{1,64})\.([hgq])\.([A-Za-z0-9_-]{1,64})$/;
const TOPIC =
  /^sk\.([A-Za-z0-9_-]{1,64})\.t\.([a-z][a-z0-9-]*\.[a-z]+\.[a-z][a-z0-9-]*\.v[1-9][0-9]*)(?:\.([0-9]|[1-5][0-9]|6[0-3]))?$/;
const CONTROL = /^sk\.([A-Za-z0-9_-]{1,64})\.c$/;
const KINDS = { h: 'host', g: 'group', q: 'pool' } as const;
const LETTERS = { host: 'h', group: 'g', pool: 'q' } as const;

/** null: no subject; a name, or nothing we know. */
export function parseSubject(text: string): Subject | null {
  const named = NAMED.exec(text);
  if (named !== null) return { kind: KINDS[named[2] as 'h'], realm: named[1]!, name: named[3]!, bucket: null };
  const topic = TOPIC.exec(text);
  if (topic !== null) {
    const bucket = topic[3] === undefined ? null : Number(topic[3]);
    return { kind: 'topic', realm: topic[1]!, name: topic[2]!, bucket };
  }
  const control = CONTROL.exec(text);
  return control === null ? null : { kind: 'control', realm: control[1]!, name: '', bucket: null };
}

export function subjectOf(realm: string, kind: 'host' | 'group' | 'pool', name: string): string {
  for (const token of [realm, name]) {
    assert(TOKEN.test(token), `"${token}" cannot be part of a subject: 1 to 64 letters, digits, _ or -`);
  }
  return `sk.${realm}.${LETTERS[kind]}.${name}`;
}

export function controlSubject(realm: string): string {
  assert(TOKEN.test(realm), `"${realm}" cannot be part of a subject: 1 to 64 letters, digits, _ or -`);
  return `sk.${realm}.c`;
}

/**
 * Where a message of this contract is published: its bucket follows its ordering key, so that one key keeps one order. Where the
 * contract keeps no order, messages are spread by their id.
 */
export function topicSubject(realm: string, contract: Contract, message: { readonly id: Id; readonly data: unknown }): string {
  const field = contract.orderingKey;
  const value = field === null ? message.id : (message.data as Readonly<Record<string, unknown>>)[field];
  return `sk.${realm}.t.${contract.type}.${bucketOf(typeof value === 'string' ? value : canonicalJson(value ?? null))}`;
}

/** 0..63. FNV-1a over the bytes, its halves folded: the same everywhere and for ever, because stored streams depend on it. */
export function bucketOf(orderingKey: string): number {
  let hash = 0x811c9dc5;
  for (const byte of utf8(orderingKey)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash ^= hash >>> 16;
  hash ^= hash >>> 8;
  return hash & (TOPIC_BUCKETS - 1);
}
