import { describe, expect, it } from 'vitest';
import { readSources } from './sources.js';

const sources = readSources();
const MAX_LINES = 500;

/** `src/file:line text` for each line of a file that the rule objects to. */
function offendingLines(rule: (line: string, path: string) => boolean): string[] {
  return sources.flatMap(({ path, lines }) =>
    lines.flatMap((line, i) => (rule(line, path) ? [`src/${path}:${i + 1} ${line.trim()}`] : [])),
  );
}

describe('the files of src/', () => {
  it(`have ${MAX_LINES} lines at most`, () => {
    const long = sources.filter(({ lines }) => lines.length - 1 > MAX_LINES);
    expect(long.map(({ path, lines }) => `src/${path} has ${lines.length - 1} lines`)).toEqual([]);
  });

  it('do not hide in folders that stand for nothing', () => {
    expect(sources.filter(({ path }) => /(^|\/)(utils?|common|misc|helpers?)(\/|\.ts$)/.test(path))).toEqual([]);
  });

  it('have no barrels: only embed/index.ts hands on what others export', () => {
    const rule = (line: string, path: string) => /^export\s.*\sfrom\s+'/.test(line) && path !== 'embed/index.ts';
    expect(offendingLines(rule)).toEqual([]);
  });

  it('have no enums and no namespaces', () => {
    expect(
      offendingLines((line) => /^\s*(export\s+)?(declare\s+)?(const\s+)?(enum|namespace)\s+\w/.test(line)),
    ).toEqual([]);
  });
});

/** A declaration at the top of a module, that is: not indented. */
const TOP_LEVEL_CONST = /^(?:export )?const ([A-Za-z_$][\w$]*)(?::\s*([^=]+?))? =\s*(.*)$/;
const CONTAINER = /^(new (Map|Set|WeakMap|WeakSet|Array)\b|\[|\{|Array\.from)/;
const READ_ONLY = /Readonly|readonly |\bas const\b|Object\.freeze/;

describe('nothing belongs to a module: two servers in one process share no state', () => {
  it('no let or var at the top of a module', () => {
    expect(offendingLines((line) => /^(export )?(let|var)\s/.test(line))).toEqual([]);
  });

  it('no container at the top of a module is written to', () => {
    const found = sources.flatMap(({ path, lines, text }) =>
      lines.flatMap((line, i) => {
        const [, name, type = '', value = ''] = TOP_LEVEL_CONST.exec(line) ?? [];
        if (name === undefined || !CONTAINER.test(value) || READ_ONLY.test(type)) return [];
        const write = writeTo(name, text);
        return write === undefined ? [] : [`src/${path}:${i + 1} ${name} is written: ${write}`];
      }),
    );
    expect(found).toEqual([]);
  });

  it('no cache (WeakMap, WeakSet) at the top of a module', () => {
    expect(offendingLines((line) => /^(export )?const .*= new Weak(Map|Set)\b/.test(line))).toEqual([]);
  });

  it('no class has static fields that change', () => {
    expect(
      offendingLines((line) => /^\s+(private |public )?static (?!readonly|async|\*?\s*#?\w+\s*[(<])/.test(line)),
    ).toEqual([]);
  });

  it('no instance of our own classes lives at the top of a module, unless it is listed here with its reason', () => {
    const harmless: Readonly<Record<string, string>> = {
      Uint8Array: 'a table or an empty range',
      Int32Array: 'a table',
      Uint32Array: 'a table',
      Uint16Array: 'a table',
      Float64Array: 'a table',
      BigUint64Array: 'a table',
      DataView: 'an empty range',
      ArgVector: 'the empty request, never written to',
      Array: 'checked above',
      Map: 'checked above',
      Set: 'checked above',
      RegExp: 'without state unless sticky or global',
      TextDecoder: 'without state unless streaming',
    };
    const found = offendingLines((line) => {
      const made = /^(?:export )?const [\w$]+(?::[^=]+)? = new ([A-Z]\w*)/.exec(line)?.[1];
      return made !== undefined && !(made in harmless) && !made.startsWith('Weak');
    });
    expect(found).toEqual([]);
  });
});

/** How a top-level container is changed inside a function; undefined when it is not. */
function writeTo(name: string, text: string): string | undefined {
  const escaped = name.replace('$', '\\$');
  const write = new RegExp(
    // Indented: inside a function. Tables that are filled at the top of the module, once, are constants.
    `^[ \\t]+.*\\b${escaped}(\\.(set|add|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill|length =)\\b|\\[[^\\]]*\\]\\s*([-+*/|&^]|<<|>>>?|\\?\\?|\\|\\|)?=(?!=))`,
    'm',
  );
  const found = write.exec(text)?.[0].trim();
  return found;
}

describe('time and chance come from outside', () => {
  const fromOutside = /\b(Date\.now\(|new Date\(\)|Math\.random\(|performance\.now\(|process\.hrtime)/;
  const allowed = [
    // The clock of the machine itself.
    'base/clock.ts',
  ];

  it('below the shells nothing reads the clock or rolls dice', () => {
    const pure =
      /^(base|config|resp|store|types|cluster\/core|replication\/core|persistence\/format|commands|exec|scripting)\//;
    const found = offendingLines(
      (line, path) => pure.test(path) && !allowed.includes(path) && !isComment(line) && fromOutside.test(line),
    );
    expect(found).toEqual([]);
  });

  it('below the shells nothing sets timers', () => {
    const pure = /^(base|config|resp|store|types|cluster\/core|replication\/core|persistence\/format|commands|exec)\//;
    const timers = /\b(setTimeout|setInterval|setImmediate|queueMicrotask|process\.nextTick)\(/;
    expect(offendingLines((line, path) => pure.test(path) && !isComment(line) && timers.test(line))).toEqual([]);
  });
});

function isComment(line: string): boolean {
  return /^\s*(\*|\/\/|\/\*)/.test(line);
}
