/**
 * `model:<provider>/<name>` as an agent: which endpoint, which key by the name of its variable, which limits, which price. The choice
 * is data in the agent's `argv`, so that plan, ledger and resume hold all of it; the key itself is never in it. Looks at the file
 * system only to see that the packages are there; starts nothing.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { work } from '../../../../contracts/index.ts';

/** Micro-USD for a million tokens. */
export interface TokenPrice {
  readonly input: number;
  readonly output: number;
}

/** What the user declared; null = the usual. */
export interface ModelWish {
  readonly baseUrl: string | null;
  readonly apiKeyEnv: string | null;
  readonly price: TokenPrice | null;
  readonly steps: number | null;
  readonly tokens: number | null;
}

export interface Model {
  readonly provider: string;
  readonly name: string;
  /** Null = where the provider's package goes by itself. */
  readonly baseUrl: string | null;
  /** Name of the variable that holds the key; '' = none is sent. */
  readonly keyFrom: string;
  /** Answers of the model in one attempt. */
  readonly stepsMax: number;
  /** Tokens in and out in one attempt. */
  readonly tokensMax: number;
  readonly price: TokenPrice | null;
}

export const NO_WISH: ModelWish = { baseUrl: null, apiKeyEnv: null, price: null, steps: null, tokens: null };
/** Where a provider needs no package of its own. */
export const COMPATIBLE = 'openai-compatible';
const SDK = { name: 'ai', major: 7 } as const;
const STEPS = 60; // answers; published agents end well-formed tasks of a file or two within 40
const TOKENS = 2_000_000; // each answer sends the whole conversation again: 60 times some 30,000

/** Where the usual name is not `<PROVIDER>_API_KEY`. */
const USUAL_KEYS: Readonly<Record<string, string>> = {
  google: 'GOOGLE_GENERATIVE_AI_API_KEY',
  togetherai: 'TOGETHER_API_KEY',
  gateway: 'AI_GATEWAY_API_KEY',
};

export type ModelAnswer =
  | { readonly ok: true; readonly model: Model }
  | { readonly ok: false; readonly kind: 'unknown' | 'missing'; readonly what: string; readonly next: string };

/** `spec` is `model:<provider>/<name>`; a name may hold more slashes. */
export function chooseModel(
  agent: string,
  spec: string,
  wish: ModelWish,
  from: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
): ModelAnswer {
  const unknown = (what: string, next: string): ModelAnswer => ({
    ok: false,
    kind: 'unknown',
    what: `agent ${agent}: ${what}`,
    next,
  });
  const missing = (what: string, next: string): ModelAnswer => ({
    ok: false,
    kind: 'missing',
    what: `agent ${agent}: ${what}`,
    next,
  });
  const [, provider, name] = /^model:([a-z0-9][a-z0-9-]{0,63})\/([^\s]{1,200})$/.exec(spec) ?? [];
  if (provider === undefined || name === undefined)
    return unknown(`"${spec}" is no model`, 'write --agent model:<provider>/<name>, for example model:openai-compatible/qwen3');
  let url: URL | null = null;
  if (wish.baseUrl !== null) {
    url = URL.parse(wish.baseUrl);
    if (url === null || !['http:', 'https:'].includes(url.protocol))
      return unknown(`"${wish.baseUrl}" is no address of an endpoint`, 'write it as https://host/v1');
    // The address is printed and kept in the ledger.
    if (url.username !== '' || url.password !== '' || url.search !== '')
      return unknown(
        'the address of its endpoint holds more than host and path',
        'put the key into a variable and name it: apiKeyEnv: MY_KEY',
      );
  }
  if (provider === COMPATIBLE && url === null)
    return missing('nobody said where its endpoint is', 'set SKEIN_MODEL_BASE_URL=https://host/v1, or baseUrl: in skein.yaml');

  const absent = [SDK.name, packageOf(provider)].filter((each) => findPackage(each, from.cwd) === null);
  const install = `npm install ai@${SDK.major} ${packageOf(provider)}`;
  if (absent.length > 0) return missing(`${absent.join(' and ')} ${absent.length > 1 ? 'are' : 'is'} not installed`, install);
  const { version } = findPackage(SDK.name, from.cwd)!;
  if (Number.parseInt(version, 10) !== SDK.major) return missing(`it needs ai ${SDK.major} and found ${version}`, install);

  const keyFrom = wish.apiKeyEnv ?? USUAL_KEYS[provider] ?? `${provider.toUpperCase().replaceAll('-', '_')}_API_KEY`;
  const hasKey = (from.env[keyFrom] ?? '') !== '';
  // An endpoint of one's own often wants none; whoever names a variable wants it used.
  if (!hasKey && (provider !== COMPATIBLE || wish.apiKeyEnv !== null))
    return missing(
      `its key is missing: ${keyFrom} is not set`,
      `export ${keyFrom}=..., or name another variable: apiKeyEnv in skein.yaml`,
    );
  return {
    ok: true,
    model: {
      provider,
      name,
      baseUrl: wish.baseUrl,
      keyFrom: hasKey ? keyFrom : '',
      stepsMax: wish.steps ?? STEPS,
      tokensMax: wish.tokens ?? TOKENS,
      price: wish.price,
    },
  };
}

export function argvOf(model: Model): string[] {
  return [
    'model',
    `${model.provider}/${model.name}`,
    ...(model.baseUrl === null ? [] : ['--base-url', model.baseUrl]),
    ...(model.keyFrom === '' ? [] : ['--key-from', model.keyFrom]),
    '--steps',
    String(model.stepsMax),
    '--tokens',
    String(model.tokensMax),
    ...(model.price === null ? [] : ['--price', `${model.price.input / 1e6}/${model.price.output / 1e6}`]),
  ];
}

/** The other way round; null when these are not the words of `argvOf`. */
export function modelOf(argv: readonly string[]): Model | null {
  const [, provider, name] = /^([a-z0-9-]+)\/(.+)$/.exec(argv[1] ?? '') ?? [];
  if (argv[0] !== 'model' || provider === undefined || name === undefined) return null;
  const option = (flag: string): string | null => {
    const at = argv.indexOf(flag, 2);
    return at < 0 ? null : (argv[at + 1] ?? null);
  };
  const [input, output] = (option('--price') ?? '').split('/').map((usd) => Math.round(Number(usd) * 1e6));
  return {
    provider,
    name,
    baseUrl: option('--base-url'),
    keyFrom: option('--key-from') ?? '',
    stepsMax: Number(option('--steps')),
    tokensMax: Number(option('--tokens')),
    price: output === undefined ? null : { input: input!, output },
  };
}

/** One line for the plan, said before anything is paid; null for what is no model. */
export function modelNote(agent: work.AgentSpec): string | null {
  const model = agent.kind === 'model' ? modelOf(agent.argv) : null;
  if (model === null) return null;
  const usd = (micros: number): string => `$${micros / 1e6}`;
  const price =
    model.price !== null
      ? `${usd(model.price.input)} in and ${usd(model.price.output)} out for a million tokens, as you declared`
      : agent.attemptPrice !== null
        ? `${usd(agent.attemptPrice)} an attempt, as you declared`
        : 'price unknown';
  const where = model.baseUrl === null ? `the endpoint of ${packageOf(model.provider)}` : new URL(model.baseUrl).host;
  const key = model.keyFrom === '' ? 'no key' : `key from ${model.keyFrom}`;
  return `agent ${agent.name}: model ${model.name} at ${where}, ${key}; at most ${model.stepsMax} steps and ${model.tokensMax} tokens an attempt; ${price}`;
}

export function packageOf(provider: string): string {
  return `@ai-sdk/${provider}`;
}

/** Beside Skein first, then in the user's project. */
export function findPackage(name: string, project: string): { readonly path: string; readonly version: string } | null {
  for (const place of [import.meta.url, join(project, 'package.json')]) {
    try {
      const require = createRequire(place);
      const { version } = JSON.parse(readFileSync(require.resolve(`${name}/package.json`), 'utf8')) as { version: string };
      return { path: require.resolve(name), version };
    } catch {
      // not here
    }
  }
  return null;
}

// The entry has this file's own extension: `.ts` in source, `.js` published.
const entry: string = fileURLToPath(new URL(`./main${extname(import.meta.url)}`, import.meta.url));

/** The program that is this agent. */
export function programOf(argv: readonly string[]): string[] {
  return [process.execPath, entry, ...argv.slice(1)];
}

/** What the program reads of Skein's own installation: a sandbox hides what lies in /tmp. */
export function readableOf(): string[] {
  const root = join(dirname(entry), '..', '..', '..', '..', '..');
  const above = dirname(root);
  return [basename(above) === 'node_modules' && existsSync(above) ? above : root];
}
