/**
 * The master's side of replication: replicas that have asked for the stream, the snapshots that they begin with, and the stream
 * itself. A replica's connection stays a client's connection (net/connection.ts); what it is sent comes from its feed.
 *
 *   PSYNC ─> waiting ─> transferring (snapshot) ─> online      full: the stream is kept from the snapshot's moment on
 *       └────────────────────────────────────────> online      partial: the stream goes on from the backlog
 */
import { randomBytes } from 'node:crypto';
import type { ReplicaAnnouncement, ReplicaFacts } from '../commands/replicationPort.js';
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import type { Session } from '../exec/session.js';
import { OutputGuard } from '../net/outputLimit.js';
import { RdbFileWriter } from '../persistence/format/rdbFileWriter.js';
import { RdbValues } from '../persistence/format/rdbValue.js';
import type { Backlog } from '../replication/core/backlog.js';
import { Feed, type SourceFile } from '../replication/core/feed.js';
import type { History } from '../replication/core/history.js';
import { isDiskless, nextToSync, type WaitingReplica } from '../replication/core/syncQueue.js';
import { TransferFile } from '../replication/io/transferFile.js';
import type { Snapshot, SnapshotSink, Snapshots } from './snapshots.js';

/** A snapshot pauses while a replica has so much of it to take yet. */
const CHUNKS_FULL_BYTES = 4 * 1024 * 1024;
const NEWLINE = Buffer.from('\n');

export interface ReplicasHost {
  readonly executor: Executor;
  readonly config: Config;
  readonly snapshots: Snapshots;
  readonly history: History;
  readonly backlog: Backlog | undefined;
  /** Brings what was fed into the backlog; the next command begins with SELECT. */
  cut(): void;
  /** How far replicas are has changed. */
  acked(): void;
}

/** 'saving': the snapshot goes to a file first. */
type State = 'waiting' | 'saving' | 'transferring' | 'sendingFile' | 'online';

/** A snapshot under way, and who gets it. */
interface Transfer {
  readonly running: Snapshot;
  readonly group: readonly Replica[];
  /** Gives back what it needed. */
  readonly release: () => void;
}

class Replica implements WaitingReplica {
  readonly session: Session;
  readonly announcement: ReplicaAnnouncement;
  /** It knows PSYNC, and so acknowledges. */
  readonly acknowledges: boolean;
  readonly feed: Feed;
  readonly guard = new OutputGuard();
  readonly waitingSinceMs: number;
  state: State = 'waiting';
  /** The stream follows when it has acknowledged the snapshot. */
  startsOnAck = false;
  ackedOffset = 0;
  /** As much of the stream is on its disk. */
  onDiskOffset = 0;
  ackedAtMs = 0;
  /** When it last took something of a snapshot. */
  progressAtMs: number;

  constructor(session: Session, announcement: ReplicaAnnouncement, acknowledges: boolean, feed: Feed, nowMs: number) {
    this.session = session;
    this.announcement = announcement;
    this.acknowledges = acknowledges;
    this.feed = feed;
    this.waitingSinceMs = nowMs;
    this.progressAtMs = nowMs;
  }

  get takesMark(): boolean {
    return this.announcement.takesMark;
  }

  get withoutData(): boolean {
    return this.announcement.withoutData;
  }

  get host(): string {
    const { peerAddress } = this.session;
    return this.announcement.ip || peerAddress.slice(0, peerAddress.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  }

  get name(): string {
    const { listeningPort } = this.announcement;
    return `${this.host}:${listeningPort === 0 ? '<unknown-replica-port>' : listeningPort}`;
  }
}

export class Replicas {
  netOutputBytes = 0;
  readonly #host: ReplicasHost;
  readonly #bySession = new Map<Session, Replica>();
  readonly #announcements = new WeakMap<Session, ReplicaAnnouncement>();
  #transfer: Transfer | undefined;
  #starting: NodeJS.Immediate | undefined;
  /** Since when there has been no replica. */
  noneSinceMs: number;

  constructor(host: ReplicasHost) {
    this.#host = host;
    this.noneSinceMs = this.#nowMs();
  }

  get count(): number {
    return this.#bySession.size;
  }

  /** Oldest first. */
  facts(): ReplicaFacts[] {
    const nowMs = this.#nowMs();
    return [...this.#bySession.values()].map((replica) => ({
      host: replica.host,
      port: replica.announcement.listeningPort,
      state: replica.state === 'online' ? 'online' : replica.state === 'sendingFile' ? 'send_bulk' : 'wait_bgsave',
      ackedOffset: replica.ackedOffset,
      lagSeconds: replica.state === 'online' ? seconds(nowMs) - seconds(replica.ackedAtMs) : 0,
    }));
  }

  announcement(session: Session): ReplicaAnnouncement {
    let found = this.#announcements.get(session);
    if (found === undefined) {
      found = {
        listeningPort: 0,
        ip: '',
        takesMark: false,
        takesNewId: false,
        snapshotOnly: false,
        withoutData: false,
      };
      this.#announcements.set(session, found);
    }
    return found;
  }

  // ---------------------------------------------------------------- arriving and leaving

  /** The stream goes on from `position`, which the backlog has. */
  goOn(session: Session, position: number): void {
    const replica = this.#add(session, true);
    replica.feed.position = position;
    replica.feed.streaming = true;
    this.#online(replica);
  }

  /** It needs a snapshot first. */
  wait(session: Session, acknowledges: boolean): void {
    const replica = this.#add(session, acknowledges);
    if (this.#host.config.values['repl-disable-tcp-nodelay']) session.transport.setNoDelay(false);
    if (this.#transfer !== undefined) this.#log('notice', 'A snapshot is under way. Waiting for the next one for SYNC');
    else if (nextToSync([replica], this.#settings(), this.#nowMs()).length === 0) {
      this.#log('notice', 'Delay next BGSAVE for diskless SYNC');
    }
    // Not now: the round's replies and writes come first.
    this.#starting ??= setImmediate(() => this.#startNext());
  }

  #add(session: Session, acknowledges: boolean): Replica {
    const feed: Feed = new Feed(() => this.#host.backlog, {
      sent: (bytes) => {
        this.netOutputBytes += bytes;
        replica.progressAtMs = this.#nowMs();
      },
      fileEnded: (error) => this.#fileEnded(replica, error),
    });
    const replica = new Replica(session, this.announcement(session), acknowledges, feed, this.#nowMs());
    this.#bySession.set(session, replica);
    session.isReplica = true;
    session.transport.sendFrom({
      next: (max) => feed.next(max),
      landed: () => feed.landed(),
      release: () => feed.release(),
    });
    return replica;
  }

  /** The connection is gone. */
  closed(session: Session): void {
    const replica = this.#bySession.get(session);
    if (replica === undefined) return;
    this.#bySession.delete(session);
    this.#log('notice', `Connection with replica ${replica.name} lost.`);
    if (this.#bySession.size === 0) this.noneSinceMs = this.#nowMs();
    if (this.#transfer?.group.some((each) => this.#isHere(each)) === false) {
      this.#log('warning', 'The last replica of the snapshot is gone: it ends.');
      this.#cancelTransfer();
    }
    this.#host.acked();
  }

  /** They are to ask again: our history has changed. */
  closeAll(): void {
    for (const { session } of [...this.#bySession.values()]) session.kill();
  }

  stop(): void {
    clearImmediate(this.#starting);
    this.#cancelTransfer();
  }

  #cancelTransfer(): void {
    this.#transfer?.running.cancel();
    this.#transfer?.release();
    this.#transfer = undefined;
  }

  #isHere({ session }: Replica): boolean {
    return this.#bySession.has(session);
  }

  // ---------------------------------------------------------------- the stream

  /** The oldest position that a replica still needs. */
  get neededFrom(): number {
    let position = Number.POSITIVE_INFINITY;
    for (const { feed, state } of this.#bySession.values()) {
      if (state !== 'waiting') position = Math.min(position, feed.position);
    }
    return position;
  }

  /** Sends what the backlog has got. */
  pump(): void {
    const limit = this.#outputLimit();
    const nowMs = this.#nowMs();
    for (const replica of [...this.#bySession.values()]) {
      if (replica.state === 'waiting') continue;
      replica.session.transport.pump();
      const bytes = replica.announcement.snapshotOnly ? 0 : replica.feed.bufferedBytes;
      if (bytes === 0) replica.guard.relax();
      if (!replica.guard.isTooMuch(bytes, limit, nowMs)) continue;
      this.#log(
        'warning',
        `Client of replica ${replica.name} omem=${bytes} closed for overcoming of output buffer limits.`,
      );
      this.#host.executor.server.stats.clientOutputBufferLimitDisconnections++;
      replica.session.kill();
    }
  }

  /** A limit below the size of the backlog would cut replicas off that have just been let in. */
  #outputLimit() {
    const { 'client-output-buffer-limit': limits, 'repl-backlog-size': backlogBytes } = this.#host.config.values;
    const { hardBytes, softBytes, softSeconds } = limits.replica;
    return { hardBytes: hardBytes === 0 ? 0 : Math.max(hardBytes, backlogBytes), softBytes, softSeconds };
  }

  /** `onDiskOffset`: undefined when the replica does not say. */
  acknowledge(session: Session, offset: number, onDiskOffset: number | undefined): void {
    const replica = this.#bySession.get(session);
    if (replica === undefined) return;
    replica.ackedOffset = Math.max(replica.ackedOffset, offset);
    replica.onDiskOffset = Math.max(replica.onDiskOffset, onDiskOffset ?? 0);
    replica.ackedAtMs = this.#nowMs();
    if (replica.startsOnAck && replica.state === 'online') {
      replica.startsOnAck = false;
      replica.feed.streaming = true;
      replica.session.transport.pump();
    }
    this.#host.acked();
  }

  countAcked(offset: number): number {
    let count = 0;
    for (const { state, ackedOffset } of this.#bySession.values())
      if (state === 'online' && ackedOffset >= offset) count++;
    return count;
  }

  countOnDisk(offset: number): number {
    let count = 0;
    for (const { state, onDiskOffset } of this.#bySession.values())
      if (state === 'online' && onDiskOffset >= offset) count++;
    return count;
  }

  /** Replicas that acknowledged something within so many seconds. */
  countGood(maxLagSeconds: number): number {
    return this.facts().filter(({ state, lagSeconds }) => state === 'online' && lagSeconds <= maxLagSeconds).length;
  }

  #online(replica: Replica): void {
    replica.state = 'online';
    replica.ackedAtMs = this.#nowMs();
    this.#host.acked();
  }

  // ---------------------------------------------------------------- snapshots

  /** Ten times a second: begins a snapshot whose time has come. */
  startPending(): void {
    for (const { state } of this.#bySession.values()) if (state === 'waiting') return this.#startNext();
  }

  #settings() {
    const { values } = this.#host.config;
    return {
      diskless: values['repl-diskless-sync'],
      delaySeconds: values['repl-diskless-sync-delay'],
      enoughReplicas: values['repl-diskless-sync-max-replicas'],
    };
  }

  #startNext(): void {
    this.#starting = undefined;
    const { snapshots, executor } = this.#host;
    if (this.#transfer !== undefined || snapshots.running !== undefined || executor.loading) return;
    const waiting = [...this.#bySession.values()].filter(({ state }) => state === 'waiting');
    const group = nextToSync(waiting, this.#settings(), this.#nowMs());
    if (group.length === 0) return;
    const diskless = isDiskless(group, this.#settings());
    this.#log('notice', `Starting BGSAVE for SYNC with target: ${diskless ? 'replicas sockets' : 'disk'}`);
    this.#host.cut();
    const { id, offset } = this.#host.history;
    for (const replica of group) {
      replica.state = diskless ? 'transferring' : 'saving';
      replica.feed.position = offset;
      if (replica.acknowledges) replica.feed.push(Buffer.from(`+FULLRESYNC ${id} ${offset}\r\n`));
    }
    if (diskless) this.#sendDirectly(group);
    else this.#sendByFile(group);
  }

  #sendDirectly(group: readonly Replica[]): void {
    const mark = randomBytes(20).toString('hex');
    this.#push(group, Buffer.from(`$EOF:${mark}\r\n`));
    const present = () => group.filter((each) => this.#isHere(each));
    this.#run(
      group,
      {
        write: (buf, length) => this.#push(present(), Buffer.from(buf.subarray(0, length))),
        get isFull() {
          return present().some(({ feed }) => feed.chunkBytes > CHUNKS_FULL_BYTES);
        },
      },
      () => {
        this.#push(present(), Buffer.from(mark));
        for (const replica of present()) this.#transferred(replica);
      },
    );
  }

  /** The stream waits for an acknowledgement, so that nothing follows the mark. */
  #transferred(replica: Replica): void {
    this.#log(
      'notice',
      `Streamed RDB transfer with replica ${replica.name} succeeded (socket). Waiting for REPLCONF ACK`,
    );
    if (replica.announcement.snapshotOnly) return this.#endsWithSnapshot(replica);
    replica.startsOnAck = replica.acknowledges;
    replica.feed.streaming = !replica.acknowledges;
    this.#online(replica);
    replica.session.transport.pump();
  }

  #sendByFile(group: readonly Replica[]): void {
    const { dir } = this.#host.config.values;
    let file: TransferFile;
    try {
      file = TransferFile.create(dir, this.#host.executor.server.pid);
    } catch (error) {
      return this.#failed(group, error);
    }
    const sendFile = () => {
      for (const replica of group) if (this.#isHere(replica)) this.#sendFile(replica, file.reader());
    };
    this.#run(group, file, sendFile, () => file.close());
  }

  #sendFile(replica: Replica, source: SourceFile): void {
    replica.state = 'sendingFile';
    replica.feed.push(Buffer.from(`$${source.length}\r\n`));
    replica.feed.pushFile(source);
    replica.session.transport.pump();
  }

  #fileEnded(replica: Replica, error: unknown): void {
    if (error !== undefined) {
      this.#log('warning', `Read error sending DB to replica: ${(error as Error).message}`);
      return replica.session.kill();
    }
    if (replica.announcement.snapshotOnly) return this.#endsWithSnapshot(replica);
    this.#log('notice', `Synchronization with replica ${replica.name} succeeded`);
    replica.feed.streaming = true;
    this.#online(replica);
  }

  #endsWithSnapshot(replica: Replica): void {
    this.#log('notice', `RDB transfer completed, rdb only replica (${replica.name}) should be disconnected asap`);
    replica.session.closeAfterReply();
    setImmediate(() => replica.session.transport.pump());
  }

  /** Writes the snapshot of this moment to `sink`. */
  #run(
    group: readonly Replica[],
    sink: SnapshotSink,
    succeeded: () => void,
    release: () => void = () => undefined,
  ): void {
    const onEnd = (error: unknown): void => {
      this.#transfer = undefined;
      if (error === undefined) succeeded();
      else this.#failed(group, error);
      release();
    };
    const { config, snapshots } = this.#host;
    const options = { purpose: 'replication', sink, onEnd } as const;
    if (group[0].withoutData) {
      const writer = new RdbFileWriter(new RdbValues(config), snapshots.facts('replication'), (buf, length) =>
        sink.write(buf, length),
      );
      writer.write({ databases: [] });
      return onEnd(undefined);
    }
    this.#transfer = { running: snapshots.start(options), group, release };
    if (!group.some((each) => this.#isHere(each))) this.#cancelTransfer();
  }

  #failed(group: readonly Replica[], error: unknown): void {
    this.#log('warning', `SYNC failed. The snapshot ended with an error: ${(error as Error).message}`);
    for (const { session } of group) session.kill();
  }

  #push(group: readonly Replica[], chunk: Buffer): void {
    for (const { feed, session } of group) {
      feed.push(chunk);
      session.transport.pump();
    }
  }

  // ---------------------------------------------------------------- once a second

  tick(): void {
    const nowMs = this.#nowMs();
    const timeoutMs = this.#host.config.values['repl-timeout'] * 1000;
    for (const replica of [...this.#bySession.values()]) {
      const { state, feed, session } = replica;
      // Who waits must not think us dead.
      if (state === 'waiting' || state === 'saving') this.#push([replica], NEWLINE);
      const silentMs = nowMs - (state === 'online' ? replica.ackedAtMs : replica.progressAtMs);
      const isDue = state === 'online' ? replica.acknowledges : !feed.isThroughSnapshot;
      if (!isDue || silentMs <= timeoutMs) continue;
      const phase = state === 'online' ? 'streaming sync' : 'full sync';
      this.#log('warning', `Disconnecting timedout replica (${phase}): ${replica.name}`);
      session.kill();
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
