/** One server of a local cluster: a process of its own, started by this trib or by another one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { formatAddress } from '../address.js';
import type { NodePlace } from './folder.js';
import { logTail } from './log-tail.js';
import { prepareConfig, type UserConfig } from './node-config.js';
import { type ProcessRecord, readRecord, recordOf, stillRuns, untilGone, writeRecord } from './process-record.js';

const RECORD_FILE = 'process.json';
/** A server that writes out much data takes its time. */
const STOP_TIMEOUT_MS = 30_000;
const KILL_TIMEOUT_MS = 10_000;

export interface DaemonSetup {
  readonly place: NodePlace;
  readonly host: string;
  /** Path of bin/shoal-server. */
  readonly program: string;
  readonly user: UserConfig | undefined;
}

/** How a child of ours ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Daemon {
  readonly place: NodePlace;
  readonly host: string;
  /** The process that has been found to be this node: by its start, by its own word, or because it is our child. */
  #knownPid: number | undefined;
  readonly #setup: DaemonSetup;
  #ending: Ending | undefined;

  constructor(setup: DaemonSetup) {
    this.#setup = setup;
    this.place = setup.place;
    this.host = setup.host;
  }

  get name(): string {
    return formatAddress(this.host, this.place.port);
  }

  /** What is written down about its process, whether that runs or not. */
  get record(): ProcessRecord | undefined {
    return readRecord(this.place.dir, RECORD_FILE);
  }

  /** False when it certainly does not run: whoever listens on its port is somebody else. */
  get mayRun(): boolean {
    const { record } = this;
    return record !== undefined && this.#runs(record) !== false;
  }

  /** The record of the process that runs as this node; undefined when none does. */
  get running(): ProcessRecord | undefined {
    const { record } = this;
    return record !== undefined && this.#runs(record) === true ? record : undefined;
  }

  #runs(record: ProcessRecord): boolean | undefined {
    const runs = stillRuns(record, this.#knownPid === record.pid);
    if (runs === true) this.#knownPid = record.pid;
    return runs;
  }

  /** How it ended, if this trib started it. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** The server on the node's port says that it is this process: enough where the system tells nothing. */
  vouch(pid: number): void {
    this.#knownPid = pid;
  }

  /** Starts the process. Returns true when its redis.conf was kept because CONFIG REWRITE has changed it. */
  start(nowMs: number): boolean {
    const { place, program, user } = this.#setup;
    mkdirSync(place.dir, { recursive: true });
    const { args, kept } = prepareConfig(place, user);
    // What a server says before it has read its configuration goes where its log goes.
    const log = openSync(place.logFile, 'a', 0o600);
    // A process group of its own: Ctrl-C reaches us only, and we end the nodes in order.
    const child = spawn(process.execPath, [program, ...args], {
      cwd: place.dir,
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#follow(child);
    if (child.pid !== undefined) {
      this.#knownPid = child.pid;
      writeRecord(place.dir, RECORD_FILE, recordOf(child.pid, nowMs));
    }
    return kept;
  }

  #follow(child: ChildProcess): void {
    this.#ending = undefined;
    const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
      this.#ending = { code, signal };
      if (this.#knownPid === child.pid) this.#knownPid = undefined;
    };
    child.once('error', () => ended(1, null));
    child.once('exit', ended);
    // A cluster left in the background must not keep the trib that started it.
    child.unref();
  }

  /** Ends it cleanly, with force when it does not listen. Returns false when there was nothing to end. */
  async stop(why: string): Promise<boolean> {
    const record = this.#end('SIGTERM', why);
    if (record === undefined) return false;
    if (await untilGone(record, STOP_TIMEOUT_MS)) return true;
    return await this.kill(why);
  }

  /** Ends it as a crash would. Returns false when there was nothing to end. */
  async kill(why: string): Promise<boolean> {
    const record = this.#end('SIGKILL', why);
    if (record === undefined) return false;
    if (!(await untilGone(record, KILL_TIMEOUT_MS))) throw new Error(`${this.name} (pid ${record.pid}) does not end.`);
    return true;
  }

  #end(signal: NodeJS.Signals, why: string): ProcessRecord | undefined {
    const record = this.running;
    if (record === undefined) return undefined;
    writeRecord(this.place.dir, RECORD_FILE, { ...record, endedBy: why });
    try {
      process.kill(record.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    return record;
  }

  logTail(lines: number): string[] {
    return logTail(this.place.logFile, lines);
  }
}
