/** RDB files that are loaded as they come in. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.js';
import { Prng } from '../../src/base/prng.js';
import { RdbFeed } from '../../src/persistence/format/rdbFeed.js';
import { nodeFileSystem } from '../../src/persistence/io/fileSystem.js';
import { type RdbLoaded, RdbLoader } from '../../src/persistence/io/rdbLoader.js';
import { Harness } from '../net/harness.js';
import { MemoryFileSystem } from './memoryFileSystem.js';
import { DUMP, digestOf, filled, NOW_MS, rdbValues, SMALL, save } from './rdbFileSupport.js';
import { Log } from './support.js';

/** Values of each type that are larger than what comes at a time. */
function large(): string[][] {
  const commands: string[][] = [...SMALL];
  commands.push(['SET', 'long', 'x'.repeat(100_000)], ['SET', 'noise', noise(300_000)]);
  for (let i = 0; i < 3000; i++) {
    commands.push(['HSET', 'large hash', `field ${i}`, noise(i % 40)], ['SADD', 'large set', noise(12)]);
    commands.push(['ZADD', 'large zset', String(i / 3), `member ${i}`], ['RPUSH', 'large list', noise(i % 60)]);
    commands.push(['XADD', 'large stream', `${i + 2}-1`, 'f', noise(9)], ['SET', `key ${i}`, noise(i % 200)]);
  }
  return commands;
}

const random = new Prng(5);

function noise(length: number): string {
  return Array.from({ length }, () => String.fromCharCode(33 + random.below(90))).join('');
}

function fileOf(harness: Harness): Buffer {
  const files = new MemoryFileSystem();
  save(files, harness.server.store);
  return Buffer.from(files.text(DUMP) ?? '', 'latin1');
}

interface Pieces {
  readonly maxBytes: number;
  readonly chunkBytes: number;
  /** Comes after each piece. */
  readonly check?: (feed: RdbFeed) => void;
}

/** Feeds the bytes in pieces of chance lengths. Answers what became of them. */
async function loadPieces(
  bytes: Buffer,
  target: Harness,
  { maxBytes, chunkBytes, check }: Pieces,
): Promise<RdbLoaded | string> {
  const feed = new RdbFeed(0);
  const { store } = target.server;
  const loader = RdbLoader.ofStream(
    {
      files: nodeFileSystem,
      clock: new ManualClock(NOW_MS),
      log: new Log().sink,
      store,
      values: rdbValues,
      summing: true,
      sanitizing: false,
      accessBits: () => 0,
      chunkBytes,
    },
    feed,
  );
  const loaded = loader.load(() => Promise.resolve());
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + random.below(maxBytes));
    feed.push(bytes.subarray(at, end));
    at = end;
    await new Promise((resolve) => setImmediate(resolve));
    check?.(feed);
  }
  feed.end();
  const outcome = await loaded;
  return 'refused' in outcome ? outcome.refused : outcome;
}

describe('an RDB file that comes in piece by piece', () => {
  it.each([
    [1, 64, SMALL],
    [7, 64, SMALL],
    [700, 64, SMALL],
    [5000, 4096, undefined],
    [100_000, 256 * 1024, undefined],
    [10_000_000, 256 * 1024, undefined],
  ])('in at most %d bytes, with buffers of %d, is what the file is', async (maxBytes, chunkBytes, small) => {
    const source = filled(small ?? large());
    const bytes = fileOf(source);
    const target = new Harness();
    const outcome = await loadPieces(bytes, target, { maxBytes, chunkBytes });
    expect(outcome).toMatchObject({ endAt: bytes.length });
    expect(digestOf(target)).toBe(digestOf(source));
    target.server.store.verify();
  });

  it('is forgotten as it is read', async () => {
    const bytes = fileOf(filled(Array.from({ length: 40_000 }, (_, i) => ['SET', `key ${i}`, noise(300)])));
    let most = 0;
    const target = new Harness();
    let kept = 0;
    const check = (feed: RdbFeed): void => {
      kept = 0;
      feed.ranges(0, Number.MAX_SAFE_INTEGER, (_buf, start, end) => {
        kept += end - start;
      });
      most = Math.max(most, kept);
    };
    expect(await loadPieces(bytes, target, { maxBytes: 100_000, chunkBytes: 256 * 1024, check })).toMatchObject({
      keys: 40_000,
    });
    expect(bytes.length).toBeGreaterThan(10_000_000);
    expect(most).toBeLessThan(bytes.length / 2);
  });

  it.each([
    ['is cut', (bytes: Buffer) => bytes.subarray(0, bytes.length - 100), /^Unexpected EOF/],
    ['is damaged', damaged, /^RDB CRC error/],
    ['goes on after its end', (bytes: Buffer) => Buffer.concat([bytes, bytes]), /^There is more than one RDB file/],
  ] as const)('that %s is refused, and nothing of it stays behind', async (_, spoil, problem) => {
    const bytes = spoil(fileOf(filled(large())));
    const target = new Harness();
    expect(await loadPieces(bytes, target, { maxBytes: 50_000, chunkBytes: 4096 })).toMatch(problem);
    target.server.store.verify();
    target.server.store.clear();
    target.server.store.verify();
  });

  it('whose rest will never come is refused at once', async () => {
    const bytes = fileOf(filled(SMALL));
    const target = new Harness();
    let isFirst = true;
    const check = (feed: RdbFeed): void => {
      if (isFirst) feed.abort('the cable was pulled');
      isFirst = false;
    };
    expect(await loadPieces(bytes, target, { maxBytes: 50, chunkBytes: 4096, check })).toMatch(/^the cable was pulled/);
  });
});

/** Another letter in the text of a value. */
function damaged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = copy.indexOf('some text');
  copy[at] ^= 1;
  return copy;
}
