/**
 * Claim: compiled policies decide at the rate of messages: at least 1,000,000 decisions for each CPU-second over 50 policies
 * (20 RBAC, 15 ABAC, 10 capability, 5 guard rules), p99 within 5 us. Peer on the same requests in the same run: the Cedar engine
 * with prepared policies. Requests vary in principal, action, resource and context; a part of them is answered by both and
 * has to be equal.
 */
import { seededRandom } from '../src/kernel/index.ts';
import {
  compilePolicies,
  decide,
  EntityStore,
  type PolicyRequest,
  readEntities,
  readEntityRef,
  readRecord,
} from '../src/governance/index.ts';
import { type CedarRequest, cedarEngine } from '../src/runtime/embedded/index.ts';
import { quantile } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';

const REQUESTS = 4_000;
const ROUNDS = 7;
const PASSES = 50; // of all requests in one round, so that a round takes some 100 ms
const TIMED = 40_000; // decisions timed one by one, for the quantiles
const ENGINE_REQUESTS = 1_000; // the engine takes some 100 us for each
const ACTIONS = ['read', 'write', 'route', 'fill', 'hedge', 'halt', 'deploy', 'merge', 'ask', 'delegate'];

function policies(): string {
  const rbac = Array.from(
    { length: 20 },
    (_, i) => `permit (principal in Role::"r${i}", action == Action::"${ACTIONS[i % 10]}", resource is Desk);`,
  );
  const abac = Array.from({ length: 15 }, (_, i) => {
    const action = `action == Action::"${ACTIONS[i % 10]}"`;
    return `permit (principal, ${action}, resource) when { principal.level >= ${i % 5} && resource.owner == principal && context.hour < ${10 + i} && context.symbol like "${'XEB'[i % 3]}*" };`;
  });
  const capability = Array.from(
    { length: 10 },
    (_, i) =>
      `permit (principal, action == Action::"${ACTIONS[i]}", resource) when { principal has capabilities && principal.capabilities.contains("${ACTIONS[i]}:${i}") && context.now < principal.expires };`,
  );
  const guards = [
    'forbid (principal, action == Action::"route", resource) when { context.size > 5000 };',
    'forbid (principal, action, resource) when { principal.suspended };',
    'forbid (principal, action in [Action::"route", Action::"hedge"], resource) when { context.leverage.greaterThan(decimal("10.0")) };',
    'forbid (principal, action, resource) unless { context.authenticated };',
    'forbid (principal, action == Action::"deploy", resource) when { context.hour >= 22 };',
  ];
  return [...rbac, ...abac, ...capability, ...guards].join('\n');
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

const must = <T>(read: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string }): T => {
  if (!read.ok) throw new Error(read.problem);
  return read.value;
};

export default async function policyBench(): Promise<Row[]> {
  const random = seededRandom('bench/policy');
  const engine = cedarEngine();
  const parsed = engine.parse(policies());
  if (!parsed.ok) throw new Error(parsed.problems[0]!.message);
  const began = cpuSeconds();
  const compiled = compilePolicies(parsed.policies);
  const compileMs = (cpuSeconds() - began) * 1000;
  if (!compiled.ok) throw new Error(compiled.problems[0]!.problem);
  const { index } = compiled;

  const json = Array.from({ length: REQUESTS }, (): CedarRequest => {
    const [user, action] = [`u${random.below(300)}`, random.below(10)];
    const owner = random.below(3) === 0 ? user : 'u0';
    const principal = {
      uid: { type: 'Agent', id: user },
      attrs: {
        level: random.below(6),
        suspended: random.below(40) === 0,
        capabilities: [`${ACTIONS[action]}:${random.below(12)}`],
        expires: 1_000 + random.below(1_000),
      },
      parents: [{ type: 'Role', id: `r${random.below(20)}` }],
    };
    const desk = {
      uid: { type: 'Desk', id: `d${random.below(20)}` },
      attrs: { owner: { __entity: { type: 'Agent', id: owner } } },
      parents: [],
    };
    const context = {
      hour: random.below(24),
      symbol: ['XAUUSD', 'EURUSD', 'BTC/USDT'][random.below(3)],
      now: 900 + random.below(600),
      size: random.below(6_000),
      leverage: { __extn: { fn: 'decimal', arg: `${random.below(12)}.5` } },
      authenticated: random.below(50) !== 0,
    };
    return {
      principal: principal.uid,
      action: { type: 'Action', id: ACTIONS[action]! },
      resource: desk.uid,
      context,
      entities: [principal, desk],
    };
  });
  const requests = json.map((each): PolicyRequest => ({
    principal: must(readEntityRef(each.principal)),
    action: must(readEntityRef(each.action)),
    resource: must(readEntityRef(each.resource)),
    context: must(readRecord(each.context)),
    entities: new EntityStore(must(readEntities(each.entities)), index.actions),
  }));

  const reference = engine.reference(parsed.policies);
  const engineStart = cpuSeconds();
  const theirs = json.slice(0, ENGINE_REQUESTS).map((each) => reference(each));
  const engineRate = ENGINE_REQUESTS / (cpuSeconds() - engineStart);
  let differing = 0;
  let allowed = 0;
  for (const [i, answer] of theirs.entries()) {
    const ours = decide(index, requests[i]!);
    allowed += ours.decision === 'allow' ? 1 : 0;
    if (!answer.ok || answer.decision !== ours.cedar || answer.reasons.toSorted().join() !== ours.reasons.toSorted().join())
      differing += 1;
  }

  let kept = 0; // what is decided is used, so that nothing is optimised away
  const rates: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const start = cpuSeconds();
    for (let pass = 0; pass < PASSES; pass++)
      for (const each of requests) kept += decide(index, each).decision === 'allow' ? 1 : 0;
    const rate = (PASSES * REQUESTS) / (cpuSeconds() - start);
    if (round > 0) rates.push(rate); // the first is the warm-up
  }
  const times: number[] = [];
  for (let i = 0; i < TIMED; i++) {
    const start = process.hrtime.bigint();
    kept += decide(index, requests[i % REQUESTS]!).reasons.length;
    times.push(Number(process.hrtime.bigint() - start) / 1_000);
  }
  const [rate, p50, p99] = [quantile(rates, 0.5), quantile(times, 0.5), quantile(times, 0.99)];
  return [
    {
      claim: `decisions over ${index.policies.length} policies, ${Math.round((allowed / ENGINE_REQUESTS) * 100)} % allowed; baseline: the Cedar engine`,
      target: '>= 1,000,000 for each CPU-second',
      ours: rate,
      unit: 'decisions/s',
      baseline: engineRate,
      ratio: rate / engineRate,
      p50: rate,
      p99: quantile(rates, 0.01),
      met: rate >= 1_000_000,
    },
    {
      claim: 'one decision, the clock included',
      target: 'p99 <= 5 us',
      ours: p99,
      unit: 'us',
      p50,
      p99,
      met: p99 <= 5 && kept > 0,
    },
    {
      claim: `answers unlike the engine's, of ${ENGINE_REQUESTS}`,
      target: '= 0',
      ours: differing,
      unit: 'answers',
      p50: differing,
      p99: differing,
      met: differing === 0,
    },
    {
      claim: 'compiling 50 policies',
      target: '< 1,000 ms',
      ours: compileMs,
      unit: 'ms',
      p50: compileMs,
      p99: compileMs,
      met: compileMs < 1_000,
    },
  ];
}
