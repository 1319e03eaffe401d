/** Everything that agents, files and tests may say, as bad as it can be; and a look at a page for what got through. */
import type { ReportData } from '../../src/surfaces/cli/report-page/data.ts';

export const PAYLOAD = `"><script>globalThis.owned=1</script><img src=x onerror="owned=1">'</title></style></pre>&amp;\u202e\u001b[31m\u0000]]>`;

/** Fields whose values are chosen by Skein, or that are no text. */
const OURS = new Set([
  'schema',
  'phase',
  'reason',
  'state',
  'outcome',
  'status',
  'sandbox',
  'startedAt',
  'endedAt',
  'currency',
  'when',
]);

/** The same data with the payload in every text that comes from elsewhere; equal texts stay equal. */
export function hostile(data: ReportData): ReportData {
  return { ...(mutated(data, '') as ReportData) };
}

function mutated(value: unknown, key: string): unknown {
  if (typeof value === 'string')
    return OURS.has(key) ? value : key === 'diff' ? value.replaceAll('parse', `${PAYLOAD}parse`) : value + PAYLOAD;
  if (Array.isArray(value)) return value.map((each) => mutated(each, key));
  // Asked for by commits that are mutated too.
  if (value instanceof Map) return new Map([...value].map(([commit, diff]) => [mutated(commit, ''), mutated(diff, 'diff')]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, mutated(each, name)]));
}

const TAGS = new Set(
  'a article b body br button circle code dd defs del details dialog div dl dt figure footer g h1 h2 h3 h4 head header html i ins kbd li line link main meta nav p path pattern pre rect section small span strong summary svg table tbody td text th thead title tr ul'.split(
    ' ',
  ),
);

/** What has no business on the page: unknown tags, handlers, addresses, controls, a second script. */
export function intruders(page: string): string[] {
  const found: string[] = [];
  const parts = page.split(/<(?:script|style)>.*?<\/(?:script|style)>/s);
  if (parts.length !== 3) found.push(`${parts.length - 1} scripts and styles`);
  for (const part of parts) {
    for (const [tag, name] of part.matchAll(/<[/!]?([^\s>/]*)[^>]*>?/g)) {
      if (tag !== '<!doctype html>' && !TAGS.has(name!)) found.push(tag);
      if (/\son\w+\s*=|javascript:|\sstyle=/i.test(tag.replaceAll(/"[^"]*"/g, '""'))) found.push(tag);
      for (const [, address] of tag.matchAll(/\s(?:href|src)="([^"]*)"/g))
        if (!/^(?:#[\w-]+|data:,)$/.test(address!)) found.push(tag);
    }
    for (const control of part.match(/[\p{Cf}\u2028\u2029]|(?![\n\t])\p{Cc}/gu) ?? [])
      found.push(`control ${control.codePointAt(0)}`);
  }
  return found;
}
