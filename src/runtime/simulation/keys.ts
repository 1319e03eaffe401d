/** Keys of a simulated host: the seed follows from the simulation's seed and the host's name, so it survives every crash as a file would. */
import type { Random } from '../../kernel/index.ts';
import type { Keys } from '../../ports/index.ts';
import { type Crypto, HostKeys, type KeyRing } from '../../protocol/index.ts';

export interface SimKeysOptions {
  /** Any stream of the simulation; drawn from under the host's name, so that hosts do not move each other's keys. */
  readonly random: Random;
  /** `host:<realm>/<id>` */
  readonly host: string;
  readonly ring: KeyRing;
  /** `simCrypto`, or real primitives in the seeds that run them. */
  readonly crypto: Crypto;
}

export function simKeys({ random, host, ring, crypto }: SimKeysOptions): Keys {
  const stream = random.stream(`seed of ${host}`);
  const keys = new HostKeys(
    host,
    Uint8Array.from({ length: 32 }, () => stream.below(256)),
    ring,
    crypto,
  );
  return {
    host,
    signer: (member, now) => keys.signer(member, now),
    rotationDue: (member, now) => keys.rotationDue(member, now),
    rotate: (member, now) => keys.rotate(member, now),
    verify: (id, context, bytes, signature, at) => keys.verify(id, context, bytes, signature, at),
    close: () => keys.wipe(),
  };
}
