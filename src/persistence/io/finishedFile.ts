/**
 * An RDB file that is written beside serving, of which a thread of its own does all but putting the entries together: it compresses, sums
 * up, writes and syncs (finisherThread.ts). Buffers go there with what is in them, and come back empty.
 *
 *   here      | part being filled |          >>  part, part  >>         thread  >>  disk
 *                                            <<  memory      <<
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { NO_MARKS, type RdbFinisher } from '../format/rdbOutput.js';
import { type FileSystem, nodeFileSystem } from './fileSystem.js';
import type { FinisherAnswer, FinisherPart, FinisherTask } from './finisherThread.js';
import { SnapshotFile, type SnapshotTarget } from './snapshotFile.js';

/** Better come again when no more than this is on its way. */
const FULL_FROM_BYTES = 4 * 1024 * 1024;
/** What buffers begin with: a part has 128 KiB, and what the last entry has beyond that. */
const BUFFER_BYTES = 256 * 1024;
const KEEP_BUFFER_BYTES = 1024 * 1024;
const KEEP_BUFFERS = 16;
/** The thread needs next to nothing on its heap. */
const LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 };

export interface RdbFileOptions {
  readonly syncingOften: boolean;
  /** `rdbchecksum` */
  readonly summing: boolean;
  /** About as much will be written. */
  readonly expectedBytes: number;
}

/** Less is written before a thread has started. */
const THREAD_FROM_BYTES = 16 * 1024 * 1024;

/** Creates a file for a snapshot, or empties it: with a thread where there can be one and it pays. Throws what the file system throws. */
export function createRdbFile(files: FileSystem, path: string, options: RdbFileOptions): SnapshotTarget {
  const script = files === nodeFileSystem && options.expectedBytes >= THREAD_FROM_BYTES ? threadScript() : undefined;
  if (script === undefined) return new SnapshotFile(files, path, options.syncingOften);
  return new FinishedFile(files, path, script, options);
}

/** The compiled thread: beside this file, or below it where the server is one file. Undefined where nothing was compiled. */
function threadScript(): string | undefined {
  const places = ['./finisherThread.js', './persistence/io/finisherThread.js'];
  return places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((file) => existsSync(file));
}

export class FinishedFile implements SnapshotTarget, RdbFinisher {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #fd: number;
  readonly #worker: Worker;
  readonly #spare: ArrayBuffer[] = [];
  #bytesUnderWay = 0;
  #error: unknown;
  #isEnded = false;
  #done: ((error: unknown) => void) | undefined;

  constructor(files: FileSystem, path: string, script: string, { summing, syncingOften }: RdbFileOptions) {
    this.#files = files;
    this.#path = path;
    this.#fd = files.open(path, 'create');
    const task: FinisherTask = { fd: this.#fd, summing, syncingOften };
    this.#worker = new Worker(script, { workerData: task, resourceLimits: LIMITS, execArgv: [] });
    this.#worker.unref();
    this.#worker.on('message', (answer: FinisherAnswer) => this.#onAnswer(answer));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => {
      this.#fail(new Error('the thread that writes has ended'));
      files.close(this.#fd);
    });
  }

  get finisher(): RdbFinisher {
    return this;
  }

  get isFull(): boolean {
    return this.#bytesUnderWay >= FULL_FROM_BYTES;
  }

  take(buf: Buffer, length: number, marks: Int32Array): Buffer {
    if (this.#error !== undefined) throw this.#error;
    const memory = buf.buffer as ArrayBuffer;
    if (length > 0) {
      this.#bytesUnderWay += length;
      this.#send({ memory, length, marks });
    } else this.#keep(memory);
    const next = this.#spare.pop();
    return next === undefined ? Buffer.allocUnsafeSlow(BUFFER_BYTES) : Buffer.from(next);
  }

  write(buf: Buffer, length: number): void {
    const copy = Buffer.allocUnsafeSlow(length);
    buf.copy(copy, 0, 0, length);
    this.#keep(this.take(copy, length, NO_MARKS).buffer as ArrayBuffer);
  }

  finish(done: (error: unknown) => void): void {
    if (this.#error !== undefined) return done(this.#error);
    this.#done = done;
    this.#send({ memory: new ArrayBuffer(0), length: 0, marks: NO_MARKS });
  }

  abandon(): void {
    this.#end();
    this.#files.remove(this.#path);
  }

  #send(part: FinisherPart): void {
    const { memory, marks } = part;
    this.#worker.postMessage(part, marks.length > 0 ? [memory, marks.buffer as ArrayBuffer] : [memory]);
  }

  #keep(memory: ArrayBuffer): void {
    if (this.#spare.length < KEEP_BUFFERS && memory.byteLength <= KEEP_BUFFER_BYTES) this.#spare.push(memory);
  }

  #onAnswer(answer: FinisherAnswer): void {
    if (this.#isEnded) return;
    if (answer.kind === 'taken') {
      this.#bytesUnderWay -= answer.length;
      this.#keep(answer.memory);
    } else if (answer.kind === 'failed') {
      this.#fail(Object.assign(new Error(answer.message), { code: answer.code }));
    } else this.#tell(undefined);
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#error ??= error;
    this.#bytesUnderWay = 0;
    this.#tell(this.#error);
  }

  #tell(error: unknown): void {
    const done = this.#done;
    if (done === undefined) return;
    this.#done = undefined;
    if (error === undefined) this.#end();
    done(error);
  }

  /** The descriptor is the thread's until it has ended. */
  #end(): void {
    this.#isEnded = true;
    this.#done = undefined;
    void this.#worker.terminate();
  }
}
