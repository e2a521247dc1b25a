/** A connection that sends exactly the bytes it is given and hands back exactly the replies that arrive. */
import { connect, type Socket } from 'node:net';
import { encodeRequest, type Reply, ReplyDecoder } from './resp.js';

/** What a wait for a reply can end with. */
export type Outcome = Reply | { readonly type: 'closed' } | { readonly type: 'timeout' };

export class RawClient {
  readonly #socket: Socket;
  readonly #decoder = new ReplyDecoder();
  readonly #arrived: Reply[] = [];
  #failure: Error | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (piece) => this.#onData(piece));
    // A server that closes with our bytes still unread resets the connection: for a client that is a close as well.
    socket.on('error', () => this.#onEnd());
    socket.on('close', () => this.#onEnd());
  }

  static connect(port: number, host = '127.0.0.1'): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        resolve(new RawClient(socket));
      });
    });
  }

  /** True once the server has closed, even if replies are still waiting to be read. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The local port, by which CLIENT LIST on the server names this connection. */
  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  write(bytes: string | Buffer): void {
    if (!this.#ended) this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  send(...args: string[]): void {
    this.write(encodeRequest(args));
  }

  /** The next reply in order of arrival. */
  async read(timeoutMs = 5000): Promise<Outcome> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const reply = this.#arrived.shift();
      if (reply !== undefined) return reply;
      if (this.#ended) return { type: 'closed' };
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) return { type: 'timeout' };
      await this.#arrival(leftMs);
    }
  }

  /** Sends one request and reads its reply. Throws when there is none. */
  async call(...args: string[]): Promise<Reply> {
    this.send(...args);
    const outcome = await this.read();
    if (outcome.type === 'closed' || outcome.type === 'timeout') {
      throw new Error(`${args.join(' ').slice(0, 80)}: no reply (${outcome.type})`);
    }
    return outcome;
  }

  /** Sends all requests in one write and reads as many replies. */
  async pipeline(requests: readonly (readonly string[])[]): Promise<Reply[]> {
    this.write(Buffer.concat(requests.map(encodeRequest)));
    const replies: Reply[] = [];
    for (const request of requests) {
      const outcome = await this.read();
      if (outcome.type === 'closed' || outcome.type === 'timeout') {
        throw new Error(`${request.join(' ').slice(0, 80)}: no reply (${outcome.type})`);
      }
      replies.push(outcome);
    }
    return replies;
  }

  /** Replies that have arrived and nobody has read. */
  takeUnread(): Reply[] {
    return this.#arrived.splice(0);
  }

  /** Stops reading from the socket, so that the server's output piles up. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(piece: Buffer): void {
    try {
      this.#decoder.push(piece);
      for (;;) {
        const reply = this.#decoder.next();
        if (reply === undefined) break;
        this.#arrived.push(reply);
      }
    } catch (error) {
      this.#failure = error as Error;
    }
    this.#wake?.();
  }

  #onEnd(): void {
    this.#ended = true;
    this.#wake?.();
  }

  #arrival(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
