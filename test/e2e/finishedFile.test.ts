/** RDB files that a thread of their own finishes, from the built server: what comes of them, of full disks and of giving up. */
import { existsSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RdbTail } from '../../src/persistence/format/rdbFinisher.js';
import { RdbOutput } from '../../src/persistence/format/rdbOutput.js';
import { nodeFileSystem } from '../../src/persistence/io/fileSystem.js';
import { FinishedFile } from '../../src/persistence/io/finishedFile.js';
import { tempDir } from '../support/process.js';
import { REPOSITORY, until } from './support/daemon.js';

const SCRIPT = join(REPOSITORY, 'dist/persistence/io/finisherThread.js');
const OPTIONS = { summing: true, syncingOften: true, expectedBytes: 0 };

function create(path: string): FinishedFile {
  return new FinishedFile(nodeFileSystem, path, SCRIPT, OPTIONS);
}

/** A part with strings worth compressing, short ones and others. */
function write(out: RdbOutput, seed: number): void {
  for (let i = 0; i < 500; i++) {
    for (const text of [`key ${seed} ${i}`, 'again and '.repeat(i % 60), `${i}`, String(Math.sin(i)).repeat(2)]) {
      const bytes = Buffer.from(text);
      out.string(bytes, 0, bytes.length);
    }
  }
}

function ended(file: FinishedFile): Promise<unknown> {
  return new Promise((resolve) => file.finish(resolve));
}

/** Whether this process has it open. */
function isOpen(path: string): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
    } catch {
      return false;
    }
  });
}

describe.skipIf(process.platform !== 'linux')('a file that a thread finishes', () => {
  it('is the same as one that is finished here', async () => {
    const path = join(tempDir(), 'file');
    const file = create(path);
    const expected: Buffer[] = [];
    const tail = new RdbTail(true, (buf, length) => expected.push(Buffer.from(buf.subarray(0, length))));
    const [there, here] = [new RdbOutput(), new RdbOutput()];
    there.leaveCompression();
    for (let part = 0; part < 60; part++) {
      write(there, part);
      there.handOver(file);
      write(here, part);
      tail.add(here.buf, here.length);
      here.reset();
    }
    const extra = Buffer.from('bytes as they are');
    file.write(extra, extra.length);
    tail.add(extra, extra.length);
    tail.finish();
    expect(await ended(file)).toBeUndefined();
    expect(readFileSync(path).equals(Buffer.concat(expected))).toBe(true);
    await until('the descriptor is closed', () => !isOpen(path));
  });

  it('on a full disk says so, and is removed', async () => {
    const path = join(tempDir(), 'file');
    symlinkSync('/dev/full', path);
    const file = create(path);
    const out = new RdbOutput();
    write(out, 1);
    out.handOver(file);
    expect(await ended(file)).toMatchObject({ code: 'ENOSPC' });
    expect(() => file.take(Buffer.alloc(10), 10, new Int32Array(0))).toThrow('ENOSPC');
    file.abandon();
    expect(existsSync(path)).toBe(false);
    await until('the descriptor is closed', () => !isOpen('/dev/full'));
  });

  it('that is given up is removed, whatever is on its way', async () => {
    const path = join(tempDir(), 'file');
    const file = create(path);
    const out = new RdbOutput();
    for (let part = 0; part < 60; part++) {
      write(out, part);
      out.handOver(file);
    }
    file.finish(() => {
      throw new Error('nobody waits for that any more');
    });
    file.abandon();
    expect(existsSync(path)).toBe(false);
    await until('the descriptor is closed', () => !isOpen(path));
  });
});
