/** Connections that MIGRATE keeps for the next time, for redis-cli moves a slot with hundreds of them. */
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/prng.js';
import { type ConnectFailure, MigrationSocket } from './migrationSocket.js';

const MAX_SOCKETS = 64;
const KEEP_MS = 10_000;

export class MigrationSockets {
  readonly #clock: Clock;
  readonly #random: Random;
  /** By name, those used last at the end. */
  readonly #idle: { readonly name: string; readonly socket: MigrationSocket }[] = [];

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  get count(): number {
    return this.#idle.length;
  }

  /** One that nobody else uses until it is given back. */
  async take(
    host: string,
    port: string,
    timeoutMs: number,
  ): Promise<{ readonly socket: MigrationSocket } | ConnectFailure> {
    const name = `${host}:${port}`;
    const at = this.#idle.findLastIndex((kept) => kept.name === name);
    if (at >= 0) return { socket: this.#idle.splice(at, 1)[0].socket };
    const socket = await MigrationSocket.connect(host, parsePort(port), timeoutMs);
    return typeof socket === 'string' ? socket : { socket };
  }

  give(host: string, port: string, socket: MigrationSocket): void {
    if (!socket.isClean) return socket.close();
    if (this.#idle.length === MAX_SOCKETS) this.#idle.splice(this.#random.below(MAX_SOCKETS), 1)[0].socket.close();
    const kept = { name: `${host}:${port}`, socket };
    socket.lastUseMs = this.#clock.nowMs();
    socket.onIdleEnd = () => {
      const at = this.#idle.indexOf(kept);
      if (at >= 0) this.#idle.splice(at, 1);
    };
    this.#idle.push(kept);
  }

  /** Closes those that have not been used for some time. */
  tick(): void {
    const limitMs = this.#clock.nowMs() - KEEP_MS;
    while (this.#idle.length > 0 && this.#idle[0].socket.lastUseMs < limitMs) this.#idle.shift()!.socket.close();
  }

  stop(): void {
    for (const { socket } of this.#idle) socket.close();
    this.#idle.length = 0;
  }
}

/** As atoi reads it. */
function parsePort(text: string): number {
  return Number(/^\s*[-+]?\d+/.exec(text)?.[0] ?? 0);
}
