/**
 * A chat-completions endpoint on loopback: real HTTP, real server-sent events, answers from a script. Each request takes the next
 * answer; the last one repeats. It keeps what it was sent.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';

export interface Sent {
  readonly authorization: string | undefined;
  readonly body: {
    readonly model: string;
    readonly stream: boolean;
    readonly messages: readonly { readonly role: string; readonly content: unknown; readonly tool_call_id?: string }[];
    readonly tools?: readonly { readonly function: { readonly name: string } }[];
  };
}

export type Script = (response: ServerResponse, sent: Sent) => void;

export interface Endpoint {
  readonly url: string;
  readonly sent: readonly Sent[];
  close(): Promise<void>;
}

export async function endpoint(...script: readonly Script[]): Promise<Endpoint> {
  const sent: Sent[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void json(request).then((body) => {
      const one: Sent = { authorization: request.headers.authorization, body: body as Sent['body'] };
      sent.push(one);
      script[Math.min(sent.length, script.length) - 1]!(response, one);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    sent,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const event = (data: unknown): string => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
const chunk = (delta: unknown, finish: string | null = null): unknown => ({
  id: 'c1',
  object: 'chat.completion.chunk',
  created: 1_700_000_000,
  model: 'test',
  choices: [{ index: 0, delta, finish_reason: finish }],
});
const USAGE = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 };
const open = (response: ServerResponse): void => void response.writeHead(200, { 'content-type': 'text/event-stream' });

/** A whole answer: the text in pieces, as servers send it, then usage in a chunk without choices. */
export const says =
  (text: string, usage: unknown = USAGE): Script =>
  (response) => {
    open(response);
    for (const piece of text.match(/.{1,7}/gs) ?? []) response.write(event(chunk({ role: 'assistant', content: piece })));
    response.write(event(chunk({}, 'stop')));
    if (usage !== null) response.write(event({ ...(chunk({}) as object), choices: [], usage }));
    response.end(event('[DONE]'));
  };

/** Tool calls with their arguments in two pieces. */
export const calls =
  (...wanted: readonly (readonly [tool: string, input: unknown])[]): Script =>
  (response) => {
    open(response);
    for (const [index, [name, input]] of wanted.entries()) {
      const text = typeof input === 'string' ? input : JSON.stringify(input);
      const id = `call-${index}-${Math.round(performance.now() * 1000)}`;
      const half = Math.floor(text.length / 2);
      response.write(
        event(chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: text.slice(0, half) } }] })),
      );
      response.write(event(chunk({ tool_calls: [{ index, function: { arguments: text.slice(half) } }] })));
    }
    response.write(event(chunk({}, 'tool_calls')));
    response.write(event({ ...(chunk({}) as object), choices: [], usage: USAGE }));
    response.end(event('[DONE]'));
  };

export const fails =
  (status: number, headers: Record<string, string> = {}): Script =>
  (response, { authorization = '' }) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    // As some do, it repeats the key it was given.
    response.end(
      JSON.stringify({
        error: { message: `status ${status}; you sent ${authorization}`, type: 'error', code: null, param: null },
      }),
    );
  };

export const hangs: Script = (response) => {
  open(response);
  response.write(event(chunk({ role: 'assistant', content: 'Let me' })));
};

export const malformed: Script = (response) => {
  open(response);
  response.write(event('{"id":"c1","choices":[{"del'));
  response.end(event('[DONE]'));
};

/** The connection ends in the middle of an answer. */
export const breaksOff: Script = (response) => {
  open(response);
  response.write(event(chunk({ role: 'assistant', content: 'Let me' })), () => response.destroy());
};

export const noJson: Script = (response) => {
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end('<html>Welcome to the proxy</html>');
};
