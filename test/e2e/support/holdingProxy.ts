/** Stands in front of a server and stops what is said to it at a certain word. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { until } from './daemon.js';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** What does not get through for now; undefined while everything does. */
  held: Buffer[] | undefined;
  wasHeld: boolean;
}

export class HoldingProxy {
  /** Connections on which this is said get no further, from the piece on that ends the word. */
  holdAt: string | undefined;
  /** Whether answers get through on a connection whose requests were held and let go. */
  dropsAnswers = false;
  /** Nothing gets through, and whoever comes is turned away. */
  #isDown = false;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `port` answers where to. */
  static start(port: () => number): Promise<HoldingProxy> {
    const server = createServer();
    const proxy = new HoldingProxy(server);
    server.on('connection', (client) => {
      if (proxy.#isDown) client.destroy();
      else proxy.#accept(client, connect(port(), '127.0.0.1'));
    });
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(proxy)));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** How many ways through it are open. */
  get connections(): number {
    return this.#pairs.size;
  }

  #accept(client: Socket, server: Socket): void {
    const pair: Pair = { client, server, held: undefined, wasHeld: false };
    this.#pairs.add(pair);
    let tail = '';
    client.on('data', (piece) => {
      const text = tail + piece.toString('latin1');
      tail = text.slice(-64);
      if (pair.held === undefined && this.holdAt !== undefined && text.includes(this.holdAt)) {
        pair.wasHeld = true;
        pair.held = [];
      }
      if (pair.held === undefined) server.write(piece);
      else pair.held.push(piece);
    });
    server.on('data', (piece) => {
      if (!(pair.wasHeld && this.dropsAnswers)) client.write(piece);
    });
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      // Either side may be killed.
      socket.on('error', end);
      socket.on('close', end);
    }
  }

  async untilHeld(): Promise<void> {
    await until(`${this.holdAt} is said`, () => [...this.#pairs].some(({ held }) => held !== undefined));
  }

  /** Lets through what was held, until another word is said. */
  holdAgainAt(word: string): void {
    this.release();
    this.holdAt = word;
  }

  /** Lets through what was held so far, and nothing more. */
  releaseSome(): void {
    for (const { server, held } of this.#pairs) for (const piece of held?.splice(0) ?? []) server.write(piece);
  }

  /** Lets through what was held, and all that follows. */
  release(): void {
    this.holdAt = undefined;
    for (const pair of this.#pairs) {
      for (const piece of pair.held ?? []) pair.server.write(piece);
      pair.held = undefined;
    }
  }

  /** Ends the connections that are held; the server never gets what was. */
  cut(): void {
    this.holdAt = undefined;
    for (const { client, server, held } of [...this.#pairs]) {
      if (held === undefined) continue;
      client.destroy();
      server.destroy();
    }
  }

  /** The way is cut, until it is {@link mend}ed. */
  breakDown(): void {
    this.#isDown = true;
    this.#endAll();
  }

  mend(): void {
    this.#isDown = false;
  }

  close(): void {
    this.#server.close();
    this.#endAll();
  }

  #endAll(): void {
    for (const { client, server } of [...this.#pairs]) {
      client.destroy();
      server.destroy();
    }
  }
}
