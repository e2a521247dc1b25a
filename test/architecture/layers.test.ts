import { describe, expect, it } from 'vitest';
import { folderOf, LAYERS, MAY_OPEN_SOCKETS_AND_FILES, OUTSIDE_WORLD, SIDE, SIDE_MAY_IMPORT } from './layers.js';
import { type Import, readSources, type SourceFile } from './sources.js';

const sources = readSources();

/** One line for each import of the project that the rule objects to. */
function offences(rule: (from: SourceFile, imported: Import) => string | undefined): string[] {
  return sources.flatMap((source) =>
    source.imports.flatMap((imported) => {
      const objection = rule(source, imported);
      return objection === undefined ? [] : [`src/${source.path}:${imported.line} ${objection}`];
    }),
  );
}

describe('the layers of src/', () => {
  it('every file belongs to a folder that has its layer', () => {
    expect(sources.map(({ path }) => path).filter((path) => folderOf(path) === undefined)).toEqual([]);
  });

  it('a folder imports only from itself and from lower layers', () => {
    const found = offences(({ path }, { file }) => {
      const from = folderOf(path);
      const to = file === undefined ? undefined : folderOf(file);
      if (from === undefined || to === undefined || from === to || from === SIDE) return undefined;
      if (to === SIDE) return `${from}/ imports the tool ${SIDE}/`;
      const [lower, upper] = [LAYERS[to] as number, LAYERS[from] as number];
      if (lower < upper) return undefined;
      return lower === upper
        ? `${from}/ and ${to}/ are on one layer`
        : `${to}/ (${lower}) is above ${from}/ (${upper})`;
    });
    expect(found).toEqual([]);
  });

  it(`${SIDE} imports only ${SIDE_MAY_IMPORT.join(' and ')} of the house`, () => {
    const found = offences(({ path }, { file, specifier }) => {
      if (folderOf(path) !== SIDE || file === undefined) return undefined;
      const to = folderOf(file) ?? '';
      return to === SIDE || SIDE_MAY_IMPORT.includes(to) ? undefined : `${SIDE}/ imports ${specifier}`;
    });
    expect(found).toEqual([]);
  });

  it('only the shells open sockets, files and processes', () => {
    const found = offences(({ path }, { specifier }) => {
      if (!OUTSIDE_WORLD.test(specifier)) return undefined;
      const folder = folderOf(path) ?? '';
      return MAY_OPEN_SOCKETS_AND_FILES.includes(folder) ? undefined : `${folder}/ imports ${specifier}`;
    });
    expect(found).toEqual([]);
  });

  it('an import names a file that is there, as .js', () => {
    const paths = new Set(sources.map(({ path }) => path));
    const found = offences((_from, { file, specifier }) => {
      if (file === undefined) return undefined;
      return specifier.endsWith('.js') && paths.has(file) ? undefined : `there is no ${specifier}`;
    });
    expect(found).toEqual([]);
  });

  it('built-ins are imported with the node: protocol', () => {
    const packages = /^(@?[\w.-]+(\/[\w.-]+)*)$/;
    const found = offences((_from, { file, specifier }) => {
      if (file !== undefined || specifier.startsWith('node:') || packages.test(specifier)) return undefined;
      return `${specifier} is neither a package nor node:...`;
    });
    expect(found).toEqual([]);
  });
});

describe('import cycles', () => {
  it('there are none at run time', () => {
    expect(cycles((imported) => !imported.typeOnly)).toEqual([]);
  });

  it('there are none between folders, not even of types', () => {
    const edges = new Map<string, Set<string>>();
    for (const { path, imports } of sources) {
      const from = folderOf(path) ?? path;
      const targets = edges.get(from) ?? new Set();
      edges.set(from, targets);
      for (const { file } of imports) if (file !== undefined) targets.add(folderOf(file) ?? file);
      targets.delete(from);
    }
    expect(findCycles(edges)).toEqual([]);
  });

  it('there are none between files, not even of types', () => {
    expect(cycles(() => true)).toEqual([]);
  });
});

function cycles(counts: (imported: Import) => boolean): string[] {
  const edges = new Map<string, Set<string>>();
  for (const { path, imports } of sources) {
    const targets = imports.filter(counts).flatMap(({ file }) => (file === undefined ? [] : [file]));
    edges.set(path, new Set(targets));
  }
  return findCycles(edges);
}

/** Each cycle once, as `a -> b -> a`, found depth first. */
function findCycles(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (node: string): void => {
    const at = trail.indexOf(node);
    if (at >= 0) {
      found.push([...trail.slice(at), node].join(' -> '));
      return;
    }
    if (done.has(node)) return;
    trail.push(node);
    for (const target of edges.get(node) ?? []) visit(target);
    trail.pop();
    done.add(node);
  };
  for (const node of edges.keys()) visit(node);
  return found;
}
