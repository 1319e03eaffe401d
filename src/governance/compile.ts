/**
 * The compiler: policies in Cedar's JSON form to JavaScript. Every node is checked as it is translated; an operator that is not
 * in the table refuses the whole set, so that nothing is ever guessed. No text of a policy reaches the generated source: names,
 * strings and numbers stay in a table of constants and are named by index, operators are functions of operators.ts. Constructors
 * of constants are evaluated here, once.
 */
import { type EntityInput, EntityStore, readEntityRef, readValue } from './entities.ts';
import { EXTENSION_FUNCTIONS } from './extensions.ts';
import { OPERATORS, type Pattern, type Question } from './operators.ts';
import { EntityRef, EvaluationError, SetValue, type Value } from './values.ts';

const POLICIES_MAX = 10_000; // a linear scan of what the index leaves; more belongs into entities
const NODES_MAX = 20_000; // for one policy: what people write has some dozens
const DEPTH_MAX = 200; // keeps the generated code within every stack

export interface PolicySource {
  readonly id: string;
  /** Cedar's JSON form of one policy. Longs beyond 2^53 as `{ Long: "..." }`, because a JSON number has lost them. */
  readonly json: unknown;
}

export interface CompiledPolicy {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  /** Throws an EvaluationError. */
  readonly holds: (question: Question) => boolean;
}

export interface CompileProblem {
  readonly policy: string;
  readonly problem: string;
}

/** Policies by the key of the action that they can apply to. */
export interface PolicyIndex {
  readonly policies: readonly CompiledPolicy[];
  readonly byAction: ReadonlyMap<string, readonly CompiledPolicy[]>;
  /** For an action that no policy and no schema names. */
  readonly otherwise: readonly CompiledPolicy[];
  readonly actions: EntityStore;
}

export type Compiled =
  | { readonly ok: true; readonly index: PolicyIndex; readonly source: string }
  | { readonly ok: false; readonly problems: readonly CompileProblem[] };

/** `actions` is the hierarchy of the schema. */
export function compilePolicies(policies: readonly PolicySource[], actions: readonly EntityInput[] = []): Compiled {
  if (policies.length > POLICIES_MAX) {
    return { ok: false, problems: [{ policy: '*', problem: `${policies.length} policies, at most ${POLICIES_MAX}` }] };
  }
  const problems: CompileProblem[] = [];
  const translated: { id: string; effect: 'permit' | 'forbid'; code: string; actions: ActionScope | null }[] = [];
  const constants: unknown[] = [];
  const ids = new Set<string>();
  for (const { id, json } of policies) {
    try {
      if (ids.has(id)) throw new Refusal('a second policy has this id');
      ids.add(id);
      translated.push({ id, ...new Translation(constants).policy(json) });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problems.push({ policy: id, problem: error.problem });
    }
  }
  if (problems.length > 0) return { ok: false, problems };
  const source = [
    `'use strict';`,
    `const { ${Object.keys(OPERATORS).join(', ')} } = operators;`,
    ...constants.map((_, i) => `const k${i} = constants[${i}];`),
    `return [`,
    ...translated.map(({ code }) => `  (q) => ${code},`),
    `];`,
  ].join('\n');
  // The source is made of the templates of this file and of indexes; see the test "holds no text of a policy".
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval
  const made = new Function('operators', 'constants', source) as (
    operators: typeof OPERATORS,
    constants: readonly unknown[],
  ) => CompiledPolicy['holds'][];
  const conditions = made(OPERATORS, constants);
  const compiled = translated.map(({ id, effect }, i): CompiledPolicy => ({ id, effect, holds: conditions[i]! }));
  const store = new EntityStore(actions);
  const named = new Set([...actions.map(({ ref }) => ref.key), ...translated.flatMap((each) => each.actions?.keys ?? [])]);
  const applies = (i: number, key: string): boolean => {
    const scope = translated[i]!.actions;
    if (scope === null || scope.keys.includes(key)) return true;
    return scope.within && scope.keys.some((each) => store.get(key)?.ancestors.has(each) === true);
  };
  const byAction = new Map([...named].map((key) => [key, compiled.filter((_, i) => applies(i, key))]));
  const otherwise = compiled.filter((_, i) => translated[i]!.actions === null);
  return { ok: true, source, index: { policies: compiled, byAction, otherwise, actions: store } };
}

/** The actions that a policy is about, and whether those below them count. The index answers it; compiled code does not ask. */
interface ActionScope {
  readonly keys: readonly string[];
  readonly within: boolean;
}

class Refusal {
  readonly problem: string;
  constructor(problem: string) {
    this.problem = problem;
  }
}

function refuse(problem: string): never {
  throw new Refusal(problem);
}

/** A translated expression: its code, whether it can only be a boolean, and its value where that is known. */
interface Piece {
  readonly code: string;
  readonly bool: boolean;
  readonly known?: Value;
}

type Node = Readonly<Record<string, unknown>>;

const BINARY: ReadonlyMap<string, readonly [operator: string, bool: boolean]> = new Map<string, readonly [string, boolean]>([
  ['<', ['less', true]],
  ['<=', ['lessOrEqual', true]],
  ['+', ['add', false]],
  ['-', ['subtract', false]],
  ['*', ['multiply', false]],
  ['contains', ['contains', true]],
  ['containsAll', ['containsAll', true]],
  ['containsAny', ['containsAny', true]],
]);

const WITH_ENTITIES: ReadonlyMap<string, readonly [operator: string, bool: boolean]> = new Map<
  string,
  readonly [string, boolean]
>([
  ['in', ['isIn', true]],
  ['hasTag', ['hasTag', true]],
  ['getTag', ['getTag', false]],
]);

const DATA: ReadonlyMap<string, string> = new Map([
  ['q.principal', 'q.principalData'],
  ['q.action', 'q.entities.get(q.action.key)'],
  ['q.resource', 'q.entities.get(q.resource.key)'], // most decisions fall before anything of the resource is read
]);

class Translation {
  readonly #constants: unknown[];
  #nodes = 0;

  constructor(constants: unknown[]) {
    this.#constants = constants;
  }

  policy(json: unknown): { effect: 'permit' | 'forbid'; code: string; actions: ActionScope | null } {
    const { effect, principal, action, resource, conditions, ...rest } = node(json, 'a policy');
    if (effect !== 'permit' && effect !== 'forbid') refuse(`its effect is ${String(effect)}`);
    for (const key of Object.keys(rest)) if (key !== 'annotations') refuse(`a policy has no part ${JSON.stringify(key)}`);
    const actions = this.#actionScope(node(action, 'the scope of actions'));
    const clauses = [this.#scope('q.principal', principal), this.#scope('q.resource', resource)];
    if (!Array.isArray(conditions)) refuse('its conditions are no list');
    for (const each of conditions as unknown[]) {
      const { kind, body } = node(each, 'a condition');
      if (kind !== 'when' && kind !== 'unless') refuse(`a condition is of kind ${String(kind)}`);
      const code = this.#bool(body, 0);
      clauses.push(kind === 'when' ? code : `!${code}`);
    }
    return { effect, code: clauses.filter((each) => each !== '').join(' && ') || 'true', actions };
  }

  #actionScope({ op, entity, entities }: Node): ActionScope | null {
    if (op === 'All') return null;
    if (op !== '==' && op !== 'in') return refuse(`the scope of actions has op ${String(op)}`);
    const named: readonly unknown[] = Array.isArray(entities) ? entities : [entity];
    return { keys: named.map(entityKey), within: op === 'in' };
  }

  #scope(variable: 'q.principal' | 'q.resource', json: unknown): string {
    const { op, ...rest } = node(json, 'a scope');
    const inside = (entity: unknown): string =>
      `within(${DATA.get(variable)}, ${variable}, ${this.#constant(entityKey(entity))})`;
    if ('slot' in rest) refuse('templates are not supported: write one policy for each link');
    if (op === 'All') return '';
    if (op === '==') return `${variable}.key === ${this.#constant(entityKey(rest['entity']))}`;
    if (op === 'in') return inside(rest['entity']);
    if (op !== 'is' || typeof rest['entity_type'] !== 'string') return refuse(`a scope has op ${String(op)}`);
    const type = `${variable}.type === ${this.#constant(rest['entity_type'])}`;
    if (rest['in'] === undefined) return type;
    const within = node(rest['in'], 'a scope');
    if ('slot' in within) refuse('templates are not supported: write one policy for each link');
    return `${type} && ${inside(within['entity'])}`;
  }

  #bool(json: unknown, depth: number): string {
    const piece = this.#expression(json, depth);
    return piece.bool ? piece.code : `bool(${piece.code})`;
  }

  #value(json: unknown, depth: number): string {
    return this.#expression(json, depth).code;
  }

  #constant(value: unknown): string {
    return `k${this.#constants.push(value) - 1}`;
  }

  #known(value: Value): Piece {
    return { code: this.#constant(value), bool: typeof value === 'boolean', known: value };
  }

  #expression(json: unknown, depth: number): Piece {
    if (++this.#nodes > NODES_MAX) refuse(`it has more than ${NODES_MAX} nodes`);
    if (depth > DEPTH_MAX) refuse(`it is nested deeper than ${DEPTH_MAX}`);
    const [operator, body, ...more] = Object.entries(node(json, 'an expression')).flat();
    if (typeof operator !== 'string' || more.length > 0) return refuse('an expression has exactly one operator');
    const next = depth + 1;
    const binary = BINARY.get(operator) ?? WITH_ENTITIES.get(operator);
    if (binary !== undefined) return this.#binary(operator, binary, body, next);
    const extension = EXTENSION_FUNCTIONS.get(operator);
    if (extension !== undefined) return this.#extension(operator, body, next);
    switch (operator) {
      case 'Value':
        return this.#literal(body);
      case 'Long':
        return this.#long(body);
      case 'Var':
        return root(body);
      case '!':
        return { code: `!${this.#bool(argument(body), next)}`, bool: true };
      case 'neg':
        return this.#negation(argument(body), next);
      case 'isEmpty':
        return { code: `isEmpty(${this.#value(argument(body), next)})`, bool: true };
      case '==':
      case '!=':
        return this.#equality(operator, body, next);
      case '&&':
      case '||': {
        const { left, right } = node(body, operator);
        return { code: `(${this.#bool(left, next)} ${operator} ${this.#bool(right, next)})`, bool: true };
      }
      // As Cedar does: the negation of the opposite, with its types and errors.
      case '>':
        return { code: `!${this.#binary('<=', ['lessOrEqual', true], body, next).code}`, bool: true };
      case '>=':
        return { code: `!${this.#binary('<', ['less', true], body, next).code}`, bool: true };
      case 'if-then-else': {
        const { if: test, then, else: otherwise } = node(body, operator);
        const [yes, no] = [this.#expression(then, next), this.#expression(otherwise, next)];
        return { code: `(${this.#bool(test, next)} ? ${yes.code} : ${no.code})`, bool: yes.bool && no.bool };
      }
      case '.':
        return this.#attribute(node(body, operator), next);
      case 'has':
        return this.#has(node(body, operator), next);
      case 'is':
        return this.#is(node(body, operator), next);
      case 'like': {
        const { left, pattern } = node(body, operator);
        return { code: `like(${this.#value(left, next)}, ${this.#constant(patternOf(pattern))})`, bool: true };
      }
      case 'Set':
        return this.#set(body, next);
      case 'Record': {
        const fields = Object.entries(node(body, operator));
        const values = fields.map(([, each]) => this.#value(each, next));
        const names = this.#constant(fields.map(([name]) => name));
        return { code: `recordOf(${[names, ...values].join(', ')})`, bool: false };
      }
      default:
        return refuse(`the operator ${JSON.stringify(operator)} is not supported`);
    }
  }

  #binary(operator: string, [named, bool]: readonly [string, boolean], body: unknown, depth: number): Piece {
    const { left, right } = node(body, operator);
    const [a, b] = [this.#expression(left, depth), this.#expression(right, depth)];
    const data = DATA.get(a.code);
    if (named === 'isIn' && data !== undefined && b.known !== undefined && b.known instanceof EntityRef) {
      return { code: `within(${data}, ${a.code}, ${this.#constant(b.known.key)})`, bool };
    }
    return { code: `${named}(${WITH_ENTITIES.has(operator) ? 'q, ' : ''}${a.code}, ${b.code})`, bool };
  }

  #equality(operator: '==' | '!=', body: unknown, depth: number): Piece {
    const { left, right } = node(body, operator);
    const [a, b] = [this.#expression(left, depth), this.#expression(right, depth)];
    const plain = [a.known, b.known].some((each) => each !== undefined && typeof each !== 'object');
    const code = plain ? `(${a.code} === ${b.code})` : `equal(${a.code}, ${b.code})`;
    return { code: operator === '==' ? code : `!${code}`, bool: true };
  }

  #attribute({ left, attr }: Node, depth: number): Piece {
    if (typeof attr !== 'string') return refuse('an attribute has no name');
    const [of, name] = [this.#value(left, depth), this.#constant(attr)];
    const data = DATA.get(of);
    if (of === 'q.context') return { code: `field(q.context, ${name})`, bool: false };
    if (data !== undefined) return { code: `attributeOf(${data}, ${of}, ${name})`, bool: false };
    return { code: `attribute(q, ${of}, ${name})`, bool: false };
  }

  #has({ left, attr }: Node, depth: number): Piece {
    const of = this.#value(left, depth);
    if (typeof attr === 'string') return { code: `has(q, ${of}, ${this.#constant(attr)})`, bool: true };
    if (!Array.isArray(attr) || attr.length === 0 || !attr.every((each) => typeof each === 'string')) {
      return refuse('`has` names no attribute');
    }
    return { code: `hasPath(q, ${of}, ${this.#constant(attr)})`, bool: true };
  }

  #is({ left, entity_type: type, in: within }: Node, depth: number): Piece {
    if (typeof type !== 'string') return refuse('`is` names no type');
    const [of, name] = [this.#value(left, depth), this.#constant(type)];
    if (within === undefined) return { code: `isType(${of}, ${name})`, bool: true };
    return { code: `isTypeIn(q, ${of}, ${name}, () => ${this.#value(within, depth)})`, bool: true };
  }

  #set(body: unknown, depth: number): Piece {
    if (!Array.isArray(body)) return refuse('a set is a list');
    const members = body.map((each: unknown) => this.#expression(each, depth));
    const known = members.flatMap((each) => (each.known === undefined ? [] : [each.known]));
    if (known.length === members.length) return this.#known(new SetValue(known));
    return { code: `setOf(${members.map((each) => each.code).join(', ')})`, bool: false };
  }

  #extension(name: string, body: unknown, depth: number): Piece {
    const { arity, gives, call } = EXTENSION_FUNCTIONS.get(name)!;
    if (!Array.isArray(body)) return refuse(`the arguments of ${name} are a list`);
    const pieces = body.map((each: unknown) => this.#expression(each, depth));
    if (pieces.length !== arity) return this.#failure(`${name} takes ${arity} and not ${pieces.length} arguments`, gives);
    const [a, b] = pieces;
    const known = pieces.every((each) => each.known !== undefined);
    try {
      if (known) return this.#known(call(a!.known!, b?.known ?? false));
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      return this.#failure(error.message, gives);
    }
    const constant = this.#constant(call);
    return { code: `${constant}(${a!.code}, ${b?.code ?? 'false'})`, bool: gives === 'bool' };
  }

  /** What fails whenever it is reached, as it does in Cedar: the rest of the policy may never reach it. */
  #failure(message: string, gives: 'bool' | 'value'): Piece {
    return { code: `fail(${this.#constant(message)})`, bool: gives === 'bool' };
  }

  #literal(json: unknown): Piece {
    if (typeof json === 'number' && Number.isInteger(json) && !Number.isSafeInteger(json)) {
      return refuse(`the number ${json} is beyond 2^53 and was rounded on its way: read the policy with exact longs`);
    }
    const read = readValue(json);
    return read.ok ? this.#known(read.value) : refuse(read.problem);
  }

  #long(body: unknown): Piece {
    if (typeof body !== 'string' || !/^-?[0-9]{1,19}$/.test(body)) return refuse('a long is text of up to 19 digits');
    return this.#literal(BigInt(body));
  }

  /** -2^63 has no positive counterpart, so that its digits are read with their sign. */
  #negation(json: unknown, depth: number): Piece {
    const { Long: digits } = node(json, 'an expression');
    if (digits === String(2n ** 63n)) return this.#long(`-${digits}`);
    return { code: `negate(${this.#value(json, depth)})`, bool: false };
  }
}

function node(json: unknown, what: string): Node {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return refuse(`${what} is no object`);
  return json as Node;
}

function argument(body: unknown): unknown {
  return node(body, 'an argument')['arg'];
}

function root(name: unknown): Piece {
  if (name === 'principal' || name === 'action' || name === 'resource' || name === 'context') {
    return { code: `q.${name}`, bool: false };
  }
  return refuse(`there is no variable ${String(name)}`);
}

function entityKey(json: unknown): string {
  const read = readEntityRef(json);
  return read.ok ? read.value.key : refuse(read.problem);
}

function patternOf(json: unknown): Pattern {
  if (!Array.isArray(json)) return refuse('a pattern is a list');
  const parts = [''];
  for (const each of json as unknown[]) {
    if (each === 'Wildcard') parts.push('');
    else {
      const { Literal: literal } = node(each, 'a part of a pattern');
      if (typeof literal !== 'string') return refuse('a part of a pattern is no text');
      parts[parts.length - 1] += literal;
    }
  }
  return { parts };
}
