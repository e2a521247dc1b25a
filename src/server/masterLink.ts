/**
 * The replica's side of replication: the link to the master, from connecting over handshake and snapshot to the stream. When it
 * breaks it is made anew, at once if it was up and a second later if not, until {@link MasterLink.stop}.
 *
 *   connect ─> connecting ─> handshake ─┬─ continue ───────────────────┬─> connected
 *      ^                                └─ full ─> sync (receive, load)┘        │
 *      └───────────────────────────────── whatever fails ──────────────────────┘
 *
 * A snapshot comes by way of a file, which is loaded when it is whole, or goes into memory as it comes (`repl-diskless-load`).
 */
import type { MasterAddress, MasterFacts, MasterLinkState } from '../commands/replicationPort.js';
import { Session, type Transport } from '../exec/session.js';
import { AofBuffer } from '../persistence/format/aofCommand.js';
import { RdbFeed } from '../persistence/format/rdbFeed.js';
import { Handshake, type HandshakeStep } from '../replication/core/handshake.js';
import { LineReader } from '../replication/core/lineReader.js';
import { RdbTransfer } from '../replication/core/rdbTransfer.js';
import { MasterSocket } from '../replication/io/masterSocket.js';
import { MasterStream } from '../replication/io/masterStream.js';
import { ReceivedFile } from '../replication/io/receivedFile.js';
import { NOWHERE } from './aofReplay.js';
import { type LoadWay, loadWay } from './masterData.js';
import type { MasterLinkHost } from './masterLinkHost.js';

type Phase = 'handshake' | 'announce' | 'payload' | 'loading' | 'stream';

export class MasterLink {
  readonly address: MasterAddress;
  state: MasterLinkState = 'connect';
  netInputBytes = 0;
  readonly #host: MasterLinkHost;
  /** Our data is what the history says: the stream may go on from there. */
  #isKnown: boolean;
  #dbIndex: number;
  #socket: MasterSocket | undefined;
  #phase: Phase = 'handshake';
  #handshake: Handshake | undefined;
  #lines = new LineReader();
  #coming = { id: '', offset: 0 };
  #transfer: RdbTransfer | undefined;
  #file: ReceivedFile | undefined;
  /** What is loaded as it comes; the load goes on until it answers, even when the link is gone. */
  #feed: RdbFeed | undefined;
  #isFeeding = false;
  /** What of the stream came while the snapshot is loaded. */
  #rest: Buffer[] = [];
  #session: Session | undefined;
  #stream: MasterStream | undefined;
  #lastIoMs = 0;
  #downSinceMs = 0;
  /** The master does not know yet that what we have is on disk. */
  #owesDiskAck = false;
  #isStopped = false;

  /**
   * `isKnown`: our data is what the history says, and the stream's database is `dbIndex`. `downSinceMs`: of the link that
   * this one takes over from.
   */
  constructor(
    host: MasterLinkHost,
    address: MasterAddress,
    { isKnown, dbIndex, downSinceMs }: { isKnown: boolean; dbIndex: number; downSinceMs: number },
  ) {
    this.#host = host;
    this.address = address;
    this.#isKnown = isKnown;
    this.#dbIndex = dbIndex;
    this.#downSinceMs = downSinceMs;
  }

  /** The database that the stream is in; undefined while our data is no part of any history. */
  get streamDb(): number | undefined {
    if (!this.#isKnown) return undefined;
    return this.#session?.dbIndex ?? this.#dbIndex;
  }

  /** What was done of the stream; -1 while there is none. */
  get offset(): number {
    return this.#isKnown ? this.#host.history.offset + (this.#stream?.unpassedBytes ?? 0) : -1;
  }

  /** Since when the link, or the one to the master before, is down; 0 while it is up, and when there never was one. */
  get downSinceMs(): number {
    return this.state === 'connected' ? this.#nowMs() : this.#downSinceMs;
  }

  /** How long nothing has come from the master; Infinity when nothing ever did, or when what came before is being replaced. */
  get silentMs(): number {
    if (this.state === 'connected') return this.#nowMs() - this.#lastIoMs;
    // Half loaded, we must not take the master's place.
    if (this.#isLoading && !this.#isKnown) return Number.POSITIVE_INFINITY;
    return this.#downSinceMs === 0 ? Number.POSITIVE_INFINITY : this.#nowMs() - this.#downSinceMs;
  }

  get #isLoading(): boolean {
    return this.#phase === 'loading' || this.#isFeeding;
  }

  facts(): MasterFacts {
    const nowMs = this.#nowMs();
    const transfer = this.#transfer;
    return {
      ...this.address,
      state: this.state,
      offset: this.offset,
      readOffset: this.offset + (this.#stream?.pendingBytes ?? 0),
      secondsSinceIo: this.state === 'connected' ? seconds(nowMs) - seconds(this.#lastIoMs) : -1,
      secondsDown: this.#downSinceMs === 0 ? -1 : seconds(nowMs) - seconds(this.#downSinceMs),
      sync:
        this.state === 'sync'
          ? {
              totalBytes: transfer?.totalBytes ?? -1,
              readBytes: transfer?.readBytes ?? 0,
              secondsSinceIo: seconds(nowMs) - seconds(this.#lastIoMs),
            }
          : undefined,
    };
  }

  // ---------------------------------------------------------------- connecting

  connect(): void {
    const { host, port } = this.address;
    this.#log('notice', `Connecting to MASTER ${host}:${port}`);
    this.#enter('connecting');
    this.#lastIoMs = this.#nowMs();
    this.#phase = 'handshake';
    this.#lines = new LineReader();
    const source = this.#host.config.values['bind-source-addr'];
    this.#socket = new MasterSocket(host, port, source === '' ? undefined : source, {
      connected: () => {
        this.#log('notice', 'MASTER <-> REPLICA sync started');
        this.#enter('handshake');
        this.#handshake = new Handshake(this.#handshakeSettings());
        this.#do(this.#handshake.connected());
      },
      received: (buf, length) => this.#received(buf, length),
      closed: (reason) => {
        this.#log('warning', `Connection with master lost: ${reason}`);
        // What has come whole is loaded first; the stream goes on over the next link.
        if (this.#phase === 'loading') this.#socket = undefined;
        else this.#lost(this.state === 'connected' || this.state === 'sync');
      },
    });
  }

  #handshakeSettings() {
    const { config, history, port, failingOver } = this.#host;
    const { values } = config;
    return {
      user: values.masteruser === '' ? undefined : values.masteruser,
      password: values.masterauth,
      port: values['replica-announce-port'] === 0 ? port : values['replica-announce-port'],
      announcedIp: values['replica-announce-ip'],
      known: this.#isKnown ? { id: history.id, offset: history.offset } : undefined,
      failover: failingOver,
    };
  }

  /** The link is gone. */
  #lost(reconnects: boolean): void {
    this.#hangUp();
    if (this.state === 'connected') this.#downSinceMs = this.#nowMs();
    this.#enter('connect');
    // A load that is under way is told, and ends first.
    if (reconnects && !this.#isStopped && !this.#isFeeding) this.connect();
  }

  #hangUp(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#handshake = undefined;
    this.#transfer = undefined;
    this.#file?.discard();
    this.#file = undefined;
    this.#feed?.abort('The link to the master was lost');
    this.#feed = undefined;
    this.#stream = undefined;
    const session = this.#session;
    if (session === undefined) return;
    this.#dbIndex = session.dbIndex;
    this.#session = undefined;
    this.#host.dismiss(session);
  }

  stop(): void {
    this.#isStopped = true;
    this.#hangUp();
  }

  /** The server ends the link, to make a new one. */
  drop(): void {
    this.#lost(true);
  }

  #enter(state: MasterLinkState): void {
    this.state = state;
    this.#host.changed();
  }

  // ---------------------------------------------------------------- receiving

  #received(buf: Buffer, length: number): void {
    this.#lastIoMs = this.#nowMs();
    this.netInputBytes += length;
    let at = 0;
    const socket = this.#socket;
    while (at < length && socket !== undefined && this.#socket === socket) {
      if (this.#phase === 'loading') return this.#keepForStream(buf, at, length);
      at = this.#take(buf, at, length);
    }
  }

  #take(buf: Buffer, at: number, length: number): number {
    const phase = this.#phase;
    if (phase === 'stream') {
      if (this.#session !== undefined) this.#session.lastInteractionMs = this.#lastIoMs;
      if (this.#stream?.receive(buf, at, length) === false) this.#lost(true);
      return length;
    }
    if (phase === 'payload') return this.#takePayload(buf, at, length);
    const end = this.#lines.push(buf, at, length, (line) => {
      if (phase === 'handshake') this.#do(this.#handshake?.line(line) ?? []);
      else this.#announced(line);
      return this.#phase === phase;
    });
    if (this.#lines.isTooLong) this.#fail('Bad protocol from MASTER: a line without an end');
    return end;
  }

  #do(steps: readonly HandshakeStep[]): void {
    for (const step of steps) {
      switch (step.kind) {
        case 'send':
          this.#send(step.args);
          break;
        case 'log':
          this.#log(step.level, step.text);
          break;
        case 'continue':
          this.#goOn(step.id);
          break;
        case 'fullResync':
          this.#coming = { id: step.id, offset: step.offset };
          if (this.#host.failingOver) this.#host.failoverAnswered(true);
          this.#phase = 'announce';
          this.#enter('sync');
          break;
        case 'fail':
          this.#lost(false);
          if (step.refusedPsync && this.#host.failingOver) this.#host.failoverAnswered(false);
          return;
      }
    }
  }

  #fail(text: string): void {
    this.#log('warning', text);
    this.#lost(true);
  }

  #send(args: readonly string[]): void {
    const command = new AofBuffer();
    command.command(args.length);
    for (const arg of args) command.text(arg);
    this.#socket?.write(Buffer.from(command.bytes.subarray(0, command.length)));
  }

  // ---------------------------------------------------------------- snapshot

  #announced(line: string): void {
    // An empty line only says that the master is alive.
    if (line === '') return;
    if (line.startsWith('-')) return this.#fail(`MASTER aborted replication with an error: ${line.slice(1)}`);
    const transfer = RdbTransfer.from(line);
    if (transfer === undefined) {
      return this.#fail(`Bad protocol from MASTER, expected the length of the snapshot but got '${line.slice(0, 64)}'`);
    }
    const { history, executor } = this.#host;
    const way = loadWay(executor, this.#isKnown && history.id === this.#coming.id);
    const how = transfer.hasMark ? 'streamed RDB from master with EOF' : `${transfer.totalBytes} bytes from master`;
    this.#log('notice', `MASTER <-> REPLICA sync: receiving ${how} ${way === 'file' ? 'to disk' : 'to parser'}`);
    this.#transfer = transfer;
    this.#phase = 'payload';
    if (way !== 'file') return this.#beginFeed(transfer, way);
    try {
      this.#file = ReceivedFile.create(this.#host.config.values.dir, this.#host.executor.server.pid);
    } catch (error) {
      return this.#fail(`Opening the temp file needed for MASTER <-> REPLICA synchronization: ${String(error)}`);
    }
    this.#host.changed();
  }

  #beginFeed(transfer: RdbTransfer, way: LoadWay): void {
    const feed = new RdbFeed(transfer.totalBytes);
    feed.onHungry = () => this.#socket?.resume();
    this.#feed = feed;
    this.#isFeeding = true;
    this.#log('notice', `MASTER <-> REPLICA sync: Loading DB in memory as it comes (${way})`);
    const replacing = (): void => {
      this.#isKnown = false;
      this.#host.abandonHistory();
    };
    void this.#host.loadStream({ feed, way, replacing }).then((problem) => this.#fed(transfer, feed, problem));
    this.#host.changed();
  }

  /** The load has ended, one way or the other. */
  #fed(transfer: RdbTransfer, feed: RdbFeed, problem: string | undefined): void {
    this.#isFeeding = false;
    if (this.#isStopped) return;
    // The link was lost, and nothing was left to do for it.
    if (this.#feed !== feed) return this.connect();
    this.#feed = undefined;
    if (problem === undefined) return this.#loaded(transfer);
    this.#fail(`Failed trying to load the MASTER synchronization DB from socket: ${problem}`);
  }

  #takePayload(buf: Buffer, from: number, to: number): number {
    const transfer = this.#transfer as RdbTransfer;
    const file = this.#file;
    const feed = this.#feed;
    let end = to;
    try {
      end = transfer.push(buf, from, to, (bytes) => (feed === undefined ? file?.write(bytes) : feed.push(bytes)));
    } catch (error) {
      this.#fail(`Write error to the DB dump file needed for MASTER <-> REPLICA synchronization: ${String(error)}`);
      return to;
    }
    if (feed !== undefined) this.#feedMore(transfer, feed);
    else if (transfer.done && file !== undefined) this.#loadFile(transfer, file);
    return end;
  }

  #feedMore(transfer: RdbTransfer, feed: RdbFeed): void {
    if (transfer.done) {
      this.#phase = 'loading';
      this.#rest = [];
      feed.onHungry = () => undefined;
      feed.end();
    }
    if (transfer.done || feed.isFull) this.#socket?.pause();
  }

  /** What follows the snapshot came with its end. */
  #keepForStream(buf: Buffer, from: number, to: number): void {
    this.#rest.push(Buffer.from(buf.subarray(from, to)));
  }

  #loadFile(transfer: RdbTransfer, file: ReceivedFile): void {
    this.#phase = 'loading';
    this.#rest = [];
    this.#socket?.pause();
    this.#isKnown = false;
    this.#host.abandonHistory();
    this.#log('notice', 'MASTER <-> REPLICA sync: Loading DB in memory');
    this.#file = undefined;
    void this.#load(transfer, file);
  }

  async #load(transfer: RdbTransfer, file: ReceivedFile): Promise<void> {
    const problem = file.finish() ?? (await this.#host.load(file.path));
    if (problem !== undefined || this.#isStopped) {
      file.discard();
      if (this.#isStopped) return;
      return this.#fail(`Failed trying to load the MASTER synchronization DB from disk: ${problem}`);
    }
    this.#keepOrRemove(file);
    this.#loaded(transfer);
  }

  #keepOrRemove(file: ReceivedFile): void {
    const { dbfilename, save, appendonly, 'rdb-del-sync-files': removes } = this.#host.config.values;
    if (!removes || appendonly || save.length > 0) {
      return file.keepAs(dbfilename, (text) => this.#log('warning', text));
    }
    this.#log('notice', 'Removing the RDB file obtained from the master. This replica has persistence disabled');
    file.discardWith(dbfilename);
  }

  #loaded(transfer: RdbTransfer): void {
    this.#dbIndex = this.#host.adoptHistory(this.#coming.id, this.#coming.offset);
    this.#isKnown = true;
    this.#log('notice', 'MASTER <-> REPLICA sync: Finished with success');
    if (this.#socket === undefined) return this.#lost(true);
    this.#startStream();
    if (transfer.hasMark) this.sendAck();
    const rest = this.#rest;
    this.#rest = [];
    for (const bytes of rest) this.#received(bytes, bytes.length);
    this.#socket?.resume();
  }

  // ---------------------------------------------------------------- stream

  #goOn(id: string | undefined): void {
    const { history } = this.#host;
    if (id !== undefined && id !== history.id) {
      this.#log('warning', `Master replication ID changed to ${id}`);
      this.#host.renameHistory(id);
    }
    if (this.#host.failingOver) this.#host.failoverAnswered(true);
    this.#log('notice', 'MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.');
    this.#startStream();
    this.#host.wentOn();
  }

  #startStream(): void {
    const { executor } = this.#host;
    const session = new Session(this.#host.newClientId(), this.#transport(), {
      nowMs: this.#nowMs(),
      databases: executor.server.store.databases.length,
      authenticated: true,
    });
    session.isMaster = true;
    session.select(this.#dbIndex);
    this.#session = session;
    this.#stream = new MasterStream(executor, session, {
      applied: (buf, from, to) => this.#host.applied(buf, from, to),
      log: (text) => this.#log('warning', text),
    });
    this.#phase = 'stream';
    this.#transfer = undefined;
    this.#downSinceMs = 0;
    this.#host.admit(session);
    this.#enter('connected');
  }

  /** The link as a client, as CLIENT LIST and CLIENT KILL see it. */
  #transport(): Transport {
    const socket = this.#socket as MasterSocket;
    return {
      ...NOWHERE,
      peerAddress: socket.peerAddress,
      localAddress: socket.localAddress,
      fd: socket.fd,
      queryBufferBytes: () => this.#stream?.pendingBytes ?? 0,
      outputBytes: () => socket.queuedBytes,
      destroy: () => this.drop(),
      closeAfterReply: () => this.drop(),
    };
  }

  sendAck(): void {
    if (this.state !== 'connected') return;
    const { offset } = this;
    const onDisk = this.#host.onDisk(offset);
    this.#owesDiskAck = onDisk !== undefined && onDisk < offset;
    const ack = ['REPLCONF', 'ACK', String(offset)];
    this.#send(onDisk === undefined ? ack : [...ack, 'FACK', String(onDisk)]);
  }

  /** More of the append-only file is on disk. */
  synced(): void {
    if (this.#owesDiskAck) this.sendAck();
  }

  // ---------------------------------------------------------------- once a second

  tick(): void {
    const silentMs = this.#nowMs() - this.#lastIoMs;
    const isLate = silentMs > this.#host.config.values['repl-timeout'] * 1000;
    switch (this.state) {
      case 'connect':
        return this.#isFeeding ? undefined : this.connect();
      case 'connected':
        if (isLate) return this.#fail('MASTER timeout: no data nor PING received...');
        return this.sendAck();
      case 'sync':
        // While we load, the master hears that we live.
        if (this.#isLoading) this.#socket?.write('\n');
        if (this.#phase !== 'loading' && isLate && this.#feed?.isFull !== true)
          this.#fail('Timeout receiving bulk data from MASTER...');
        return;
      default:
        if (isLate) this.#fail('Timeout connecting to the MASTER...');
    }
  }

  #nowMs(): number {
    return this.#host.executor.server.clock.nowMs();
  }

  #log(level: 'notice' | 'warning', text: string): void {
    this.#host.executor.server.log(level, text);
  }
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
