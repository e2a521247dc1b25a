/**
 * RESTORE of large payloads. redis-server stands still while it reads one; here that is done in slices between the requests. The client waits,
 * and when the value is there its command is run again from the start: all that must be asked (whose slot it is, whether there is
 * memory, whether the key exists) is asked at that moment, and the value is stored in the same.
 */

import { asBuffer } from '../base/bytes.js';
import type { PreparedValue, RestorePort } from '../commands/restorePort.js';
import type { Executor } from '../exec/executor.js';
import type { Session } from '../exec/session.js';
import { DumpReading } from '../persistence/format/rdbDumpReading.js';
import { ArgVector } from '../resp/argVector.js';
import type { Database } from '../store/database.js';
import { SlicePacer } from './slicePacer.js';

export class Restores implements RestorePort {
  prepared: PreparedValue | undefined;
  readonly #executor: Executor;
  readonly #serveBlocked: () => void;
  #isStopped = false;

  /** `serveBlocked` serves those who wait for keys that have changed. */
  constructor(executor: Executor, serveBlocked: () => void) {
    this.#executor = executor;
    this.#serveBlocked = serveBlocked;
  }

  prepare(db: Database, payloadAt: number, sanitizing: boolean): void {
    const executor = this.#executor;
    const { session, command, server } = executor;
    const args = this.#keep(executor.args);
    const reading = new DumpReading(
      executor.dumps,
      server.config,
      args.buf,
      args.start[payloadAt],
      args.end[payloadAt],
      db,
      sanitizing,
    );
    const { asking, replyMode } = session;
    session.isWorking = true;
    // It counts when it runs again.
    command.calls--;
    server.stats.commandsProcessed--;
    server.clients.block(session, 0, () => {
      session.asking = asking;
      session.replyMode = replyMode;
      this.#runAgain(session, reading, args);
    });
    void this.#read(reading, () => session.blocked !== undefined).then(() => {
      session.isWorking = false;
      if (!this.#isStopped) session.blocked?.('ready');
      reading.release();
      if (this.#isStopped) return;
      this.#serveBlocked();
    });
  }

  /** The arguments for as long as it takes: with the memory they came in, if that can be had. */
  #keep(args: ArgVector): ArgVector {
    if (!this.#executor.server.store.takeSpare(args.buf)) return args.copy();
    const kept = new ArgVector();
    kept.assignShifted(args, 0);
    kept.buf = args.buf;
    return kept;
  }

  /** Ends early when nobody waits for it any more. */
  async #read(reading: DumpReading, isWanted: () => boolean): Promise<void> {
    const { clock, stats } = this.#executor.server;
    const pacer = new SlicePacer(clock, stats);
    do {
      await pacer.pause();
      if (this.#isStopped || !isWanted()) return;
    } while (reading.step());
  }

  #runAgain(session: Session, reading: DumpReading, args: ArgVector): void {
    const executor = this.#executor;
    const { store } = executor.server;
    this.prepared = reading;
    store.offer(asBuffer(args.buf));
    executor.execute(session, args);
    store.offer(undefined);
    this.prepared = undefined;
  }

  stop(): void {
    this.#isStopped = true;
  }
}
