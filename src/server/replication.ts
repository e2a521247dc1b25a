/**
 * Replication: which part this server has in it, the stream of its writes, and who waits for what of it.
 *
 *   master     commands ─────────┐
 *                                ├─> writeStream ─> replicas     at the end of each round
 *   replica    masterLink ───────┘
 */
import { randomBytes } from 'node:crypto';
import {
  type BacklogFacts,
  type FailoverOptions,
  type MasterAddress,
  type MasterFacts,
  NO_BUFFERS,
  type ReplicaAnnouncement,
  type ReplicaFacts,
  type ReplicationClient,
  type ReplicationPort,
  type StreamBuffers,
  type SyncRequest,
} from '../commands/replicationPort.js';
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import type { Session } from '../exec/session.js';
import type { Outbox } from '../net/outbox.js';
import { decidePsync, History, ID_LENGTH, type SavedHistory, savedHistory } from '../replication/core/history.js';
import type { ReplyWriter } from '../resp/replyWriter.js';
import { AckWaiters, INSTANCE_CHANGED } from './ackWaiters.js';
import type { Aof } from './aof.js';
import type { Clients } from './clients.js';
import { DiskMarks } from './diskMarks.js';
import { loadMasterData, loadStreamedData, noteMaster } from './masterData.js';
import { MasterLink } from './masterLink.js';
import type { MasterLinkHost } from './masterLinkHost.js';
import { PlannedFailover } from './plannedFailover.js';
import type { Rdb } from './rdb.js';
import { Replicas } from './replicas.js';
import { GATE_DIRECTIVES, setReplicationGates } from './replicationGates.js';
import type { Snapshots } from './snapshots.js';
import { WriteStream } from './writeStream.js';

/** Longer between two ticks than any timer is late by itself. */
const STALL_MS = 4000;

export interface ReplicationHost {
  readonly executor: Executor;
  readonly config: Config;
  readonly clients: Clients;
  readonly snapshots: Snapshots;
  readonly port: number;
  readonly aof: Aof;
  readonly outbox: Outbox;
  readonly rdb: Rdb;
  refreshGates(): void;
}

export class Replication implements ReplicationPort {
  readonly replicas: Replicas;
  readonly #host: ReplicationHost;
  readonly #history = new History(newId());
  readonly #stream = new WriteStream(this.#history, () => this.#later());
  readonly #failover: PlannedFailover;
  readonly acks: AckWaiters;
  readonly #diskMarks: DiskMarks;
  #link: MasterLink | undefined;
  #flushing: NodeJS.Immediate | undefined;
  #wantsAcks = false;
  #seconds = 1;
  #lastSecondMs: number;
  #isStarted = false;
  #isStopped = false;
  /** More of the stream has been applied, or written. */
  onProgress: () => void = () => {};

  constructor(host: ReplicationHost) {
    this.#host = host;
    this.#lastSecondMs = host.executor.server.clock.nowMs();
    const stream = this.#stream;
    this.replicas = new Replicas({
      executor: host.executor,
      config: host.config,
      snapshots: host.snapshots,
      history: this.#history,
      get backlog() {
        return stream.backlog;
      },
      cut: () => stream.cut(),
      acked: () => this.#acked(),
    });
    this.acks = new AckWaiters(host, this);
    this.#diskMarks = new DiskMarks(host);
    this.#failover = new PlannedFailover({
      executor: host.executor,
      isMaster: () => this.#link === undefined,
      replicas: () => this.replicas.facts(),
      follow: (address) => this.follow(address),
      promote: () => this.promote(),
      changed: () => this.#changed(),
      resumeClients: () => host.clients.releaseWrites('failover'),
    });
    const { config } = host;
    config.onChange('repl-backlog-size', (bytes) => {
      stream.backlog?.resize(bytes);
      this.#trim();
    });
    for (const name of GATE_DIRECTIVES) config.onChange(name, () => this.#changed());
  }

  // ---------------------------------------------------------------- facts

  get id(): string {
    return this.#history.id;
  }

  get secondId(): string {
    return this.#history.secondId;
  }

  get secondOffset(): number {
    return this.#history.secondEnd;
  }

  get offset(): number {
    return this.#stream.offset;
  }

  get master(): MasterFacts | undefined {
    return this.#link?.facts();
  }

  get masterSilentMs(): number {
    return this.#link?.silentMs ?? Number.POSITIVE_INFINITY;
  }

  get replicaFacts(): readonly ReplicaFacts[] {
    return this.replicas.facts();
  }

  get backlog(): BacklogFacts | undefined {
    const backlog = this.#stream.backlog;
    if (backlog === undefined) return undefined;
    return { firstByteOffset: backlog.start + 1, length: this.offset - backlog.start, bytesUsed: backlog.bytesUsed };
  }

  get failoverState(): string {
    return this.#failover.state;
  }

  get goodReplicas(): number {
    return this.replicas.countGood(this.#host.config.values['min-replicas-max-lag']);
  }

  get buffers(): StreamBuffers {
    return this.#stream.backlog ?? NO_BUFFERS;
  }

  get ownExpiresCount(): number {
    return this.#host.executor.ownExpires.count;
  }

  get netInputBytes(): number {
    return this.#netInputBytes + (this.#link?.netInputBytes ?? 0);
  }

  get netOutputBytes(): number {
    return this.replicas.netOutputBytes;
  }

  #netInputBytes = 0;

  /** What a snapshot of this moment says of the history that it is a part of; nothing when it is part of none. */
  aux(): readonly string[] {
    const ownDb = this.#stream.backlog === undefined ? undefined : this.#stream.selectedDb;
    const db = this.#link === undefined ? ownDb : this.#link.streamDb;
    if (db === undefined) return [];
    return ['repl-stream-db', String(Math.max(0, db)), 'repl-id', this.id, 'repl-offset', String(this.offset)];
  }

  // ---------------------------------------------------------------- life

  /** After the data file was loaded: takes its history over, and follows the master that the configuration names. */
  start(aux: ReadonlyMap<string, string>): void {
    const { replicaof } = this.#host.config.values;
    const saved = savedHistory(aux);
    this.#isStarted = true;
    this.#host.aof.onSynced = () => {
      this.acks.synced();
      this.#link?.synced();
    };
    if (replicaof === undefined) {
      if (saved !== undefined) this.#resumeAsMaster(saved);
      return this.#changed();
    }
    if (saved !== undefined) this.#history.adopt(saved.id, saved.offset);
    this.#connect(replicaof, { isKnown: saved !== undefined, dbIndex: saved?.db ?? 0, downSinceMs: 0 });
  }

  /** Replicas that followed us before may go on. */
  #resumeAsMaster({ id, offset }: SavedHistory): void {
    this.#history.offset = offset;
    this.#history.secondId = id;
    this.#history.secondEnd = offset + 1;
    this.#openStream();
    this.replicas.noneSinceMs = this.#nowMs();
  }

  stop(): void {
    this.#isStopped = true;
    clearImmediate(this.#flushing);
    this.replicas.stop();
    this.#link?.stop();
  }

  /** Sends what there is, before the server ends. */
  flush(): void {
    if (this.#isStopped) return;
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    // Replies leave before the stream does, and the AOF before both.
    this.#host.aof.flush();
    this.#host.outbox.flush();
    if (this.#wantsAcks) this.#askForAcks();
    this.#stream.settle();
    this.replicas.pump();
    this.#trim();
    this.onProgress();
  }

  /** Ten times a second. */
  tick(): void {
    const nowMs = this.#nowMs();
    if (this.replicas.count > 0) {
      this.replicas.startPending();
      this.replicas.pump();
      this.#trim();
    }
    if (this.#failover.active) {
      this.#stream.settle();
      this.#failover.look(this.replicas.facts(), this.#history.offset);
    }
    if (nowMs - this.#lastSecondMs < 1000) return;
    // After a stall of our own nobody is late who may have been heard of meanwhile.
    const wasStalled = nowMs - this.#lastSecondMs > STALL_MS;
    this.#lastSecondMs = nowMs;
    if (!wasStalled) this.#everySecond(nowMs);
  }

  #everySecond(nowMs: number): void {
    const { values } = this.#host.config;
    this.#link?.tick();
    const mayPing = this.#link === undefined && !this.#host.executor.pause.holdsStreamAt(nowMs);
    if (this.#seconds++ % values['repl-ping-replica-period'] === 0 && mayPing && this.replicas.count > 0)
      this.#stream.say('PING');
    this.replicas.tick();
    this.#giveBacklogUp(nowMs);
    this.#changed();
  }

  /** A master without replicas need not remember for ever; but then it may not be taken for one that does. */
  #giveBacklogUp(nowMs: number): void {
    const ttlMs = this.#host.config.values['repl-backlog-ttl'] * 1000;
    if (this.#stream.backlog === undefined || this.#link !== undefined || this.replicas.count > 0 || ttlMs === 0)
      return;
    if (nowMs - this.replicas.noneSinceMs <= ttlMs) return;
    this.#stream.close();
    this.#history.restart(newId());
    this.#host.executor.propagation.remove(this.#stream);
    this.#log('notice', `Replication backlog freed after ${ttlMs / 1000} seconds without connected replicas.`);
  }

  // ---------------------------------------------------------------- the stream

  #later(): void {
    this.#flushing ??= setImmediate(() => this.flush());
  }

  /** Remembers the stream from now on; a master's own writes are it. */
  #openStream(): void {
    this.#stream.open(this.#host.config.values['repl-backlog-size']);
    if (this.#link !== undefined) return;
    const { propagation } = this.#host.executor;
    propagation.remove(this.#stream);
    propagation.add(this.#stream);
  }

  #trim(): void {
    this.#stream.backlog?.trim(this.replicas.neededFrom);
  }

  // ---------------------------------------------------------------- replicas

  announcement(client: ReplicationClient): ReplicaAnnouncement {
    return this.replicas.announcement(client as Session);
  }

  sync(client: ReplicationClient, { psync }: SyncRequest, reply: ReplyWriter): string | undefined {
    const session = client as Session;
    if (session.isReplica) return undefined;
    if (this.#failover.active) return "NOMASTERLINK Can't SYNC while failing over";
    if (this.#link !== undefined && this.#link.state !== 'connected') {
      return "NOMASTERLINK Can't SYNC while not connected with my master";
    }
    if (session.outputBytes() > 0) return 'ERR SYNC and PSYNC are invalid with pending output';
    const announced = this.announcement(session);
    if (announced.withoutData && !announced.takesMark) return 'ERR Filtered replica requires EOF capability';
    this.#stream.settle();
    const { stats } = this.#host.executor.server;
    if (psync !== undefined) {
      const decision = decidePsync(this.#history, this.#stream.backlog, psync.id, psync.offset);
      if ('from' in decision) {
        stats.syncPartialOk++;
        this.#log('notice', `Partial resynchronization request accepted, from offset ${psync.offset}.`);
        reply.simple(announced.takesNewId ? `CONTINUE ${this.id}` : 'CONTINUE');
        this.replicas.goOn(session, decision.from);
        this.#later();
        return undefined;
      }
      if (!psync.id.startsWith('?')) stats.syncPartialErr++;
      if (decision.refused !== '') this.#log('notice', decision.refused);
    }
    stats.syncFull++;
    if (this.#stream.backlog === undefined) {
      this.#history.restart(newId());
      this.#openStream();
      this.#log(
        'notice',
        `Replication backlog created, my new replication IDs are '${this.id}' and '${this.secondId}'`,
      );
    }
    this.replicas.wait(session, psync !== undefined);
    return undefined;
  }

  acknowledge(client: ReplicationClient, offset: number, onDiskOffset: number | undefined): void {
    this.replicas.acknowledge(client as Session, offset, onDiskOffset);
  }

  /** Asks all replicas how far they are. */
  requestAcks(): void {
    this.#wantsAcks = true;
    this.#later();
  }

  #askForAcks(): void {
    this.#wantsAcks = false;
    if (this.#link !== undefined || this.#host.executor.pause.holdsStreamAt(this.#nowMs())) return;
    if (this.replicas.count > 0) this.#stream.say('REPLCONF', 'GETACK', '*');
  }

  /** Replicas got further, came or went. */
  #acked(): void {
    this.acks.acked();
    if (this.#host.config.values['min-replicas-to-write'] > 0) this.#changed();
  }

  // ---------------------------------------------------------------- following a master

  follow(address: MasterAddress): void {
    noteMaster(this.#host.config, address);
    // Before the start, of a cluster's replica: once the data is loaded.
    if (!this.#isStarted) return;
    const { executor } = this.#host;
    const before = this.#link;
    this.#stream.settle();
    executor.propagation.remove(this.#stream);
    const { streamDb, downSinceMs = 0 } = before ?? {};
    this.#leaveMaster();
    // What we have written ourselves is known to whoever has taken over from us.
    this.#connect(address, {
      isKnown: before === undefined || streamDb !== undefined,
      dbIndex: streamDb ?? 0,
      downSinceMs,
    });
    this.#endWaits();
  }

  #connect(address: MasterAddress, from: { isKnown: boolean; dbIndex: number; downSinceMs: number }): void {
    this.#link = new MasterLink(this.#linkHost(), address, from);
    this.#changed();
    this.#link.connect();
  }

  #leaveMaster(): void {
    this.#netInputBytes += this.#link?.netInputBytes ?? 0;
    this.#link?.stop();
    this.#link = undefined;
  }

  promote(): void {
    noteMaster(this.#host.config, undefined);
    if (this.#link === undefined) return;
    this.#leaveMaster();
    this.#history.fork(newId());
    this.#log(
      'warning',
      `Setting secondary replication ID to ${this.secondId}, valid up to offset: ${this.secondOffset}. ` +
        `New replication ID is ${this.id}`,
    );
    // They come back at once, learn the new id, and go on.
    this.replicas.closeAll();
    this.replicas.noneSinceMs = this.#nowMs();
    this.#stream.cut();
    if (this.#stream.backlog !== undefined) this.#openStream();
    // A resynchronization that failed has left it off.
    this.#host.aof.resume();
    this.#changed();
  }

  changeId(): void {
    this.#history.restart(newId());
  }

  takeOver(id: string): string | undefined {
    if (this.#link === undefined) return "ERR PSYNC FAILOVER can't be sent to a master.";
    if (id.toLowerCase() !== this.id) return 'ERR PSYNC FAILOVER replid must match my replid.';
    this.promote();
    this.#log('notice', 'MASTER MODE enabled (failover request)');
    return undefined;
  }

  sendAck(): void {
    this.#link?.sendAck();
  }

  #linkHost(): MasterLinkHost {
    const { executor, config, clients, port } = this.#host;
    const failover = this.#failover;
    const stream = this.#stream;
    return {
      executor,
      config,
      history: this.#history,
      port,
      newClientId: () => clients.newId(),
      admit: (session) => clients.admit(session),
      dismiss: (session) => clients.dismiss(session),
      changed: () => this.#changed(),
      applied: (buf, from, to) => stream.pass(buf, from, to),
      abandonHistory: () => {
        this.replicas.closeAll();
        stream.close();
      },
      load: (file) => loadMasterData(this.#host, file),
      loadStream: (data) => loadStreamedData(this.#host, data),
      adoptHistory: (id, offset) => {
        this.#history.adopt(id, offset);
        this.#openStream();
        return savedHistory(this.#host.rdb.loadedAux)?.db ?? 0;
      },
      renameHistory: (id) => {
        this.#history.fork(id);
        this.replicas.closeAll();
      },
      wentOn: () => this.#openStream(),
      onDisk: (offset) => this.#diskMarks.onDisk(offset),
      get failingOver() {
        return failover.isMoving;
      },
      failoverAnswered: (accepted) => failover.answered(accepted),
    };
  }

  /** Clients that wait for what only a master does. */
  #endWaits(): void {
    const { blocking } = this.#host.executor;
    blocking.endWhere((session) => {
      session.closeAfterReply();
      return INSTANCE_CHANGED;
    });
    this.acks.endAll();
  }

  // ---------------------------------------------------------------- failover

  failover(options: FailoverOptions): string | undefined {
    return this.#failover.start(options);
  }

  abortFailover(): boolean {
    return this.#failover.abortByHand();
  }

  // ---------------------------------------------------------------- gates

  #changed(): void {
    setReplicationGates(this.#host, this.#link?.state, this.goodReplicas);
  }

  #nowMs(): number {
    return this.#host.executor.server.clock.nowMs();
  }

  #log(level: 'notice' | 'warning', text: string): void {
    this.#host.executor.server.log(level, text);
  }
}

function newId(): string {
  return randomBytes(ID_LENGTH / 2).toString('hex');
}
