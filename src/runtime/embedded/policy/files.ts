/**
 * Policies as files. What people write stands in one folder: `*.cedar`, `schema.cedarschema`, guardrail packs `*.toml`,
 * `entities.json`, `reviewers.json` and cases in `tests/*.json`. What is in force stands in `.skein/policy`: each set under its
 * hash, the activations one after the other, the last decisions. Owns names, bounds and durability; knows nothing of their meaning.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hex } from '../../../kernel/index.ts';

const FILE_BYTES_MAX = 4 << 20; // a policy file of 4 MB is a mistake, or an attack
const FILES_MAX = 1_000;
const DECISION_CHARS_MAX = 65_536; // an order has some 500; the text of a task may have thousands
const DECISIONS_BYTES_MAX = 16 << 20; // some 20,000 decisions; then the older half goes

export interface PolicySources {
  readonly cedar: string;
  readonly schema: string;
  readonly packs: readonly { readonly file: string; readonly toml: unknown }[];
  readonly entities: unknown;
  readonly reviewers: unknown;
  readonly cases: readonly { readonly file: string; readonly json: unknown }[];
}

export type ReadSources =
  | { readonly ok: true; readonly sources: PolicySources }
  | { readonly ok: false; readonly problems: readonly string[] };

export async function readPolicySources(folder: string): Promise<ReadSources> {
  const problems: string[] = [];
  const text = (name: string): string => {
    try {
      const path = join(folder, name);
      if (statSync(path).size > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
      return readFileSync(path, 'utf8');
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message}`);
      return '';
    }
  };
  const json = (name: string): unknown => {
    try {
      return JSON.parse(text(name));
    } catch (error) {
      if (!problems.some((each) => each.startsWith(`${name}:`))) problems.push(`${name}: ${(error as Error).message}`);
      return null;
    }
  };
  const names = list(folder);
  if (names === null) return { ok: false, problems: [`there is no folder ${folder}`] };
  const ending = (end: string, from = names): readonly string[] => from.filter((each) => each.endsWith(end)).slice(0, FILES_MAX);
  if (ending('.cedar').length === 0) problems.push('no *.cedar file: write one');
  const cedar = ending('.cedar').map(text).join('\n');
  const schema = ending('.cedarschema').map(text).join('\n');
  if (schema === '') problems.push('no *.cedarschema file: policies that nothing validates may mean nothing');
  const packs = [];
  for (const file of ending('.toml')) packs.push({ file, toml: await toml(file, text(file), problems) });
  const cases = ending('.json', list(join(folder, 'tests')) ?? []).map((file) => ({ file, json: json(`tests/${file}`) }));
  const entities = names.includes('entities.json') ? json('entities.json') : [];
  const reviewers = names.includes('reviewers.json') ? json('reviewers.json') : [];
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, sources: { cedar, schema, packs, entities, reviewers, cases } };
}

function list(folder: string): readonly string[] | null {
  return existsSync(folder) ? readdirSync(folder).toSorted() : null;
}

/** Dates become their day; a time of day has no place in a pack. */
async function toml(file: string, text: string, problems: string[]): Promise<unknown> {
  const { parse, TomlDate, TomlError } = await import('smol-toml');
  const plain = (value: unknown): unknown => {
    if (value instanceof TomlDate) return value.toISOString().slice(0, 10);
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
  };
  try {
    return plain(parse(text));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    problems.push(`${file}:${error.line}:${error.column}: ${error.message.split('\n')[0]}`);
    return {};
  }
}

/** The files of `.skein/policy`. Records and sets are JSON that the caller gives meaning to. */
export class PolicyFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The records in their order. Throws where a line is no JSON: what is in force would be a guess. */
  activations(): readonly unknown[] {
    return this.#lines('activations.jsonl').map((line) => JSON.parse(line) as unknown);
  }

  /** Durable when it returns. */
  appendActivation(record: unknown): void {
    this.#append('activations.jsonl', `${JSON.stringify(record)}\n`, true);
  }

  set(hash: string): unknown {
    const path = join(this.#folder, 'sets', `${hash}.json`);
    return /^[0-9a-f]{64}$/.test(hash) && existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as unknown) : null;
  }

  /** Never changes a set that is there. */
  putSet(hash: string, set: unknown): void {
    this.#write(join('sets', `${hash}.json`), JSON.stringify(set));
  }

  proposal(hash: string): unknown {
    const path = join(this.#folder, 'proposals', `${hash}.json`);
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as unknown) : null;
  }

  putProposal(hash: string, proposal: unknown): void {
    this.#write(join('proposals', `${hash}.json`), JSON.stringify(proposal));
  }

  /** The newest `max`, oldest first. A line that was cut off by a crash is left out. */
  decisions(max: number): readonly unknown[] {
    return this.#lines('decisions.jsonl')
      .slice(-max)
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as unknown];
        } catch {
          return [];
        }
      });
  }

  /** Left out where it is too large to be kept, so that what is kept can be decided again. */
  recordDecision(decision: unknown): void {
    const line = JSON.stringify(decision);
    if (line.length > DECISION_CHARS_MAX) return;
    const path = join(this.#folder, 'decisions.jsonl');
    if (existsSync(path) && statSync(path).size > DECISIONS_BYTES_MAX) {
      const lines = this.#lines('decisions.jsonl');
      this.#write('decisions.jsonl', `${lines.slice(lines.length >> 1).join('\n')}\n`);
    }
    this.#append('decisions.jsonl', `${line}\n`, false);
  }

  #lines(name: string): readonly string[] {
    const path = join(this.#folder, name);
    return existsSync(path)
      ? readFileSync(path, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
      : [];
  }

  #append(name: string, line: string, durable: boolean): void {
    const path = join(this.#folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (!durable) return appendFileSync(path, line);
    const file = openSync(path, 'a');
    try {
      writeFileSync(file, line);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  /** Whole or not at all. */
  #write(name: string, text: string): void {
    const path = join(this.#folder, name);
    mkdirSync(dirname(path), { recursive: true });
    const part = `${path}.${process.pid}.part`;
    const file = openSync(part, 'w');
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(part, path);
  }
}

/** A reviewer's key: an Ed25519 key in PEM, as `openssl genpkey -algorithm ed25519` writes it. */
export interface ReviewerKey {
  /** Hex. */
  readonly publicKey: string;
  sign(bytes: Uint8Array): string;
}

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex'); // RFC 8410: what stands before the 32 bytes of a public key

export function readReviewerKey(path: string): ReviewerKey | string {
  let key: KeyObject;
  try {
    key = createPrivateKey(readFileSync(path));
  } catch (error) {
    return `${path} is no private key: ${(error as Error).message}`;
  }
  if (key.asymmetricKeyType !== 'ed25519') return `${path} is no Ed25519 key: make one with openssl genpkey -algorithm ed25519`;
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(SPKI_PREFIX.length);
  return { publicKey: hex(publicKey), sign: (bytes) => hex(sign(null, bytes, key)) };
}

/** Ed25519 of reviewers. Never throws. */
export function verifyReview(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
    return verify(null, bytes, key, signature);
  } catch {
    return false;
  }
}
