/** Which names may enter a repository that people check out on other systems. Pure; the rules are git's own plus Windows'. */

/** Code points that HFS+ leaves out when it compares names: `.g<U+200C>it` is `.git` there. */
const IGNORED_BY_HFS = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/gu;
const RESERVED = /^(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?$/i;

export function pathProblem(path: string): string | null {
  if (path.includes('\uFFFD')) return 'the name is not valid UTF-8';
  for (const part of path.split('/')) {
    const plain = part.replaceAll(IGNORED_BY_HFS, '').toLowerCase();
    if (/^(\.git|git~\d+)[ .]*(:.*)?$/.test(plain)) return 'a name that is .git on another system';
    if (/[\p{Cc}\\]/u.test(part)) return 'a control character or backslash in the name';
    if (/[<>:"|?*]/.test(part) || /[ .]$/.test(part) || RESERVED.test(part)) return 'a name that Windows cannot hold';
  }
  return null;
}

/** A link has to stay inside the tree however the links it passes through lie: `..` only at its front, and not past the top. */
export function linkProblem(path: string, target: string): string | null {
  if (target === '') return 'an empty link';
  if (target.startsWith('/') || /^[a-z]:/i.test(target) || target.includes('\\'))
    return `a link out of the repository, to ${target}`;
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const up = parts.findIndex((part) => part !== '..');
  const leading = up === -1 ? parts.length : up;
  if (leading > path.split('/').length - 1 || parts.slice(leading).includes('..'))
    return `a link out of the repository, to ${target}`;
  if (/^\.git/i.test(path.split('/').at(-1)!)) return 'git does not follow links of this name';
  return parts.some((part) => part.toLowerCase() === '.git') ? `a link into .git, to ${target}` : null;
}

/** Names of files and of the directories they lie in, compared as a disk does where case and Unicode form do not count. */
export class Names {
  readonly #byKey = new Map<string, string>();
  readonly #known = new Set<string>();

  add(path: string): void {
    for (let name = path; name !== '' && !this.#known.has(name); name = parentOf(name)) {
      this.#known.add(name);
      this.#byKey.set(keyOf(name), name);
    }
  }

  /** The name that `path`, or a directory on its way, would be confused with. */
  collision(path: string): string | null {
    for (let name = path; name !== '' && !this.#known.has(name); name = parentOf(name)) {
      const other = this.#byKey.get(keyOf(name));
      if (other !== undefined && other !== name) return other;
    }
    return null;
  }
}

const keyOf = (name: string): string => name.normalize('NFC').toLowerCase();
const parentOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/')));
