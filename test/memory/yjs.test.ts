import { describe, expect, it } from 'vitest';
import * as Y from 'yjs';
import { hex, seededRandom } from '../../src/kernel/index.ts';
import type { CustomFold, Value } from '../../src/memory/index.ts';
import { cheapCrypto, emptyScope, keysOf, pull, writerOf } from '../fixtures/memory-replica.ts';

const NOW = 1_800_000_000_000;
const TEXT = 'yjs 13 text: merged updates of the live writes';

/** Text that several edit: every write is the whole document as an update, and live are those that nobody has merged yet. */
const mergedText: CustomFold = (values) => Y.mergeUpdatesV2(values.filter((each) => each instanceof Uint8Array));

const terms = { name: 'collective/notes', fields: [{ name: 'body', kind: { custom: TEXT } }] } as const;

function textOf(value: Value): string {
  const doc = new Y.Doc();
  Y.applyUpdateV2(doc, value as Uint8Array);
  return doc.getText('body').toJSON();
}

describe('text as a custom fold over Yjs', () => {
  it('shows on every replica what Yjs alone makes of the same edits, and both halves of a concurrent one', () => {
    for (let seed = 0; seed < 20; seed++) {
      const random = seededRandom(`yjs/${seed}`);
      const crypto = cheapCrypto();
      const replicas = [0, 1, 2].map((n) => {
        const scope = emptyScope(crypto, terms, { folds: new Map([[TEXT, mergedText]]) });
        return { scope, writer: writerOf(scope, keysOf(crypto, n), 0), n };
      });
      const alone = new Y.Doc(); // hears of every edit at once
      const [first] = replicas as [(typeof replicas)[number]];
      const start = new Y.Doc();
      start.clientID = 1;
      start.getText('body').insert(0, 'start');
      const written = first.writer.create([{ field: 'body', set: Y.encodeStateAsUpdateV2(start) }], NOW);
      if (!written.ok) throw new Error(written.message);
      Y.applyUpdateV2(alone, Y.encodeStateAsUpdateV2(start));
      first.writer.sign();
      for (const each of replicas) pull(each.scope, first.scope, NOW);
      const dot = first.scope.dotOf(written.record);
      for (let i = 0; i < 20; i++) {
        const { scope, writer, n } = replicas[random.below(3)]!;
        const record = scope.localOf(dot)!;
        if (random.chance(0.4)) {
          pull(scope, replicas[random.below(3)]!.scope, NOW + i);
          continue;
        }
        const doc = new Y.Doc();
        doc.clientID = 100 + n * 1000 + i;
        Y.applyUpdateV2(doc, scope.read(record)!.fields.get('body')!.value as Uint8Array);
        doc.getText('body').insert(random.below(doc.getText('body').length + 1), `<${n}.${i}>`);
        const update = Y.encodeStateAsUpdateV2(doc);
        Y.applyUpdateV2(alone, update);
        expect(writer.update(record, [{ field: 'body', set: update }], NOW + i).ok).toBe(true);
        writer.sign();
      }
      for (let round = 0; round < 2; round++) {
        for (const to of replicas) for (const from of replicas) if (to !== from) pull(to.scope, from.scope, NOW + 100);
      }
      const shown = replicas.map(({ scope }) => scope.read(scope.localOf(dot)!)!.fields.get('body')!);
      expect(new Set(shown.map(({ value }) => hex(value as Uint8Array))).size, `seed ${seed}`).toBe(1);
      expect(textOf(shown[0]!.value), `seed ${seed}`).toBe(alone.getText('body').toJSON());
    }
  });
});
