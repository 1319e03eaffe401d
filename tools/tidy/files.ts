/** The files that the rules look at, read once; tokens are split on first use. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type Import, importsOf, type Token, tokenize } from './tokens.ts';

export interface Finding {
  readonly path: string;
  readonly line: number;
  /** What is wrong, and what to do. */
  readonly message: string;
}

export interface Rule {
  readonly name: string;
  readonly why: string;
  check(files: readonly RepositoryFile[]): readonly Finding[];
}

export class RepositoryFile {
  /** Relative to the top, with forward slashes. */
  readonly path: string;
  readonly text: string;
  #tokens: readonly Token[] | null = null;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  get name(): string {
    return posix.basename(this.path);
  }

  get isCode(): boolean {
    return this.path.endsWith('.ts') && !this.path.startsWith('test/fixtures/');
  }

  /** Tests and benches: they may touch the world, and they have their own tsconfig. */
  get isTest(): boolean {
    return /\.(test|bench)\.ts$/.test(this.path);
  }

  /** Without comments. */
  get tokens(): readonly Token[] {
    return (this.#tokens ??= tokenize(this.text).filter((token) => token.kind !== 'comment'));
  }

  get comments(): readonly Token[] {
    return tokenize(this.text).filter((token) => token.kind === 'comment');
  }

  get imports(): readonly Import[] {
    return importsOf(this.tokens);
  }

  finding(line: number, message: string): Finding {
    return { path: this.path, line, message };
  }

  /** The line of the first occurrence, or 1. */
  lineOf(needle: string): number {
    const at = this.text.indexOf(needle);
    return at === -1 ? 1 : this.text.slice(0, at).split('\n').length;
  }
}

const SKIPPED = new Set(['node_modules', '.git', 'dist', 'coverage', '.skein']);
const BINARY = /\.(png|jpg|gif|ico|woff2?|db|gz|tgz|zip)$/;

export function readRepository(root: string): readonly RepositoryFile[] {
  const files: RepositoryFile[] = [];
  const walk = (directory: string): void => {
    const entries = readdirSync(join(root, directory), { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (SKIPPED.has(entry.name)) continue;
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile() && !BINARY.test(entry.name) && !entry.name.endsWith('.tsbuildinfo')) {
        files.push(new RepositoryFile(path, readFileSync(join(root, path), 'utf8')));
      }
    }
  };
  walk('');
  return files;
}
