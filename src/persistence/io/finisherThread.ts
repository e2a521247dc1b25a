/** What runs in the thread of {@link FinishedFile}: compresses, sums up, writes and syncs, and may wait for the disk. */
import fs from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { RdbTail } from '../format/rdbFinisher.js';
import { RdbStage } from './rdbStage.js';

/** How the thread begins. */
export interface FinisherTask {
  readonly fd: number;
  /** `rdbchecksum` */
  readonly summing: boolean;
  /** `rdb-save-incremental-fsync`, `aof-rewrite-incremental-fsync` */
  readonly syncingOften: boolean;
}

/** To the thread: a part of the file. One without bytes says that there is no more. */
export interface FinisherPart {
  readonly memory: ArrayBuffer;
  readonly length: number;
  readonly marks: Int32Array;
}

/** From the thread: a part is done with, here is its memory; all is on disk; or neither. */
export type FinisherAnswer =
  | { readonly kind: 'taken'; readonly memory: ArrayBuffer; readonly length: number }
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly code: string | undefined; readonly message: string };

/** Runs for as long as the thread does. */
function work({ fd, summing, syncingOften }: FinisherTask): void {
  const stage = new RdbStage(
    (buf, at, length) => fs.writeSync(fd, buf, at, length),
    () => fs.fdatasyncSync(fd),
    syncingOften,
  );
  const tail = new RdbTail(summing, (buf, length) => stage.write(buf, length));
  let hasFailed = false;
  parentPort?.on('message', ({ memory, length, marks }: FinisherPart) => {
    if (hasFailed) return;
    try {
      if (length > 0) tail.add(Buffer.from(memory), length, marks);
      else {
        tail.finish();
        stage.finish();
      }
    } catch (error) {
      hasFailed = true;
      const { code, message } = error as NodeJS.ErrnoException;
      return answer({ kind: 'failed', code, message });
    }
    if (length === 0) return answer({ kind: 'finished' });
    answer({ kind: 'taken', memory, length }, [memory]);
  });
}

function answer(answered: FinisherAnswer, transferred: ArrayBuffer[] = []): void {
  parentPort?.postMessage(answered, transferred);
}

if (parentPort !== null) work(workerData as FinisherTask);
