/** The keyspace as commands: what `aof-use-rdb-preamble no` makes of it. */
import { describe, expect, it } from 'vitest';
import { Config } from '../../src/config/config.js';
import { AofSnapshot } from '../../src/persistence/format/aofSnapshot.js';
import type { ScratchFile } from '../../src/persistence/format/waitingRoom.js';
import { openScratchFile } from '../../src/persistence/io/scratchFile.js';
import { Harness } from '../net/harness.js';
import { MemoryFileSystem } from './memoryFileSystem.js';
import { commandsIn, digestOf, filled, LARGE, NOW_MS, SMALL } from './rdbFileSupport.js';

const config = new Config({ directory: '/tmp', changeDirectory: (_, path) => ({ ok: true, path }) });

interface Base {
  readonly bytes: Buffer;
  /** How long the pieces were in which it came. */
  readonly pieces: readonly number[];
}

function baseOf({ server }: Harness, stamped = false): Base {
  const taken: Buffer[] = [];
  const take = (buf: Buffer, length: number): void => {
    taken.push(Buffer.from(buf.subarray(0, length)));
  };
  const openScratch = (): ScratchFile => openScratchFile(new MemoryFileSystem(), '/data', 7);
  const snapshot = new AofSnapshot(server.store, config, { nowMs: NOW_MS, stamped }, take, openScratch);
  while (snapshot.step());
  snapshot.finish();
  snapshot.release();
  return { bytes: Buffer.concat(taken), pieces: taken.map(({ length }) => length) };
}

function commandsFor(...commands: string[][]): string[][] {
  return commandsIn(baseOf(filled(commands)).bytes);
}

describe('a base of commands', () => {
  for (const [name, commands] of [
    ['small', SMALL],
    ['large', LARGE],
  ] as const) {
    it(`of ${name} values makes the same keyspace, byte for byte`, () => {
      const source = filled(commands);
      const { bytes, pieces } = baseOf(source);
      const copy = filled(commandsIn(bytes));
      expect(digestOf(copy)).toBe(digestOf(source));
      expect(Math.max(...pieces)).toBeLessThan(500_000);
    });
  }

  it('of nothing is nothing', () => {
    expect(baseOf(new Harness()).bytes).toHaveLength(0);
  });

  it('gives 64 elements to a command', () => {
    const members = Array.from({ length: 130 }, (_, i) => `m${i}`);
    const scored = members.flatMap((member, i) => [String(i), member]);
    for (const [made, written, stride] of [
      [['RPUSH', 'k', ...members], 'RPUSH', 1],
      [['SADD', 'k', ...members], 'SADD', 1],
      [['SADD', 'k', ...members.map((_, i) => String(i))], 'SADD', 1],
      [['ZADD', 'k', ...scored], 'ZADD', 2],
      [['HSET', 'k', ...scored], 'HMSET', 2],
    ] as const) {
      const commands = commandsFor([...made]);
      expect(commands.map(([name, key]) => `${name} ${key}`)).toEqual(['SELECT 0', ...Array(3).fill(`${written} k`)]);
      expect(commands.slice(1).map(({ length }) => (length - 2) / stride)).toEqual([64, 64, 2]);
    }
  });

  it('keeps scores, integers and times exact', () => {
    expect(
      commandsFor(
        ['ZADD', 'z', '0.1', 'a', 'inf', 'b', '-inf', 'c', '-0', 'd', '1e300', 'e'],
        ['SET', 'n', '12'],
        ['PEXPIREAT', 'n', '4000000000001'],
      ),
    ).toEqual(
      expect.arrayContaining([
        ['ZADD', 'z', '-inf', 'c', '0', 'd', '0.10000000000000001', 'a', '1.0000000000000001e+300', 'e', 'inf', 'b'],
        ['SET', 'n', '12'],
        ['PEXPIREAT', 'n', '4000000000001'],
      ]),
    );
  });

  it('holds the counters, groups, consumers and pending entries of a stream', () => {
    const commands = commandsFor(
      ['XADD', 's', '1-1', 'f', 'v'],
      ['XADD', 's', '1-2', 'f', 'v', 'g', 'w'],
      ['XADD', 's', '2-0', 'f', 'x'],
      ['XDEL', 's', '1-1'],
      ['XGROUP', 'CREATE', 's', 'group', '0'],
      ['XGROUP', 'CREATECONSUMER', 's', 'group', 'idle'],
      ['XREADGROUP', 'GROUP', 'group', 'busy', 'COUNT', '1', 'STREAMS', 's', '>'],
    );
    expect(commands).toEqual([
      ['SELECT', '0'],
      ['XADD', 's', '1-2', 'f', 'v', 'g', 'w'],
      ['XADD', 's', '2-0', 'f', 'x'],
      ['XSETID', 's', '2-0', 'ENTRIESADDED', '3', 'MAXDELETEDID', '1-1'],
      ['XGROUP', 'CREATE', 's', 'group', '1-2', 'ENTRIESREAD', expect.any(String)],
      ['XCLAIM', 's', 'group', 'busy', '0', '1-2', 'TIME', String(NOW_MS), 'RETRYCOUNT', '1', 'JUSTID', 'FORCE'],
      ['XGROUP', 'CREATECONSUMER', 's', 'group', 'idle'],
    ]);
  });

  it('of a stream without entries makes one without entries', () => {
    expect(commandsFor(['XGROUP', 'CREATE', 's', 'g', '$', 'MKSTREAM'])).toEqual([
      ['SELECT', '0'],
      ['XADD', 's', 'MAXLEN', '0', '0-1', 'x', 'y'],
      ['XSETID', 's', '0-0', 'ENTRIESADDED', '0', 'MAXDELETEDID', '0-0'],
      ['XGROUP', 'CREATE', 's', 'g', '0-0', 'ENTRIESREAD', expect.any(String)],
    ]);
  });

  it('begins with its time when asked to, and names each database once', () => {
    const source = filled([
      ['SET', 'a', '1'],
      ['SELECT', '9'],
      ['SET', 'b', '2'],
      ['SET', 'c', '3'],
    ]);
    const { bytes } = baseOf(source, true);
    expect(bytes.toString('latin1')).toMatch(new RegExp(`^#TS:${NOW_MS / 1000}\r\n\\*2`));
    expect(commandsIn(bytes).filter(([name]) => name === 'SELECT')).toEqual([
      ['SELECT', '0'],
      ['SELECT', '9'],
    ]);
  });
});
