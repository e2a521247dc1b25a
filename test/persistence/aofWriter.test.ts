import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { type AofWriter, NO_DATABASE } from '../../src/persistence/io/aofWriter.js';
import { MemoryFileSystem } from './memoryFileSystem.js';
import { append, FOLDER, INCR, Log, must, resp, start } from './support.js';

const SELECT_0 = resp(['SELECT', '0']);
const SET = ['SET', 'key', 'value'];

describe('AofWriter', () => {
  it('writes a SELECT in front of the first command and wherever the database changes', async () => {
    const files = new MemoryFileSystem();
    const { writer } = await start(files);
    append(writer, 0, ...SET);
    append(writer, 0, 'DEL', 'a');
    append(writer, 11, 'DEL', 'b');
    writer.begin(0, 3).text('PEXPIREAT');
    writer.flush(false);
    expect(files.text(INCR)).toBe(
      `${SELECT_0}${resp(SET, ['DEL', 'a'], ['SELECT', '11'], ['DEL', 'b'], ['SELECT', '0'])}*3\r\n$9\r\nPEXPIREAT\r\n`,
    );
  });

  it('writes no SELECT for commands of no database', async () => {
    const files = new MemoryFileSystem();
    const { writer } = await start(files);
    append(writer, NO_DATABASE, ...SET);
    writer.flush(false);
    expect(files.text(INCR)).toBe(resp(SET));
  });

  it('makes one write of all commands of a round, and none of nothing', async () => {
    const files = new MemoryFileSystem();
    const { writer } = await start(files, { policy: 'no' });
    const before = files.calls.get('write') ?? 0;
    for (let i = 0; i < 100; i++) append(writer, 0, 'SET', `key${i}`, 'v');
    expect(writer.stats().bufferLengthBytes).toBeGreaterThan(2000);
    writer.flush(false);
    writer.flush(false);
    expect((files.calls.get('write') ?? 0) - before).toBe(1);
    expect(writer.stats().bufferLengthBytes).toBe(0);
    expect(writer.stats().currentSizeBytes).toBe(files.text(INCR)?.length);
  });

  it('goes on in a new file, beginning with a SELECT, and syncs and closes the old one in the background', async () => {
    const files = new MemoryFileSystem();
    const { writer, folder } = await start(files);
    append(writer, 0, 'SET', 'a', '1');
    expect(writer.switchTo(must(folder.rotation.openNextIncr()))).toBe(true);
    expect(writer.stats().pendingBackgroundSyncs).toBe(1);
    append(writer, 0, 'SET', 'b', '2');
    writer.flush(true);
    files.endBackgroundSync();
    expect(writer.stats().pendingBackgroundSyncs).toBe(0);
    expect(files.openDescriptors).toBe(1);
    expect(files.text(INCR)).toBe(SELECT_0 + resp(['SET', 'a', '1']));
    expect(files.text(`${FOLDER}/appendonly.aof.2.incr.aof`)).toBe(SELECT_0 + resp(['SET', 'b', '2']));
    writer.close();
    folder.release();
    const again = await start(files.afterPowerCut());
    expect(again.commands).toEqual([
      ['SELECT', '0'],
      ['SET', 'a', '1'],
      ['SELECT', '0'],
      ['SET', 'b', '2'],
    ]);
  });

  it('with always syncs the file before this one too, if that is still to be done', async () => {
    const files = new MemoryFileSystem();
    const { writer, folder } = await start(files);
    append(writer, -1, 'SET', 'a', '1');
    writer.switchTo(must(folder.rotation.openNextIncr()));
    writer.setPolicy('always');
    append(writer, -1, 'SET', 'b', '2');
    expect(writer.flush(false)).toBe(true);
    const again = await start(files.afterPowerCut());
    expect(again.commands).toEqual([
      ['SET', 'a', '1'],
      ['SET', 'b', '2'],
    ]);
  });

  it('does not put writes off because an earlier file is being synced', async () => {
    const files = new MemoryFileSystem();
    const { writer, folder } = await start(files);
    append(writer, -1, 'SET', 'a', '1');
    writer.switchTo(must(folder.rotation.openNextIncr()));
    append(writer, -1, 'SET', 'b', '2');
    expect(files.backgroundSyncs).toHaveLength(1);
    writer.flush(false);
    expect(files.text(`${FOLDER}/appendonly.aof.2.incr.aof`)).toBe(resp(['SET', 'b', '2']));
  });

  it('stamps each second, and each file', async () => {
    const files = new MemoryFileSystem();
    const { writer, folder, clock } = await start(files);
    writer.stamping = true;
    clock.advance(5_000);
    for (const key of ['a', 'b']) append(writer, -1, 'DEL', key);
    clock.advance(1_000);
    append(writer, -1, 'DEL', 'c');
    writer.switchTo(must(folder.rotation.openNextIncr()));
    append(writer, 0, 'DEL', 'd');
    writer.flush(true);
    const del = (key: string): string => resp(['DEL', key]);
    expect(files.text(INCR)).toBe(`#TS:5\r\n${del('a')}${del('b')}#TS:6\r\n${del('c')}`);
    expect(files.text(`${FOLDER}/appendonly.aof.2.incr.aof`)).toBe(`#TS:6\r\n${SELECT_0}${del('d')}`);
  });

  it('stays with the old file when the new one can not be made or the old one not be finished', async () => {
    const files = new MemoryFileSystem();
    const { writer, folder } = await start(files);
    files.faults.set('rename', 'EIO');
    expect(folder.rotation.openNextIncr()).toHaveProperty('refused');
    expect(folder.manifest.incr).toHaveLength(1);
    files.faults.clear();
    const next = must(folder.rotation.openNextIncr());
    append(writer, 0, ...SET);
    files.faults.set('write', 'ENOSPC');
    expect(writer.switchTo(next)).toBe(false);
    files.faults.clear();
    writer.flush(false);
    expect(files.text(INCR)).toBe(SELECT_0 + resp(SET));
  });

  it('writes and syncs everything at shutdown, whatever the policy', async () => {
    for (const policy of ['always', 'everysec', 'no'] as const) {
      const files = new MemoryFileSystem();
      const log = new Log();
      const { writer } = await start(files, { policy, logTo: log });
      append(writer, 0, ...SET);
      expect(writer.close()).toBe(true);
      expect(writer.close()).toBe(true);
      expect(log.count('notice: Calling fsync() on the AOF file.')).toBe(1);
      expect(files.openDescriptors).toBe(0);
      expect(files.afterPowerCut().text(INCR)).toBe(SELECT_0 + resp(SET));
    }
  });

  it('says so when something is lost at shutdown', async () => {
    const files = new MemoryFileSystem();
    const { writer } = await start(files);
    append(writer, 0, ...SET);
    files.faults.set('datasync', 'EIO');
    expect(writer.close()).toBe(false);
    expect(files.openDescriptors).toBe(0);
  });

  it('leaves a file that a background sync still uses open until that has ended', async () => {
    const files = new MemoryFileSystem();
    const { writer, clock } = await start(files);
    append(writer, 0, ...SET);
    clock.advance(1000);
    writer.flush(false);
    expect(writer.close()).toBe(true);
    expect(files.openDescriptors).toBe(1);
    files.endBackgroundSync();
    expect(files.openDescriptors).toBe(0);
  });
});

describe("appendfsync 'always'", () => {
  it('has everything on disk when flush() returns, with one sync for all commands of the round', async () => {
    const files = new MemoryFileSystem();
    const { writer } = await start(files, { policy: 'always' });
    writer.flush(false);
    const before = files.calls.get('datasync') ?? 0;
    append(writer, 0, ...SET);
    append(writer, 0, ...SET);
    expect(writer.flush(false)).toBe(true);
    expect(writer.flush(false)).toBe(true);
    expect((files.calls.get('datasync') ?? 0) - before).toBe(1);
    expect(files.afterPowerCut().text(INCR)).toBe(SELECT_0 + resp(SET, SET));
  });

  it('ends the server when a write fails, and lets no reply of the round go', async () => {
    const files = new MemoryFileSystem();
    const log = new Log();
    const reasons: string[] = [];
    const { writer } = await start(files, { policy: 'always', logTo: log, onFatal: (reason) => reasons.push(reason) });
    append(writer, 0, ...SET);
    files.writeBytesMax = 5;
    files.capacityBytes = files.usedBytes + 12;
    expect(writer.flush(false)).toBe(false);
    expect(writer.flush(false)).toBe(false);
    expect(reasons).toEqual(["Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting..."]);
    expect(log.has('warning: Short write while writing to the AOF file: (nwritten=12, expected=56)')).toBe(true);
    expect(files.text(INCR)).toBe('');
  });

  it('ends the server when a sync fails', async () => {
    const files = new MemoryFileSystem();
    const reasons: string[] = [];
    const { writer } = await start(files, { policy: 'always', onFatal: (reason) => reasons.push(reason) });
    append(writer, 0, ...SET);
    files.faults.set('datasync', 'EIO');
    expect(writer.flush(false)).toBe(false);
    expect(reasons).toEqual([
      "Can't persist AOF for fsync error when the AOF fsync policy is 'always': Input/output error. Exiting...",
    ]);
  });

  it('syncs what an earlier policy left behind', async () => {
    const files = new MemoryFileSystem();
    const { writer } = await start(files, { policy: 'no' });
    append(writer, 0, ...SET);
    writer.flush(false);
    expect(files.afterPowerCut().text(INCR)).toBe('');
    writer.setPolicy('always');
    writer.flush(false);
    expect(files.afterPowerCut().text(INCR)).toBe(SELECT_0 + resp(SET));
  });

  it('never loses an acknowledged write to a power cut, at whatever operation it comes', async () => {
    let cuts = 0;
    for (let operations = 0; operations < 60; operations++) {
      const files = new MemoryFileSystem();
      const acknowledged: string[][] = [];
      files.operationsLeft = operations;
      try {
        const { writer } = await start(files, { policy: 'always' });
        for (let i = 0; i < 10; i++) {
          files.writeBytesMax = 7 + i;
          append(writer, NO_DATABASE, 'SET', `key${i}`, 'v');
          if (!writer.flush(false)) break;
          acknowledged.push(['SET', `key${i}`, 'v']);
        }
      } catch {
        cuts++;
      }
      const { commands } = await start(files.afterPowerCut());
      expect(commands.slice(0, acknowledged.length)).toEqual(acknowledged);
      expect(commands.length).toBeLessThanOrEqual(acknowledged.length + 1);
    }
    expect(cuts).toBeGreaterThan(5);
  });
});

describe("appendfsync 'everysec'", () => {
  async function startEverysec(): Promise<{ files: MemoryFileSystem; log: Log } & Awaited<ReturnType<typeof start>>> {
    const files = new MemoryFileSystem();
    const log = new Log();
    return { files, log, ...(await start(files, { policy: 'everysec', logTo: log })) };
  }

  it('syncs in the background once a second, one at a time, also when nothing more is written', async () => {
    const { files, writer, clock } = await startEverysec();
    append(writer, 0, ...SET);
    writer.flush(false);
    expect(files.backgroundSyncs).toHaveLength(0);
    clock.advance(999);
    writer.flush(false);
    expect(files.backgroundSyncs).toHaveLength(0);
    clock.advance(1);
    writer.flush(false);
    expect(files.backgroundSyncs).toHaveLength(1);
    expect(writer.stats().pendingBackgroundSyncs).toBe(1);
    clock.advance(5000);
    writer.flush(false);
    expect(files.backgroundSyncs).toHaveLength(1);
    files.endBackgroundSync();
    expect(writer.stats().pendingBackgroundSyncs).toBe(0);
    expect(files.afterPowerCut().text(INCR)).toBe(SELECT_0 + resp(SET));
    clock.advance(5000);
    writer.flush(false);
    expect(files.backgroundSyncs).toHaveLength(0);
  });

  it('waits up to two seconds for a slow sync, then writes all the same and counts it', async () => {
    const { files, log, writer, clock } = await startEverysec();
    append(writer, NO_DATABASE, 'SET', 'a', '1');
    clock.advance(1000);
    writer.flush(false);
    append(writer, NO_DATABASE, 'SET', 'b', '2');
    expect(writer.flush(false)).toBe(true);
    clock.advance(1999);
    writer.flush(false);
    expect(files.text(INCR)).toBe(resp(['SET', 'a', '1']));
    expect(writer.stats().delayedSyncs).toBe(0);
    clock.advance(1);
    writer.flush(false);
    expect(files.text(INCR)).toBe(resp(['SET', 'a', '1'], ['SET', 'b', '2']));
    expect(writer.stats().delayedSyncs).toBe(1);
    expect(log.count('Asynchronous AOF fsync is taking too long (disk is busy?)')).toBe(1);
    append(writer, NO_DATABASE, 'SET', 'c', '3');
    writer.flush(true);
    expect(files.text(INCR)).toContain('c');
    expect(writer.stats().delayedSyncs).toBe(1);
    writer.resetStats();
    expect(writer.stats().delayedSyncs).toBe(0);
  });

  it('writes at once what it held back when the sync ends in time', async () => {
    const { files, writer, clock } = await startEverysec();
    append(writer, NO_DATABASE, 'SET', 'a', '1');
    clock.advance(1000);
    writer.flush(false);
    append(writer, NO_DATABASE, 'SET', 'b', '2');
    writer.flush(false);
    files.endBackgroundSync();
    writer.flush(false);
    expect(files.text(INCR)).toBe(resp(['SET', 'a', '1'], ['SET', 'b', '2']));
    expect(writer.stats().delayedSyncs).toBe(0);
  });

  it('refuses writes while a sync fails, tries again every second, and takes them again when it succeeds', async () => {
    const { files, log, writer, clock } = await startEverysec();
    append(writer, 0, ...SET);
    for (let second = 0; second < 3; second++) {
      clock.advance(1000);
      writer.flush(false);
      files.endBackgroundSync('EIO');
      expect(writer.error).toBe('Input/output error');
      expect(writer.stats().lastWriteStatus).toBe('err');
    }
    expect(log.count('warning: Fail to fsync the AOF file: Input/output error')).toBe(1);
    clock.advance(1000);
    writer.flush(false);
    files.endBackgroundSync();
    expect(writer.error).toBeUndefined();
    expect(writer.stats().lastWriteStatus).toBe('ok');
  });
});

describe('a disk that fails', () => {
  async function startOnFullDisk(
    bytesLeft: number,
  ): Promise<{ files: MemoryFileSystem; log: Log; writer: AofWriter; advance(ms: number): void }> {
    const files = new MemoryFileSystem();
    const log = new Log();
    const { writer, clock } = await start(files, { policy: 'no', logTo: log });
    append(writer, NO_DATABASE, 'SET', 'first', '1');
    writer.flush(false);
    files.capacityBytes = files.usedBytes + bytesLeft;
    return { files, log, writer, advance: (ms) => clock.advance(ms) };
  }
  const FIRST = resp(['SET', 'first', '1']);

  it('that is full: keeps the commands, names the error, and writes them once there is room', async () => {
    const { files, log, writer } = await startOnFullDisk(0);
    append(writer, NO_DATABASE, ...SET);
    expect(writer.flush(false)).toBe(true);
    expect(writer.error).toBe('No space left on device');
    expect(log.has('warning: Error writing to the AOF file: No space left on device')).toBe(true);
    append(writer, NO_DATABASE, 'DEL', 'b');
    writer.flush(false);
    files.capacityBytes = 10000;
    writer.flush(false);
    expect(writer.error).toBeUndefined();
    expect(log.count('AOF write error looks solved, Redis can write again.')).toBe(1);
    expect(files.text(INCR)).toBe(FIRST + resp(SET, ['DEL', 'b']));
  });

  it('that has room for a part: takes the part back, so that the file always ends with a whole command', async () => {
    for (let room = 1; room < resp(SET).length; room++) {
      const { files, writer } = await startOnFullDisk(room);
      append(writer, NO_DATABASE, ...SET);
      writer.flush(false);
      expect(files.text(INCR)).toBe(FIRST);
      expect(writer.stats().currentSizeBytes).toBe(FIRST.length);
      files.capacityBytes = 10000;
      writer.flush(false);
      expect(files.text(INCR)).toBe(FIRST + resp(SET));
    }
  });

  it('that does not even take the part back: goes on where the part ends', async () => {
    const { files, log, writer } = await startOnFullDisk(11);
    append(writer, NO_DATABASE, ...SET);
    files.faults.set('truncate', 'EIO');
    writer.flush(false);
    expect(log.has('Could not remove short write from the append-only file.')).toBe(true);
    expect(log.has('ftruncate: Input/output error')).toBe(true);
    expect(files.text(INCR)).toBe(FIRST + resp(SET).slice(0, 11));
    files.capacityBytes = 10000;
    files.faults.clear();
    writer.flush(false);
    expect(files.text(INCR)).toBe(FIRST + resp(SET));
    expect(writer.stats().currentSizeBytes).toBe((FIRST + resp(SET)).length);
  });

  it('is logged no more than every 30 seconds', async () => {
    const { log, writer, advance } = await startOnFullDisk(0);
    append(writer, NO_DATABASE, ...SET);
    for (let i = 0; i < 29; i++) {
      writer.flush(false);
      advance(1000);
    }
    expect(log.count('Error writing to the AOF file')).toBe(1);
    advance(2000);
    writer.flush(false);
    expect(log.count('Error writing to the AOF file')).toBe(2);
  });

  it('at any moment: the file is a prefix of what was appended, and complete once the disk is well', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const prng = new Prng(seed);
      const files = new MemoryFileSystem();
      const { writer, clock } = await start(files, { policy: prng.below(2) === 0 ? 'no' : 'everysec' });
      let expected = '';
      for (let i = 0; i < 200; i++) {
        if (prng.below(3) > 0) {
          const words = ['SET', `key${i}`, 'v'.repeat(prng.below(50))];
          append(writer, NO_DATABASE, ...words);
          expected += resp(words);
        }
        files.faults.clear();
        files.capacityBytes = Number.POSITIVE_INFINITY;
        files.writeBytesMax = prng.below(4) === 0 ? 1 + prng.below(20) : 1000000;
        if (prng.below(4) === 0) files.capacityBytes = files.usedBytes + prng.below(60);
        if (prng.below(8) === 0) files.faults.set('write', 'EIO');
        if (prng.below(4) === 0) files.faults.set('truncate', 'EIO');
        clock.advance(prng.below(700));
        writer.flush(prng.below(2) === 0);
        if (files.backgroundSyncs.length > 0 && prng.below(2) === 0) {
          files.endBackgroundSync(prng.below(3) === 0 ? 'EIO' : undefined);
        }
        expect(expected.startsWith(files.text(INCR) ?? '?')).toBe(true);
        expect(writer.stats().currentSizeBytes).toBe(files.text(INCR)?.length);
      }
      files.faults.clear();
      files.capacityBytes = Number.POSITIVE_INFINITY;
      expect(writer.close()).toBe(true);
      expect(files.afterPowerCut().text(INCR)).toBe(expected);
    }
  });
});
