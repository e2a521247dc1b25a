import { ManualClock } from '../../src/base/clock.js';
import { AofBuffer } from '../../src/persistence/format/aofCommand.js';
import { AofFiles } from '../../src/persistence/io/aofFiles.js';
import { AofLoader, type AofLoadOutcome, type LoadSnapshot } from '../../src/persistence/io/aofLoader.js';
import { AofWriter, type AofWriterOptions } from '../../src/persistence/io/aofWriter.js';
import type { FileSystem } from '../../src/persistence/io/fileSystem.js';
import type { ProcessTable } from '../../src/persistence/io/folderLock.js';
import { isRefusal, type Refusal } from '../../src/persistence/io/logSink.js';

/** Arguments in the shape that the request parser gives them. */
export interface Ranges {
  readonly buf: Uint8Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly argc: number;
}

export function ranges(...args: (string | Uint8Array)[]): Ranges {
  const parts = args.map((arg) => (typeof arg === 'string' ? Buffer.from(arg, 'latin1') : arg));
  const start = new Int32Array(parts.length);
  const end = new Int32Array(parts.length);
  let at = 0;
  parts.forEach((part, i) => {
    start[i] = at;
    at += part.length;
    end[i] = at;
  });
  return { buf: Buffer.concat(parts), start, end, argc: parts.length };
}

/** The RESP text of commands, each given as words. */
export function resp(...commands: string[][]): string {
  const out = new AofBuffer();
  for (const words of commands) {
    const { buf, start, end, argc } = ranges(...words);
    out.args(buf, start, end, argc);
  }
  return out.bytes.toString('latin1', 0, out.length);
}

export function wordsOf(buf: Uint8Array, start: Int32Array, end: Int32Array, argc: number): string[] {
  return Array.from({ length: argc }, (_, i) => Buffer.from(buf.subarray(start[i], end[i])).toString('latin1'));
}

/** A log that remembers. */
export class Log {
  readonly lines: string[] = [];
  readonly sink = (level: string, text: string): void => {
    this.lines.push(`${level}: ${text}`);
  };

  has(part: string): boolean {
    return this.lines.some((line) => line.includes(part));
  }

  count(part: string): number {
    return this.lines.filter((line) => line.includes(part)).length;
  }
}

export const noProcesses: ProcessTable = { selfPid: 1, identityOf: () => undefined };

export const FOLDER = '/data/appendonlydir';
export const INCR = `${FOLDER}/appendonly.aof.1.incr.aof`;
export const BASE = `${FOLDER}/appendonly.aof.1.base.aof`;
export const MANIFEST = `${FOLDER}/appendonly.aof.manifest`;

export function openFolder(
  files: FileSystem,
  options: { log?: Log; processes?: ProcessTable; dir?: string } = {},
): AofFiles | Refusal {
  return AofFiles.open({
    files,
    processes: options.processes ?? noProcesses,
    log: (options.log ?? new Log()).sink,
    dir: options.dir ?? '/data',
    appendDirName: 'appendonlydir',
    appendFileName: 'appendonly.aof',
  });
}

export interface LoadOptions {
  readonly log?: Log;
  readonly loadTruncated?: boolean;
  readonly chunkBytes?: number;
  readonly bulkBytesMax?: number;
  /** For files that begin with a snapshot; without it they are refused. */
  readonly loadSnapshot?: LoadSnapshot;
  readonly refuse?: (words: string[]) => string | undefined;
}

/** Loads a folder; transactions are applied as a whole, as a server does. */
export async function load(
  files: FileSystem,
  folder: AofFiles,
  options: LoadOptions = {},
): Promise<{ outcome: AofLoadOutcome | Refusal; commands: string[][] }> {
  const commands: string[][] = [];
  let queued: string[][] | undefined;
  const loader = new AofLoader({
    files,
    clock: new ManualClock(0),
    log: (options.log ?? new Log()).sink,
    loadTruncated: options.loadTruncated ?? true,
    chunkBytes: options.chunkBytes ?? 256,
    bulkBytesMax: options.bulkBytesMax ?? 1024 * 1024,
    yieldNow: () => Promise.resolve(),
    loadSnapshot: options.loadSnapshot ?? noSnapshots,
    apply(buf, start, end, argc) {
      const words = wordsOf(buf, start, end, argc);
      const problem = options.refuse?.(words);
      if (problem !== undefined) return problem;
      if (words[0] === 'MULTI') {
        queued = [];
      } else if (words[0] === 'EXEC') {
        commands.push(...(queued ?? []));
        queued = undefined;
      } else {
        (queued ?? commands).push(words);
      }
      return undefined;
    },
  });
  const outcome = await loader.load(folder);
  return { outcome, commands };
}

export const noSnapshots: LoadSnapshot = () => Promise.resolve({ refused: 'not in this test' });

/** Opens, loads and opens for appending, as a server does at start. */
export async function start(
  files: FileSystem,
  options: Partial<AofWriterOptions> & { log?: never } & { logTo?: Log; dir?: string } = {},
): Promise<{ writer: AofWriter; folder: AofFiles; clock: ManualClock; commands: string[][] }> {
  const log = options.logTo ?? new Log();
  const folder = must(openFolder(files, { log, ...(options.dir === undefined ? {} : { dir: options.dir }) }));
  const { outcome, commands } = await load(files, folder, { log });
  must(outcome);
  const clock = new ManualClock(0);
  const writer = new AofWriter(must(folder.openForAppend()), {
    files,
    clock,
    log: log.sink,
    policy: options.policy ?? 'everysec',
    onFatal: options.onFatal ?? (() => {}),
  });
  return { writer, folder, clock, commands };
}

export function append(writer: AofWriter, dbIndex: number, ...words: string[]): void {
  const { buf, start, end, argc } = ranges(...words);
  writer.append(dbIndex, buf, start, end, argc);
}

export function must<T extends object>(result: T | Refusal): T {
  if (isRefusal(result)) throw new Error(`refused: ${result.refused}`);
  return result;
}

export function refusalOf(result: object): string {
  if (!('refused' in result)) throw new Error('was not refused');
  return String(result.refused);
}
