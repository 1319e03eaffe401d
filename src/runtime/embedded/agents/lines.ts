/** Bytes into lines as they come. A line over the bound is dropped whole: half a JSON line says nothing. */
import { StringDecoder } from 'node:string_decoder';

const LINE_LENGTH_MAX = 8 * 1024 * 1024; // agents print tool results with whole files in one line

export function lineSplitter(onLine: (line: string) => void): { push(chunk: Buffer): void; end(): void } {
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  let length = 0;
  let dropping = false;
  const emit = (): void => {
    if (!dropping && length > 0) onLine(parts.join(''));
    parts = [];
    length = 0;
    dropping = false;
  };
  const add = (piece: string): void => {
    length += piece.length;
    if (length > LINE_LENGTH_MAX) {
      dropping = true;
      parts = [];
    }
    if (!dropping && piece !== '') parts.push(piece);
  };
  return {
    push(chunk) {
      const pieces = decoder.write(chunk).split('\n');
      for (let i = 0; i < pieces.length; i++) {
        if (i > 0) emit();
        add(pieces[i]!);
      }
    },
    end() {
      add(decoder.end());
      emit();
    },
  };
}
