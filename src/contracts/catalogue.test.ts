import { describe, expect, it } from 'vitest';
import { asyncApiOf, compareEditions, type Contract } from '../protocol/index.ts';
import { catalogue, CATALOGUE } from './catalogue.ts';
import * as fleet from './fleet.ts';
import * as mesh from './mesh.ts';
import * as system from './system.ts';

const contracts = catalogue().list();

/** Grows; a line is never changed. */
const NUMBERS = [
  '1 system.intent.halt.v1',
  '2 system.intent.resume.v1',
  '3 system.audit.entry.v1',
  '4 system.dlq.letter.v1',
  '10 host.event.ack.v1',
  '11 host.intent.retry-dead-letter.v1',
  '12 host.intent.drop-dead-letter.v1',
  '100 work.intent.run.v1',
  '101 work.intent.drain.v1',
  '102 work.intent.kill.v1',
  '103 work.intent.resume.v1',
  '104 work.event.task-found.v1',
  '200 fleet.event.offer.v1',
  '201 fleet.intent.need.v1',
  '202 fleet.intent.request.v1',
  '203 fleet.state.delta.v1',
  '204 fleet.intent.handoff.v1',
  '300 mesh.state.heartbeat.v1',
  '301 mesh.intent.coordinate.v1',
  '302 mesh.event.ack.v1',
  '303 mesh.event.circuit.v1',
  '304 mesh.intent.freeze.v1',
  '400 marketdata.event.tick.v1',
  '401 marketdata.event.bar.v1',
  '410 signal.event.opportunity.v2',
  '411 portfolio.intent.allocate.v2',
  '412 risk.state.context.v2',
  '413 order.intent.route.v2',
  '414 execution.event.fill.v2',
  '415 compliance.event.alert.v2',
  '416 reporter.event.snapshot.v2',
  '450 signal.event.opportunity.v1',
  '451 portfolio.intent.allocate.v1',
  '452 risk.state.context.v1',
  '453 order.intent.route.v1',
  '454 execution.event.fill.v1',
  '455 compliance.event.alert.v1',
  '456 reporter.event.snapshot.v1',
];

describe('the catalogue', () => {
  it('never gives a number to another contract: these are on the wire', () => {
    expect(CATALOGUE.map(([number, { type }]) => `${number} ${type}`).join('\n')).toBe(NUMBERS.join('\n'));
  });

  it('holds contracts that producers close at every object they describe', () => {
    const open = (schema: unknown, path: string): string[] => {
      if (typeof schema !== 'object' || schema === null) return [];
      const { properties, additionalProperties } = schema as { properties?: object; additionalProperties?: unknown };
      const here = properties !== undefined && additionalProperties !== false ? [path] : [];
      return [...here, ...Object.entries(schema).flatMap(([key, each]) => open(each, `${path}/${key}`))];
    };
    for (const { type, schema } of contracts) expect(open(schema, type)).toEqual([]);
  });

  it('lets a contract gain an optional field without a new version, and never lose a required one', () => {
    // Every third: they are of the same few forms.
    for (const { type, schema, ...terms } of contracts.filter((_, i) => i % 3 === 0)) {
      const { properties, required = [] } = schema as unknown as { properties: Record<string, object>; required?: string[] };
      const grown = { ...schema, properties: { ...properties, added_later: { type: 'string', maxLength: 8 } } };
      expect(compareEditions({ schema, terms }, { schema: grown, terms }).bump, type).toBe('minor');
      const [lost] = required;
      const { [lost!]: _, ...rest } = properties;
      const shrunk = { ...schema, properties: rest, required: required.slice(1) };
      const { bump, live } = compareEditions({ schema }, { schema: shrunk });
      expect([bump, live.forward.answer], type).toEqual(['major', 'no']);
    }
  });
});

describe('the messages of the seeds', () => {
  const accepted = (contract: Contract, data: unknown): void => expect(contract.explain(data)).toEqual([]);

  it('of shards keep their field names', () => {
    accepted(fleet.OfferEvent, { sender: 'shard_abc123', capability: 'self_healing', load_factor: '0.3' });
    accepted(fleet.NeedIntent, {
      sender: 'shard_def456',
      need_id: 'n1',
      need_type: 'capacity_planning',
      urgency: 'high',
    });
    accepted(fleet.RequestIntent, {
      sender: 'shard_abc123',
      recipient: 'shard_def456',
      request_id: 'r1',
      work: { any: [1] },
      fence: 1,
    });
    accepted(fleet.StateDelta, {
      sender: 'shard_abc123',
      entity_type: 'health_node',
      entity_id: 'api-service',
      operation: 'update',
      changes: { status: 'degraded' },
      version: 42,
    });
    accepted(fleet.HandoffIntent, { sender: 'shard_abc123', task_id: 'task_789', task: {}, fence: 3 });
    expect(fleet.OfferEvent.check({ sender: 'a', capability: 'self_healing', load_factor: '1.1' })).toBe(false);
    expect(fleet.NeedIntent.check({ sender: 'a', need_id: 'n', need_type: 'x', urgency: 'soon' })).toBe(false);
  });

  it('of the mesh keep their field names', () => {
    const impedance = {
      agent_class: 'D',
      sector_id: 's1',
      cluster_id: 'c1',
      current_latency_ms: 20,
      current_processing_ms: 5,
      current_queue_depth: 0,
      impedance_score: 25,
      reliability_score: 999,
      drift_coefficient: 1,
      operational_state: 'active',
      current_context_hash: 'a'.repeat(64),
      capabilities: ['vision'],
    };
    accepted(mesh.HeartbeatState, { agent_id: 'a17', timestamp: 1, impedance });
    accepted(mesh.CoordinateIntent, {
      message_id: 'm1',
      target_arrival_time: 1000,
      compensation: [{ agent_id: 'a17', lead_time_ms: 400, expected_processing_ms: 5, confidence: 900 }],
      verb: 'act',
      payload: null,
    });
    const ack = { message_id: 'm1', agent_id: 'a17', actual_arrival_time: 1001, processing_time_ms: 5 };
    for (const trinary_state of [1, 0, -1]) accepted(mesh.AcknowledgeEvent, { ...ack, trinary_state });
    expect(mesh.AcknowledgeEvent.check({ ...ack, trinary_state: 2 })).toBe(false);
    accepted(mesh.CircuitEvent, { action: 'HALF_OPEN', scope: 'sector', target_id: 's12', reason: 'errors' });
    accepted(mesh.FreezeIntent, { scope: 'global', preserve_state_to: '/mesh/frozen' });
  });

  it('of the whole system are found by their older names, in both spellings', () => {
    expect(system.resolveAlias('system.halt.intent')).toEqual({ type: 'system.intent.halt.v1', about: null });
    expect(system.resolveAlias('system.resume.intent')).toEqual({ type: 'system.intent.resume.v1', about: null });
    for (const name of ['audit.event.order', 'order.audit'])
      expect(system.resolveAlias(name)).toEqual({ type: 'system.audit.entry.v1', about: 'order' });
    for (const name of ['dlq.order', 'order.dlq'])
      expect(system.resolveAlias(name)).toEqual({ type: 'system.dlq.letter.v1', about: 'order' });
    for (const name of ['order', 'dlq.', '.audit', 'audit.event.a.b', 'toString']) expect(system.resolveAlias(name)).toBeNull();
    for (const { type } of contracts)
      for (const alias of system.aliasesOf(type)) expect(system.resolveAlias(alias.replace('<agent>', 'x'))?.type).toBe(type);
  });

  it('halt and resume are signed by whoever means them, and resuming takes an approval', () => {
    const scope = { kind: 'global', target: '' } as const;
    accepted(system.HaltIntent, {
      halt_id: 'h1',
      scope,
      level: 'HALTED',
      epoch: 4,
      issued_by: 'agent:desk/risk',
      reason: 'breach',
    });
    const resume = {
      halt_id: 'h1',
      scope,
      epoch: 4,
      expires_at: 1,
      stage: 10,
      approvals: [{ role: 'risk', signer: 'a', signature: `${'A'.repeat(86)}==` }],
    };
    accepted(system.ResumeIntent, resume);
    expect(system.ResumeIntent.check({ ...resume, approvals: [] })).toBe(false);
    expect([system.HaltIntent.signing, system.ResumeIntent.signing, system.ResumeIntent.risk]).toEqual(['each', 'each', 'gated']);
  });
});

describe('the AsyncAPI document', () => {
  const info = { title: 'Skein', version: '1.2.3', aliases: system.aliasesOf };
  const document = asyncApiOf(catalogue(), info);

  it('has what version 3.1 requires, and a payload schema for every message', () => {
    expect(document).toMatchObject({ asyncapi: '3.1.0', info: { title: 'Skein', version: '1.2.3' } });
    expect(Object.keys(document.components.messages)).toEqual(contracts.map(({ type }) => type).toSorted());
    for (const [type, message] of Object.entries(document.components.messages)) {
      expect(message).toMatchObject({
        name: type,
        payload: { schemaFormat: expect.stringContaining('2020-12'), schema: { $ref: `#/components/schemas/${type}` } },
      });
      const channel = document.channels[type] as { address: string; parameters: object };
      expect([...channel.address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)).toEqual(Object.keys(channel.parameters));
      for (const action of ['send', 'receive'])
        expect(document.operations[`${action}.${type}`]).toMatchObject({ action, channel: { $ref: `#/channels/${type}` } });
    }
    expect(document.components.schemas['order.intent.route.v2']).toEqual(
      JSON.parse(JSON.stringify(catalogue().get('order.intent.route.v2')!.schema)),
    );
  });

  it('has no reference that leads nowhere, and only names that references may hold', () => {
    const references: string[] = [];
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      if ('$ref' in value && typeof value.$ref === 'string') references.push(value.$ref);
      Object.values(value).forEach(visit);
    };
    visit(document);
    expect(references.length).toBeGreaterThan(5 * contracts.length);
    for (const reference of new Set(references)) {
      const found = reference
        .slice(2)
        .split('/')
        .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);
      expect(found, reference).toBeDefined();
    }
    for (const group of Object.values(document.components))
      for (const name of Object.keys(group as object)) expect(name).toMatch(/^[a-zA-Z0-9._-]+$/);
  });

  it('is the same text every time', () => {
    expect(JSON.stringify(asyncApiOf(catalogue(), info))).toBe(JSON.stringify(document));
  });
});
