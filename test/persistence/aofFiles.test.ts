import { describe, expect, it } from 'vitest';
import type { ProcessTable } from '../../src/persistence/io/folderLock.js';
import { isRefusal } from '../../src/persistence/io/logSink.js';
import { MemoryFileSystem, PowerCut } from './memoryFileSystem.js';
import {
  append,
  BASE,
  FOLDER,
  INCR,
  Log,
  load,
  MANIFEST,
  must,
  openFolder,
  refusalOf,
  resp,
  start,
} from './support.js';

const FRESH_MANIFEST = 'file appendonly.aof.1.base.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n';
const COMMANDS = [
  ['SELECT', '0'],
  ['SET', 'a', '1'],
];

function populated(): MemoryFileSystem {
  const files = new MemoryFileSystem();
  files.makeDirectory(FOLDER);
  files.put(MANIFEST, FRESH_MANIFEST);
  files.put(BASE, resp(COMMANDS[0]));
  files.put(INCR, resp(COMMANDS[1]));
  return files;
}

describe('the append-only folder', () => {
  it('is made on a first start: an empty base file, an empty incremental file, a manifest', async () => {
    const files = new MemoryFileSystem();
    const log = new Log();
    await start(files, { logTo: log });
    expect(files.text(BASE)).toBe('');
    expect(files.text(INCR)).toBe('');
    expect(files.text(MANIFEST)).toBe(FRESH_MANIFEST);
    expect(files.afterPowerCut().text(MANIFEST)).toBe(FRESH_MANIFEST);
    expect(log.lines).toEqual([
      "debug: The AOF manifest file appendonly.aof.manifest doesn't exist",
      'notice: Creating AOF base file appendonly.aof.1.base.aof on server start',
      'notice: Creating AOF incr file appendonly.aof.1.incr.aof on server start',
    ]);
  });

  it('is opened again: the last incremental file goes on, the manifest stays', async () => {
    const files = populated();
    const log = new Log();
    const { writer, commands } = await start(files, { logTo: log });
    expect(commands).toEqual(COMMANDS);
    append(writer, -1, 'DEL', 'a');
    writer.flush(true);
    expect(files.text(INCR)).toBe(resp(COMMANDS[1], ['DEL', 'a']));
    expect(files.text(MANIFEST)).toBe(FRESH_MANIFEST);
    expect(writer.stats()).toMatchObject({
      currentSizeBytes: resp(...COMMANDS, ['DEL', 'a']).length,
      baseSizeBytes: resp(COMMANDS[0]).length,
    });
    expect(log.has('notice: Opening AOF incr file appendonly.aof.1.incr.aof on server start')).toBe(true);
  });

  it('gets an incremental file when only a base is there', async () => {
    const files = populated();
    files.put(MANIFEST, 'file appendonly.aof.1.base.aof seq 1 type b\n');
    files.remove(INCR);
    await start(files);
    expect(files.text(MANIFEST)).toBe(FRESH_MANIFEST);
  });

  it('loses its history and temporary files at start, and nothing else', async () => {
    const files = populated();
    files.put(MANIFEST, `file old.aof seq 1 type h\n${FRESH_MANIFEST}`);
    for (const name of ['old.aof', 'temp-appendonly.aof.manifest', 'temp-appendonly.aof.incr', 'mine.txt']) {
      files.put(`${FOLDER}/${name}`, 'x');
    }
    const log = new Log();
    const { folder } = await start(files, { logTo: log });
    expect(log.has('notice: Removing the history file old.aof in the background')).toBe(true);
    expect(files.text(MANIFEST)).toBe(FRESH_MANIFEST);
    folder.release();
    expect(files.list(FOLDER).sort()).toEqual([
      'appendonly.aof.1.base.aof',
      'appendonly.aof.1.incr.aof',
      'appendonly.aof.manifest',
      'mine.txt',
    ]);
  });

  it.each([
    [BASE, 'Unable to obtain the AOF file appendonly.aof.1.base.aof length. stat: No such file or directory'],
    [INCR, 'Unable to obtain the AOF file appendonly.aof.1.incr.aof length. stat: No such file or directory'],
  ])('without %s is refused by name', async (missing, text) => {
    const files = populated();
    files.remove(missing);
    const { outcome } = await load(files, must(openFolder(files)));
    expect(refusalOf(outcome)).toBe(text);
  });

  it('with a bad manifest is refused with the line', () => {
    const files = populated();
    files.put(MANIFEST, `${FRESH_MANIFEST}hello\n`);
    const log = new Log();
    expect(refusalOf(openFolder(files, { log }))).toBe(`Invalid AOF manifest file format: ${MANIFEST}, line 3`);
    expect(log.lines.slice(0, 3)).toEqual([
      'warning: *** FATAL AOF MANIFEST FILE ERROR ***',
      'warning: Reading the manifest file, at line 3',
      "warning: >>> 'hello'",
    ]);
    expect(files.text(`${FOLDER}/appendonly.aof.lock`)).toBeUndefined();
  });

  it('with a flipped bit anywhere in its manifest is refused or loads all its data, and loses no file', async () => {
    const bytes = Buffer.from(FRESH_MANIFEST);
    let refused = 0;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const files = populated();
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] ^= 1 << (bit & 7);
      files.put(MANIFEST, flipped);
      const folder = openFolder(files);
      const loaded = isRefusal(folder) ? undefined : await load(files, folder);
      if (isRefusal(folder) || loaded === undefined || isRefusal(loaded.outcome)) {
        refused++;
      } else {
        expect(loaded.commands).toEqual(COMMANDS);
        must(folder.openForAppend());
      }
      expect(files.text(BASE)).toBe(resp(COMMANDS[0]));
      expect(files.text(INCR)).toBe(resp(COMMANDS[1]));
    }
    expect(refused).toBeGreaterThan(500);
  });

  it.each([
    'file b seq 2 type b\nfile a.1.incr.aof seq 1 type h\nfile a.2.incr.aof seq 2 type i\n',
    'file b seq 2 type b\nfile a.1.incr.aof seq 1 type h\nfile c seq 1 type h\n',
  ])('deletes the history that a rewrite left: %j', async (manifest) => {
    const files = populated();
    files.put(MANIFEST, manifest);
    for (const name of ['b', 'c', 'a.1.incr.aof', 'a.2.incr.aof']) files.put(`${FOLDER}/${name}`, resp(COMMANDS[1]));
    files.remove(INCR);
    await start(files);
    expect(files.text(`${FOLDER}/a.1.incr.aof`)).toBeUndefined();
  });

  it.each([
    'file b seq 1 type b\nfile a.1.incr.aof seq 1 type h\n',
    'file b seq 2 type b\nfile a.1.incr.aof seq 1 type h\n',
    'file b seq 1 type b\nfile a.1.incr.aof seq 1 type h\nfile a.2.incr.aof seq 2 type i\n',
    'file b seq 2 type b\nfile c seq 1 type h\nfile a.3.incr.aof seq 3 type h\nfile a.2.incr.aof seq 2 type i\n',
  ])('refuses to delete history that no rewrite can have left: %j', (manifest) => {
    const files = populated();
    files.put(MANIFEST, manifest);
    expect(refusalOf(openFolder(files))).toMatch(/gives a\.[13]\.incr\.aof up as history, but no rewrite replaced it/);
  });

  it('that lost its manifest is refused rather than taken for empty', () => {
    const files = populated();
    files.remove(MANIFEST);
    expect(refusalOf(openFolder(files))).toContain(`but ${BASE} holds data`);
    files.put(MANIFEST, 'file appendonly.aof.1.base.aof seq 1 type b\n');
    expect(refusalOf(must(openFolder(files)).openForAppend())).toContain(`${INCR} holds data`);
  });

  it('that can not be made or written is refused with the reason', () => {
    const files = new MemoryFileSystem();
    files.faults.set('makeDirectory', 'EROFS');
    expect(refusalOf(openFolder(files))).toBe(
      "Can't open or create append-only dir appendonlydir: Read-only file system",
    );
    const full = populated();
    full.remove(MANIFEST);
    full.put(BASE, '');
    full.put(INCR, '');
    const folder = must(openFolder(full));
    full.faults.set('write', 'ENOSPC');
    expect(refusalOf(folder.openForAppend())).toBe(
      `Error trying to write the AOF manifest file ${MANIFEST}: No space left on device`,
    );
    expect(full.openDescriptors).toBe(0);
  });
});

describe('a single append-only file of an older Redis', () => {
  const OLD = '/data/appendonly.aof';

  it('becomes the base file of the folder, under its own name', async () => {
    const files = new MemoryFileSystem();
    files.put(OLD, resp(...COMMANDS));
    const log = new Log();
    const { commands } = await start(files, { logTo: log });
    expect(commands).toEqual(COMMANDS);
    expect(files.text(OLD)).toBeUndefined();
    expect(files.text(MANIFEST)).toBe(
      'file appendonly.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n',
    );
    expect(log.lines).toContain(
      'notice: Successfully migrated an old-style AOF file (appendonly.aof) into the AOF directory (appendonlydir).',
    );
  });

  it('survives a power cut at every step of the move', async () => {
    let cuts = 0;
    for (let operations = 0; operations < 40; operations++) {
      const files = new MemoryFileSystem();
      files.put(OLD, resp(...COMMANDS));
      files.operationsLeft = operations;
      try {
        await start(files);
      } catch {
        cuts++;
      }
      for (const disk of [files.afterPowerCut(), files.afterKill()]) {
        expect((await start(disk)).commands).toEqual(COMMANDS);
      }
    }
    expect(cuts).toBeGreaterThan(10);
  });

  it('is left alone when the folder has files of its own', async () => {
    const files = populated();
    files.put(OLD, resp(['SET', 'old', '1']));
    const { commands } = await start(files);
    expect(commands).toEqual(COMMANDS);
    expect(files.text(OLD)).toBe(resp(['SET', 'old', '1']));
  });

  it('with an RDB snapshot in it is moved like any other', () => {
    const files = new MemoryFileSystem();
    files.put(OLD, 'REDIS0010...');
    expect(must(openFolder(files)).manifest.base?.name).toBe('appendonly.aof');
    expect(files.text(OLD)).toBeUndefined();
    expect(files.text(`${FOLDER}/appendonly.aof`)).toBe('REDIS0010...');
  });
});

describe('a crash at every step of a start', () => {
  it('leaves a folder that starts again with all its data', async () => {
    const withHistory = (): MemoryFileSystem => {
      const files = populated();
      files.put(MANIFEST, `${FRESH_MANIFEST}file old seq 1 type h\n`);
      files.put(`${FOLDER}/old`, 'x');
      return files;
    };
    for (const [make, expected] of [
      [() => new MemoryFileSystem(), []],
      [withHistory, COMMANDS],
    ] as const) {
      let cuts = 0;
      for (let operations = 0; operations < 30; operations++) {
        const files = make();
        files.operationsLeft = operations;
        try {
          await start(files);
        } catch (error) {
          expect(error instanceof PowerCut || String(error).includes('refused')).toBe(true);
          cuts++;
        }
        for (const disk of [files.afterPowerCut(), files.afterKill()]) {
          const { commands } = await start(disk);
          expect(commands).toEqual(expected);
          expect(disk.text(MANIFEST)).toBe(FRESH_MANIFEST);
        }
      }
      expect(cuts).toBeGreaterThan(3);
    }
  });
});

describe('the lock of the folder', () => {
  const running = new Map<number, string>();
  const as = (selfPid: number): ProcessTable => ({ selfPid, identityOf: (pid) => running.get(pid) });

  it('keeps a second server out as long as the first one lives', () => {
    const files = new MemoryFileSystem();
    running.set(100, 'started-at-7 boot-1').set(200, 'started-at-9 boot-1');
    const first = must(openFolder(files, { processes: as(100) }));
    const refusal = refusalOf(openFolder(files, { processes: as(200) }));
    expect(refusal).toContain(`The append-only dir ${FOLDER} is in use by the process with pid 100`);
    expect(refusal).toContain(`${FOLDER}/appendonly.aof.lock`);
    expect(refusalOf(openFolder(files, { processes: as(100) }))).toContain('pid 100');
    first.release();
    must(openFolder(files, { processes: as(200) }));
  });

  it.each([
    ['its process is gone', undefined],
    ['another process has its pid now', 'started-at-8 boot-1'],
    ['the machine was restarted', 'started-at-7 boot-2'],
  ])('is taken over when %s', (_, identity) => {
    const files = new MemoryFileSystem();
    running.set(100, 'started-at-7 boot-1').set(200, 'started-at-9 boot-1');
    must(openFolder(files, { processes: as(100) }));
    if (identity === undefined) running.delete(100);
    else running.set(100, identity);
    must(openFolder(files, { processes: as(200) }));
    expect(files.text(`${FOLDER}/appendonly.aof.lock`)).toBe('200 started-at-9 boot-1\n');
  });

  it.each(['', 'garbage', '100', '100 started-at-7', '100 - \n'])('is taken over when it reads %j', (text) => {
    const files = populated();
    running.set(100, 'started-at-7 boot-1');
    files.put(`${FOLDER}/appendonly.aof.lock`, text);
    must(openFolder(files, { processes: as(100) }));
  });

  it('that can not be written is a refusal', () => {
    const files = populated();
    files.faults.set('write', 'EROFS');
    expect(refusalOf(openFolder(files))).toContain('Read-only file system');
  });
});
