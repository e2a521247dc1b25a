/** The source files of the project as the architecture tests see them: their text, their imports, where they are. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const SRC = join(REPOSITORY, 'src');

export interface Import {
  /** As it is written. */
  readonly specifier: string;
  /** Relative to src/, for files of the project; undefined for packages and built-ins. */
  readonly file: string | undefined;
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean;
  readonly line: number;
}

export interface SourceFile {
  /** Relative to src/, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly imports: readonly Import[];
}

/** Every .ts file of src/. */
export function readSources(): SourceFile[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return files
    .map((file) => file.replaceAll('\\', '/'))
    .sort()
    .map((path) => {
      const text = readFileSync(join(SRC, path), 'utf8');
      return { path, text, lines: text.split('\n'), imports: findImports(path, text) };
    });
}

/** `import ... from 'x'`, `export ... from 'x'`, `import 'x'`, `import('x')`. */
const STATIC = /^(?:import|export)\s+(type\s+)?(?:([^'";]*?)\s+from\s+)?'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*\)/g;

function findImports(path: string, text: string): Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(STATIC)) {
    const names = match[2] ?? '';
    const allTypes = /^\{/.test(names) && namesOf(names).every((name) => name.startsWith('type '));
    found.push(toImport(path, text, match.index, match[3] as string, match[1] !== undefined || allTypes));
  }
  for (const match of text.matchAll(DYNAMIC)) {
    if (!/^\s*(\*|\/\/)/.test(lineAt(text, match.index))) {
      found.push(toImport(path, text, match.index, match[1] as string, false));
    }
  }
  return found;
}

function namesOf(braces: string): string[] {
  return braces
    .slice(1, braces.lastIndexOf('}'))
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function toImport(path: string, text: string, at: number, specifier: string, typeOnly: boolean): Import {
  const line = text.slice(0, at).split('\n').length;
  if (!specifier.startsWith('.')) return { specifier, file: undefined, typeOnly, line };
  const target = resolve(SRC, dirname(path), specifier).replace(/\.js$/, '.ts');
  return { specifier, file: relative(SRC, target).replaceAll('\\', '/'), typeOnly, line };
}

function lineAt(text: string, at: number): string {
  return text.slice(text.lastIndexOf('\n', at) + 1, text.indexOf('\n', at));
}
