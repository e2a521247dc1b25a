/**
 * A snapshot holds the keyspace of the moment it began, whatever is done meanwhile: random histories of commands on all types
 * run between its steps, and what it wrote is loaded and compared with what was there.
 *
 * SHOAL_SNAPSHOT_SEEDS runs more of them; a failure names its seed.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { WaitingRoom } from '../../src/persistence/format/waitingRoom.js';
import { IdRows } from '../../src/types/stream/idRows.js';
import { type FakeStream, Harness } from '../net/harness.js';
import { BASIC_COMMANDS, CommandGenerator, type WeightedCommand } from '../spec/random/generator.js';
import { encodeRequest, type Reply } from '../support/resp.js';
import type { MemoryFileSystem } from './memoryFileSystem.js';
import {
  commandsIn,
  DUMP,
  digestOf,
  filled,
  LARGE,
  load,
  SMALL,
  type SnapshotFormat,
  snapshotOf,
} from './rdbFileSupport.js';

const SEEDS = Number(process.env.SHOAL_SNAPSHOT_SEEDS ?? 6);
const CONNECTIONS = 3;
/** Large values in database 0, among them a list with compressed nodes; small ones in others. */
const DATA: readonly string[][] = [
  ['CONFIG', 'SET', 'list-compress-depth', '1'],
  ...LARGE,
  ['XGROUP', 'CREATE', 'stream', 'group', '0'],
  ['XREADGROUP', 'GROUP', 'group', 'one', 'COUNT', '300', 'STREAMS', 'stream', '>'],
  ['XREADGROUP', 'GROUP', 'group', 'two', 'COUNT', '150', 'STREAMS', 'stream', '>'],
  ['XGROUP', 'CREATE', 'stream', 'other', '0'],
  ['XREADGROUP', 'GROUP', 'other', 'one', 'COUNT', '200', 'STREAMS', 'stream', '>'],
  ['SELECT', '5'],
  ...SMALL,
];

async function allCommands(): Promise<WeightedCommand[]> {
  const all: WeightedCommand[] = [...BASIC_COMMANDS];
  for (const file of readdirSync(new URL('../spec/random', import.meta.url)).sort()) {
    const exported: Record<string, unknown> = await import(new URL(`../spec/random/${file}`, import.meta.url).href);
    for (const [name, list] of Object.entries(exported)) {
      if (name.endsWith('_COMMANDS') && name !== 'BASIC_COMMANDS') all.push(...(list as WeightedCommand[]));
    }
  }
  return all;
}

/** Commands on the groups of the large stream. */
const GROUP_COMMANDS: readonly WeightedCommand[] = [
  [9, (g) => ['XACK', 'stream', 'group', `${g.below(500)}-0`]],
  [4, (g) => ['XREADGROUP', 'GROUP', g.one(['group', 'other']), 'new', 'COUNT', '3', 'STREAMS', 'stream', '>']],
  [4, (g) => ['XREADGROUP', 'GROUP', 'group', 'one', 'COUNT', '3', 'STREAMS', 'stream', `${g.below(500)}-0`]],
  [4, (g) => ['XCLAIM', 'stream', 'group', g.one(['one', 'three']), '0', `${g.below(500)}-0`, 'RETRYCOUNT', '9']],
  [4, (g) => ['XAUTOCLAIM', 'stream', 'other', 'three', '0', `${g.below(500)}-0`, 'COUNT', '5']],
  [1, (g) => ['XGROUP', 'SETID', 'stream', 'group', `${g.below(500)}-0`]],
  [1, (g) => ['XGROUP', 'DELCONSUMER', 'stream', 'group', g.one(['two', 'three'])]],
  [1, () => ['XGROUP', 'DESTROY', 'stream', 'other']],
];

/** Commands on the large values of LARGE and on the keys that are many, which random histories do not know. */
const LARGE_COMMANDS: readonly WeightedCommand[] = [
  [9, (g) => ['SET', `key:${g.below(4000)}`, 'changed']],
  [9, (g) => ['DEL', `key:${g.below(4000)}`]],
  [4, (g) => ['EXPIRE', `key:${g.below(4000)}`, '1000']],
  [4, (g) => ['RENAME', `key:${g.below(3000)}`, `key:${g.below(4000)}`]],
  [9, (g) => ['HSET', 'hash', `word ${g.below(4000)} `, 'changed', `new ${g.below(1000)}`, 'new']],
  [4, (g) => ['HDEL', 'hash', `word ${g.below(4000)} abc`]],
  [4, () => ['SPOP', 'set', '3']],
  [9, (g) => ['SADD', 'set', `new ${g.below(1000)}`]],
  [9, (g) => ['ZADD', 'zset', String(g.below(500)), `word ${g.below(1500)} `]],
  [4, () => ['ZPOPMIN', 'zset', '2']],
  [4, (g) => ['ZREMRANGEBYRANK', 'zset', String(g.below(700)), String(g.below(700))]],
  [9, () => ['XADD', 'stream', '*', 'field', 'new']],
  [4, (g) => ['XDEL', 'stream', `${g.below(500)}-0`]],
  [2, (g) => ['XTRIM', 'stream', 'MAXLEN', String(300 + g.below(300))]],
  ...GROUP_COMMANDS,
  [9, (g) => ['SETRANGE', 'long', String(g.below(300_000)), 'changed']],
  [4, (g) => ['APPEND', 'long', 'y'.repeat(g.below(50_000))]],
  [9, () => ['LPUSH', 'list', 'new']],
  [4, () => ['RPOP', 'list', '5']],
  [4, (g) => ['LSET', 'list', String(g.below(2000)), 'changed']],
  [2, (g) => ['LTRIM', 'list', String(g.below(50)), '-1']],
  [2, (g) => ['LINSERT', 'list', 'BEFORE', `word ${g.below(900) * 13} `, 'inserted']],
  [2, (g) => ['LREM', 'list', '1', `word ${g.below(900) * 13} `]],
  [1, (g) => ['DEL', g.one(['hash', 'set', 'zset', 'list', 'stream', 'long'])]],
  [1, (g) => ['RENAME', g.one(['hash', 'set', 'zset', 'list', 'stream', 'long']), 'elsewhere']],
];

/** Sends a request that may block; its reply does not matter. */
function send(stream: FakeStream, args: readonly string[]): void {
  stream.receive(encodeRequest(args));
  stream.takeReplies();
}

/** Runs commands of `mix` between the steps of a snapshot of `harness`, `perStep` at a time; answers the file. */
function snapshotUnder(
  harness: Harness,
  seed: number,
  mix: readonly WeightedCommand[],
  perStep: number,
  format: SnapshotFormat,
): MemoryFileSystem {
  const { files, snapshot } = snapshotOf(harness, undefined, format);
  const random = new Prng(seed);
  const generator = new CommandGenerator(random, CONNECTIONS, mix);
  const streams = Array.from({ length: CONNECTIONS }, () => harness.connect());
  for (;;) {
    for (let i = random.below(2 * perStep + 1); i > 0; i--) {
      const { connection, args } = generator.next();
      send(streams[connection] as FakeStream, args);
      if (random.below(100) === 0) harness.clock.advance(random.below(2000));
    }
    harness.server.store.step(random.below(50));
    if (!snapshot.step()) break;
  }
  snapshot.finish();
  snapshot.release();
  harness.server.store.verify();
  return files;
}

function digestOfFile(files: MemoryFileSystem): string {
  return digestOf(loaded(files));
}

/** What the groups of a stream are, with all that is pending; not when consumers were seen, which files of commands do not tell. */
function groupsOf(harness: Harness): string {
  const fields = new Map<string, Reply>();
  const visit = (reply: Reply, path: string): void => {
    if (reply.type !== 'array') return void fields.set(path, reply);
    const isMap = reply.items.length % 2 === 0 && reply.items.every((item, i) => i % 2 === 1 || item.type === 'bulk');
    reply.items.forEach((item, i) => {
      const name = isMap && i % 2 === 1 ? (reply.items[i - 1] as { text: string }).text : String(i);
      if (!isMap || i % 2 === 1) visit(item, `${path}/${name}`);
    });
  };
  visit(harness.call(harness.connect(), 'XINFO', 'STREAM', 'stream', 'FULL', 'COUNT', '0'), '');
  return JSON.stringify(
    [...fields].filter(([path]) => path.startsWith('/groups') && !/(seen|active)-time$/.test(path)),
  );
}

function loaded(files: MemoryFileSystem): Harness {
  const text = files.text(DUMP) ?? '';
  if (!text.startsWith('REDIS')) return filled(commandsIn(Buffer.from(text, 'latin1')));
  const copy = new Harness();
  expect(load(files, copy.server.store)).toHaveProperty('keys');
  return copy;
}

describe.each(['rdb', 'commands'] as const)('a snapshot, %s', async (format) => {
  const all = await allCommands();

  it('without writes is the file that SAVE writes', () => {
    const harness = filled(DATA);
    expect(digestOfFile(snapshotUnder(harness, 1, [[1, () => ['PING']]], 1, format))).toBe(digestOf(harness));
  });

  // What is taken when is the same for both; commands are slower to load.
  const seeds = format === 'rdb' ? SEEDS : Math.ceil(SEEDS / 4);
  for (let seed = 1; seed <= seeds; seed++) {
    it(`holds what was there while small values of all types change, seed ${seed}`, () => {
      const harness = filled(SMALL);
      const stream = harness.connect();
      const filling = new CommandGenerator(new Prng(seed), 1, all);
      for (let i = 0; i < 400; i++) send(stream, filling.next().args);
      for (let i = 0; i < 60; i++) harness.call(harness.connect(), 'SET', `more:${i}`, 'x');
      const before = digestOf(harness);
      expect(digestOfFile(snapshotUnder(harness, seed + 1000, all, 4, format))).toBe(before);
    });

    it(`holds what was there while large values change, seed ${seed}`, () => {
      const harness = filled(DATA);
      const before = digestOf(harness);
      const perStep = seed % 3 === 0 ? 200 : 10;
      expect(digestOfFile(snapshotUnder(harness, seed, LARGE_COMMANDS, perStep, format))).toBe(before);
    });
  }

  it('holds the groups of a stream as they were, in pieces, while they change and go', () => {
    for (let seed = 1; seed <= 6; seed++) {
      const harness = filled(DATA);
      const before = groupsOf(harness);
      expect(before).toContain('450-0');
      const files = snapshotUnder(harness, seed, GROUP_COMMANDS, seed % 2 === 0 ? 20 : 2, format);
      expect(groupsOf(loaded(files))).toBe(before);
      expect(groupsOf(harness)).not.toBe(before);
    }
  });

  it('takes the groups of a stream in pieces', () => {
    const harness = filled(DATA);
    const stream = harness.connect();
    harness.call(stream, 'FLUSHALL');
    harness.call(stream, 'XGROUP', 'CREATE', 'stream', 'group', '0', 'MKSTREAM');
    for (let i = 1; i <= 20_000; i++) harness.call(stream, 'XADD', 'stream', `${i}-0`, 'f', 'v');
    harness.call(stream, 'XREADGROUP', 'GROUP', 'group', 'me', 'COUNT', '20000', 'STREAMS', 'stream', '>');
    const before = groupsOf(harness);
    const rows = vi.spyOn(IdRows.prototype, 'next');
    const { files, snapshot } = snapshotOf(harness, undefined, format);
    let most = 0;
    for (let more = true; more; most = Math.max(most, rows.mock.calls.length)) {
      rows.mockClear();
      more = snapshot.step();
    }
    rows.mockRestore();
    snapshot.finish();
    snapshot.release();
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(500);
    expect(groupsOf(loaded(files))).toBe(before);
  });

  it('does not grow what was cleared while it runs, and gives all memory back after', () => {
    const harness = filled(DATA);
    const before = digestOf(harness);
    const { files, snapshot } = snapshotOf(harness, undefined, format);
    for (let i = 0; i < 5; i++) snapshot.step();
    const stream = harness.connect();
    harness.call(stream, 'FLUSHALL');
    harness.call(stream, 'MSET', 'a', '1', 'key:1', 'after');
    while (snapshot.step());
    snapshot.finish();
    snapshot.release();
    expect(digestOfFile(files)).toBe(before);
    harness.call(stream, 'FLUSHALL');
    while (harness.server.store.step(1000));
    harness.server.store.verify();
    expect(harness.server.store.allocatedBytes()).toBe(0);
  });

  it('that is given up lets go of everything', () => {
    const harness = filled(DATA);
    const { snapshot } = snapshotOf(harness, undefined, format);
    for (let i = 0; i < 20; i++) snapshot.step();
    snapshot.release();
    const stream = harness.connect();
    harness.call(stream, 'DEL', 'hash', 'set', 'zset');
    harness.call(stream, 'FLUSHALL');
    while (harness.server.store.step(1000));
    harness.server.store.verify();
    expect(harness.server.store.allocatedBytes()).toBe(0);
  });

  it('whose taker fails tells it at the next step and not to the command that was running', () => {
    const harness = filled(LARGE);
    let isFull = false;
    const failing = (): void => {
      if (isFull) throw new Error('disk full');
    };
    const { snapshot } = snapshotOf(harness, failing, format);
    snapshot.step();
    isFull = true;
    const stream = harness.connect();
    for (let i = 0; i < 3000; i++) {
      expect(harness.call(stream, 'SET', `key:${i}`, 'x'.repeat(200))).toMatchObject({ text: 'OK' });
    }
    expect(() => {
      while (snapshot.step());
    }).toThrow('disk full');
    snapshot.release();
  });
});

describe('long strings that are overwritten while a snapshot has them queued', () => {
  const MIB = 1 << 20;
  const KEYS = Array.from({ length: 12 }, (_, i) => `long:${i}`);
  const STRINGS = KEYS.map((key, i) => ['SET', key, String.fromCharCode(97 + i).repeat(2 * MIB)]);
  const other = '!'.repeat(2 * MIB);

  const ways: [string, number, (key: string) => string[]][] = [
    ['by SET', 0, (key) => ['SET', key, other]],
    ['by COPY, with one being written', 3, (key) => ['COPY', 'source', key, 'REPLACE']],
    ['by SETRANGE, with one being written', 3, (key) => ['SETRANGE', key, '0', other]],
    ['by APPEND, which moves them', 0, (key) => ['APPEND', key, 'more']],
  ];
  const cases = (['rdb', 'commands'] as const).flatMap((format) => ways.map((way) => [format, ...way] as const));

  it.each(cases)('%s, %s: are written out before more than 16 MiB are kept', (format, _, steps, overwrite) => {
    const harness = filled([...STRINGS, ['SET', 'source', other]]);
    const before = digestOf(harness);
    const { files, snapshot } = snapshotOf(harness, undefined, format);
    for (let i = 0; i < steps; i++) snapshot.step();
    const waiting = vi.spyOn(WaitingRoom.prototype, 'admit');
    const stream = harness.connect();
    for (const key of KEYS) harness.call(stream, ...overwrite(key));
    const waitingBytes = waiting.mock.calls.reduce((sum, [, length]) => sum + length, 0);
    waiting.mockRestore();
    const writtenBytes = (files.text(DUMP) ?? '').length + waitingBytes;
    expect(writtenBytes).toBeGreaterThanOrEqual((24 - 16 - 2) * MIB);
    expect(writtenBytes).toBeLessThan(16 * MIB);
    while (snapshot.step());
    snapshot.finish();
    snapshot.release();
    expect(digestOfFile(files)).toBe(before);
  });
});
