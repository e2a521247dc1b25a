/**
 * One MIGRATE under way. What redis-server does in one go while everything waits is done here in slices, between requests:
 *
 *   connect ──> AUTH, SELECT, RESTORE key, RESTORE key ... ──> an answer for each ──> keys that arrived are deleted ──> reply
 *
 * From beginning to end the keys are locked (exec/movingKeys.ts). A key is deleted here only when the target has said that it has it, and
 * if it is still what was sent; whenever that is not sure, it stays. A request that is not whole is never run by the target, so giving up
 * in the middle of a value means closing the connection.
 */
import type { MigrationRequest } from '../commands/migrationPort.js';
import type { Executor } from '../exec/executor.js';
import type { KeyMove } from '../exec/movingKeys.js';
import type { FrozenDump } from '../persistence/format/rdbDump.js';
import { RdbOutput } from '../persistence/format/rdbOutput.js';
import type { Database } from '../store/database.js';
import { NO_EXPIRE, type Ref } from '../store/types.js';
import type { MigrationSocket, SocketFailure } from './migrationSocket.js';
import type { MigrationSockets } from './migrationSockets.js';
import { SlicePacer } from './slicePacer.js';

const CONNECTING = 'IOERR error or timeout connecting to the client';
const WRITING = 'IOERR error or timeout writing to target instance';
const READING = 'IOERR error or timeout reading to target instance';

/** What is handed to the socket at a time. */
const CHUNK_BYTES = 64 * 1024;
/** How often to look whether CLIENT PAUSE or a failover that holds writes back is over. */
const PAUSE_POLL_MS = 5;

export interface MigrationHost {
  readonly executor: Executor;
  readonly sockets: MigrationSockets;
  /** In cluster mode the target takes keys of slots that are not its own yet. */
  readonly clusterMode: boolean;
  /** The server is going down: nothing is changed any more. */
  readonly isStopped: boolean;
}

/** How an attempt ended. */
interface Attempt {
  /** Why it did not come to an end with the target's answers. */
  readonly failure?: SocketFailure;
  /** What the client is told of that. */
  readonly text: string;
}

/** A large value is no longer what a part of it was sent of, or has been measured. */
const CHANGED = 'changed';
/** It went when nothing of it had been sent yet: as if it had never been asked for. */
const GONE = 'gone';

/** It came to its end; {@link Migration.error} has what the target objected to. */
const DONE: Attempt = { text: '' };

export class Migration {
  readonly #host: MigrationHost;
  readonly #executor: Executor;
  readonly #request: MigrationRequest;
  readonly #db: Database;
  readonly #move: KeyMove;
  readonly #pacer: SlicePacer;
  #out = new RdbOutput();
  /** Keys that were sent, in order, and how many of them have been answered. */
  #sent: Uint8Array[] = [];
  #answered = 0;
  readonly #arrived: Uint8Array[] = [];
  /** The first error of the target. */
  #error: string | undefined;

  constructor(host: MigrationHost, request: MigrationRequest, move: KeyMove) {
    const { clock, stats } = host.executor.server;
    this.#host = host;
    this.#executor = host.executor;
    this.#request = request;
    this.#db = move.db;
    this.#move = move;
    this.#pacer = new SlicePacer(clock, stats);
  }

  /** Answers the error reply, or undefined for OK. */
  async run(): Promise<string | undefined> {
    let attempt = await this.#attempt();
    // A connection that was kept has often been closed meanwhile. Nothing is tried again that the target may have begun to answer.
    if (attempt.failure === 'closed' && this.#answered === 0) attempt = await this.#attempt();
    const removed = await this.#removeArrived();
    if (this.#error !== undefined) return `ERR Target instance replied with error: ${this.#error}`;
    if (attempt.failure !== undefined) return attempt.text;
    return removed ? undefined : READING;
  }

  async #attempt(): Promise<Attempt> {
    const { host, port, timeoutMs } = this.#request;
    const taken = await this.#host.sockets.take(host, port, timeoutMs);
    // redis-server takes a connection that was refused for one that cannot be written to.
    if (typeof taken === 'string') return { failure: 'timeout', text: taken === 'refused' ? WRITING : CONNECTING };
    const { socket } = taken;
    const attempt = await this.#exchange(socket);
    if (this.#error !== undefined) socket.selectedDb = undefined;
    if (attempt.failure === undefined && !this.#host.isStopped) this.#host.sockets.give(host, port, socket);
    else socket.close();
    return attempt;
  }

  async #exchange(socket: MigrationSocket): Promise<Attempt> {
    const { credentials, targetDb, timeoutMs } = this.#request;
    const selects = socket.selectedDb !== targetDb;
    this.#out.reset();
    this.#sent = [];
    if (credentials !== undefined) {
      const { user, password } = credentials;
      this.#command(user === undefined ? ['AUTH', password] : ['AUTH', user, password]);
    }
    if (selects) this.#command(['SELECT', targetDb]);
    const failure = await this.#send(socket);
    // What stands before a value that could not be sent to its end has an answer all the same.
    if (failure !== undefined && failure !== CHANGED) return { failure, text: WRITING };
    const preludes = (credentials === undefined ? 0 : 1) + (selects ? 1 : 0);
    const refusal = await this.#readPreludes(socket, preludes);
    if (refusal.failure !== undefined) return { failure: refusal.failure, text: READING };
    for (const key of this.#sent) {
      const answer = await socket.readLine(timeoutMs);
      if (typeof answer === 'string') return { failure: answer, text: READING };
      this.#answered++;
      const error = refusal.line ?? (answer.line.startsWith('-') ? answer.line : undefined);
      if (error === undefined) this.#arrived.push(key);
      else this.#error ??= error.slice(1);
    }
    if (failure === CHANGED) return { failure: 'timeout', text: WRITING };
    socket.selectedDb = targetDb;
    return DONE;
  }

  /** The answers to AUTH and SELECT: the first error among them, if any. */
  async #readPreludes(socket: MigrationSocket, count: number): Promise<{ line?: string; failure?: SocketFailure }> {
    let line: string | undefined;
    for (let i = 0; i < count; i++) {
      const answer = await socket.readLine(this.#request.timeoutMs);
      if (typeof answer === 'string') return { failure: answer };
      if (answer.line.startsWith('-')) line ??= answer.line;
    }
    return line === undefined ? {} : { line };
  }

  // ---------------------------------------------------------------- sending

  async #send(socket: MigrationSocket): Promise<SocketFailure | typeof CHANGED | undefined> {
    for (const key of this.#request.keys) {
      const ref = this.#db.find(key, 0, key.length);
      const ttl = ref === 0 ? -1 : this.#ttl(ref);
      if (ttl < 0) continue;
      const large = this.#executor.dumps.frozen(this.#db, ref);
      if (large === undefined) this.#writeSmall(key, ref, ttl);
      else {
        const failure = await this.#sendLarge(socket, key, ttl, large, this.#db.object(ref));
        large.release();
        if (failure === GONE) continue;
        if (failure === CHANGED) return (await this.#flush(socket)) ?? CHANGED;
        if (failure !== undefined) return failure;
      }
      this.#sent.push(key);
      const failure = this.#out.length < CHUNK_BYTES ? undefined : await this.#flush(socket);
      if (failure !== undefined) return failure;
      await this.#pacer.pause();
    }
    return this.#flush(socket);
  }

  /** 0: it has none; negative: its time is over. */
  #ttl(ref: Ref): number {
    const expireAtMs = this.#db.expireAtMs(ref);
    if (expireAtMs === NO_EXPIRE) return 0;
    const leftMs = Number(expireAtMs) - this.#executor.server.clock.nowMs();
    return leftMs < 0 ? -1 : Math.max(1, leftMs);
  }

  #writeSmall(key: Uint8Array, ref: Ref, ttl: number): void {
    this.#executor.dumps.dump(this.#db, ref, (buf, length) => {
      this.#beginRestore(key, ttl, length);
      this.#out.bytes(buf, 0, length);
    });
    this.#endRestore();
  }

  async #sendLarge(
    socket: MigrationSocket,
    key: Uint8Array,
    ttl: number,
    large: FrozenDump,
    value: unknown,
  ): Promise<SocketFailure | typeof CHANGED | typeof GONE | undefined> {
    for (let more = true; more; await this.#pacer.pause()) {
      if (!this.#isStill(key, value)) return this.#db.find(key, 0, key.length) === 0 ? GONE : CHANGED;
      more = large.measure();
    }
    this.#beginRestore(key, ttl, large.length);
    for (let more = true; more; await this.#pacer.pause()) {
      if (!this.#isStill(key, value)) return CHANGED;
      more = large.write(this.#out);
      if (large.isBroken) return CHANGED;
      if (this.#out.length < CHUNK_BYTES) continue;
      const failure = await this.#flush(socket);
      if (failure !== undefined) return failure;
    }
    this.#endRestore();
    return undefined;
  }

  /** Whether the key still has that value, unchanged. */
  #isStill(key: Uint8Array, value: unknown): boolean {
    if (this.#host.isStopped || this.#hasChanged(key)) return false;
    const ref = this.#db.find(key, 0, key.length);
    return ref !== 0 && this.#db.object(ref) === value;
  }

  #hasChanged(key: Uint8Array): boolean {
    return this.#move.changed.size > 0 && this.#move.changed.has(Buffer.from(key).toString('latin1'));
  }

  #beginRestore(key: Uint8Array, ttl: number, payloadBytes: number): void {
    const count = this.#request.replace ? 5 : 4;
    this.#text(`*${count}\r\n`);
    this.#bulk(this.#host.clusterMode ? 'RESTORE-ASKING' : 'RESTORE');
    this.#bulk(key);
    this.#bulk(String(ttl));
    this.#text(`$${payloadBytes}\r\n`);
  }

  #endRestore(): void {
    this.#text('\r\n');
    if (this.#request.replace) this.#bulk('REPLACE');
  }

  #command(parts: readonly (string | Uint8Array)[]): void {
    this.#text(`*${parts.length}\r\n`);
    for (const part of parts) this.#bulk(part);
  }

  #bulk(value: string | Uint8Array): void {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
    this.#text(`$${bytes.length}\r\n`);
    this.#out.bytes(bytes, 0, bytes.length);
    this.#text('\r\n');
  }

  #text(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    this.#out.bytes(bytes, 0, bytes.length);
  }

  /** Hands what was written to the socket, with the memory it is in. */
  async #flush(socket: MigrationSocket): Promise<SocketFailure | undefined> {
    const { buf, length } = this.#out;
    if (length === 0) return undefined;
    this.#out = new RdbOutput();
    return socket.write(buf.subarray(0, length), this.#request.timeoutMs);
  }

  // ---------------------------------------------------------------- afterwards

  /** Deletes what has arrived. False: something of it must stay, for it is not what was sent, or not ours to delete any more. */
  async #removeArrived(): Promise<boolean> {
    if (this.#request.copy || this.#arrived.length === 0) return true;
    const executor = this.#executor;
    while (executor.pause.activeAt(executor.server.clock.nowMs()) && !this.#host.isStopped) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_POLL_MS));
    }
    if (executor.following || executor.loading || this.#host.isStopped) return false;
    const unchanged = this.#arrived.filter((key) => !this.#hasChanged(key));
    if (unchanged.length > 0) executor.movedAway(this.#move.session, this.#db, unchanged);
    return unchanged.length === this.#arrived.length;
  }
}
