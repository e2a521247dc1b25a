/**
 * Runs a ClusterCore on real sockets, a real clock and a real nodes.conf. Nothing is decided here.
 *
 *     bus listener ─> BusSocket ─┐                        ┌─> nodes.conf (on disk before what follows it)
 *     outgoing links ─> BusSocket ┼─> core.step ─> effects ┼─> BusSocket.send, connect, close
 *     100 ms timer ──────────────┘                        └─> log, host callbacks
 */
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import type { Clock } from '../../base/clock.js';
import type { Random } from '../../base/prng.js';
import type { AdminCommand, AdminReply } from '../core/admin.js';
import { ClusterCore } from '../core/core.js';
import {
  type CoreConfig,
  type CoreDependencies,
  type Effect,
  type Input,
  type LogLevel,
  TICK_MS,
} from '../core/effects.js';
import { corruptNodesConfText, parseNodesConf } from '../core/nodesConf.js';
import { type BusLinkInfo, knownLinks } from '../core/queries.js';
import type { ClusterState } from '../core/state.js';
import { BusListener } from './busListener.js';
import { BusSocket, type BusSocketEvents, plainIp } from './busSocket.js';
import { ConfigLock } from './configLock.js';
import { handNodesConf, readNodesConf, syncNodesConf, writeNodesConf } from './nodesConfFile.js';

/** What the server around the cluster has to offer. */
export interface ClusterHost {
  countKeysInSlot(slot: number): number;
  isDatabaseEmpty(): boolean;
  replicationOffset(): number;
  masterSilentMs(): number;
  masterLinkUp(): boolean;
  /** Replicate that node from now on. */
  follow(ip: string, port: number): void;
  /** Replicate nobody; with `flush` drop the data as well. */
  unfollow(flush: boolean): void;
  pauseWrites(forMs: number): void;
  resumeWrites(): void;
  log(level: LogLevel, text: string): void;
  stateChanged(ok: boolean): void;
  /** nodes.conf has changed: slots may have other owners now. */
  configurationChanged(): void;
  /** The slots now belong to other nodes: the keys in them must go. */
  dropSlots(slots: readonly number[]): void;
  /** Another node published; the ranges are only valid during the call. */
  published(channel: Uint8Array, message: Uint8Array, sharded: boolean): void;
  /** nodes.conf cannot be written. The server has to stop: it may not break promises it can no longer record. */
  fatal(text: string): void;
}

/** Read each time they are needed, so that CONFIG SET takes effect. */
export interface ClusterSettings extends CoreConfig {
  /** cluster-link-sendbuf-limit; 0 is none. */
  readonly linkSendBufferLimitBytes: number;
}

export interface ClusterIoOptions {
  /** Absolute path of nodes.conf. */
  readonly nodesConfPath: string;
  /** The same as the operator wrote it, for messages. */
  readonly nodesConfName: string;
  /** As in `bind`: a leading '-' marks an address that may be missing, '*' and '::*' are all addresses. */
  readonly bindAddresses: readonly string[];
  readonly busPort: number;
  /** Source address of outgoing links (bind-source-addr). */
  readonly sourceAddress?: string;
  readonly settings: ClusterSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly host: ClusterHost;
}

export class ClusterIo {
  readonly core: ClusterCore;
  /** Links closed because their send queue was full. */
  linksDropped = 0;

  readonly #options: ClusterIoOptions;
  readonly #lock: ConfigLock;
  readonly #listener: BusListener;
  readonly #sockets = new Map<number, BusSocket>();
  readonly #socketEvents: BusSocketEvents;
  readonly #startedAtMs: number;
  readonly #startedAtUs: number;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  /** nodes.conf was handed to the kernel so many times since the last sync in the background began. */
  #syncsWanted = 0;

  private constructor(options: ClusterIoOptions, lock: ConfigLock, state: ClusterState | undefined) {
    this.#options = options;
    this.#lock = lock;
    this.#startedAtMs = options.clock.nowMs();
    this.#startedAtUs = options.clock.monotonicUs();
    this.core = new ClusterCore(coreDependencies(options), state, this.#nowMs());
    this.#listener = new BusListener((socket) => this.#accept(socket));
    this.#socketEvents = {
      connected: (link, localIp) => this.#step({ kind: 'connected', link, localIp }),
      frame: (link, frame) => this.#step({ kind: 'frame', link, frame }),
      closed: (link, reason) => {
        this.#sockets.delete(link);
        this.#step({ kind: 'closed', link, reason });
      },
    };
  }

  /**
   * Locks and loads nodes.conf, listens on the bus and starts to tick. An error text says why the server cannot start;
   * nothing is left open then.
   */
  static async open(options: ClusterIoOptions): Promise<ClusterIo | { readonly error: string }> {
    const lock = await acquireLock(options);
    if ('error' in lock) return lock;
    const loaded = load(options);
    if ('error' in loaded) {
      await lock.release();
      return loaded;
    }
    const io = new ClusterIo(options, lock, loaded.state);
    const error = await io.#listener.listen(options.bindAddresses, options.busPort);
    if (error !== undefined) {
      await io.close();
      return { error };
    }
    io.#start();
    return io;
  }

  #start(): void {
    this.#carryOut(this.core.start(this.#nowMs()));
    this.#timer = setInterval(() => this.#step({ kind: 'tick' }), TICK_MS);
  }

  /** Runs a CLUSTER subcommand; its effects are carried out, nodes.conf on disk included, when this returns. */
  admin(command: AdminCommand): AdminReply {
    const { reply, effects } = this.core.admin(this.#nowMs(), command);
    this.#carryOut(effects);
    return reply;
  }

  /** Sends a PUBLISH, or SPUBLISH when sharded, to the other nodes it concerns. */
  publish(channel: Uint8Array, message: Uint8Array, sharded: boolean): void {
    this.#carryOut(this.core.publish(this.#nowMs(), channel, message, sharded));
  }

  /** The process may have been stopped: does what was due meanwhile before clients are served. */
  catchUp(): void {
    if (this.core.isOverdue(this.#nowMs())) this.#step({ kind: 'tick' });
  }

  /** A setting has changed. */
  configured(): void {
    this.#step({ kind: 'configured' });
  }

  /** More of the master's stream has been applied. */
  replicated(): void {
    if (this.core.awaitsOffset) this.#step({ kind: 'replicated' });
  }

  links(): BusLinkInfo[] {
    return knownLinks(this.core).map((link) => {
      const queued = this.#sockets.get(link.id)?.queuedBytes ?? 0;
      return {
        direction: link.inbound ? 'from' : 'to',
        nodeId: link.node!.id,
        createdAtMs: link.createdAtMs,
        events: queued > 0 ? 'rw' : 'r',
        sendBufferAllocated: queued,
        sendBufferUsed: queued,
      };
    });
  }

  /** Cuts the links that we made to a node, those that came from it, or all. They are made again soon. */
  killLinks(nodeId: string, direction: 'to' | 'from' | 'all'): void {
    for (const { id, node, inbound } of knownLinks(this.core)) {
      if (node?.id !== nodeId || direction === (inbound ? 'to' : 'from')) continue;
      this.#sockets.get(id)?.close();
      this.#socketEvents.closed(id, 'killed by DEBUG CLUSTERLINK');
    }
  }

  /** Ends everything; nodes.conf is up to date already. */
  async close(): Promise<void> {
    this.#stop();
    await this.#listener.close();
    await this.#lock.release();
  }

  #stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  /** Wall clock that only ever moves with the monotonic one: a clock set anew must not make nodes look dead. */
  #nowMs(): number {
    const { clock } = this.#options;
    return this.#startedAtMs + Math.floor((clock.monotonicUs() - this.#startedAtUs) / 1000);
  }

  #step(input: Input): void {
    if (!this.#stopped) this.#carryOut(this.core.step(this.#nowMs(), input));
  }

  // ------------------------------------------------------------------------------------------------ effects

  #carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (this.#stopped) return;
      this.#perform(effect);
    }
  }

  #perform(effect: Effect): void {
    const { host } = this.#options;
    switch (effect.kind) {
      case 'persist':
        return this.#persist(effect.text, effect.durable);
      case 'send':
        return this.#send(effect.link, effect.frame);
      case 'connect':
        return this.#connect(effect.link, effect.ip, effect.busPort);
      case 'disconnect':
        this.#sockets.get(effect.link)?.close();
        this.#sockets.delete(effect.link);
        return;
      case 'log':
        return host.log(effect.level, effect.text);
      case 'stateChanged':
        return host.stateChanged(effect.ok);
      case 'dropSlots':
        return host.dropSlots(effect.slots);
      case 'published':
        return host.published(effect.channel, effect.message, effect.sharded);
      case 'follow':
        return host.follow(effect.ip, effect.port);
      case 'unfollow':
        return host.unfollow(effect.flush);
      case 'pauseWrites':
        return host.pauseWrites(effect.forMs);
      case 'resumeWrites':
        return host.resumeWrites();
    }
  }

  #persist(text: string, durable: boolean): void {
    const { nodesConfPath, host } = this.#options;
    try {
      if (durable) writeNodesConf(nodesConfPath, text);
      else handNodesConf(nodesConfPath, text);
      if (!durable) this.#syncSoon();
      host.configurationChanged();
    } catch (error) {
      this.#cannotPersist(error);
    }
  }

  /** One sync at a time; what comes meanwhile has one more, all together. */
  #syncSoon(): void {
    this.#syncsWanted++;
    if (this.#syncsWanted > 1) return;
    void this.#sync().catch((error) => {
      if (!this.#stopped) this.#cannotPersist(error);
    });
  }

  async #sync(): Promise<void> {
    while (this.#syncsWanted > 0 && !this.#stopped) {
      const covered = this.#syncsWanted;
      await syncNodesConf(this.#options.nodesConfPath);
      this.#syncsWanted -= covered;
    }
  }

  #cannotPersist(error: unknown): void {
    this.#stop();
    this.#options.host.fatal(`Fatal: can't update cluster config file: ${(error as Error).message}`);
  }

  #send(link: number, frame: Uint8Array): void {
    const socket = this.#sockets.get(link);
    if (socket === undefined || socket.send(frame, this.#options.settings.linkSendBufferLimitBytes)) return;
    this.linksDropped++;
    this.#options.host.log(
      'warning',
      `Freeing cluster link ${link}: its send queue of ${socket.queuedBytes} bytes exceeds the limit`,
    );
    socket.close();
    this.#socketEvents.closed(link, 'send queue full');
  }

  #connect(link: number, ip: string, busPort: number): void {
    const { sourceAddress } = this.#options;
    const source = sourceAddress === undefined ? {} : { localAddress: sourceAddress };
    try {
      const socket = net.connect({ host: ip, port: busPort, ...source });
      this.#sockets.set(link, new BusSocket(link, socket, this.#socketEvents));
    } catch (error) {
      // Only for arguments that make no sense. Later, since a step is still being carried out.
      setImmediate(() => this.#socketEvents.closed(link, (error as Error).message));
    }
  }

  #accept(socket: net.Socket): void {
    if (this.#stopped) {
      socket.destroy();
      return;
    }
    const link = this.core.newLinkId();
    this.#sockets.set(link, new BusSocket(link, socket, this.#socketEvents));
    const remoteIp = plainIp(socket.remoteAddress);
    this.#step({ kind: 'accepted', link, remoteIp, localIp: plainIp(socket.localAddress) });
  }
}

function coreDependencies({ host, random, settings }: ClusterIoOptions): CoreDependencies {
  return {
    config: settings,
    random,
    newNodeId: () => randomBytes(20).toString('hex'),
    countKeysInSlot: (slot) => host.countKeysInSlot(slot),
    isDatabaseEmpty: () => host.isDatabaseEmpty(),
    replicationOffset: () => host.replicationOffset(),
    masterSilentMs: () => host.masterSilentMs(),
    masterLinkUp: () => host.masterLinkUp(),
  };
}

async function acquireLock({
  nodesConfPath,
  nodesConfName,
}: ClusterIoOptions): Promise<ConfigLock | { error: string }> {
  try {
    const lock = await ConfigLock.acquire(nodesConfPath);
    if (lock !== undefined) return lock;
  } catch (error) {
    return { error: `Can't open ${nodesConfName} in order to acquire a lock: ${(error as Error).message}` };
  }
  return {
    error:
      `Sorry, the cluster configuration file ${nodesConfName} is already used by a different Shoal Cluster node. ` +
      'Please make sure that different nodes use different cluster configuration files.',
  };
}

function load({
  nodesConfPath,
  nodesConfName,
  clock,
  host,
}: ClusterIoOptions): { state: ClusterState | undefined } | { error: string } {
  let text: string | undefined;
  try {
    text = readNodesConf(nodesConfPath);
  } catch (error) {
    return { error: `Loading the cluster node config from ${nodesConfName}: ${(error as Error).message}` };
  }
  if (text === undefined) return { state: undefined };
  const loaded = parseNodesConf(text, clock.nowMs());
  if ('reason' in loaded) return { error: corruptNodesConfText(nodesConfName, loaded) };
  for (const warning of loaded.warnings) host.log('warning', warning);
  return { state: loaded.state };
}
