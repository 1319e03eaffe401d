import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import fc from 'fast-check';
import classic from 'typescript-classic';
import { afterAll, describe, expect, it } from 'vitest';
import { codeHash, codeOffset, functionsOf } from './functions.ts';
import { instrument } from './instrument.ts';
import { recorderRuntime } from './recorder-runtime.ts';

const directory = mkdtempSync(join(tmpdir(), 'skein-instrument-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
recorderRuntime(createRequire(import.meta.url), directory);
const recorder = (globalThis as unknown as Record<string, unknown>)['__skeinRecorder'];

const placement = { firstFunction: 0, firstClass: 0, runtime: '/recorder.cjs', module: false };
const rewritten = (text: string): string => instrument(classic, 'x.js', text, placement)!.text;

/** What a script comes to, its errors included; with the recorder in reach or without. */
function outcome(text: string): string {
  const context = createContext({ require: () => ({}), __skeinRecorder: recorder, out: [] });
  try {
    return JSON.stringify(runInContext(text, context)) ?? 'undefined';
  } catch (error) {
    return String(error);
  }
}

const parameters = [
  '',
  'a',
  'a, b',
  'a, b = a',
  '{ a, b } = { a: 1, b: 2 }',
  '[a, ...b]',
  'a, ...b',
  'a, { b } = {}',
  'a = () => arguments.length, b',
];
const bodies = [
  '',
  '"use strict"; return this === undefined',
  'return [...arguments].length',
  'return typeof a === "function" ? a() : a',
  'return (\n  a\n)',
  'return { a, b }',
  'throw new TypeError(typeof a)',
  'function inner () { return inner.length } return inner()',
  'const f = x => ({ x }), g = () => f; return g()(1).x',
  'try { return 1 } finally { var a2 = 2 }',
  'for (const i of [1, 2]) if (i > 1) return i',
  'return new (class A { static s = 1; #p = 2; get p () { return this.#p } constructor () { return this } })().p',
  'return new (class B extends Array { constructor () { const n = 1; super(n); this.n = n } })().n',
  'function Old (v) { if (!(this instanceof Old)) return new Old(v); this.v = v } return [new Old(1).v, Old(2).v]',
  'return [1, 2].map(x => x * 2), "last"',
  'const o = { m (x) { return super.toString === Object.prototype.toString && x }, get g () { return 1 }, async * z () {} }; return [o.m(1), o.g, o.m.length]',
  'label: { if (a) break label; return 1 } // }',
];
const kinds = [
  (p: string, b: string) => `const f = function (${p}) {${b}\n}`,
  (p: string, b: string) => `function f (${p}) {${b}\n}`,
  (p: string, b: string) => `const f = { f (${p}) {${b}\n} }.f`,
  (p: string, b: string) => `const f = class { static f (${p}) {${b}\n} }.f`,
];

describe('an instrumented source', () => {
  it('does what it did, keeps lengths, names, lines and errors', async ({ annotate }) => {
    await annotate('runs 300 scripts in contexts of their own');
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.constantFrom(...parameters),
        fc.constantFrom(...bodies),
        fc.array(fc.constantFrom('1', '"s"', 'undefined', 'null', '[1]', '() => 5', '{ b: 3 }'), { maxLength: 3 }),
        (kind, given, body, values) => {
          const text = `${kind(given, body)}\n;[f(${values.join(', ')}), f.length, f.name]`;
          const done = instrument(classic, 'x.js', text, placement);
          fc.pre(done !== null); // "use strict" beside parameters that are not simple is no program
          expect(done.text.split('\n').length).toBe(text.split('\n').length);
          expect(outcome(done.text)).toBe(outcome(text));
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each([
    ['an empty body', 'const f = function () {}; f()'],
    ['a directive alone', "function f () {'use strict'} f()"],
    ['generators', 'function * g (n) { const got = yield n; return got } const it = g(1); [it.next(), it.next(2), it.next()]'],
    [
      'a generator that is ended early',
      'let end = 0; function * g () { try { yield 1; yield 2 } finally { end = 1 } } for (const x of g()) break; end',
    ],
    ['tagged and nested templates', 'const t = (s, ...v) => s.raw.join("-") + v; t`a${(x => `${x}`)(1)}b`'],
    ['a hashbang and strict mode', '"use strict"; (function () { return this === undefined })()'],
    ['a getter that counts its reads', 'let n = 0; const o = { get x () { n++; return 1 } }; (v => v)(o); n'],
    [
      'a proxy that forbids everything',
      'const p = new Proxy({}, { get () { throw 1 }, ownKeys () { throw 2 }, getPrototypeOf () { throw 3 }, getOwnPropertyDescriptor () { throw 4 } }); (v => 1)(p)',
    ],
  ])('bears %s', (_, text) => {
    expect(outcome(rewritten(text))).toBe(outcome(text));
    expect(outcome(text)).not.toMatch(/SyntaxError/);
  });
});

describe('places in a file', () => {
  it('do not move when only comments and types change', () => {
    const before = 'function a (x) { return x }\nconst b = y => y + 1\n';
    const after =
      '/**\n * @param {string} x\n */\nfunction a (x) { return x } // same\n\n/** @param {number} y */\nconst b = y => y + 1\n';
    expect(codeHash(classic, 'x.js', after)).toBe(codeHash(classic, 'x.js', before));
    const [one, two] = [before, after].map((text) => classic.createSourceFile('x.js', text, classic.ScriptTarget.Latest, true));
    const offsets = (source: classic.SourceFile): number[] =>
      functionsOf(classic, source).map((node) => codeOffset(classic, source, node.getStart(source)));
    expect(offsets(two!)).toEqual(offsets(one!));
    const typed = classic.createSourceFile(
      'x.ts',
      'function a (x?: string) { return x }\nconst b = (y: number) => y + 1\n',
      classic.ScriptTarget.Latest,
      true,
    );
    expect(offsets(typed)).toEqual(offsets(one!));
    expect(codeHash(classic, 'x.js', before.replace('+ 1', '+ 2'))).not.toBe(codeHash(classic, 'x.js', before));
  });
});
