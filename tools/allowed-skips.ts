/** The agreed list of tests that may be skipped: a line is the beginning of a test's full name, then ` # ` and the reason. */
export interface AllowedSkip {
  readonly prefix: string;
  readonly reason: string;
}

/** Throws on a line without a reason. */
export function allowedSkips(text: string): readonly AllowedSkip[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const at = line.lastIndexOf(' # ');
      if (at <= 0) throw new Error(`test/allowed-skips.txt: "${line}" has no reason: write it after " # "`);
      return { prefix: line.slice(0, at).trim(), reason: line.slice(at + 3).trim() };
    });
}

export function reasonFor(fullName: string, allowed: readonly AllowedSkip[]): string | null {
  return allowed.find((each) => fullName.startsWith(each.prefix))?.reason ?? null;
}
