/**
 * Loads the AI SDK and one provider, from beside Skein or from the user's project, and makes of them one question at a time: a streamed
 * answer of the model with the tool calls it asks for. Retries nothing, runs no tool, keeps no state; every failure is a value that
 * says whether another try makes sense.
 */
import { pathToFileURL } from 'node:url';
import type { JSONSchema7, LanguageModel, ModelMessage, streamText as StreamText, ToolSet } from 'ai';
import { COMPATIBLE, findPackage, type Model, packageOf } from './choice.ts';
import type { Tool } from './tools.ts';

export type { ModelMessage } from 'ai';

export interface Call {
  readonly id: string;
  readonly tool: string;
  readonly input: unknown;
  /** What is wrong with it, where the SDK has already told the model. */
  readonly wrong: string | null;
}

export type Answer =
  | {
      readonly ok: true;
      readonly text: string;
      readonly calls: readonly Call[];
      /** `stop`, `tool-calls`, `length`, `content-filter`. */
      readonly finish: string;
      readonly messages: readonly ModelMessage[];
      /** Null = not reported. */
      readonly tokens: { readonly input: number; readonly output: number } | null;
    }
  | {
      readonly ok: false;
      readonly what: string;
      readonly retryable: boolean;
      /** What the endpoint asked for. */
      readonly retryAfterMs: number | null;
      /** False where the endpoint refused or was not reached; else it may have cost something that nobody reports. */
      readonly begun: boolean;
    };

export interface Question {
  readonly instructions: string;
  readonly messages: readonly ModelMessage[];
  readonly tools: Readonly<Record<string, Tool>>;
  /** Without a word for so long it counts as hanging. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

export type Ask = (question: Question) => Promise<Answer>;

interface Sdk {
  readonly streamText: typeof StreamText;
  readonly jsonSchema: typeof import('ai').jsonSchema;
}

const ANSWER_CHARS_MAX = 2_000_000; // of one answer with its arguments: larger than every output limit in use
const DETAIL_MAX = 500;

/** `project` is where packages are looked for that do not lie beside Skein. */
export async function connectModel(model: Model, key: string, project: string): Promise<Ask> {
  const load = async (name: string): Promise<Record<string, unknown>> => {
    const found = findPackage(name, project);
    if (found === null) throw new Error(`${name} is not installed: npm install ${name}`);
    return (await import(pathToFileURL(found.path).href)) as Record<string, unknown>;
  };
  const sdk = (await load('ai')) as unknown as Sdk;
  const name = packageOf(model.provider);
  const create = factoryOf(await load(name), model.provider);
  if (create === null) throw new Error(`${name} has no create function that fits its name`);
  const provider = create({
    ...(key === '' ? {} : { apiKey: key }),
    ...(model.baseUrl === null ? {} : { baseURL: model.baseUrl }),
    ...(model.provider === COMPATIBLE ? { name: COMPATIBLE, includeUsage: true } : {}),
  });
  const languageModel = provider(model.name);
  return (question) => ask(sdk, languageModel, question);
}

type Factory = (settings: Record<string, unknown>) => (model: string) => LanguageModel;

/** `createOpenAICompatible` of `@ai-sdk/openai-compatible`: the name tells. */
function factoryOf(module: Record<string, unknown>, provider: string): Factory | null {
  const names = Object.keys(module).filter((name) => /^create[A-Z]/.test(name) && typeof module[name] === 'function');
  const wanted = `create${provider.replaceAll('-', '')}`;
  const name = names.find((each) => each.toLowerCase() === wanted) ?? names.find((each) => each.toLowerCase().startsWith(wanted));
  return name === undefined ? null : (module[name] as Factory);
}

async function ask(sdk: Sdk, model: LanguageModel, question: Question): Promise<Answer> {
  const idle = new AbortController();
  let timer = setTimeout(() => idle.abort(), question.idleMs);
  let failure: unknown = null;
  let size = 0;
  let tokens: { input: number; output: number } | null = null;
  let finish = '';
  const calls: Call[] = [];
  try {
    const result = sdk.streamText({
      model,
      instructions: question.instructions,
      messages: [...question.messages],
      tools: toolSet(sdk, question.tools),
      maxRetries: 0, // ours are spread, bounded by the attempt, and written down
      abortSignal: AbortSignal.any([idle.signal, question.signal]),
      telemetry: { isEnabled: false },
      onError: ({ error }) => void (failure ??= error),
    });
    for await (const part of result.stream) {
      clearTimeout(timer);
      timer = setTimeout(() => idle.abort(), question.idleMs);
      if (part.type === 'error') failure ??= part.error;
      if (part.type === 'text-delta' || part.type === 'reasoning-delta') size += part.text.length;
      if (part.type === 'tool-input-delta') size += part.delta.length;
      if (size > ANSWER_CHARS_MAX)
        return failed(`the model's answer has over ${ANSWER_CHARS_MAX} characters and no end`, { retryable: false });
      if (part.type === 'tool-call')
        calls.push({
          id: part.toolCallId,
          tool: part.toolName,
          input: part.input,
          wrong: part.invalid === true ? wordsOf(part.error) : null,
        });
      if (part.type === 'finish-step') {
        finish = part.finishReason;
        const { inputTokens: input, outputTokens: output } = part.usage;
        if (input !== undefined && output !== undefined) tokens = { input, output };
      }
    }
    if (failure !== null) throw failure;
    return { ok: true, text: await result.text, calls, finish, messages: await result.responseMessages, tokens };
  } catch (error) {
    if (question.signal.aborted) return failed("the attempt's time is over", { retryable: false });
    if (idle.signal.aborted) return failed(`the endpoint said nothing for ${question.idleMs / 1000} s`, { retryable: true });
    return failureOf(failure ?? error);
  } finally {
    clearTimeout(timer);
    idle.abort(); // ends a stream that was left in the middle
  }
}

function toolSet(sdk: Sdk, tools: Readonly<Record<string, Tool>>): ToolSet {
  return Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => [
      name,
      // Without `execute`: the SDK hands the calls over. Arguments are checked where the tool runs.
      { description: tool.says, inputSchema: sdk.jsonSchema(JSON.parse(JSON.stringify(tool.input)) as JSONSchema7) },
    ]),
  );
}

function failed(what: string, more: { retryable: boolean; retryAfterMs?: number | null; begun?: boolean }): Answer {
  return { ok: false, what, retryable: more.retryable, retryAfterMs: more.retryAfterMs ?? null, begun: more.begun ?? true };
}

interface ApiError {
  readonly message: string;
  readonly statusCode?: number;
  readonly isRetryable?: boolean;
  readonly responseHeaders?: Readonly<Record<string, string>>;
}

const isApiError = (error: unknown): error is ApiError =>
  typeof error === 'object' && error !== null && 'isRetryable' in error && 'message' in error;

function failureOf(error: unknown): Answer {
  const what = wordsOf(error);
  // A 200 whose body breaks off or makes no sense is worth another try.
  if (!isApiError(error) || error.statusCode === 200)
    return failed(`the endpoint's answer broke off or makes no sense: ${what}`, { retryable: true });
  const { statusCode, isRetryable, responseHeaders = {} } = error;
  const answered = statusCode === undefined ? 'the endpoint cannot be reached' : `the endpoint answered ${statusCode}`;
  return failed(`${answered}: ${what}`, { retryable: isRetryable === true, retryAfterMs: waitOf(responseHeaders), begun: false });
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date. */
function waitOf(headers: Readonly<Record<string, string>>): number | null {
  const ms = Number(headers['retry-after-ms'] ?? Number.NaN);
  if (ms >= 0) return ms;
  const after = headers['retry-after'];
  if (after === undefined) return null;
  const wait = /^\d+(\.\d+)?$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now();
  return Number.isNaN(wait) ? null : Math.max(0, wait);
}

export function wordsOf(error: unknown): string {
  const own = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : JSON.stringify(error);
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${own}${cause}`.replaceAll(/\s+/g, ' ').slice(0, DETAIL_MAX);
}
