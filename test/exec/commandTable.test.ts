import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import type { ResolvedCommand } from '../../src/commands/context.js';
import { CommandTable, findSubcommand } from '../../src/exec/commandTable.js';
import { ArgVector } from '../../src/resp/argVector.js';
import { ALL_COMMANDS } from '../../src/server/commandList.js';

const table = new CommandTable(ALL_COMMANDS);
const names = [...table.all()].map((command) => command.fullName);

function find(name: string, of: CommandTable = table): ResolvedCommand | undefined {
  const buf = Buffer.from(`..${name}..`, 'latin1');
  return of.lookup(buf, 2, buf.length - 2);
}

describe('a command is found by its name', () => {
  it('whatever its letter case', () => {
    for (const name of names) {
      expect(find(name)?.fullName).toBe(name);
      expect(find(name.toUpperCase())?.fullName).toBe(name);
      expect(find(name[0]?.toUpperCase() + name.slice(1))?.fullName).toBe(name);
    }
  });

  it('and not by more or less of it', () => {
    for (const name of names) {
      for (const other of [`${name} `, `${name}\0`, ` ${name}`, name.slice(0, -1), `${name}${name}`]) {
        if (!names.includes(other)) expect({ other, found: find(other) }).toEqual({ other, found: undefined });
      }
    }
    expect(find('')).toBeUndefined();
    expect(find('x'.repeat(100_000))).toBeUndefined();
  });

  it('and not by bytes that only look alike once a bit is folded', () => {
    // 0x20 apart like a letter and its capital, but no letters.
    const twin = (name: string, at: number): string => {
      const code = name.charCodeAt(at) ^ 0x20;
      return name.slice(0, at) + String.fromCharCode(code) + name.slice(at + 1);
    };
    for (const name of names) {
      for (let at = 0; at < name.length; at++) {
        const other = twin(name, at);
        expect({ other, found: find(other)?.fullName }).toEqual({
          other,
          found: other.toLowerCase() === name ? name : undefined,
        });
      }
    }
  });

  it('and random bytes find nothing', () => {
    const random = new Prng(5);
    for (let i = 0; i < 5000; i++) {
      const bytes = Buffer.from(Array.from({ length: random.below(12) }, () => random.below(256)));
      const name = bytes.toString('latin1').replace(/[A-Z]/g, (c) => c.toLowerCase());
      expect(table.lookup(bytes, 0, bytes.length)?.fullName).toBe(names.includes(name) ? name : undefined);
    }
  });

  it('of a container and a subcommand together', () => {
    const config = find('config');
    expect(config?.subcommands?.size).toBeGreaterThan(3);
    const found = findSubcommand(config as ResolvedCommand, ArgVector.from(['CONFIG', 'RESETstat']));
    expect(found?.fullName).toBe('config|resetstat');
    expect(found?.parent).toBe(config);
    expect(table.byFullName('config|resetstat')).toBe(found);
    expect(findSubcommand(config as ResolvedCommand, ArgVector.from(['CONFIG', 'none']))).toBeUndefined();
  });
});

describe('rename-command', () => {
  it('gives a command another name and keeps what it is', () => {
    const renamed = new CommandTable(ALL_COMMANDS);
    expect(renamed.rename('GET', 'Obtain')).toBe(true);
    expect(find('get', renamed)).toBeUndefined();
    expect(find('OBTAIN', renamed)?.fullName).toBe('get');
    expect([renamed.has('get'), renamed.has('OBTAIN')]).toEqual([false, true]);
    expect(renamed.size).toBe(table.size);
  });

  it('takes a command away', () => {
    const renamed = new CommandTable(ALL_COMMANDS);
    expect(renamed.rename('flushall', '')).toBe(true);
    expect(find('flushall', renamed)).toBeUndefined();
    expect(renamed.size).toBe(table.size - 1);
    expect([...renamed.all()].some((command) => command.fullName === 'flushall')).toBe(false);
  });

  it('lets two commands change places, one after the other', () => {
    const renamed = new CommandTable(ALL_COMMANDS);
    renamed.rename('get', 'tmp');
    renamed.rename('set', 'get');
    renamed.rename('tmp', 'set');
    expect(find('get', renamed)?.fullName).toBe('set');
    expect(find('set', renamed)?.fullName).toBe('get');
  });

  it('knows when there is nothing to rename', () => {
    expect(new CommandTable(ALL_COMMANDS).rename('nonsense', 'x')).toBe(false);
  });

  it('of one server leaves the table of another alone', () => {
    const [one, other] = [new CommandTable(ALL_COMMANDS), new CommandTable(ALL_COMMANDS)];
    one.rename('get', '');
    (find('set', one) as ResolvedCommand).calls = 7;
    expect(find('get', other)?.fullName).toBe('get');
    expect(find('set', other)?.calls).toBe(0);
  });
});

describe('the keys of a request', () => {
  it.each([
    ['GET k', [1]],
    ['MGET a b c', [1, 2, 3]],
    ['MSET a 1 b 2', [1, 3]],
    ['RENAME a b', [1, 2]],
    ['DEL a b', [1, 2]],
    ['COPY a b DB 3', [1, 2]],
    ['LCS a b LEN', [1, 2]],
    ['OBJECT ENCODING k', [2]],
    ['PING', []],
    ['CONFIG GET k', []],
  ] as const)('of %s are at %j', (line, expected) => {
    const args = ArgVector.from(line.split(' '));
    const top = find(args.text(0)) as ResolvedCommand;
    const command = (top.subcommands && findSubcommand(top, args)) ?? top;
    const out: number[] = [];
    table.keyIndexes(command, args, out);
    expect(out).toEqual(expected);
  });
});
