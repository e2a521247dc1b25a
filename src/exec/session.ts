import type { ClientPort, ReplyMode, ResolvedCommand, WaitEnd } from '../commands/context.js';
import type { SubscriptionCounts, TrackingState } from '../commands/pushPorts.js';
import type { ArgVector } from '../resp/argVector.js';
import type { Database } from '../store/database.js';
import type { Subscriptions } from './pubsub.js';
import type { OwnPushes } from './pushes.js';

/** What a session needs of the connection under it. */
export interface Transport {
  readonly peerAddress: string;
  readonly localAddress: string;
  readonly fd: number;
  queryBufferBytes(): number;
  /** Room in the buffer of its own that it reads into. */
  queryBufferFreeBytes(): number;
  /** What the connection takes with its buffers and its queued transaction. */
  memoryBytes(): number;
  outputBytes(): number;
  outputChunks(): number;
  /** Sends bytes that do not answer a command of this client (pushes, replies to others' commands). */
  send(bytes: Uint8Array): void;
  /** Ends the connection when what was written has left. */
  closeAfterReply(): void;
  /** Ends it now. */
  destroy(): void;
  /** Goes on with requests that were held back. */
  resume(): void;
  /** Whenever nothing else waits to be sent, sends what `source` has; {@link pump} says that it has more. */
  sendFrom(source: OutputSource): void;
  pump(): void;
  /** Whether small writes leave at once. */
  setNoDelay(on: boolean): void;
}

/** Where a connection gets more to send from, piece by piece, without a copy. */
export interface OutputSource {
  /** The next piece, of `max` bytes at most; undefined when there is none now. It stays as it is until {@link landed}. */
  next(max: number): { readonly buf: Buffer; readonly from: number; readonly to: number } | undefined;
  /** The piece that was taken last has left. */
  landed(): void;
  /** The connection is gone. */
  release(): void;
}

export interface WatchedKey {
  readonly db: Database;
  /** One character a byte. */
  readonly key: string;
  /** The key was there but expired when WATCH was said: its removal is then no change. */
  expired: boolean;
}

export interface QueuedCommand {
  readonly command: ResolvedCommand;
  readonly args: ArgVector;
}

// Why a request of this session cannot take the short way through dispatch.
const NOT_AUTHENTICATED = 1;
const IN_MULTI = 2;
const REPLY_MODE = 4;
const CLOSING = 8;
const ASKING_SET = 16;
// It may get messages while its own commands run: see pushes.ts.
const SUBSCRIBED = 32;
const TRACKING = 64;
const MONITORING = 128;
const REDIRECT_TARGET = 256;
const REPLICA = 512;

const NO_SUBSCRIPTIONS: SubscriptionCounts = { channels: 0, patterns: 0, shardChannels: 0 };

/** One client: everything the server knows of it that is not its socket. */
export class Session implements ClientPort {
  readonly id: number;
  readonly transport: Transport;
  readonly createdAtMs: number;
  lastInteractionMs: number;
  /** So many batches are not looked at ahead: the last look found nothing that could be fetched. */
  looksSpared = 0;
  name = '';
  libName = '';
  libVersion = '';
  protocol = 2;
  user = 'default';
  dbIndex = 0;
  readOnlyMode = false;
  noEvict = false;
  noTouch = false;
  lastCommand = 'NULL';
  totalNetworkIn = 0;
  totalNetworkOut = 0;
  /** Not 0: dispatch must look closer. Bits of the constants above. */
  special = 0;
  /** Requests queued by MULTI. */
  readonly queue: QueuedCommand[] = [];
  queuedBytes = 0;
  /** An error was found while queueing: EXEC aborts. */
  queueBroken = false;
  watched: WatchedKey[] = [];
  watchedBytes = 0;
  /** A watched key was changed: EXEC answers nil. */
  watchBroken = false;
  /** A request that CLIENT PAUSE, or a key on its way to another server, holds back. */
  heldBack: ArgVector | undefined;
  /** It is the link on which another node moves slots to us, and may reach these before they are ours. */
  importing: { has(slot: number): boolean } | undefined;
  /** The link to the master: what it says is done as it was there. */
  isMaster = false;

  /** What it waits for is the end of its own command, which takes its time and which nobody can end for it (MIGRATE, a large RESTORE). */
  isWorking = false;

  /** Set while a blocking command waits: ends the wait and answers. */
  blocked: ((how: WaitEnd) => void) | undefined;

  /** Undefined without any. */
  subscriptions: Subscriptions | undefined;
  /** Messages that wait for the end of the command that runs. */
  ownPushes: OwnPushes | undefined;

  readonly #maxDbIndex: number;
  #tracking: TrackingState | undefined;
  #replyMode: ReplyMode = 'on';

  constructor(id: number, transport: Transport, options: { nowMs: number; databases: number; authenticated: boolean }) {
    this.id = id;
    this.transport = transport;
    this.createdAtMs = options.nowMs;
    this.lastInteractionMs = options.nowMs;
    this.#maxDbIndex = options.databases - 1;
    this.authenticated = options.authenticated;
  }

  get authenticated(): boolean {
    return (this.special & NOT_AUTHENTICATED) === 0;
  }

  set authenticated(value: boolean) {
    this.#flag(NOT_AUTHENTICATED, !value);
  }

  /** No request behind the one under way may run yet. */
  get stalled(): boolean {
    return this.heldBack !== undefined || this.blocked !== undefined;
  }

  get inMulti(): boolean {
    return (this.special & IN_MULTI) !== 0;
  }

  get asking(): boolean {
    return (this.special & ASKING_SET) !== 0;
  }

  set asking(value: boolean) {
    this.#flag(ASKING_SET, value);
  }

  /** Subscribed to anything: in RESP2 such a client may do little else. */
  get subscribed(): boolean {
    return (this.special & SUBSCRIBED) !== 0;
  }

  set subscribed(value: boolean) {
    this.#flag(SUBSCRIBED, value);
  }

  /** MONITOR was said. */
  get monitoring(): boolean {
    return (this.special & MONITORING) !== 0;
  }

  set monitoring(value: boolean) {
    this.#flag(MONITORING, value);
  }

  /** It has asked for the stream of writes (PSYNC) and gets it. */
  get isReplica(): boolean {
    return (this.special & REPLICA) !== 0;
  }

  set isReplica(value: boolean) {
    this.#flag(REPLICA, value);
  }

  /** Another client has its invalidations sent here. */
  set redirectTarget(value: boolean) {
    this.#flag(REDIRECT_TARGET, value);
  }

  /** How keys are tracked for this client; undefined while none are. */
  get tracking(): TrackingState | undefined {
    return this.#tracking;
  }

  set tracking(tracking: TrackingState | undefined) {
    this.#tracking = tracking;
    this.#flag(TRACKING, tracking !== undefined);
  }

  get closing(): boolean {
    return (this.special & CLOSING) !== 0;
  }

  get replyMode(): ReplyMode {
    return this.#replyMode;
  }

  set replyMode(mode: ReplyMode) {
    this.#replyMode = mode;
    this.#flag(REPLY_MODE, mode !== 'on');
  }

  get peerAddress(): string {
    return this.transport.peerAddress;
  }

  get localAddress(): string {
    return this.transport.localAddress;
  }

  get fd(): number {
    return this.transport.fd;
  }

  queryBufferBytes(): number {
    return this.transport.queryBufferBytes();
  }

  queryBufferFreeBytes(): number {
    return this.transport.queryBufferFreeBytes();
  }

  memoryBytes(): number {
    return this.transport.memoryBytes();
  }

  outputBytes(): number {
    return this.transport.outputBytes();
  }

  outputChunks(): number {
    return this.transport.outputChunks();
  }

  multiQueueLength(): number {
    return this.inMulti ? this.queue.length : -1;
  }

  multiQueueBytes(): number {
    return this.queuedBytes;
  }

  watchedKeyCount(): number {
    return this.watched.length;
  }

  subscriptionCounts(): SubscriptionCounts {
    const mine = this.subscriptions;
    if (mine === undefined) return NO_SUBSCRIPTIONS;
    return { channels: mine.channels.size, patterns: mine.patterns.size, shardChannels: mine.shardChannels.size };
  }

  trackingRedirect(): number {
    return this.#tracking?.redirectTo ?? -1;
  }

  flagLetters(): string {
    let letters = '';
    if (this.isReplica) letters += 'S';
    if (this.monitoring) letters += 'O';
    if (this.isMaster) letters += 'M';
    if (this.subscribed) letters += 'P';
    if (this.inMulti) letters += 'x';
    if (this.stalled) letters += 'b';
    if (this.#tracking !== undefined) letters += 't';
    if (this.#tracking?.brokenRedirect === true) letters += 'R';
    if (this.#tracking?.bcast === true) letters += 'B';
    if (this.watchBroken) letters += 'd';
    if (this.closing) letters += 'c';
    if (this.readOnlyMode) letters += 'r';
    if (this.peerAddress.endsWith(':0') && this.peerAddress.startsWith('/')) letters += 'U';
    if (this.noEvict) letters += 'e';
    if (this.noTouch) letters += 'T';
    return letters === '' ? 'N' : letters;
  }

  select(dbIndex: number): boolean {
    if (dbIndex < 0 || dbIndex > this.#maxDbIndex) return false;
    this.dbIndex = dbIndex;
    return true;
  }

  startMulti(): void {
    this.#flag(IN_MULTI, true);
  }

  enqueue(command: ResolvedCommand, args: ArgVector): void {
    const copy = args.copy();
    this.queue.push({ command, args: copy });
    this.queuedBytes += copy.buf.length + copy.argc * 8;
  }

  /** Leaves MULTI; the caller unwatches. */
  endMulti(): void {
    this.queue.length = 0;
    this.queuedBytes = 0;
    this.queueBroken = false;
    this.watchBroken = false;
    this.#flag(IN_MULTI, false);
  }

  closeAfterReply(): void {
    this.#flag(CLOSING, true);
    this.transport.closeAfterReply();
  }

  kill(): void {
    this.#flag(CLOSING, true);
    this.transport.destroy();
  }

  reset(): void {
    this.endMulti();
    this.dbIndex = 0;
    this.protocol = 2;
    this.name = '';
    this.asking = false;
    this.readOnlyMode = false;
    this.replyMode = 'on';
    this.noEvict = false;
    this.noTouch = false;
    this.user = 'default';
  }

  #flag(bit: number, on: boolean): void {
    this.special = on ? this.special | bit : this.special & ~bit;
  }
}
