/** A simulated replica's link to its master, with the steps and states of server/masterLink.ts. */
import { Handshake, type HandshakeStep } from '../../src/replication/core/handshake.js';
import type { History } from '../../src/replication/core/history.js';
import { type Message, PORT } from './messages.js';
import type { Socket, SocketEvents } from './network.js';
import type { Store } from './store.js';

export interface MasterLinkHost {
  readonly history: History;
  readonly replTimeoutMs: number;
  nowMs(): number;
  dial(ip: string, events: SocketEvents<Message>): Socket<Message>;
  /** Calls back after the time that loading takes, unless the process ends before. */
  whenLoaded(store: Store, done: () => void): void;
  /** All data is about to go. */
  abandonHistory(): void;
  adoptHistory(id: string, offset: number, store: Store): void;
  renameHistory(id: string): void;
  wentOn(): void;
  /** One whole command of the stream. */
  applied(command: Buffer): void;
}

type State = 'connect' | 'connecting' | 'sync' | 'loading' | 'connected';

const NEWLINE = 10;

export class MasterLink {
  readonly ip: string;
  state: State = 'connect';
  /** Our data is what the history says. */
  isKnown: boolean;
  readonly #host: MasterLinkHost;
  #socket: Socket<Message> | undefined;
  #handshake: Handshake | undefined;
  #coming = { id: '', offset: 0 };
  /** A command that is not whole yet, or what came while we loaded. */
  #rest: Buffer = Buffer.alloc(0);
  #lastIoMs = 0;
  #downSinceMs: number;
  #isStopped = false;

  constructor(host: MasterLinkHost, ip: string, isKnown: boolean, downSinceMs: number) {
    this.#host = host;
    this.ip = ip;
    this.isKnown = isKnown;
    this.#downSinceMs = downSinceMs;
  }

  get downSinceMs(): number {
    return this.state === 'connected' ? this.#host.nowMs() : this.#downSinceMs;
  }

  get silentMs(): number {
    if (this.state === 'connected') return this.#host.nowMs() - this.#lastIoMs;
    if (this.state === 'loading') return Number.POSITIVE_INFINITY;
    return this.#downSinceMs === 0 ? Number.POSITIVE_INFINITY : this.#host.nowMs() - this.#downSinceMs;
  }

  connect(): void {
    this.state = 'connecting';
    this.#lastIoMs = this.#host.nowMs();
    const socket = this.#host.dial(this.ip, {
      connected: () => {
        if (socket !== this.#socket) return;
        const { history } = this.#host;
        this.#handshake = new Handshake({
          user: undefined,
          password: '',
          port: PORT,
          announcedIp: '',
          known: this.isKnown ? { id: history.id, offset: history.offset } : undefined,
          failover: false,
        });
        this.#do(this.#handshake.connected());
      },
      received: (message) => {
        if (socket === this.#socket) this.#received(message);
      },
      closed: () => {
        if (socket !== this.#socket) return;
        if (this.state === 'loading') this.#socket = undefined;
        else this.#lost(this.state === 'connected' || this.state === 'sync');
      },
    });
    this.#socket = socket;
  }

  stop(): void {
    this.#isStopped = true;
    this.#hangUp();
  }

  #lost(reconnects: boolean): void {
    this.#hangUp();
    if (this.state === 'connected') this.#downSinceMs = this.#host.nowMs();
    this.state = 'connect';
    if (reconnects && !this.#isStopped) this.connect();
  }

  #hangUp(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#handshake = undefined;
    this.#rest = Buffer.alloc(0);
  }

  /** Once a second. */
  tick(): void {
    const isLate = this.#host.nowMs() - this.#lastIoMs > this.#host.replTimeoutMs;
    if (this.state === 'connect') this.connect();
    else if (this.state === 'loading') return;
    else if (isLate) this.#lost(true);
    else if (this.state === 'connected') this.acknowledge();
  }

  acknowledge(): void {
    this.#send(['REPLCONF', 'ACK', String(this.#host.history.offset)]);
  }

  #send(args: readonly string[]): void {
    this.#socket?.send({ kind: 'command', args });
  }

  #received(message: Message): void {
    this.#lastIoMs = this.#host.nowMs();
    if (message instanceof Uint8Array) return;
    if (message.kind === 'line') this.#do(this.#handshake?.line(message.text) ?? []);
    else if (message.kind === 'snapshot') this.#load(message.store);
    else if (message.kind === 'stream') this.#stream(message.bytes);
  }

  #do(steps: readonly HandshakeStep[]): void {
    for (const step of steps) {
      if (step.kind === 'send') this.#send(step.args);
      else if (step.kind === 'fail') return this.#lost(false);
      else if (step.kind === 'fullResync') {
        this.#coming = { id: step.id, offset: step.offset };
        this.state = 'sync';
      } else if (step.kind === 'continue') {
        if (step.id !== undefined && step.id !== this.#host.history.id) this.#host.renameHistory(step.id);
        this.state = 'connected';
        this.#host.wentOn();
      }
    }
  }

  #load(store: Store): void {
    this.state = 'loading';
    this.isKnown = false;
    this.#host.abandonHistory();
    this.#host.whenLoaded(store, () => {
      if (this.#isStopped) return;
      this.#host.adoptHistory(this.#coming.id, this.#coming.offset, store);
      this.isKnown = true;
      if (this.#socket === undefined) return this.#lost(true);
      this.state = 'connected';
      const rest = this.#rest;
      this.#rest = Buffer.alloc(0);
      this.#stream(rest);
    });
  }

  #stream(bytes: Buffer): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    this.#rest = all;
    if (this.state === 'loading') return;
    let from = 0;
    for (let end = all.indexOf(NEWLINE); end >= 0; end = all.indexOf(NEWLINE, from)) {
      const socket = this.#socket;
      this.#host.applied(all.subarray(from, end + 1));
      from = end + 1;
      // What was applied may have made us the master.
      if (this.#isStopped || socket !== this.#socket) return;
    }
    this.#rest = all.subarray(from);
  }
}
