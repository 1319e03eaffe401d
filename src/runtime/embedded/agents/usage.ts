/**
 * What an agent's own output says of cost, tokens and session: a fold over its lines. Nothing here throws, nothing is guessed:
 * what was not reported is null, never 0, and "done" is only what the agent said; the checks decide.
 */
import { stripVTControlCharacters } from 'node:util';
import type { work } from '../../../contracts/index.ts';

export interface Usage {
  /** Micro-USD. */
  readonly cost: number | null;
  readonly tokens: number | null;
  readonly session: string | null;
  readonly saidDone: boolean;
  /** Its last words, for people. */
  readonly said: string;
}

export interface UsageReader {
  feed(line: string): void;
  usage(): Usage;
  /** What the agent did in this line, without ids and times, so that a repeating trajectory repeats; null = nothing. */
  trajectory(line: string): string | null;
}

type Fields = Record<string, unknown>;
type State = { -readonly [K in keyof Usage]: Usage[K] };

const DOCUMENT_BYTES_MAX = 4 * 1024 * 1024; // a result printed as one document over several lines
const SAID_MAX = 4096;

export function usageReader(kind: work.AgentSpec['usage']): UsageReader {
  const state: State = { cost: null, tokens: null, session: null, saidDone: false, said: '' };
  const fold = FOLDS[kind](state);
  return {
    feed: (line) => fold(stripVTControlCharacters(line)),
    usage: () => ({ ...state }),
    trajectory: (line) => {
      const plain = stripVTControlCharacters(line);
      return kind === 'none' || kind === 'aider-text' ? plain : step(parse(plain));
    },
  };
}

/** Reads a whole recorded stream. */
export function readUsage(kind: work.AgentSpec['usage'], stream: string): Usage {
  const reader = usageReader(kind);
  for (const line of stream.split('\n')) reader.feed(line);
  return reader.usage();
}

const FOLDS: Record<work.AgentSpec['usage'], (state: State) => (line: string) => void> = {
  none: () => () => {},
  'claude-stream-json': claude,
  'codex-jsonl': codex,
  'gemini-json': gemini,
  'aider-text': aider,
  'skein-jsonl': ownLines,
};

function claude(state: State): (line: string) => void {
  const perMessage = new Map<string, number>(); // a message is repeated once per content block with the same usage
  return (line) => {
    const event = parse(line);
    if (event === null) return;
    state.session = text(event.session_id) ?? text(event.sessionId) ?? state.session;
    const message = object(event.message);
    if (event.type === 'assistant' && message !== null) {
      const used = claudeTokens(object(message.usage));
      if (used !== null) perMessage.set(text(message.id) ?? String(perMessage.size), used);
      if (perMessage.size > 0) state.tokens = [...perMessage.values()].reduce((all, n) => all + n, 0);
      const content = Array.isArray(message.content) ? message.content : [];
      for (const part of content) say(state, object(part)?.text);
    }
    if (event.type === 'result') {
      state.cost = micros(event.total_cost_usd) ?? state.cost;
      state.tokens = claudeTokens(object(event.usage)) ?? state.tokens;
      state.saidDone = event.subtype === 'success' && event.is_error !== true;
      say(state, event.result);
    }
  };
}

function claudeTokens(usage: Fields | null): number | null {
  if (usage === null) return null;
  return sum(usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens, usage.output_tokens);
}

function codex(state: State): (line: string) => void {
  return (line) => {
    const event = parse(line);
    if (event === null) return;
    if (event.type === 'thread.started') state.session = text(event.thread_id);
    if (event.type === 'turn.completed') {
      const usage = object(event.usage);
      // Cached input is part of the input. The figures count the whole thread, so the last turn holds them all.
      if (usage !== null) state.tokens = sum(usage.input_tokens, usage.output_tokens) ?? state.tokens;
      state.saidDone = true;
    }
    if (event.type === 'turn.failed' || event.type === 'error') {
      state.saidDone = false;
      say(state, event.message ?? object(event.error)?.message);
    }
    const item = object(event.item);
    if (event.type === 'item.completed' && item?.type === 'agent_message') say(state, item.text);
  };
}

function gemini(state: State): (line: string) => void {
  let document = '';
  let talking = '';
  const whole = (result: Fields): void => {
    state.session = text(result.session_id) ?? state.session;
    const stats = object(result.stats);
    const models = object(stats?.models);
    const counts = models === null ? [] : Object.values(models).map((model) => object(object(model)?.tokens)?.total);
    state.tokens = sum(stats?.total_tokens) ?? (counts.length === 0 ? null : sum(...counts)) ?? state.tokens;
    say(state, result.response);
  };
  return (line) => {
    const event = document === '' ? parse(line) : null;
    if (event !== null && typeof event.type === 'string') {
      if (event.type === 'message' && event.role === 'assistant' && typeof event.content === 'string') {
        talking = event.delta === true ? `${talking}${event.content}`.slice(-SAID_MAX) : event.content;
        say(state, talking);
      } else talking = '';
      if (event.type === 'init' || event.type === 'result') whole(event);
      if (event.type === 'result') state.saidDone = event.status === 'success';
      return;
    }
    // `--output-format json` prints one document over many lines, perhaps after a line of chatter.
    if (document === '' && !line.startsWith('{')) return;
    if (document.length + line.length > DOCUMENT_BYTES_MAX) return;
    document += `${line}\n`;
    if (!line.startsWith('}') && event === null) return;
    const result = parse(document);
    if (result === null) return;
    document = '';
    whole(result);
    state.saidDone = result.error === undefined && typeof result.response === 'string';
  };
}

function aider(state: State): (line: string) => void {
  return (line) => {
    const tokens = /^Tokens: (.*?) received/.exec(line);
    if (tokens !== null) {
      // "Tokens: 12k sent, 3.1k cache write, 2k cache hit, 850 received." Cache counts are part of what was sent.
      const sent = /([\d.,]+[kM]?) sent/.exec(line);
      const received = /([\d.,]+[kM]?) received/.exec(line);
      const used = sum(rounded(sent?.[1]), rounded(received?.[1]));
      if (used !== null) state.tokens = (state.tokens ?? 0) + used;
      state.saidDone = true;
    }
    const cost = /Cost: \$[\d.]+ message, \$([\d.]+) session/.exec(line);
    if (cost !== null) state.cost = micros(Number(cost[1])) ?? state.cost;
    else if (tokens === null && line.trim() !== '') say(state, line);
  };
}

/** The model agent's own lines: sums so far, null where one answer was not reported. */
function ownLines(state: State): (line: string) => void {
  return (line) => {
    const event = parse(line);
    if (event?.type === 'usage') {
      state.tokens = sum(event.tokens);
      state.cost = sum(event.costMicros);
    }
    if (event?.type === 'text') say(state, event.text);
    if (event?.type === 'end') {
      state.saidDone = event.ok === true;
      if (!state.saidDone) say(state, event.why);
    }
  };
}

/** A tool call or a command with what it was asked to do. */
function step(event: Fields | null): string | null {
  if (event === null) return null;
  const item = object(event.item);
  if (event.type === 'item.completed' && item?.type === 'command_execution')
    return `${text(item.command)} -> ${String(item.exit_code)}`;
  if (event.type === 'item.completed' && item?.type === 'file_change') return JSON.stringify(item.changes);
  if (event.type === 'tool') return `${String(event.tool)} ${String(event.input)}`;
  if (event.type === 'tool_use') return `${text(event.tool_name)} ${JSON.stringify(event.parameters ?? null)}`;
  const content = object(event.message)?.content;
  if (event.type !== 'assistant' || !Array.isArray(content)) return null;
  const calls = content.map(object).filter((part) => part?.type === 'tool_use');
  return calls.length === 0 ? null : calls.map((call) => `${text(call?.name)} ${JSON.stringify(call?.input)}`).join('; ');
}

function parse(line: string): Fields | null {
  if (!line.trimStart().startsWith('{')) return null;
  try {
    return object(JSON.parse(line));
  } catch {
    return null;
  }
}

function object(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' && value.length <= 500 ? value : null;
}

function say(state: State, value: unknown): void {
  if (typeof value === 'string' && value.trim() !== '') state.said = value.trim().slice(-SAID_MAX);
}

function micros(usd: unknown): number | null {
  if (typeof usd !== 'number' || !Number.isFinite(usd) || usd < 0 || usd > 1e9) return null;
  return Math.round(usd * 1e6);
}

/** Null when no part is a count: a sum of nothing is not zero tokens. */
function sum(...parts: readonly unknown[]): number | null {
  const counts = parts.filter((part): part is number => typeof part === 'number' && Number.isFinite(part) && part >= 0);
  if (counts.length === 0) return null;
  const total = Math.round(counts.reduce((all, n) => all + n, 0));
  return Number.isSafeInteger(total) ? total : null;
}

function rounded(count: string | undefined): number | null {
  if (count === undefined) return null;
  const scale = count.endsWith('k') ? 1000 : count.endsWith('M') ? 1_000_000 : 1;
  const number = Number(count.replaceAll(',', '').replace(/[kM]$/, ''));
  return Number.isFinite(number) ? number * scale : null;
}
