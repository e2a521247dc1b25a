/**
 * Replication of a simulated node: history, backlog, feeds and handshake are the server's own, put together as
 * server/replication.ts does. The stream is made of lines: "S <slot> <key> <value>", "D <slot> <key>" and "P".
 */
import { Backlog } from '../../src/replication/core/backlog.js';
import { Feed } from '../../src/replication/core/feed.js';
import { decidePsync, History, type SavedHistory } from '../../src/replication/core/history.js';
import { MasterLink, type MasterLinkHost } from './masterLink.js';
import type { Message } from './messages.js';
import type { Socket, SocketEvents } from './network.js';
import { Store } from './store.js';

const BACKLOG_BYTES = 16 * 1024;
/** Small, so that commands are cut anywhere. */
const PIECE_BYTES = 700;

export interface ReplicationHost {
  readonly pingPeriodMs: number;
  readonly replTimeoutMs: number;
  /** By how much the stream to replicas is late. */
  readonly streamDelayMs: number;
  /** Writes are held back: nothing may enter the stream. */
  readonly isPaused: boolean;
  nowMs(): number;
  newId(): string;
  below(bound: number): number;
  dial(ip: string, events: SocketEvents<Message>): Socket<Message>;
  after(delayMs: number, run: () => void): void;
  /** History and data have moved on together. */
  moved(): void;
  /** More of the master's stream was applied. */
  progressed(): void;
  note(text: string): void;
}

interface Replica {
  readonly socket: Socket<Message>;
  readonly feed: Feed;
  ackedOffset: number;
}

export class Replication {
  readonly history: History;
  store: Store;
  /** While loading: what was there before, and is still on disk. */
  storeOnDisk: Store | undefined;
  backlog: Backlog | undefined;
  link: MasterLink | undefined;
  fullSyncs = 0;
  partialSyncs = 0;
  readonly #host: ReplicationHost;
  readonly #replicas = new Map<Socket<Message>, Replica>();
  #masterIp: string | undefined;
  #isStarted = false;
  #seconds = 0;

  constructor(host: ReplicationHost, store: Store) {
    this.#host = host;
    this.store = store;
    this.history = new History(host.newId());
  }

  get offset(): number {
    return this.history.offset;
  }

  get masterSilentMs(): number {
    return this.link?.silentMs ?? Number.POSITIVE_INFINITY;
  }

  get isConnected(): boolean {
    return this.link?.state === 'connected';
  }

  /** No replica waits for anything. */
  get allAcknowledged(): boolean {
    for (const { ackedOffset } of this.#replicas.values()) if (ackedOffset !== this.history.offset) return false;
    return true;
  }

  // ------------------------------------------------------------------------------------------------ life

  start(saved: SavedHistory | undefined): void {
    this.#isStarted = true;
    if (this.#masterIp === undefined) {
      if (saved === undefined) return;
      this.history.offset = saved.offset;
      this.history.secondId = saved.id;
      this.history.secondEnd = saved.offset + 1;
      this.#openBacklog();
      return;
    }
    if (saved !== undefined) this.history.adopt(saved.id, saved.offset);
    this.#connect(this.#masterIp, saved !== undefined, 0);
  }

  /** What a snapshot says of the history that it is a part of. */
  saved(): SavedHistory | undefined {
    const isPart = this.link === undefined ? this.backlog !== undefined : this.link.isKnown;
    return isPart ? { id: this.history.id, offset: this.history.offset, db: 0 } : undefined;
  }

  follow(ip: string): void {
    this.#masterIp = ip;
    if (!this.#isStarted) return;
    const before = this.link;
    this.link?.stop();
    this.#connect(ip, before === undefined || before.isKnown, before?.downSinceMs ?? 0);
  }

  #connect(ip: string, isKnown: boolean, downSinceMs: number): void {
    this.link = new MasterLink(this.#linkHost(), ip, isKnown, downSinceMs);
    this.link.connect();
  }

  promote(): void {
    this.#masterIp = undefined;
    if (this.link === undefined) return;
    this.link.stop();
    this.link = undefined;
    this.storeOnDisk = undefined;
    this.history.fork(this.#host.newId());
    this.#closeReplicas();
    this.#moved();
  }

  everySecond(): void {
    this.link?.tick();
    const due = ++this.#seconds * 1000 >= this.#host.pingPeriodMs;
    if (due) this.#seconds = 0;
    if (due && this.link === undefined && !this.#host.isPaused && this.#replicas.size > 0) this.#feed('P\n');
  }

  // ------------------------------------------------------------------------------------------------ a master's writes

  set(slot: number, key: string, value: string): void {
    this.store.set(slot, key, value);
    this.#feed(`S ${slot} ${key} ${value}\n`);
  }

  delete(slot: number, key: string): void {
    if (this.store.delete(slot, key)) this.#feed(`D ${slot} ${key}\n`);
  }

  clear(): void {
    for (const slot of this.store.slots()) for (const key of this.store.keysOf(slot)) this.delete(slot, key);
  }

  #feed(command: string): void {
    if (this.backlog === undefined) return;
    this.#pass(Buffer.from(command));
    this.#pump();
  }

  #pass(bytes: Buffer): void {
    this.backlog?.append(bytes, 0, bytes.length);
    this.history.offset += bytes.length;
    this.#moved();
  }

  #moved(): void {
    if (this.backlog !== undefined) this.#host.moved();
  }

  #openBacklog(): void {
    this.backlog ??= new Backlog(this.history.offset, BACKLOG_BYTES);
    this.#moved();
  }

  #pump(): void {
    let neededFrom = Number.POSITIVE_INFINITY;
    for (const { socket, feed } of this.#replicas.values()) {
      for (let piece = feed.next(PIECE_BYTES); piece !== undefined; piece = feed.next(PIECE_BYTES)) {
        const bytes = Buffer.from(piece.buf.subarray(piece.from, piece.to));
        socket.send({ kind: 'stream', bytes }, this.#host.streamDelayMs);
        feed.landed();
      }
      neededFrom = Math.min(neededFrom, feed.position);
    }
    this.backlog?.trim(neededFrom);
    this.backlog?.verify();
  }

  // ------------------------------------------------------------------------------------------------ replicas

  command(socket: Socket<Message>, args: readonly string[]): void {
    const [name, word, value] = args;
    const answer = (text: string): void => socket.send({ kind: 'line', text });
    if (name === 'PING') answer('+PONG');
    else if (name === 'REPLCONF' && word === 'ACK') {
      const replica = this.#replicas.get(socket);
      if (replica !== undefined) replica.ackedOffset = Number(value);
    } else if (name === 'REPLCONF') answer('+OK');
    else if (name === 'PSYNC') this.#psync(socket, word, Number(value), answer);
  }

  #psync(socket: Socket<Message>, id: string, psyncOffset: number, answer: (text: string) => void): void {
    if (this.link !== undefined && !this.isConnected) return answer("-NOMASTERLINK Can't SYNC while not connected");
    const decision = decidePsync(this.history, this.backlog, id, psyncOffset);
    const feed = new Feed(() => this.backlog, { sent: () => {}, fileEnded: () => {} });
    feed.streaming = true;
    if ('from' in decision) {
      this.partialSyncs++;
      answer(`+CONTINUE ${this.history.id}`);
      feed.position = decision.from;
    } else {
      this.fullSyncs++;
      if (this.backlog === undefined) {
        this.history.restart(this.#host.newId());
        this.#openBacklog();
      }
      answer(`+FULLRESYNC ${this.history.id} ${this.history.offset}`);
      feed.position = this.history.offset;
      socket.send({ kind: 'snapshot', store: this.store.clone() }, 50 + this.#host.below(1000));
    }
    this.#replicas.set(socket, { socket, feed, ackedOffset: -1 });
    this.#pump();
  }

  closed(socket: Socket<Message>): void {
    this.#replicas.delete(socket);
  }

  /** They are to ask again: our history has changed. */
  #closeReplicas(): void {
    for (const socket of this.#replicas.keys()) socket.close();
    this.#replicas.clear();
  }

  // ------------------------------------------------------------------------------------------------ as a replica

  #linkHost(): MasterLinkHost {
    const host = this.#host;
    return {
      history: this.history,
      replTimeoutMs: host.replTimeoutMs,
      nowMs: () => host.nowMs(),
      dial: (ip, events) => host.dial(ip, events),
      whenLoaded: (store, done) => host.after(10 + store.size / 2 + host.below(300), done),
      abandonHistory: () => {
        host.note('loads a snapshot');
        this.#closeReplicas();
        this.backlog = undefined;
        this.storeOnDisk = this.store;
        this.store = new Store();
      },
      adoptHistory: (id, offset, store) => {
        this.storeOnDisk = undefined;
        this.store = store.clone();
        this.history.adopt(id, offset);
        this.#openBacklog();
        host.note(`has loaded ${id.slice(0, 6)}:${offset}`);
      },
      renameHistory: (id) => {
        this.history.fork(id);
        this.#closeReplicas();
      },
      wentOn: () => {
        this.#openBacklog();
        host.note(`goes on with ${this.history.id.slice(0, 6)}:${this.offset}`);
      },
      applied: (command) => this.#apply(command),
    };
  }

  #apply(command: Buffer): void {
    const [name, slot, key, value] = command.toString('latin1').trimEnd().split(' ');
    if (name === 'S') this.store.set(Number(slot), key, value);
    else if (name === 'D') this.store.delete(Number(slot), key);
    this.#pass(command);
    this.#pump();
    this.#host.progressed();
  }
}
