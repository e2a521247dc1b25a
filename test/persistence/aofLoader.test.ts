import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.js';
import { Prng } from '../../src/base/prng.js';
import { AofLoader } from '../../src/persistence/io/aofLoader.js';
import { MemoryFileSystem } from './memoryFileSystem.js';
import {
  BASE,
  FOLDER,
  INCR,
  type LoadOptions,
  Log,
  load,
  MANIFEST,
  must,
  noSnapshots,
  openFolder,
  refusalOf,
  resp,
} from './support.js';

function folderOf(incr: string, base = ''): MemoryFileSystem {
  const files = new MemoryFileSystem();
  files.makeDirectory(FOLDER);
  files.put(MANIFEST, 'file appendonly.aof.1.base.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n');
  files.put(BASE, Buffer.from(base, 'latin1'));
  files.put(INCR, Buffer.from(incr, 'latin1'));
  return files;
}

function loadFrom(files: MemoryFileSystem, options: LoadOptions = {}): ReturnType<typeof load> {
  return load(files, must(openFolder(files)), options);
}

const SET = ['SET', 'key', 'value'];
const DEL = ['DEL', 'key'];
const TRANSACTION = [['MULTI'], ['INCR', 'a'], ['INCR', 'b'], ['EXEC']];

describe('loading', () => {
  it('runs the commands of all files in order and says how long each took', async () => {
    const log = new Log();
    const files = folderOf(resp(DEL), resp(SET));
    const { outcome, commands } = await loadFrom(files, { log });
    expect(outcome).toEqual({ loaded: 'data', commands: 2 });
    expect(commands).toEqual([SET, DEL]);
    expect(log.lines).toEqual([
      'notice: DB loaded from base file appendonly.aof.1.base.aof: 0.000 seconds',
      'notice: DB loaded from incr file appendonly.aof.1.incr.aof: 0.000 seconds',
      'notice: DB loaded from append only file: 0.000 seconds',
    ]);
    expect(files.openDescriptors).toBe(0);
  });

  it('has nothing to do on a first start', async () => {
    const { outcome } = await loadFrom(new MemoryFileSystem());
    expect(outcome).toEqual({ loaded: 'nothing', commands: 0 });
  });

  it('takes annotations and transactions', async () => {
    const { commands } = await loadFrom(folderOf(`#TS:1\r\n${resp(SET)}#TS:2\r\n${resp(...TRANSACTION)}#TS:3\r\n`));
    expect(commands).toEqual([SET, ['INCR', 'a'], ['INCR', 'b']]);
  });

  it('refuses a command that the server does not know, by name, file and byte', async () => {
    const { outcome, commands } = await loadFrom(folderOf(resp(SET, ['FOO', 'x'], DEL)), {
      refuse: (words) => (words[0] === 'FOO' ? "Unknown command 'FOO'" : undefined),
    });
    expect(refusalOf(outcome)).toBe(
      `Unknown command 'FOO' reading the append only file appendonly.aof.1.incr.aof: the command begins at byte ${resp(SET).length}`,
    );
    expect(commands).toEqual([SET]);
  });

  it('has a snapshot loaded by whoever can, and runs the commands behind it', async () => {
    const snapshot = 'REDIS0010xxxx';
    for (const tail of ['', resp(SET, DEL)]) {
      const paths: string[] = [];
      const log = new Log();
      const { outcome, commands } = await loadFrom(folderOf(resp(SET), snapshot + tail), {
        log,
        loadSnapshot: async (path, pause) => {
          paths.push(path);
          await pause(5, 1000);
          return { endAt: snapshot.length, usedMemoryBytes: 1000 };
        },
      });
      expect(paths).toEqual([BASE]);
      expect(commands).toEqual(tail === '' ? [SET] : [SET, DEL, SET]);
      expect(outcome).toEqual({ loaded: 'data', commands: commands.length });
      expect(log.has('Reading the remaining AOF tail of appendonly.aof.1.base.aof')).toBe(tail !== '');
    }
  });

  it('names the byte in the file also behind a snapshot', async () => {
    const { outcome } = await loadFrom(folderOf('', `REDIS0010xxxx${resp(SET)}!`), {
      loadSnapshot: () => Promise.resolve({ endAt: 13, usedMemoryBytes: 0 }),
    });
    expect(refusalOf(outcome)).toContain(`At byte ${13 + resp(SET).length}: `);
  });

  it('does not load on when a snapshot is refused, and does not cut it', async () => {
    const files = folderOf(resp(SET), 'REDIS0010xxxx');
    const { outcome, commands } = await loadFrom(files, { loadSnapshot: noSnapshots });
    expect(refusalOf(outcome)).toContain('Error reading the RDB snapshot in the AOF file appendonly.aof.1.base.aof: ');
    expect(commands).toEqual([]);
    expect(files.text(BASE)).toBe('REDIS0010xxxx');
  });

  it('refuses a file that can not be read', async () => {
    const files = folderOf(resp(SET));
    const folder = must(openFolder(files));
    files.faults.set('read', 'EIO');
    expect(refusalOf((await load(files, folder)).outcome)).toContain('appendonly.aof.1.incr.aof');
    files.faults.clear();
    files.faults.set('open', 'EACCES');
    expect(refusalOf((await load(files, folder)).outcome)).toBe(
      "Fatal error: can't open the append log file appendonly.aof.1.incr.aof for reading: Permission denied",
    );
  });

  it('yields every few milliseconds and reports its progress', async () => {
    const clock = new ManualClock(5000);
    const log = new Log();
    const commands = Array.from({ length: 1000 }, () => SET);
    const files = folderOf(resp(...commands));
    const percents: number[] = [];
    let longestUs = 0;
    let sinceYieldUs = clock.monotonicUs();
    const loader: AofLoader = new AofLoader({
      files,
      clock,
      log: log.sink,
      loadTruncated: true,
      loadSnapshot: noSnapshots,
      apply: () => {
        clock.advance(5);
        return undefined;
      },
      yieldNow: async () => {
        longestUs = Math.max(longestUs, clock.monotonicUs() - sinceYieldUs);
        sinceYieldUs = clock.monotonicUs();
        percents.push(loader.progress().loadedPercent);
        expect(loader.progress().startTimeMs).toBe(5000);
        expect(loader.progress().totalBytes).toBe(resp(...commands).length);
      },
    });
    must(await loader.load(must(openFolder(files))));
    expect(percents).toHaveLength(31);
    expect(percents[0]).toBeCloseTo(3.2);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(longestUs).toBe(160_000);
    expect(log.lines[0]).toBe(
      'notice: Loading the append only file appendonly.aof.1.incr.aof: 41.60% (13728 of 33000 bytes), about 2 seconds left',
    );
    expect(loader.progress()).toMatchObject({ loadedPercent: 100, etaSeconds: 0 });
  });
});

describe('a file that ends too early', () => {
  const whole = [SET, ...TRANSACTION, DEL];
  const text = `#TS:1\r\n${resp(...whole)}`;
  /** Where the file may be cut without a loss, and what it holds then. */
  const boundaries: [number, string[][]][] = [
    [0, []],
    [text.indexOf('\r\n') + 2, []],
    [text.indexOf('*1'), [SET]],
    [text.indexOf(resp(DEL)), [SET, ['INCR', 'a'], ['INCR', 'b']]],
    [text.length, [SET, ['INCR', 'a'], ['INCR', 'b'], DEL]],
  ];

  it('at any byte: its whole commands are loaded, the tail is cut off, and it loads without a word the next time', async () => {
    for (let length = 0; length <= text.length; length++) {
      for (const chunkBytes of [16, 4096]) {
        const files = folderOf(text.slice(0, length));
        const log = new Log();
        const { outcome, commands } = await loadFrom(files, { log, chunkBytes });
        must(outcome);
        const [validUpTo, expected] = boundaries.findLast(([at]) => at <= length) ?? [0, []];
        expect(commands).toEqual(expected);
        expect(files.text(INCR)).toBe(text.slice(0, validUpTo));
        const isCut = length !== validUpTo;
        expect(log.has('!!! Warning: short read while loading the AOF file appendonly.aof.1.incr.aof!!!')).toBe(isCut);
        expect(log.has(`!!! Truncating the AOF appendonly.aof.1.incr.aof at offset ${validUpTo} !!!`)).toBe(isCut);
        expect(log.has('AOF appendonly.aof.1.incr.aof loaded anyway because aof-load-truncated is enabled')).toBe(
          isCut,
        );
        const again = new Log();
        expect((await loadFrom(files.afterPowerCut(), { log: again })).commands).toEqual(expected);
        expect(again.has('warning')).toBe(false);
      }
    }
  });

  it('at any byte with aof-load-truncated no: is refused with the byte, and left as it is', async () => {
    for (let length = 0; length <= text.length; length++) {
      const files = folderOf(text.slice(0, length));
      const { outcome } = await loadFrom(files, { loadTruncated: false });
      const validUpTo = boundaries.findLast(([at]) => at <= length)?.[0] ?? 0;
      expect(files.text(INCR)).toBe(text.slice(0, length));
      if (length === validUpTo) {
        must(outcome);
        continue;
      }
      expect(refusalOf(outcome)).toBe(
        'Unexpected end of file reading the append only file appendonly.aof.1.incr.aof. You can: 1) Make a backup of ' +
          `your AOF file, then use shoal-check aof --fix ${MANIFEST}. 2) Alternatively you can set the ` +
          "'aof-load-truncated' configuration option to yes and restart the server. " +
          `It is whole up to byte ${validUpTo} of ${length}.`,
      );
    }
  });

  it('inside of a transaction: is cut back to before its MULTI', async () => {
    const log = new Log();
    const files = folderOf(resp(SET, ['multi'], ['INCR', 'a']));
    await loadFrom(files, { log });
    expect(files.text(INCR)).toBe(resp(SET));
    expect(log.lines[0]).toBe(
      'warning: Revert incomplete MULTI/EXEC transaction in AOF file appendonly.aof.1.incr.aof',
    );
  });

  it('and is not the last one: is refused, and left as it is', async () => {
    for (const cut of [resp(SET).slice(0, -1), resp(['MULTI'])]) {
      const files = folderOf(resp(DEL), cut);
      const { outcome } = await loadFrom(files);
      expect(refusalOf(outcome)).toBe(
        'Fatal error: the truncated file is not the last file: appendonly.aof.1.base.aof. ' +
          `It is whole up to byte 0 of ${cut.length}. The files behind it build on what is missing. ` +
          `shoal-check aof ${MANIFEST} shows the place; restore the file from a copy.`,
      );
      expect(files.text(BASE)).toBe(cut);
    }
  });

  it('and followed by empty files only: is cut like the last one, for nothing builds on what is missing', async () => {
    const files = folderOf('', resp(DEL, SET).slice(0, -1));
    const { outcome, commands } = await loadFrom(files);
    must(outcome);
    expect(commands).toEqual([DEL]);
    expect(files.text(BASE)).toBe(resp(DEL));
  });

  it('and can not be cut: is refused', async () => {
    const files = folderOf(resp(SET).slice(0, -1));
    const folder = must(openFolder(files));
    files.faults.set('truncate', 'EROFS');
    expect(refusalOf((await load(files, folder)).outcome)).toContain(
      'Error truncating the AOF file appendonly.aof.1.incr.aof: Read-only file system',
    );
    expect(files.openDescriptors).toBe(0);
  });

  it('in an argument of many megabytes: is found without taking memory for them', async () => {
    const files = folderOf(`${resp(SET)}*3\r\n$3\r\nSET\r\n$1\r\na\r\n$500000000\r\nabc`);
    const before = process.memoryUsage().arrayBuffers;
    const { commands } = await loadFrom(files, { bulkBytesMax: 512 * 1024 * 1024 });
    expect(commands).toEqual([SET]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
    expect(files.text(INCR)).toBe(resp(SET));
  });
});

describe('a damaged file', () => {
  it('is refused with the byte and what was found there, and left as it is', async () => {
    const files = folderOf(`${resp(SET)}garbage\r\n${resp(DEL)}`);
    const { outcome, commands } = await loadFrom(files);
    expect(refusalOf(outcome)).toBe(
      'Bad file format reading the append only file appendonly.aof.1.incr.aof: make a backup of your AOF file, then use ' +
        `shoal-check aof --fix ${MANIFEST}. At byte 33: expected '*', got 'g'. ` +
        'All is well up to byte 33 of 64.',
    );
    expect(commands).toEqual([SET]);
    expect(files.text(INCR)).toContain('garbage');
  });

  it('with any flipped bit: is a prefix or a refusal, with the commands before the bit whole', async () => {
    const commands = [SET, ['MULTI'], ['INCR', 'a'], ['EXEC'], DEL];
    const text = Buffer.from(resp(...commands), 'latin1');
    const ends: Record<string, number> = { refused: 0, cut: 0, whole: 0 };
    for (let bit = 0; bit < text.length * 8; bit++) {
      const flipped = Buffer.from(text);
      flipped[bit >> 3] ^= 1 << (bit & 7);
      const files = folderOf('');
      files.put(INCR, flipped);
      const loaded = await loadFrom(files);
      const isRefused = 'refused' in loaded.outcome;
      ends[isRefused ? 'refused' : files.text(INCR)?.length === text.length ? 'whole' : 'cut']++;
      if (isRefused) expect(files.text(INCR)).toBe(flipped.toString('latin1'));
      if (bit >> 3 >= resp(SET).length) expect(loaded.commands[0]).toEqual(SET);
    }
    expect(ends.refused).toBeGreaterThan(500);
    // A flip inside of an argument leaves a well-formed command; the format has no checksum to tell.
    expect(ends.whole).toBeGreaterThan(100);
  });

  it('of random bytes never crashes the loader', async () => {
    const prng = new Prng(11);
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(Array.from({ length: prng.below(200) }, () => prng.below(256)));
      const files = folderOf(resp(SET) + bytes.toString('latin1'));
      const { commands } = await loadFrom(files);
      expect(commands[0]).toEqual(SET);
    }
  });
});
