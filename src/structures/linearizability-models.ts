/**
 * The sequential objects that histories are judged against: a register, one with compare-and-set, and a map of texts by key.
 * Another object is another SequentialModel; nothing is registered anywhere.
 */
import type { SequentialModel } from './linearizability.ts';

export type RegisterValue = string | number | null;
export type RegisterInput =
  | { readonly do: 'read' }
  | { readonly do: 'write'; readonly value: RegisterValue }
  | { readonly do: 'cas'; readonly from: RegisterValue; readonly to: RegisterValue };
/** `value` of a read, `done` of a compare-and-set; nothing of a write. */
export interface RegisterOutput {
  readonly value?: RegisterValue;
  readonly done?: boolean;
}

/** A register with compare-and-set; a plain register is one whose history has no `cas`. */
export const casRegister: SequentialModel<RegisterValue, RegisterInput, RegisterOutput> = {
  initial: null,
  identity: (state) => (typeof state === 'string' ? `"${state}` : (state ?? 'null')),
  isRead: (input, output) => input.do === 'read' || (input.do === 'cas' && output.done === false),
  step: (state, input, output) => {
    switch (input.do) {
      case 'read':
        return output === null || output.value === state ? state : undefined;
      case 'write':
        return input.value;
      case 'cas': {
        const fits = input.from === state;
        if (output !== null && output.done !== fits) return undefined;
        return fits ? input.to : state;
      }
    }
  },
};

export type KvInput =
  | { readonly do: 'get'; readonly key: string }
  | { readonly do: 'put'; readonly key: string; readonly value: string }
  | { readonly do: 'append'; readonly key: string; readonly value: string };

/** Many objects of one kind, each under its key and a part of its own. */
export function perKey<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
): SequentialModel<State, Input & { readonly key: string }, Output> {
  return { ...model, part: ({ key }) => key };
}

/** A map from keys to texts, '' at first, every key a part of its own. A `get` answers the text, the others nothing. */
export const keyValue: SequentialModel<string, KvInput, string> = {
  initial: '',
  identity: (state) => state,
  part: ({ key }) => key,
  isRead: (input) => input.do === 'get',
  step: (state, input, output) => {
    switch (input.do) {
      case 'get':
        return output === null || output === state ? state : undefined;
      case 'put':
        return input.value;
      case 'append':
        return state + input.value;
    }
  },
};
