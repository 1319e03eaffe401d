/** Policies of an example desk, from their files to a gate in force: what is trimmed, denied, signed, recorded and taken back. */
import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { compareWithEngine, loadPolicy, openGate, policyFiles } from '../../src/assembly/index.ts';
import { compilePolicies, createGate, type PolicyGate } from '../../src/governance/index.ts';
import type { Action } from '../../src/ports/index.ts';
import { fleetOf, skein } from '../cli/fake.ts';
import { gateConformance } from '../conformance/gate.ts';

const DESK = join(import.meta.dirname, 'trading');
const NOON = Date.parse('2026-11-20T12:00:00Z');
const loaded = await loadPolicy(DESK, NOON);
if (!loaded.ok) throw new Error(loaded.problem.details.join('\n'));
const { set } = loaded.value;

const order = (over: Readonly<Record<string, unknown>> = {}, at = NOON): Action => ({
  kind: 'message',
  id: 'o-1',
  name: 'order.intent.route.v1',
  principal: 'agent:desk/ann',
  resource: 'venue:lmax',
  input: {
    order_id: 'o-1',
    symbol: 'XAUUSD',
    size: '2.0',
    notional: '400000',
    leverage: '5',
    daily_drawdown_pct: '1.5',
    daily_loss_pct: '0.4',
    portfolio_var_pct: '1.1',
    stop_loss: '2310.5',
    ...over,
  },
  approvals: [],
  at,
  retried: false,
});
const cover = (over: Readonly<Record<string, unknown>> = {}): Action => ({ ...order(over), name: 'hedger.intent.cover.v1' });

gateConformance('a compiled policy set', () => ({ gate: createGate({ set }), allowed: order() }));

describe('the gate', () => {
  const gate: PolicyGate = createGate({ set });

  it('trims to the strictest limit and says which one it was', () => {
    const { decision, trims } = gate.explain(order({ size: '6.5', notional: '5000000' }));
    expect(trims).toEqual([
      { intent: 'o-1', field: 'size', before: '6.5', after: '2.6', limit: 'trading_risk.v1/checks.max_order_size_notional' },
      {
        intent: 'o-1',
        field: 'notional',
        before: '5000000.0',
        after: '2000000.0',
        limit: 'trading_risk.v1/checks.max_order_size_notional',
      },
    ]);
    expect(decision).toMatchObject({ verdict: 'trim', reason: 'over-limit', input: { size: '2.6', notional: '2000000.0' } });
    const position = gate.explain(order({ size: '6.5', notional: '1300000' })).trims;
    expect(position[0]).toMatchObject({ after: '5.0', limit: 'trading_risk.v1/per_symbol.XAUUSD.max_position' });
  });

  it('never lets through more than its limits, whatever is asked for', () => {
    const amount = (max: number): fc.Arbitrary<string> =>
      fc.integer({ min: 0, max: max * 10_000 }).map((each) => (each / 10_000).toFixed(4));
    const wish = fc.record({
      size: amount(20),
      notional: amount(5_000_000),
      leverage: amount(20),
      symbol: fc.constantFrom('XAUUSD', 'EURUSD'),
    });
    fc.assert(
      fc.property(wish, (over) => {
        const asked = order(over);
        const { decision, trims } = gate.explain(asked);
        if (decision.verdict === 'deny') return;
        const given = (decision.verdict === 'trim' ? decision.input : asked.input) as Record<string, string>;
        const [size, leverage] = over.symbol === 'XAUUSD' ? [5, 10] : [8, 9];
        expect(Number(given['size'])).toBeLessThanOrEqual(Math.min(size, Number(over.size)));
        expect(Number(given['leverage'])).toBeLessThanOrEqual(Math.min(leverage, Number(over.leverage)));
        expect(Number(given['notional'])).toBeLessThanOrEqual(Math.min(2_000_000, Number(over.notional)));
        expect(trims.length > 0).toBe(decision.verdict === 'trim');
        expect(gate.decide({ ...asked, input: given }).verdict).toBe('allow');
      }),
      { numRuns: 200, seed: 7 },
    );
  });

  it('denies what nothing can be trimmed to, and asks for a halt where the pack does', () => {
    expect(gate.explain(order({ daily_drawdown_pct: '10.1' }))).toMatchObject({ decision: { verdict: 'deny' }, halt: true });
    expect(gate.explain(order({ size: '9', notional: '1' }))).toMatchObject({ decision: { verdict: 'trim' }, halt: false });
  });

  it('denies on a missing field, on a float and on text where a number belongs', () => {
    const reasons = [{ daily_loss_pct: null }, { size: 2.5 }, { size: 'many' }, { leverage: true }].map(
      (over) => gate.decide(order(over)).reason,
    );
    expect(reasons).toEqual(['policy-error', 'bad-input', 'policy-error', 'policy-error']);
  });

  it('denies what a pack guards once its review is overdue, and nothing else', () => {
    const late = NOON + 7 * 86_400_000;
    expect(gate.decide(order({}, late))).toMatchObject({ verdict: 'deny', reason: 'review-overdue' });
    expect(createGate({ set, overdue: 'say' }).decide(order({}, late)).verdict).toBe('allow');
    const snapshot = {
      ...order({}, late),
      name: 'reporter.event.snapshot.v1',
      principal: 'agent:desk/rita',
      input: { audience: ['desk'] },
    };
    expect(gate.decide(snapshot).verdict).toBe('allow');
  });

  it('lets a capability permit what no role does, within its limits', () => {
    const terms = { actions: ['hedger.*'], resources: ['venue:*'], limits: { size: 10_000 }, expires: NOON + 1, holder: '' };
    const capability = { id: 'c', links: [terms], holder: '', expires: NOON + 1 };
    const capable = createGate({ set, capabilities: (who) => (who === 'agent:desk/ann' ? [capability] : []) });
    const small = cover({ residual_exposure_pct: '0.5', size: '1' });
    const large = cover({ residual_exposure_pct: '0.5', size: '1.0001' });
    expect([capable.decide(small).verdict, capable.decide(large).verdict, gate.decide(small).verdict]).toEqual([
      'allow',
      'deny',
      'deny',
    ]);
  });
});

describe('the comparison with the Cedar engine', () => {
  it('finds a compiled policy that differs by one operator, and nothing where none does', () => {
    const wrong = loaded.value.cedar.map(({ id, json }) => ({
      id,
      json: JSON.parse(JSON.stringify(json).replace('">="', '">"')) as unknown,
    }));
    const compiled = compilePolicies(wrong, set.index.actions.list());
    if (!compiled.ok) throw new Error('it compiles');
    expect(compareWithEngine({ ...loaded.value, set: { ...set, index: compiled.index } }, 500)).toContain('Cedar');
    expect(compareWithEngine(loaded.value, 100)).toBeNull();
  });
});

const root = mkdtempSync(join(tmpdir(), 'skein-policy-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function reviewer(name: string): { name: string; key: string; path: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const path = join(root, `${name}.pem`);
  writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return { name, key: publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex'), path };
}

function desk(
  name: string,
  reviewers: readonly { name: string; key: string }[],
): {
  top: string;
  policy: string;
  run: (...args: string[]) => Promise<{ code: number; document: Record<string, unknown>; text: string }>;
} {
  const top = join(root, name);
  cpSync(DESK, join(top, 'policy'), { recursive: true });
  writeFileSync(join(top, 'policy/reviewers.json'), JSON.stringify(reviewers.map(({ name: who, key }) => ({ name: who, key }))));
  const run = async (...args: string[]): Promise<{ code: number; document: Record<string, unknown>; text: string }> => {
    const { code, out, err } = await skein(['policy', ...args], { tty: 'stderr', world: fleetOf({ repository: top }) }).done;
    return { code, document: JSON.parse(out) as Record<string, unknown>, text: err };
  };
  return { top, policy: join(top, 'policy'), run };
}

describe('skein policy', () => {
  const [alice, boris, carol] = [reviewer('alice'), reviewer('boris'), reviewer('carol')];

  it('checks, tests with coverage, and says which policies no case reached', async () => {
    const { run, policy } = desk('checked', []);
    expect(await run('check')).toMatchObject({
      code: 0,
      document: { policy: expect.stringMatching(/^[0-9a-f]{64}$/), limits: 9 },
    });
    expect(await run('test', '--coverage')).toMatchObject({
      code: 0,
      document: { coverage: 93, unreached: ['capable'], failed: [] },
    });
    writeFileSync(
      join(policy, 'tests/desk.json'),
      JSON.stringify([
        { name: 'one', type: 'order.intent.route.v1', principal: 'agent:desk/ann', resource: 'r', input: {}, expect: 'allow' },
      ]),
    );
    const poor = await run('test');
    expect(poor).toMatchObject({ code: 1, document: { coverage: 12 } });
    expect(poor.text).toContain('no case reaches seniors-cover');
    expect(poor.text).toContain('expected allow, got deny policy-error');
  });

  it('refuses an unknown key of a pack, a template, a float and a policy that the schema does not allow, all at once', async () => {
    const { run, policy } = desk('wrong', [alice, boris]);
    appendFileSync(join(policy, 'trading-risk.toml'), '\n[daily_limitz]\nmax_loss_pct = 1\n');
    appendFileSync(
      join(policy, 'desk.cedar'),
      '\n@id("typo") forbid (principal, action, resource) when { context.input.sise > 1 };\n',
    );
    const { code, document } = await run('check');
    expect([code, (document['details'] as string[]).join('\n')]).toEqual([
      1,
      expect.stringMatching(/daily_limitz is not known[\s\S]*typo: /),
    ]);
    writeFileSync(join(policy, 'desk.cedar'), 'permit (principal == ?principal, action, resource);');
    expect(JSON.stringify((await run('check')).document)).toContain('template');
    writeFileSync(join(policy, 'desk.cedar'), 'permit (principal, action, resource) when { 1.5 == 1.5 };');
    expect((await run('check')).code).toBe(1);
  });

  it('brings a set into force with two reviewers, goes back with one, and is not fooled by its own files', async ({
    annotate,
  }) => {
    await annotate('compares with the Cedar engine for each signature');
    const { run, policy, top } = desk('active', [alice, boris]);
    const few = ['--requests', '50'];
    expect(openGate(policyFiles(top))).toEqual({ ok: true, value: null });
    expect(await run('activate', '--key', carol.path, ...few)).toMatchObject({
      code: 3,
      document: { what: expect.stringContaining('no reviewer') },
    });
    expect(await run('activate', '--key', alice.path, ...few)).toMatchObject({
      code: 3,
      document: { active: false, signed: ['alice'] },
    });
    expect(await run('activate', '--key', alice.path, ...few)).toMatchObject({
      code: 3,
      document: { active: false, signed: ['alice'] },
    });
    const first = await run('activate', '--key', boris.path, ...few);
    expect(first).toMatchObject({ code: 0, document: { active: true, signed: ['alice', 'boris'], previous: null } });

    const gate = openGate(policyFiles(top));
    if (!gate.ok || gate.value === null) throw new Error('no gate');
    expect(gate.value.policy).toBe(first.document['policy']);
    expect(gate.value.decide(order()).verdict).toBe('allow');

    // The next set takes the trader's permission away: shadow says so before, and the reviewers sign the number.
    const before = readFileSync(join(policy, 'desk.cedar'), 'utf8');
    writeFileSync(
      join(policy, 'desk.cedar'),
      before.replace('Role::"trader", action == Action::"order', 'Role::"hedger", action == Action::"order'),
    );
    const cases = join(policy, 'tests/desk.json');
    const trader = JSON.parse(readFileSync(cases, 'utf8')) as { principal: string; type: string }[];
    writeFileSync(
      cases,
      JSON.stringify(
        trader.map((each) =>
          each.type.startsWith('order.') && each.principal.endsWith('ann') ? { ...each, principal: 'agent:desk/hugo' } : each,
        ),
      ),
    );
    expect(await run('shadow')).toMatchObject({
      code: 0,
      document: { replayed: 1, changed: 1, differences: [{ before: 'allow permitted', after: 'deny no-permit' }] },
    });
    await run('activate', '--key', boris.path, ...few);
    const second = await run('activate', '--key', alice.path, ...few);
    expect(second).toMatchObject({
      code: 0,
      document: { active: true, previous: first.document['policy'], evidence: { decisionsChanged: 1 } },
    });
    const after = openGate(policyFiles(top));
    expect(after.ok && after.value?.decide(order()).reason).toBe('no-permit');

    const asked = join(top, 'asked.json');
    writeFileSync(
      asked,
      JSON.stringify({
        type: 'order.intent.route.v1',
        principal: 'agent:desk/hugo',
        resource: 'venue:lmax',
        input: order({ size: '6' }).input,
        at: '2026-11-20T12:00:00Z',
      }),
    );
    const why = await run('explain', asked);
    expect(why.text).toContain('size 6.0 -> 5.0, because of trading_risk.v1/per_symbol.XAUUSD.max_position');

    expect(await run('rollback', '--key', boris.path)).toMatchObject({ code: 0, document: { policy: first.document['policy'] } });
    expect(await run('explain')).toMatchObject({ document: { active: first.document['policy'], activations: 3 } });

    // Whoever can write the files can stop the gate, but not make it say something else.
    const records = join(top, '.skein/policy/activations.jsonl');
    const [one, ...rest] = readFileSync(records, 'utf8').trimEnd().split('\n');
    for (const forged of [rest, [one!, rest[1]!], [one!.replace('"decisionsChanged":0', '"decisionsChanged":1'), ...rest]]) {
      writeFileSync(records, `${forged.join('\n')}\n`);
      expect(openGate(policyFiles(top)).ok).toBe(false);
    }
    writeFileSync(records, '{"kind":');
    expect(openGate(policyFiles(top)).ok).toBe(false);
    writeFileSync(records, `${one}\n`);
    const file = join(top, `.skein/policy/sets/${String(first.document['policy'])}.json`);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('"permit"', '"forbid"'));
    expect(openGate(policyFiles(top)).ok).toBe(false);
  });
});
