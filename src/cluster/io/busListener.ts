/** The listening sockets of the bus, one an address. */
import net from 'node:net';

/** Addresses marked '-' may be missing on this machine; these errors say that they are. */
const MISSING = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPROTONOSUPPORT', 'EINVAL']);

export class BusListener {
  readonly #servers: net.Server[] = [];
  readonly #onSocket: (socket: net.Socket) => void;

  constructor(onSocket: (socket: net.Socket) => void) {
    this.#onSocket = onSocket;
  }

  /** Listens on every address; returns why it cannot, if so. */
  async listen(addresses: readonly string[], port: number): Promise<string | undefined> {
    for (const entry of addresses) {
      const optional = entry.startsWith('-');
      const address = optional ? entry.slice(1) : entry;
      const host = address === '*' ? '0.0.0.0' : address === '::*' ? '::' : address;
      const error = await this.#listenOn(host, port);
      if (error === undefined || (optional && MISSING.has(error.code ?? ''))) continue;
      return `Could not create server TCP listening socket ${address}:${port}: ${error.message}`;
    }
    return undefined;
  }

  #listenOn(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
    return new Promise((resolve) => {
      const server = net.createServer(this.#onSocket);
      server.once('error', resolve);
      server.listen({ host, port, ipv6Only: host.includes(':'), exclusive: true }, () => {
        server.off('error', resolve);
        // Accepting can fail for a moment (too many open files); peers dial again.
        server.on('error', () => {});
        this.#servers.push(server);
        resolve(undefined);
      });
    });
  }

  /** Open connections are the caller's to close. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  }
}
