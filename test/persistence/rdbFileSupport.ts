/** A server without sockets that is filled by commands, and RDB files of its data on a disk in memory. */
import { ManualClock } from '../../src/base/clock.js';
import { Prng } from '../../src/base/prng.js';
import { dataDigest } from '../../src/commands/server/digest/dataset.js';
import { Config } from '../../src/config/config.js';
import { AofReader, COMMAND } from '../../src/persistence/format/aofReader.js';
import { AofSnapshot } from '../../src/persistence/format/aofSnapshot.js';
import type { RdbFileFacts } from '../../src/persistence/format/rdbFileFormat.js';
import { RdbSnapshot } from '../../src/persistence/format/rdbSnapshot.js';
import { RdbValues } from '../../src/persistence/format/rdbValue.js';
import type { SnapshotWalk } from '../../src/persistence/format/snapshotWalk.js';
import type { ScratchFile } from '../../src/persistence/format/waitingRoom.js';
import type { FileSystem } from '../../src/persistence/io/fileSystem.js';
import type { Refusal } from '../../src/persistence/io/logSink.js';
import { type RdbLoaded, RdbLoader, type RdbSource } from '../../src/persistence/io/rdbLoader.js';
import { saveRdb } from '../../src/persistence/io/rdbSaver.js';
import { openScratchFile } from '../../src/persistence/io/scratchFile.js';
import { Store } from '../../src/store/store.js';
import { Harness } from '../net/harness.js';
import { MemoryFileSystem } from './memoryFileSystem.js';
import { Log, wordsOf } from './support.js';

export const DUMP = '/data/dump.rdb';
export const NOW_MS = 1_700_000_000_000;
const config = new Config({ directory: '/tmp', changeDirectory: (_, path) => ({ ok: true, path }) });
export const rdbValues = new RdbValues(config);
const values = rdbValues;

export const FACTS: RdbFileFacts = {
  redisVersion: '7.2.4',
  nowMs: NOW_MS,
  usedMemoryBytes: 1234,
  isAofBase: false,
  compressing: true,
  summing: true,
  policy: 'noeviction',
  lfuDecayMinutes: 1,
};

export function save(files: FileSystem, store: Store, facts: Partial<RdbFileFacts> = {}, log = new Log()): boolean {
  const options = { files, log: log.sink, dir: '/data', fileName: 'dump.rdb', pid: 7, values, syncingOften: true };
  return saveRdb(store, { ...options, facts: { ...FACTS, ...facts } });
}

/** A snapshot of a server's data, written to DUMP in memory as it is stepped. */
export type SnapshotFormat = 'rdb' | 'commands';

export function snapshotOf(
  { server }: Harness,
  beforeWrite: () => void = () => undefined,
  format: SnapshotFormat = 'rdb',
): { files: MemoryFileSystem; snapshot: SnapshotWalk } {
  const files = new MemoryFileSystem();
  const fd = files.open(DUMP, 'create');
  const take = (buf: Buffer, length: number): void => {
    beforeWrite();
    files.write(fd, buf, 0, length);
  };
  const openScratch = (): ScratchFile => openScratchFile(files, '/data', 7);
  const snapshot =
    format === 'rdb'
      ? new RdbSnapshot(server.store, values, FACTS, take, openScratch)
      : new AofSnapshot(server.store, config, { nowMs: NOW_MS, stamped: false }, take, openScratch);
  return { files, snapshot };
}

/** The commands that the bytes of an append-only file are, which must be whole. */
export function commandsIn(bytes: Buffer): string[][] {
  const reader = new AofReader({ chunkBytes: bytes.length + 1, bulkBytesMax: bytes.length });
  bytes.copy(reader.buf);
  reader.filled = bytes.length;
  const commands: string[][] = [];
  while (reader.next() === COMMAND) commands.push(wordsOf(reader.buf, reader.start, reader.end, reader.argc));
  if (reader.validUpTo !== bytes.length) throw new Error(`not whole at byte ${reader.validUpTo}: ${reader.problem}`);
  return commands;
}

export interface LoadOptions extends Partial<RdbSource> {
  readonly log?: Log;
  readonly chunkBytes?: number;
  readonly summing?: boolean;
  readonly sanitizing?: boolean;
  readonly isLfu?: boolean;
  readonly isReplica?: boolean;
}

export function openLoader(files: FileSystem, store: Store, options: LoadOptions = {}): RdbLoader {
  const loader = RdbLoader.open(
    {
      files,
      clock: new ManualClock(NOW_MS),
      log: (options.log ?? new Log()).sink,
      store,
      values,
      summing: options.summing ?? true,
      sanitizing: options.sanitizing ?? false,
      accessBits: (idleSeconds, frequency) => (options.isLfu === true ? frequency : idleSeconds),
      isReplica: options.isReplica ?? false,
      chunkBytes: options.chunkBytes ?? 64,
    },
    { path: DUMP, isPreamble: options.isPreamble ?? false, merging: options.merging ?? false },
  );
  if (loader === undefined || 'refused' in loader) throw new Error(`not opened: ${loader?.refused}`);
  return loader;
}

export function load(files: FileSystem, store: Store, options: LoadOptions = {}): RdbLoaded | Refusal {
  return openLoader(files, store, options).loadAtOnce();
}

export function emptyStore(databases = 16): Store {
  return new Store({ databases, clusterMode: false, random: new Prng(1) });
}

export function digestOf({ server }: Harness): string {
  server.executor.nowMs = NOW_MS;
  return dataDigest(server.executor);
}

/** A server with these commands done. */
export function filled(commands: readonly (readonly string[])[]): Harness {
  const harness = new Harness();
  const stream = harness.connect();
  for (const command of commands) {
    const reply = harness.call(stream, ...command);
    if (reply.type === 'error') throw new Error(`${command.join(' ')}: ${reply.text}`);
  }
  return harness;
}

/** A few small keys of every type and encoding, in two databases. */
export const SMALL: readonly string[][] = [
  ['SET', 'text', 'some text'],
  ['SET', 'number', '12345'],
  ['SET', 'packed', 'again and again and again and again and again '],
  ['SET', '', 'the empty key', 'PXAT', '1800000000000'],
  ['RPUSH', 'list', 'a', '1', 'b'],
  ['SADD', 'ints', '1', '2', '70000'],
  ['SADD', 'set', 'a', 'b'],
  ['HSET', 'hash', 'field', 'value', 'n', '1'],
  ['ZADD', 'zset', '1', 'one', '2.5', 'two'],
  ['XADD', 'stream', '1-1', 'f', 'v'],
  ['XGROUP', 'CREATE', 'stream', 'g', '0'],
  ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'stream', '>'],
  ['SELECT', '9'],
  ['SET', 'other', 'database'],
  ['EXPIREAT', 'other', '1900000000'],
];

/** Long values of every type. */
export const LARGE: readonly string[][] = [
  ['SET', 'long', 'x'.repeat(300_000)],
  ['SET', 'noise', Array.from({ length: 9000 }, (_, i) => String.fromCharCode((i * i * 7919) % 256)).join('')],
  ['RPUSH', 'list', ...words(3000)],
  ['SADD', 'set', ...words(2000)],
  ['HSET', 'hash', ...words(4000)],
  ['ZADD', 'zset', ...words(1500).flatMap((word, i) => [String(i / 3), word])],
  ...Array.from({ length: 500 }, (_, i) => ['XADD', 'stream', `${i + 1}-0`, 'field', `value ${i} ${'v'.repeat(300)}`]),
  ...Array.from({ length: 3000 }, (_, i) => ['SET', `key:${i}`, `value:${i}`, 'PXAT', String(NOW_MS + 1_000_000 + i)]),
];

function words(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `word ${i} ${'abc'.repeat(i % 13)}`);
}
