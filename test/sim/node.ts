/**
 * A simulated server: the real core, a model of the data and its replication, and one thread that does one thing after
 * the other:
 *
 *     network, timers ──> inbox ──> [paused? waiting for the disk?] ──> core, replication, commands ──> network
 *
 * A paused process (SIGSTOP) keeps its connections, and finds all that has come when it goes on. While nodes.conf is being
 * written nothing else happens, and what the step sends leaves after that. A crash in between leaves the old or the new
 * file.
 */
import { SLOT_COUNT } from '../../src/base/crc16.js';
import type { Prng } from '../../src/base/prng.js';
import { ClusterCore } from '../../src/cluster/core/core.js';
import { type CoreConfig, type Effect, type Input, TICK_MS } from '../../src/cluster/core/effects.js';
import { parseNodesConf } from '../../src/cluster/core/nodesConf.js';
import type { SavedHistory } from '../../src/replication/core/history.js';
import { Commands } from './commands.js';
import { BUS_PORT, type Message, PORT } from './messages.js';
import type { Host, Network, Socket, SocketEvents } from './network.js';
import { Replication } from './replication.js';
import { BusEvents, ProcessEvents } from './socketEvents.js';
import { Store } from './store.js';
import type { VirtualTime } from './virtualTime.js';

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What happens to nodes, for those who check and count. */
export interface NodeObserver {
  trace(node: SimNode, text: string): void;
  /** Before each step of the core, and after it. */
  stepping(node: SimNode): void;
  stepped(node: SimNode, effects: readonly Effect[]): void;
  /** Replication id, offset and data have moved on together. */
  moved(node: SimNode): void;
  /** The node is about to do a write. */
  accepted(node: SimNode, slot: number, key: string): void;
  /** A key came by MIGRATE. */
  restored(node: SimNode, key: string): void;
  /** CLUSTER FAILOVER was accepted. */
  failoverAsked(node: SimNode, mode: string | undefined): void;
  promoted(node: SimNode): void;
  booted(node: SimNode): void;
}

export interface World {
  readonly time: VirtualTime;
  readonly network: Network<Message>;
  readonly random: Prng;
  readonly observer: NodeObserver;
}

/** What is left of a process that has ended. */
interface Disk {
  nodesConf: string | undefined;
  store: Store;
  history: SavedHistory | undefined;
}

export interface NodeOptions {
  readonly name: string;
  readonly ip: string;
  readonly nodeTimeoutMs: number;
  /** appendfsync always; otherwise a crash takes all data. */
  readonly durable: boolean;
}

export class SimNode implements Host<Message> {
  readonly name: string;
  readonly durable: boolean;
  readonly config: Mutable<CoreConfig>;
  readonly disk: Disk = { nodesConf: undefined, store: new Store(), history: undefined };
  readonly commands: Commands;
  ip: string;
  core!: ClusterCore;
  replication!: Replication;
  isUp = false;
  isPaused = false;
  isStopping = false;
  resumedAtMs = 0;
  lastPauseMs = 0;
  /** When a frame of each node last was read, by id. */
  readonly heardAtMs = new Map<string, number>();
  /** How long writing nodes.conf takes at most. */
  persistMs = 0;
  replTimeoutMs = 60_000;
  streamDelayMs = 0;
  /** Virtual times. */
  bootedAtMs = 0;
  endedAtMs = 0;
  writesPausedUntilMs = 0;
  /** What the last crash took. */
  lost: Store | undefined;
  readonly #world: World;
  /** Grows with each start: what is meant for an earlier process is dropped. */
  #incarnation = 0;
  #wallAtBootMs = 0;
  #pausedAtMs = 0;
  #inbox: (() => void)[] = [];
  #busyUntilMs = 0;
  /** What the step that waits for the disk has still to do. */
  #afterDisk: (() => void) | undefined;
  #isDraining = false;
  #tickIsDue = false;
  #ticks = 0;
  readonly #busSockets = new Map<number, Socket<Message>>();

  constructor(world: World, { name, ip, nodeTimeoutMs, durable }: NodeOptions) {
    this.#world = world;
    this.name = name;
    this.ip = ip;
    this.durable = durable;
    this.commands = new Commands(this, world.observer);
    this.config = {
      nodeTimeoutMs,
      requireFullCoverage: false,
      allowReplicaMigration: true,
      replicaNoFailover: false,
      replicaValidityFactor: 10,
      pingReplicaPeriodMs: 10_000,
      migrationBarrier: 1,
      announceIp: '',
      announceHostname: '',
      announcedPort: PORT,
      announcedPlainPort: 0,
      announcedBusPort: BUS_PORT,
    };
  }

  get id(): string {
    return this.core.myself.id;
  }

  get isRunning(): boolean {
    return this.isUp && !this.isPaused;
  }

  /** The wall clock at the start, and from then on the monotonic one. */
  nowMs(): number {
    return this.#wallAtBootMs + this.#world.time.nowMs - this.bootedAtMs;
  }

  get writesArePaused(): boolean {
    return this.isStopping || this.#world.time.nowMs < this.writesPausedUntilMs;
  }

  /** Whether clients get their writes done here, as far as the node itself thinks. */
  serves(slot: number): boolean {
    return this.isUp && this.core.stateOk && this.core.isMine(slot) && !this.writesArePaused;
  }

  // ------------------------------------------------------------------------------------------------ life

  /** `clockErrorMs`: by how much the machine's clock is wrong. */
  boot(clockErrorMs: number): void {
    const { time, network, observer } = this.#world;
    this.#incarnation++;
    this.isUp = true;
    this.isPaused = false;
    this.isStopping = false;
    this.bootedAtMs = time.nowMs;
    this.#wallAtBootMs = time.nowMs + clockErrorMs;
    this.#inbox = [];
    this.#busyUntilMs = 0;
    this.#afterDisk = undefined;
    this.#tickIsDue = false;
    this.writesPausedUntilMs = 0;
    this.heardAtMs.clear();
    this.commands.reset();
    network.attach(this);
    this.replication = new Replication(this.#replicationHost(), this.disk.store.clone());
    this.core = this.#newCore();
    this.#carryOut(this.core.start(this.nowMs()), 0);
    this.run(() => {
      this.replication.start(this.disk.history);
      this.#claimLoadedSlots();
      observer.booted(this);
    });
    this.after(1 + this.#world.random.below(TICK_MS), () => this.#tick());
  }

  #newCore(): ClusterCore {
    const { random } = this.#world;
    const { nodesConf } = this.disk;
    const loaded = nodesConf === undefined ? undefined : parseNodesConf(nodesConf, this.nowMs());
    if (loaded !== undefined && 'reason' in loaded) throw new Error(`line ${loaded.line}: ${loaded.reason}`);
    return new ClusterCore(
      {
        config: this.config,
        random,
        newNodeId: () => newId(random),
        countKeysInSlot: (slot) => this.replication.store.countIn(slot),
        isDatabaseEmpty: () => this.replication.store.size === 0,
        replicationOffset: () => this.replication.offset,
        masterSilentMs: () => this.replication.masterSilentMs,
        masterLinkUp: () => this.replication.isConnected,
      },
      loaded?.state,
      this.nowMs(),
    );
  }

  /** As server/cluster.ts: keys in slots that nodes.conf does not give to us. */
  #claimLoadedSlots(): void {
    if (!this.core.myself.isMaster) return;
    for (const slot of this.replication.store.slots()) {
      const owner = this.core.slotOwner(slot);
      if (owner !== undefined && !owner.isMyself && this.core.importingFrom(slot) === undefined) {
        this.admin({ kind: 'setSlot', args: [String(slot), 'importing', owner.id] });
      }
    }
  }

  /** The process ends at once. `silently`: with its machine, so that nobody is told. */
  crash(silently: boolean): void {
    const { network } = this.#world;
    this.disk.history = undefined;
    this.lost = this.durable ? undefined : this.replication.store;
    this.disk.store = this.durable ? (this.replication.storeOnDisk ?? this.replication.store) : new Store();
    this.#end();
    if (silently) network.vanished(this.ip);
    else network.killed(this.ip);
    network.detach(this.ip);
    if (!silently) network.attach(new ClosedPort(this.ip));
  }

  /** SHUTDOWN: writes are held back until the replicas have all, for ten seconds at most; then the data is saved. */
  shutDown(ended: () => void): void {
    const { time, network } = this.#world;
    this.isStopping = true;
    const endAtMs = time.nowMs + 10_000;
    const look = (): void => {
      if (this.core.myself.isMaster && !this.replication.allAcknowledged && time.nowMs < endAtMs) {
        this.after(100, look);
        return;
      }
      this.disk.history = this.replication.saved();
      this.disk.store = this.replication.storeOnDisk ?? this.replication.store;
      this.lost = undefined;
      ended();
      this.#end();
      network.killed(this.ip);
      network.attach(new ClosedPort(this.ip));
    };
    this.run(look);
  }

  #end(): void {
    this.isUp = false;
    this.endedAtMs = this.#world.time.nowMs;
    this.#incarnation++;
    this.#busSockets.clear();
  }

  pause(): void {
    this.isPaused = true;
    this.#pausedAtMs = this.#world.time.nowMs;
  }

  resume(): void {
    if (!this.isUp || !this.isPaused) return;
    this.isPaused = false;
    this.resumedAtMs = this.#world.time.nowMs;
    this.lastPauseMs = this.resumedAtMs - this.#pausedAtMs;
    // The timer may be looked at before the sockets or after them.
    if (this.#tickIsDue && this.#world.random.below(2) === 0) this.#inbox.unshift(() => this.#doTick());
    this.#drain();
  }

  // ------------------------------------------------------------------------------------------------ the thread

  /** Runs when the thread comes to it. */
  run(task: () => void): void {
    this.#inbox.push(task);
    this.#drain();
  }

  /** A timer of the process. */
  after(delayMs: number, task: () => void): void {
    const incarnation = this.#incarnation;
    this.#world.time.after(delayMs, () => {
      if (this.#incarnation === incarnation) this.run(task);
    });
  }

  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    while (this.isRunning && this.#world.time.nowMs >= this.#busyUntilMs) {
      const rest = this.#afterDisk;
      const task = rest ?? this.#inbox.shift();
      this.#afterDisk = undefined;
      if (task === undefined) break;
      task();
    }
    this.#isDraining = false;
    if (this.isRunning && this.#tickIsDue && this.#inbox.length === 0) this.#doTick();
  }

  #tick(): void {
    this.#doTick();
    const incarnation = this.#incarnation;
    const next = (): void => {
      if (this.#incarnation !== incarnation) return;
      this.#world.time.after(TICK_MS, next);
      // Timers do not pile up: one that was missed runs once.
      if (this.isRunning && this.#world.time.nowMs >= this.#busyUntilMs) this.run(() => this.#doTick());
      else this.#tickIsDue = true;
    };
    this.#world.time.after(TICK_MS, next);
  }

  /** After a stop the tick comes before clients are served. */
  catchUp(): void {
    if (this.core.isOverdue(this.nowMs())) this.step({ kind: 'tick' });
  }

  #doTick(): void {
    this.#tickIsDue = false;
    this.step({ kind: 'tick' });
    if (++this.#ticks % (1000 / TICK_MS) === 0) this.replication.everySecond();
  }

  // ------------------------------------------------------------------------------------------------ the core

  step(input: Input): void {
    this.#world.observer.stepping(this);
    this.#carryOut(this.core.step(this.nowMs(), input), 0);
  }

  admin(command: Parameters<ClusterCore['admin']>[1]): string {
    this.#world.observer.stepping(this);
    const { reply, effects } = this.core.admin(this.nowMs(), command);
    if (command.kind === 'failover' && 'ok' in reply) this.#world.observer.failoverAsked(this, command.mode);
    this.#carryOut(effects, 0);
    return 'ok' in reply ? reply.ok : reply.error;
  }

  #carryOut(effects: readonly Effect[], from: number): void {
    if (from === 0) this.#world.observer.stepped(this, effects);
    for (let i = from; i < effects.length; i++) {
      const effect = effects[i];
      if (effect.kind !== 'persist') this.#perform(effect);
      else if (this.persistMs === 0) this.disk.nodesConf = effect.text;
      else return this.#persistSlowly(effects, i, effect.text);
    }
  }

  #persistSlowly(effects: readonly Effect[], at: number, text: string): void {
    const { time, random } = this.#world;
    const takesMs = random.below(this.persistMs);
    const landsAtMs = time.nowMs + random.below(takesMs + 1);
    this.#busyUntilMs = time.nowMs + takesMs;
    // The file is there at some time before we are told so.
    const incarnation = this.#incarnation;
    time.after(landsAtMs - time.nowMs, () => {
      if (this.#incarnation === incarnation) this.disk.nodesConf = text;
    });
    const before = this.#afterDisk;
    this.#afterDisk = () => {
      this.#carryOut(effects, at + 1);
      if (before !== undefined) this.#inbox.unshift(before);
    };
    time.after(takesMs, () => {
      if (this.#incarnation === incarnation) this.#drain();
    });
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        return this.#busSockets.get(effect.link)?.send(effect.frame);
      case 'connect':
        return this.#dialBus(effect.link, effect.ip);
      case 'disconnect':
        this.#busSockets.get(effect.link)?.close();
        this.#busSockets.delete(effect.link);
        return;
      case 'log':
        if (effect.level !== 'debug' && effect.level !== 'verbose') this.#world.observer.trace(this, effect.text);
        return;
      case 'dropSlots':
        for (const slot of effect.slots) {
          for (const key of this.replication.store.keysOf(slot)) this.replication.delete(slot, key);
        }
        return;
      case 'follow':
        return this.replication.follow(effect.ip);
      case 'unfollow':
        this.replication.promote();
        if (effect.flush) this.replication.clear();
        else this.#world.observer.promoted(this);
        return;
      case 'pauseWrites':
        this.writesPausedUntilMs = this.#world.time.nowMs + effect.forMs;
        this.after(effect.forMs, () => this.commands.retryHeld());
        return;
      case 'resumeWrites':
        this.writesPausedUntilMs = 0;
        return this.run(() => this.commands.retryHeld());
      default:
        return;
    }
  }

  // ------------------------------------------------------------------------------------------------ sockets

  /** Socket events come to the thread like everything else. */
  #events(events: SocketEvents<Message>): SocketEvents<Message> {
    return new ProcessEvents(this, events);
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  dial(ip: string, port: number, events: SocketEvents<Message>): Socket<Message> {
    return this.#world.network.connect(this.ip, ip, port, this.#events(events));
  }

  #dialBus(link: number, ip: string): void {
    this.#busSockets.set(link, this.dial(ip, BUS_PORT, new BusEvents(this, link)));
  }

  busReceived(link: number, frame: Message): void {
    if (!(frame instanceof Uint8Array) || !this.#busSockets.has(link)) return;
    this.step({ kind: 'frame', link, frame });
    const sender = this.core.context.links.get(link)?.node?.id;
    if (sender !== undefined) this.heardAtMs.set(sender, this.#world.time.nowMs);
  }

  busClosed(link: number, reason: string): void {
    this.#busSockets.delete(link);
    this.step({ kind: 'closed', link, reason });
  }

  accept(port: number, socket: Socket<Message>): SocketEvents<Message> | undefined {
    if (port === PORT) return this.#events(this.commands.serve(socket));
    const link = this.core.newLinkId();
    const { remoteIp, localIp } = socket;
    this.#busSockets.set(link, socket);
    this.run(() => this.step({ kind: 'accepted', link, remoteIp, localIp }));
    return this.#events(new BusEvents(this, link));
  }

  #replicationHost(): ConstructorParameters<typeof Replication>[0] {
    const { random, observer } = this.#world;
    const node = this;
    return {
      get pingPeriodMs() {
        return node.config.pingReplicaPeriodMs;
      },
      get replTimeoutMs() {
        return node.replTimeoutMs;
      },
      get streamDelayMs() {
        return node.streamDelayMs;
      },
      get isPaused() {
        return node.writesArePaused || node.core.isHandingOver;
      },
      nowMs: () => this.nowMs(),
      newId: () => newId(random),
      below: (bound) => random.below(bound),
      dial: (ip, events) => this.dial(ip, PORT, events),
      after: (delayMs, run) => this.after(delayMs, run),
      moved: () => observer.moved(this),
      progressed: () => {
        if (this.core.awaitsOffset) this.step({ kind: 'replicated' });
      },
      note: (text) => observer.trace(this, text),
    };
  }
}

/** The kernel of a machine whose server does not run: it refuses connections. */
class ClosedPort implements Host<Message> {
  readonly ip: string;

  constructor(ip: string) {
    this.ip = ip;
  }

  accept(): undefined {
    return undefined;
  }
}

function newId(random: Prng): string {
  let id = '';
  for (let i = 0; i < 5; i++) id += random.nextU32().toString(16).padStart(8, '0');
  return id;
}

export function slotRange(index: number, count: number): [number, number] {
  return [Math.floor((index * SLOT_COUNT) / count), Math.floor(((index + 1) * SLOT_COUNT) / count) - 1];
}
