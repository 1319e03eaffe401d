import { describe, expect, it } from 'vitest';
import { cheapCrypto, pull, Replica } from '../../test/fixtures/memory-replica.ts';
import { checkRecord, compareCheckpoint, decodeCheckpoint, encodeCheckpoint, makeCheckpoint, proveRecord } from './checkpoint.ts';

const NOW = 1_800_000_000_000;

function three() {
  const crypto = cheapCrypto();
  const [a, b] = [new Replica(crypto, 0), new Replica(crypto, 1)];
  const records = Array.from({ length: 13 }, (_, i) => a.write(null, { field: 'text', set: `record ${i}` }, NOW)!);
  pull(b.scope, a.scope, NOW);
  return { crypto, a, b, records };
}

describe('a checkpoint', () => {
  it('is confirmed by a replica with the same operations, and by none with others', () => {
    const { a, b, records } = three();
    const checkpoint = decodeCheckpoint(encodeCheckpoint(makeCheckpoint(a.scope, a.keys)))!;
    expect(compareCheckpoint(b.scope, checkpoint)).toBe('same');
    expect(compareCheckpoint(b.scope, { ...checkpoint, records: 12 })).toBe('forged');
    // A replica that folded something else from the same operations is found out.
    const local = b.scope.localOf({ author: a.keys.publicKey, epoch: 0, sequence: 3 })!;
    b.scope.fold.record(local)!.live.length = 0;
    expect(compareCheckpoint(b.scope, checkpoint)).toBe('other-state');
    a.write(records[0]!, { field: 'text', set: 'later' }, NOW);
    expect(compareCheckpoint(a.scope, checkpoint)).toBe('other-frontier');
  });

  it('proves single records to who holds nothing else, and no record that is not in it', () => {
    const { crypto, a } = three();
    const checkpoint = makeCheckpoint(a.scope, a.keys);
    const { hash } = a.scope;
    for (let sequence = 0; sequence < 13; sequence++) {
      const record = a.scope.localOf({ author: a.keys.publicKey, epoch: 0, sequence })!;
      const proof = proveRecord(a.scope, record)!;
      expect(checkRecord(hash, checkpoint, proof, crypto)).toBe(true);
      const bent = proof.bytes.slice();
      bent[bent.length - 1]! ^= 1;
      expect(checkRecord(hash, checkpoint, { ...proof, bytes: bent }, crypto)).toBe(false);
    }
    expect(proveRecord(a.scope, a.scope.localOf({ author: a.keys.publicKey, epoch: 0, sequence: 99 })!)).toBe(null);
    expect(decodeCheckpoint(new Uint8Array(9))).toBe(null);
  });
});
