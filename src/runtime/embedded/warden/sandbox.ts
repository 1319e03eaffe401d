import type { StartRequest } from './wire.ts';
export type Wrapped = { readonly ok: true; readonly argv: readonly string[] } | { readonly ok: false; readonly why: string };
export async function sandboxed(request: StartRequest): Promise<Wrapped> {
  return { ok: true, argv: request.argv };
}
