/**
 * A virtual network of TCP connections, as far as those who use it can tell:
 *
 *   - Each direction of a connection is a FIFO. Different connections overtake each other; what was sent on one that has
 *     been closed since may arrive after what was sent on its successor.
 *   - Where the way from one host to another is cut, what is sent waits and comes late, after the cut is healed, if the
 *     connection lives so long. Connecting needs both ways.
 *   - A lost segment is sent again by the kernel and holds up all behind it, or the connection breaks: then each end
 *     hears of it in its own time, and nobody knows what had arrived.
 *   - A process that is killed has its connections closed by the kernel; with `vanish` (power, cable) nobody is told, until
 *     a segment meets the new kernel.
 */
import type { Prng } from '../../src/base/prng.js';
import type { VirtualTime } from './virtualTime.js';

export interface SocketEvents<M> {
  connected?(): void;
  received(message: M): void;
  closed(reason: string): void;
}

/** A machine with an address and at most one process that listens. */
export interface Host<M> {
  readonly ip: string;
  /** Somebody connects; undefined when nobody listens there. */
  accept(port: number, socket: Socket<M>): SocketEvents<M> | undefined;
}

export interface NetworkConditions {
  latencyMs: number;
  /** Up to so much more, at random. */
  jitterMs: number;
  /** Share of segments that are lost: most come late, some break their connection. */
  loss: number;
}

/** Of the lost segments, those that end their connection. */
const BREAKS = 0.2;
const RETRANSMIT_MS = 200;
const SYN_RETRY_MS = 1000;
const SYN_RETRY_MAX_MS = 8000;

/** One end of a connection. */
export class Socket<M> {
  readonly localIp: string;
  readonly remoteIp: string;
  readonly #network: Network<M>;
  peer: Socket<M> | undefined = undefined;
  events: SocketEvents<M>;
  open = true;
  /** The connection is about to end, and nothing gets through any more. */
  isBroken = false;
  /** When the last message to this end arrives. */
  arrivesAtMs = 0;
  /** Messages that have met a cut; undefined while none has. */
  stalled: (M | typeof FIN)[] | undefined = undefined;

  constructor(network: Network<M>, localIp: string, remoteIp: string, events: SocketEvents<M>) {
    this.#network = network;
    this.localIp = localIp;
    this.remoteIp = remoteIp;
    this.events = events;
  }

  /** `extraMs`: what a long message takes longer. */
  send(message: M, extraMs = 0): void {
    if (this.open) this.#network.transmit(this, message, extraMs);
  }

  /** What was sent before still arrives; no event follows here. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.#network.transmit(this, FIN, 0);
    this.#network.forget(this);
  }
}

export const FIN = Symbol('FIN');

export class Network<M> {
  readonly conditions: NetworkConditions;
  messages = 0;
  readonly #time: VirtualTime;
  readonly #random: Prng;
  readonly #hosts = new Map<string, Host<M>>();
  readonly #sockets = new Map<string, Set<Socket<M>>>();
  /** 'from>to' of the ways that are cut. */
  readonly #cuts = new Set<string>();
  /** Ways that take longer for the time being. */
  readonly #slow = new Map<string, number>();
  readonly #stalled = new Set<Socket<M>>();

  constructor(time: VirtualTime, random: Prng, conditions: NetworkConditions) {
    this.#time = time;
    this.#random = random;
    this.conditions = conditions;
  }

  // ------------------------------------------------------------------------------------------------ hosts

  attach(host: Host<M>): void {
    this.#hosts.set(host.ip, host);
    if (!this.#sockets.has(host.ip)) this.#sockets.set(host.ip, new Set());
  }

  detach(ip: string): void {
    this.#hosts.delete(ip);
  }

  /** The process is gone, and the kernel says so to all it was connected to. */
  killed(ip: string): void {
    for (const socket of [...this.#socketsOf(ip)]) socket.close();
  }

  /** The machine is gone and says nothing. */
  vanished(ip: string): void {
    for (const socket of [...this.#socketsOf(ip)]) {
      socket.open = false;
      this.forget(socket);
    }
  }

  #socketsOf(ip: string): Set<Socket<M>> {
    return this.#sockets.get(ip) ?? new Set();
  }

  // ------------------------------------------------------------------------------------------------ ways

  cut(fromIp: string, toIp: string): void {
    this.#cuts.add(way(fromIp, toIp));
  }

  slowDown(fromIp: string, toIp: string, ms: number): void {
    this.#slow.set(way(fromIp, toIp), ms);
  }

  isCut(fromIp: string, toIp: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(way(fromIp, toIp));
  }

  /** Both ways. */
  canTalk(a: string, b: string): boolean {
    return this.#cuts.size === 0 || !(this.isCut(a, b) || this.isCut(b, a));
  }

  get isWhole(): boolean {
    return this.#cuts.size === 0;
  }

  heal(): void {
    this.#cuts.clear();
    this.#slow.clear();
    // The kernel tries again when its timer says so, not when the cable is back.
    for (const socket of this.#stalled) {
      const lateMs = this.#latency(socket.remoteIp, socket.localIp) + this.#random.below(RETRANSMIT_MS);
      this.#time.after(lateMs, () => this.#flush(socket));
    }
  }

  /** What comes meanwhile stays behind what has waited. */
  #flush(socket: Socket<M>): void {
    if (this.isCut(socket.remoteIp, socket.localIp)) return;
    this.#stalled.delete(socket);
    const waiting = socket.stalled ?? [];
    socket.stalled = undefined;
    for (const message of waiting) this.#arrive(socket, message);
  }

  /** Connections that break now, with a reset at both ends. */
  breakConnections(aIp: string, bIp: string): void {
    for (const socket of [...this.#socketsOf(aIp)]) if (socket.remoteIp === bIp) this.#break(socket);
  }

  // ------------------------------------------------------------------------------------------------ connecting

  connect(fromIp: string, toIp: string, port: number, events: SocketEvents<M>): Socket<M> {
    const socket = new Socket<M>(this, fromIp, toIp, events);
    this.#socketsOf(fromIp).add(socket);
    this.#dial(socket, port, SYN_RETRY_MS);
    return socket;
  }

  #dial(socket: Socket<M>, port: number, retryMs: number): void {
    this.#time.after(this.#latency(socket.localIp, socket.remoteIp), () => {
      if (!socket.open) return;
      const host = this.#hosts.get(socket.remoteIp);
      // A host may have moved to another address since it was attached.
      if (host?.ip !== socket.remoteIp || !this.canTalk(socket.localIp, socket.remoteIp)) {
        const nextMs = Math.min(retryMs * 2, SYN_RETRY_MAX_MS);
        this.#time.after(retryMs, () => socket.open && this.#dial(socket, port, nextMs));
        return;
      }
      this.#answer(socket, host, port);
    });
  }

  #answer(socket: Socket<M>, host: Host<M>, port: number): void {
    const other = new Socket<M>(this, socket.remoteIp, socket.localIp, NO_EVENTS);
    const events = host.accept(port, other);
    if (events === undefined) {
      this.#time.after(this.#latency(host.ip, socket.localIp), () => this.#end(socket, 'Connection refused'));
      return;
    }
    other.events = events;
    other.peer = socket;
    socket.peer = other;
    this.#socketsOf(other.localIp).add(other);
    const atMs = this.#time.nowMs + this.#latency(host.ip, socket.localIp);
    socket.arrivesAtMs = atMs;
    this.#time.after(atMs - this.#time.nowMs, () => socket.open && socket.events.connected?.());
  }

  // ------------------------------------------------------------------------------------------------ messages

  transmit(from: Socket<M>, message: M | typeof FIN, extraMs: number): void {
    const to = from.peer;
    if (to === undefined || to.isBroken) return;
    this.messages++;
    let lateMs = extraMs;
    if (this.conditions.loss > 0 && this.#random.nextFloat() < this.conditions.loss) {
      if (this.#random.nextFloat() < BREAKS) return this.#break(from);
      lateMs += RETRANSMIT_MS * (1 + this.#random.below(4));
    }
    this.#deliver(to, message, lateMs);
  }

  #deliver(to: Socket<M>, message: M | typeof FIN, lateMs: number): void {
    const { nowMs } = this.#time;
    to.arrivesAtMs = Math.max(to.arrivesAtMs, nowMs + this.#latency(to.remoteIp, to.localIp) + lateMs);
    this.#time.after(to.arrivesAtMs - nowMs, () => {
      if (to.stalled === undefined && !this.isCut(to.remoteIp, to.localIp)) return this.#arrive(to, message);
      to.stalled ??= [];
      to.stalled.push(message);
      this.#stalled.add(to);
    });
  }

  #arrive(to: Socket<M>, message: M | typeof FIN): void {
    if (message === FIN) this.#end(to, 'connection closed');
    else if (to.open) to.events.received(message);
    // The machine at this end was started anew and knows no such connection.
    else if (this.#hosts.has(to.localIp)) this.#reset(to.peer);
  }

  #reset(socket: Socket<M> | undefined): void {
    if (socket === undefined) return;
    this.#time.after(this.#latency(socket.remoteIp, socket.localIp), () => this.#end(socket, 'connection reset'));
  }

  #break(socket: Socket<M>): void {
    for (const end of [socket, socket.peer]) {
      if (end === undefined) continue;
      end.isBroken = true;
      this.#time.after(this.#latency(end.remoteIp, end.localIp) * (1 + this.#random.below(5)), () => {
        this.#end(end, 'connection reset');
      });
    }
  }

  #end(socket: Socket<M>, reason: string): void {
    if (!socket.open) return;
    socket.open = false;
    this.forget(socket);
    socket.events.closed(reason);
  }

  forget(socket: Socket<M>): void {
    this.#socketsOf(socket.localIp).delete(socket);
  }

  #latency(fromIp: string, toIp: string): number {
    const { latencyMs, jitterMs } = this.conditions;
    const slowMs = this.#slow.size === 0 ? 0 : (this.#slow.get(way(fromIp, toIp)) ?? 0);
    return latencyMs + slowMs + (jitterMs === 0 ? 0 : this.#random.below(jitterMs));
  }
}

const NO_EVENTS: SocketEvents<never> = { received: () => {}, closed: () => {} };

function way(fromIp: string, toIp: string): string {
  return `${fromIp}>${toIp}`;
}
