/** The tool that looks whether data files are sound: `shoal-check`, `shoal-server --check-rdb` and `--check-aof`. */
import fs from 'node:fs';
import { systemClock } from '../base/clock.js';
import { Config } from '../config/config.js';
import { checkAof } from '../persistence/io/aofCheck.js';
import { errorCode, errorText, nodeFileSystem } from '../persistence/io/fileSystem.js';
import { machineProcesses } from '../persistence/io/folderLock.js';
import { checkRdb } from '../persistence/io/rdbCheck.js';
import { changeDirectory } from './configFiles.js';
import { VERSION } from './version.js';

const USAGE = `Usage: shoal-check rdb <rdb-file-name>
       shoal-check aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>
       shoal-check -v or --version

The same is done by shoal-server --check-rdb and shoal-server --check-aof. Nothing but what --fix and --truncate-to-timestamp
cut off is changed. The exit code is 0 when all is well, or has been made so, and 1 otherwise.
`;

/** Runs shoal-check with the arguments behind the program's name; answers the exit code. */
export function runCheck(args: readonly string[]): number {
  const [tool, ...rest] = args;
  if (tool === '-v' || tool === '--version') {
    print(`shoal-check ${VERSION}`);
    return 0;
  }
  if (tool === 'rdb' && rest.length === 1) return checkRdbFile(rest[0]) ? 0 : 1;
  if (tool === 'aof') {
    if (rest.length === 1 && !rest[0].startsWith('--')) return checkAofFile(rest[0], false, undefined);
    if (rest.length === 2 && rest[0] === '--fix') return checkAofFile(rest[1], true, undefined);
    if (rest.length === 3 && rest[0] === '--truncate-to-timestamp') return checkAofUpTo(rest[2], rest[1]);
  }
  process.stdout.write(USAGE);
  return 1;
}

function checkRdbFile(file: string): boolean {
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, 'r');
    return checkRdbFd(file, fd);
  } catch (error) {
    print(`Cannot open file ${oneByteAChar(file)}: ${errorText(error)}`);
    return false;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

function checkRdbFd(file: string, fd: number): boolean {
  const endAt = checkRdb({
    config: defaults(),
    nowMs: systemClock.nowMs(),
    fileName: oneByteAChar(file),
    readBytes: (buf, offset, length, position) => fs.readSync(fd, buf, offset, length, position),
    sizeBytes: fs.fstatSync(fd).size,
    print,
  });
  return endAt !== undefined;
}

function checkAofUpTo(file: string, timestamp: string): number {
  if (/^\d{1,15}$/.test(timestamp)) return checkAofFile(file, false, Number(timestamp));
  print('Invalid timestamp, aborting...');
  return 1;
}

function checkAofFile(file: string, fixing: boolean, upToSeconds: number | undefined): number {
  const isWell = checkAof(file, {
    files: nodeFileSystem,
    processes: machineProcesses,
    config: defaults(),
    nowMs: systemClock.nowMs(),
    print,
    ask,
    fixing,
    upToSeconds,
  });
  return isWell ? 0 : 1;
}

/** Only limits of encodings matter, and only for the memory of a single value. */
function defaults(): Config {
  return new Config({ directory: process.cwd(), changeDirectory });
}

function print(line: string): void {
  process.stdout.write(Buffer.from(`${line}\n`, 'latin1'));
}

/** Puts a question and waits for a line on standard input; its end counts as an empty line. */
function ask(question: string): string {
  process.stdout.write(question);
  const byte = Buffer.alloc(1);
  let answer = '';
  while (!answer.endsWith('\n')) {
    try {
      if (fs.readSync(0, byte, 0, 1, null) === 0) break;
      answer += byte.toString('latin1');
    } catch (error) {
      if (errorCode(error) === 'EOF') break;
      if (errorCode(error) !== 'EAGAIN') throw error;
      // Somebody made standard input non-blocking; nothing has been typed yet.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ASK_AGAIN_MS);
    }
  }
  return answer;
}

const ASK_AGAIN_MS = 50;

function oneByteAChar(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
