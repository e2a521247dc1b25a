import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorText, nodeFileSystem, readWhole, replaceFile } from '../../src/persistence/io/fileSystem.js';
import { machineProcesses } from '../../src/persistence/io/folderLock.js';
import { append, must, openFolder, refusalOf, resp, start } from './support.js';

let dir = '';

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'shoal-files-'));
});

afterEach(() => {
  fs.rmSync(dir, { recursive: true, force: true });
});

const inDir = (name: string) => path.join(dir, name);

describe('the files of the machine', () => {
  it.each(['append', 'create', 'exclusive'] as const)(
    'opened to %s are written at their end, also after a cut',
    (mode) => {
      const fd = nodeFileSystem.open(inDir('a'), mode);
      nodeFileSystem.write(fd, Buffer.from('xhalf a command'), 1, 14);
      nodeFileSystem.truncate(fd, 4);
      nodeFileSystem.write(fd, Buffer.from('!'), 0, 1);
      expect(nodeFileSystem.size(fd)).toBe(5);
      nodeFileSystem.close(fd);
      expect(fs.readFileSync(inDir('a'), 'latin1')).toBe('half!');
    },
  );

  it('are opened as asked', () => {
    fs.writeFileSync(inDir('a'), 'old');
    expect(() => nodeFileSystem.open(inDir('a'), 'exclusive')).toThrow('EEXIST');
    expect(() => nodeFileSystem.open(inDir('missing'), 'read')).toThrow('ENOENT');
    expect(() => nodeFileSystem.open(inDir('missing'), 'update')).toThrow('ENOENT');
    nodeFileSystem.close(nodeFileSystem.open(inDir('a'), 'append'));
    expect(fs.readFileSync(inDir('a'), 'latin1')).toBe('old');
    nodeFileSystem.close(nodeFileSystem.open(inDir('a'), 'create'));
    expect(fs.readFileSync(inDir('a'), 'latin1')).toBe('');
  });

  it('have kinds and sizes, and may be missing', () => {
    fs.writeFileSync(inDir('a'), 'abc');
    expect(nodeFileSystem.stat(inDir('a'))).toEqual({ kind: 'file', size: 3 });
    expect(nodeFileSystem.stat(dir)?.kind).toBe('directory');
    expect(nodeFileSystem.stat(inDir('missing'))).toBeUndefined();
    nodeFileSystem.remove(inDir('missing'));
    nodeFileSystem.makeDirectory(inDir('sub'));
    nodeFileSystem.makeDirectory(inDir('sub'));
    expect(nodeFileSystem.list(dir).sort()).toEqual(['a', 'sub']);
  });

  it('are replaced as a whole', () => {
    fs.writeFileSync(inDir('a'), 'old');
    replaceFile(nodeFileSystem, inDir('a'), inDir('temp-a'), Buffer.from('new'));
    expect(Buffer.from(readWhole(nodeFileSystem, inDir('a'))).toString()).toBe('new');
    expect(nodeFileSystem.list(dir)).toEqual(['a']);
  });

  it('are synced in the background', async () => {
    const fd = nodeFileSystem.open(inDir('a'), 'append');
    expect(await new Promise((resolve) => nodeFileSystem.datasyncInBackground(fd, resolve))).toBeUndefined();
    nodeFileSystem.close(fd);
    const error = await new Promise((resolve) => nodeFileSystem.datasyncInBackground(fd, resolve));
    expect(errorText(error)).toBe('Bad file descriptor');
  });

  it('report errors in the words of strerror', () => {
    const textOf = (run: () => unknown): string => {
      try {
        run();
      } catch (error) {
        return errorText(error);
      }
      return 'no error';
    };
    expect(textOf(() => nodeFileSystem.open(inDir('missing'), 'read'))).toBe('No such file or directory');
    expect(textOf(() => nodeFileSystem.open(dir, 'append'))).toBe('Is a directory');
    expect(errorText(new Error('anything else'))).toBe('anything else');
  });

  it.skipIf(!fs.existsSync('/dev/full'))('on a full disk keep the commands back and name the error', async () => {
    const { writer, folder } = await start(nodeFileSystem, { dir, policy: 'everysec' });
    append(writer, -1, 'SET', 'a', '1');
    expect(writer.flush(true)).toBe(true);
    const full = nodeFileSystem.open('/dev/full', 'append');
    expect(writer.switchTo({ fd: full })).toBe(true);
    append(writer, -1, 'SET', 'b', '2');
    expect(writer.flush(true)).toBe(true);
    expect(writer.error).toBe('No space left on device');
    expect(writer.stats().bufferLengthBytes).toBe(resp(['SET', 'b', '2']).length);
    expect(writer.close()).toBe(false);
    folder.release();
  });
});

describe.skipIf(!fs.existsSync('/proc/self/stat'))('the processes of the machine', () => {
  it('have an identity as long as they live', async () => {
    expect(machineProcesses.identityOf(process.pid)).toMatch(/^\d+ [0-9a-f-]{36}$/);
    expect(machineProcesses.identityOf(machineProcesses.selfPid)).toBe(machineProcesses.identityOf(process.pid));
    const child = spawn('sleep', ['60']);
    const pid = child.pid ?? 0;
    const identity = machineProcesses.identityOf(pid);
    expect(identity).toMatch(/^\d+ [0-9a-f-]{36}$/);
    expect(machineProcesses.identityOf(pid)).toBe(identity);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(machineProcesses.identityOf(pid)).toBeUndefined();
  });

  it('keep a folder locked until they release it or are killed', async () => {
    must(openFolder(nodeFileSystem, { dir, processes: machineProcesses })).release();
    const child = spawn('sleep', ['60']);
    const pid = child.pid ?? 0;
    must(openFolder(nodeFileSystem, { dir, processes: { ...machineProcesses, selfPid: pid } }));
    const refused = openFolder(nodeFileSystem, { dir, processes: machineProcesses });
    expect(refusalOf(refused)).toContain(`in use by the process with pid ${pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    must(openFolder(nodeFileSystem, { dir, processes: machineProcesses })).release();
    expect(fs.readdirSync(path.join(dir, 'appendonlydir'))).toEqual([]);
  });
});
