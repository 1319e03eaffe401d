/**
 * The operator of one repository: a key of its own in a file for its owner alone, drawn when it is first needed. By default it
 * halts and resumes by itself, m = n = 1. Never shows its secret.
 */
import { type HaltAuthority, type HaltOrder, type HaltSignature, SeedSigner, signHaltOrder } from '../../../protocol/index.ts';
import { hex } from '../../../kernel/index.ts';
import { nodeCrypto } from '../crypto/node-crypto.ts';
import { openSeed } from '../keys.ts';

export interface Operator {
  readonly name: string;
  readonly publicKey: string;
  /** The authority of a repository that has only this one. */
  readonly alone: HaltAuthority;
  sign(order: HaltOrder): readonly HaltSignature[];
}

/** Throws `KeysError`. */
export function openOperator(seedFile: string): Operator {
  const primitives = nodeCrypto(() => {
    throw new Error('an operator has no session codes');
  });
  const seed = openSeed(seedFile, 'the operator', primitives);
  const key = new SeedSigner(seed, primitives);
  seed.fill(0);
  const publicKey = hex(key.publicKey);
  return {
    name: `operator:local/${publicKey.slice(0, 8)}`,
    publicKey,
    alone: { signers: [{ role: 'operator', publicKey }], resumeNeeds: 1 },
    sign: (order) => [signHaltOrder(order, 'operator', key)],
  };
}
