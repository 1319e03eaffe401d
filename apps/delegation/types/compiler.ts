/**
 * One warm compiler for one package under one set of options. Whatever checkout it looks at is shown to the compiler under the
 * same virtual directory, so a second checkout that differs in one file costs one changed file. Uses the repository's own
 * TypeScript while that has a language service (below 7), else the classic one that comes with Skein, and says which.
 * Never writes, and never follows a path out of the checkout except into installed packages, which it takes for constant.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, posix } from 'node:path';
import classic from 'typescript-classic';
import { codeOffset, ownerName } from './functions.ts';
import { entriesOf, manifestOf } from './packages.ts';

export type TypeScript = typeof classic;
export type Mode = 'strict' | 'own';

export interface PackageScope {
  /** Absolute path of the checkout. */
  readonly workspace: string;
  /** Directory of the package in it; '' = top. */
  readonly package: string;
  /** strict: `checkJs` and `strict` imposed on the given files. own: what the package's own tsconfig.json says. */
  readonly mode: Mode;
  /** Hand-written sources, relative to the checkout. Only their diagnostics count. */
  readonly files: readonly string[];
}

/** One error that stands. `key` survives unrelated edits: it names the function around it and has no line number. */
export interface Item {
  readonly key: string;
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly code: number;
  readonly message: string;
  /** Characters of code before it, comments and blanks left out. */
  readonly at: number;
  /** Offset in the file's text. */
  readonly start: number;
}

export interface Diagnosis {
  readonly compiler: string;
  readonly items: readonly Item[];
}

export interface Coverage {
  readonly identifiers: number;
  readonly typed: number;
}

/** Where every checkout seems to lie. No real directory has this name. */
const BASE = '/.skein-checkout';

export function compilerFor(directory: string): { readonly ts: TypeScript; readonly says: string } {
  try {
    const own = createRequire(join(directory, 'package.json'));
    const { version } = own('typescript/package.json') as { version: string };
    if (Number(version.split('.')[0]) < 6) {
      const ts = own('typescript') as TypeScript;
      if (typeof ts.createLanguageService === 'function') return { ts, says: `TypeScript ${version} of the repository` };
    }
  } catch {
    // not installed there
  }
  return { ts: classic, says: `TypeScript ${classic.version} that comes with Skein` };
}

interface Known {
  readonly version: string;
  readonly text: string;
}

export class Compiler {
  readonly ts: TypeScript;
  readonly says: string;
  readonly #package: string;
  readonly #mode: Mode;
  #workspace = '';
  #options: classic.CompilerOptions = {};
  #roots: readonly string[] = [];
  #files: readonly string[] = [];
  /** Texts that stand in for the checkout's own: what an agent is trying out. */
  readonly #overlay = new Map<string, Known>();
  #known = new Map<string, Known>();
  readonly #constant = new Map<string, classic.IScriptSnapshot>();
  readonly #snapshots = new Map<string, { version: string; snapshot: classic.IScriptSnapshot }>();
  readonly #service: classic.LanguageService;

  constructor(scope: PackageScope) {
    const { ts, says } = compilerFor(join(scope.workspace, scope.package));
    this.ts = ts;
    this.says = says;
    this.#package = scope.package;
    this.#mode = scope.mode;
    this.open(scope);
    this.#service = ts.createLanguageService(this.#host(), ts.createDocumentRegistry());
  }

  /** Turns to another checkout of the same package. Reads every source once; what did not change stays compiled. */
  open(scope: PackageScope): void {
    this.#overlay.clear();
    this.#known = new Map();
    this.#workspace = realpathSync(scope.workspace);
    this.#files = scope.files;
    const parsed = this.#configuration();
    this.#options = parsed.options;
    this.#roots = parsed.roots;
  }

  /** Tries a text for one file without writing it; null = the checkout's own again. */
  try(path: string, text: string | null): void {
    if (text === null) this.#overlay.delete(this.virtual(path));
    else this.#overlay.set(this.virtual(path), { version: hash(text), text });
  }

  text(path: string): string {
    return this.#read(this.virtual(path))?.text ?? '';
  }

  get program(): classic.Program {
    const program = this.#service.getProgram();
    if (program === undefined) throw new Error(`the compiler gave no program for ${this.#package || 'the repository'}`);
    return program;
  }

  get service(): classic.LanguageService {
    return this.#service;
  }

  get files(): readonly string[] {
    return this.#files;
  }

  source(path: string): classic.SourceFile | undefined {
    return this.program.getSourceFile(this.virtual(path));
  }

  virtual(path: string): string {
    return `${BASE}/${path}`;
  }

  /** The path in the checkout, or null for files of installed packages and the compiler's own. */
  relative(path: string): string | null {
    return path.startsWith(`${BASE}/`) && !path.includes('/node_modules/') ? path.slice(BASE.length + 1) : null;
  }

  /** Every error in the counted files, sorted by place. */
  diagnose(): Diagnosis {
    const items: Item[] = [];
    const { program } = this;
    for (const path of this.#files) {
      const source = program.getSourceFile(this.virtual(path));
      if (source === undefined) continue;
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      const counted = new Map<string, number>();
      found.sort((a, b) => (a.start ?? 0) - (b.start ?? 0) || a.code - b.code);
      for (const { start = 0, length = 0, code, messageText } of found) {
        const message = this.ts.flattenDiagnosticMessageText(messageText, '\n').split('\n')[0]!;
        const token = source.text.slice(start, start + length);
        const symbol = /^[\w$.#'"-]{1,60}$/.test(token) ? token : message.replace(/\s+/g, ' ').slice(0, 80);
        const owner = ownerName(this.ts, source, start);
        const stem = `${path} TS${code} ${symbol}${owner === '' ? '' : ` in ${owner}`}`;
        const nth = (counted.get(stem) ?? 0) + 1;
        counted.set(stem, nth);
        const { line, character } = source.getLineAndCharacterOfPosition(start);
        items.push({
          key: `${stem} #${nth}`,
          path,
          line: line + 1,
          column: character + 1,
          code,
          message,
          at: codeOffset(this.ts, source, start),
          start,
        });
      }
    }
    return { compiler: this.says, items };
  }

  /** Share of identifiers whose type is known: the other half of "fewer errors", which `any` would buy too. */
  coverage(): Coverage {
    const { ts, program } = this;
    const checker = program.getTypeChecker();
    let [identifiers, typed] = [0, 0];
    for (const path of this.#files) {
      const source = program.getSourceFile(this.virtual(path));
      if (source === undefined) continue;
      const visit = (node: classic.Node): void => {
        if (ts.isIdentifier(node)) {
          identifiers += 1;
          if ((checker.getTypeAtLocation(node).flags & ts.TypeFlags.Any) === 0) typed += 1;
        }
        ts.forEachChild(node, visit);
      };
      visit(source);
    }
    return { identifiers, typed };
  }

  #configuration(): { options: classic.CompilerOptions; roots: readonly string[] } {
    const { ts } = this;
    const counted = this.#files.map((path) => this.virtual(path));
    const directory = posix.join(BASE, this.#package);
    const config = ['tsconfig.json', 'jsconfig.json'].map((name) => `${directory}/${name}`).find((path) => this.#exists(path));
    const own =
      config === undefined
        ? null
        : ts.getParsedCommandLineOfConfigFile(
            config,
            {},
            {
              useCaseSensitiveFileNames: true,
              fileExists: (path) => this.#exists(path),
              readFile: (path) => this.#read(path)?.text,
              readDirectory: (...args) => this.#readDirectory(...args),
              getCurrentDirectory: () => directory,
              onUnRecoverableConfigFileDiagnostic: () => undefined,
            },
          );
    if (this.#mode === 'own') {
      return { options: { ...own?.options, noEmit: true, incremental: false, composite: false }, roots: own?.fileNames ?? [] };
    }
    return {
      options: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.NodeNext,
        moduleResolution: ts.ModuleResolutionKind.NodeNext,
        esModuleInterop: true,
        resolveJsonModule: true,
        ...(own === null || own === undefined ? {} : own.options),
        allowJs: true,
        checkJs: true,
        strict: true,
        noEmit: true,
        incremental: false,
        composite: false,
        skipLibCheck: true,
      },
      // The shipped declarations are read too, so that the code can be compared with them; their errors are not counted.
      roots: [...counted, ...this.#shipped().filter((path) => !counted.includes(path))],
    };
  }

  #shipped(): string[] {
    const manifest = manifestOf(this.#workspace, this.#package);
    const entries = entriesOf(manifest, this.#package, (path) => this.#exists(this.virtual(path)));
    return entries.map(({ types }) => this.virtual(types));
  }

  #real(path: string): string {
    return path === BASE || path.startsWith(`${BASE}/`) ? this.#workspace + path.slice(BASE.length) : path;
  }

  #exists(path: string): boolean {
    return this.#overlay.has(path) || statSync(this.#real(path), { throwIfNoEntry: false })?.isFile() === true;
  }

  #read(path: string): Known | undefined {
    const tried = this.#overlay.get(path) ?? this.#known.get(path);
    if (tried !== undefined) return tried;
    try {
      const text = readFileSync(this.#real(path), 'utf8');
      const known = { version: hash(text), text };
      if (this.relative(path) !== null) this.#known.set(path, known);
      return known;
    } catch {
      return undefined;
    }
  }

  #readDirectory(
    root: string,
    extensions: readonly string[] = [],
    excludes: readonly string[] | undefined,
    includes: readonly string[],
    depth?: number,
  ): string[] {
    const real = this.#real(root);
    const found = this.ts.sys.readDirectory(real, extensions, excludes, includes, depth);
    return found.map((path) => (path.startsWith(this.#workspace) ? BASE + path.slice(this.#workspace.length) : path));
  }

  #host(): classic.LanguageServiceHost {
    const { ts } = this;
    return {
      getCompilationSettings: () => this.#options,
      getScriptFileNames: () => [...this.#roots],
      getScriptVersion: (path) => (this.relative(path) === null ? '1' : (this.#read(path)?.version ?? '0')),
      getScriptSnapshot: (path) => {
        if (this.relative(path) === null) {
          let snapshot = this.#constant.get(path);
          const text = snapshot === undefined ? this.#read(path)?.text : undefined;
          if (text !== undefined) this.#constant.set(path, (snapshot = ts.ScriptSnapshot.fromString(text)));
          return snapshot;
        }
        const known = this.#read(path);
        if (known === undefined) return undefined;
        const last = this.#snapshots.get(path);
        if (last?.version === known.version) return last.snapshot;
        const snapshot = ts.ScriptSnapshot.fromString(known.text);
        this.#snapshots.set(path, { version: known.version, snapshot });
        return snapshot;
      },
      getCurrentDirectory: () => posix.join(BASE, this.#package),
      getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
      fileExists: (path) => this.#exists(path),
      readFile: (path) => this.#read(path)?.text,
      directoryExists: (path) => statSync(this.#real(path), { throwIfNoEntry: false })?.isDirectory() === true,
      getDirectories: (path) => {
        try {
          return readdirSync(this.#real(path)).filter((name) => existsSync(join(this.#real(path), name)));
        } catch {
          return [];
        }
      },
      readDirectory: (path, extensions, excludes, includes, depth) =>
        this.#readDirectory(path, extensions, excludes, includes ?? [], depth),
      realpath: (path) => {
        try {
          const real = realpathSync(this.#real(path));
          return real.startsWith(`${this.#workspace}/`) ? BASE + real.slice(this.#workspace.length) : real;
        } catch {
          return path;
        }
      },
      useCaseSensitiveFileNames: () => true,
    };
  }
}

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 22);
