/**
 * Rewrites of the append-only file: one at a time, beside serving.
 *
 *   start ──> cut: commands go to a new file ──> snapshot into a temporary base ──> sync ──> adopt: the base counts
 *
 * Whatever fails before the end, the files that counted go on counting. After three failures in a row rewrites that nobody asked for
 * wait: a minute, then twice as long each time, an hour at most.
 */
import path from 'node:path';
import type { Clock } from '../base/clock.js';
import type { Config } from '../config/config.js';
import type { AofBaseFormat } from '../persistence/format/aofManifest.js';

import type { AofRotation, RewriteIncr } from '../persistence/io/aofRotation.js';
import { errorText, type FileSystem } from '../persistence/io/fileSystem.js';
import { isRefusal, type LogSink } from '../persistence/io/logSink.js';
import { SnapshotFile } from '../persistence/io/snapshotFile.js';
import type { Snapshot, SnapshotOptions } from './snapshots.js';

const FAILURES_UNTIL_LIMITED = 3;
const DELAY_MINUTES_MAX = 60;
const MINUTE_MS = 60_000;

export interface AofRewriterHost {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly log: LogSink;
  readonly config: Config;
  readonly pid: number;
  startSnapshot(options: SnapshotOptions): Snapshot;
}

export interface RewriteJob {
  readonly rotation: AofRotation;
  readonly incr: RewriteIncr;
  /** Has commands go to a new file from here on. False: they cannot, and go on as before. */
  cut(): boolean;
  /** The length of the base that now counts; undefined when it failed. Not called after {@link AofRewriter.cancel}. */
  onEnd(baseBytes: number | undefined): void;
}

interface Running {
  readonly job: RewriteJob;
  readonly base: SnapshotFile;
  readonly format: AofBaseFormat;
  readonly startedAtMs: number;
  snapshot: Snapshot | undefined;
}

export class AofRewriter {
  /** One is to start as soon as it may. */
  scheduled = false;
  /** Started so far. */
  rewrites = 0;
  consecutiveFailures = 0;
  isWell = true;
  lastSeconds = -1;
  readonly #host: AofRewriterHost;
  #running: Running | undefined;
  #delayMinutes = 0;
  #notBeforeMs = 0;

  constructor(host: AofRewriterHost) {
    this.#host = host;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Since the one under way began; -1 without one. */
  get currentSeconds(): number {
    return this.#running === undefined ? -1 : this.#secondsSince(this.#running.startedAtMs);
  }

  /** Begins one; none may be running. False when it cannot, the log tells why. */
  start(job: RewriteJob): boolean {
    const { files, log, config, pid, clock } = this.#host;
    let base: SnapshotFile;
    try {
      base = new SnapshotFile(files, job.rotation.tempBasePath(pid), config.values['aof-rewrite-incremental-fsync']);
    } catch (error) {
      log('warning', `Opening the temp file for AOF rewrite in rewriteAppendOnlyFile(): ${errorText(error)}`);
      this.noteFailure();
      return false;
    }
    if (!job.cut()) {
      this.#abandon(base);
      this.noteFailure();
      return false;
    }
    this.scheduled = false;
    this.rewrites++;
    const format = config.values['aof-use-rdb-preamble'] ? 'rdb' : 'aof';
    const running: Running = { job, base, format, startedAtMs: clock.nowMs(), snapshot: undefined };
    this.#running = running;
    log('notice', `Background append only file rewriting started by pid ${pid}`);
    running.snapshot = this.#host.startSnapshot({
      purpose: 'rewrite',
      format: format === 'rdb' ? 'rdb' : 'commands',
      sink: base,
      onEnd: (error) => this.#written(running, error),
    });
    return true;
  }

  /** Ends the one under way, as if it had never been begun. */
  cancel(): void {
    const running = this.#take();
    if (running === undefined) return;
    running.snapshot?.cancel();
    this.#abandon(running.base);
  }

  /** Ends the one under way: it has failed. */
  abort(reason: string): void {
    if (this.#running === undefined) return;
    this.#running.snapshot?.cancel();
    this.#fail(this.#running, reason);
  }

  /** Whether rewrites that nobody asked for have to wait, after failures. */
  get isLimited(): boolean {
    if (this.consecutiveFailures < FAILURES_UNTIL_LIMITED) {
      this.#delayMinutes = 0;
      this.#notBeforeMs = 0;
      return false;
    }
    const nowMs = this.#host.clock.nowMs();
    if (this.#notBeforeMs !== 0) {
      if (nowMs < this.#notBeforeMs) return true;
      this.#notBeforeMs = 0;
      return false;
    }
    this.#delayMinutes = Math.min(this.#delayMinutes === 0 ? 1 : this.#delayMinutes * 2, DELAY_MINUTES_MAX);
    this.#notBeforeMs = nowMs + this.#delayMinutes * MINUTE_MS;
    this.#host.log(
      'warning',
      `Background AOF rewrite has repeatedly failed and triggered the limit, will retry in ${this.#delayMinutes} minutes`,
    );
    return true;
  }

  resetStats(): void {
    this.rewrites = 0;
    this.consecutiveFailures = 0;
  }

  #written(running: Running, error: unknown): void {
    running.snapshot = undefined;
    if (error !== undefined) return this.#fail(running, errorText(error));
    try {
      running.base.finish((syncError) => {
        if (syncError === undefined) this.#adopt(running);
        else this.#fail(running, errorText(syncError));
      });
    } catch (thrown) {
      this.#fail(running, errorText(thrown));
    }
  }

  #adopt(running: Running): void {
    const { log, pid, config } = this.#host;
    const { job, format } = running;
    log('notice', `Successfully created the temporary AOF base file ${path.basename(job.rotation.tempBasePath(pid))}`);
    log('notice', 'Background AOF rewrite terminated with success');
    const adopted = job.rotation.adopt({ pid, format, incr: job.incr });
    if (isRefusal(adopted)) return this.#end(running, undefined);
    if (!config.values['aof-disable-auto-gc']) job.rotation.removeHistory();
    this.#end(running, adopted.baseBytes);
    log('notice', 'Background AOF rewrite finished successfully');
  }

  #fail(running: Running, reason: string): void {
    const { log } = this.#host;
    log('warning', `Write error writing append only file on disk: ${reason}`);
    log('warning', 'Background AOF rewrite terminated with error');
    this.#end(running, undefined);
  }

  #end({ job, base }: Running, baseBytes: number | undefined): void {
    this.#take();
    if (baseBytes === undefined) {
      this.#abandon(base);
      this.noteFailure();
    } else {
      this.isWell = true;
      this.consecutiveFailures = 0;
    }
    job.onEnd(baseBytes);
  }

  #take(): Running | undefined {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) this.lastSeconds = this.#secondsSince(running.startedAtMs);
    return running;
  }

  /** One failed, or could not even start. */
  noteFailure(): void {
    this.isWell = false;
    this.consecutiveFailures++;
  }

  #abandon(base: SnapshotFile): void {
    try {
      base.abandon();
    } catch (error) {
      this.#host.log('warning', `Can't remove the temporary AOF base file: ${errorText(error)}`);
    }
  }

  #secondsSince(startedAtMs: number): number {
    return Math.floor(this.#host.clock.nowMs() / 1000) - Math.floor(startedAtMs / 1000);
  }
}
