/** Listening sockets: TCP on every address of `bind`, and a Unix socket. */
import fs from 'node:fs';
import net from 'node:net';
import { isRawHandle, loadRawApi } from './rawHandle.js';
import { RawStream, RawStreams } from './rawStream.js';
import { SocketStream } from './socketStream.js';
import type { Stream } from './stream.js';

/** One read takes at most this much; larger requests come in several. */
const READ_BUFFER_BYTES = 64 * 1024;

export interface ListenerOptions {
  readonly backlog: number;
  /** Seconds; 0 turns keep-alive off. */
  keepAliveSeconds(): number;
  onAccept(stream: Stream): void;
  log(level: 'warning' | 'notice', text: string): void;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #servers: net.Server[] = [];
  readonly #raw: RawStreams | undefined;
  #unixPath: string | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const api = loadRawApi();
    if (api !== undefined) this.#raw = new RawStreams(api, READ_BUFFER_BYTES);
  }

  /**
   * Listens on `port` of every address. An address with a leading '-' may be missing on this machine. Port 0 takes a
   * free one for the first address and the same for the others. Answers the port, or the reason why it cannot listen.
   */
  async listenTcp(addresses: readonly string[], port: number): Promise<number | { readonly error: string }> {
    let chosen = port;
    for (const entry of addresses) {
      const optional = entry.startsWith('-');
      const address = optional ? entry.slice(1) : entry;
      const ipv6 = address.includes(':');
      const host = address === '*' ? '0.0.0.0' : address === '::*' ? '::' : address;
      const server = net.createServer();
      const error = await listening(server, { host, port: chosen, ipv6Only: ipv6, backlog: this.#options.backlog });
      if (error === undefined) {
        chosen = (server.address() as net.AddressInfo).port;
        this.#servers.push(server);
        this.#accept(server, undefined);
        continue;
      }
      if (optional && NOT_ON_THIS_MACHINE.has(error.code ?? '')) continue;
      const text = `Could not create server TCP listening socket ${address}:${chosen}: ${describe(error)}`;
      this.#options.log('warning', `Warning: ${text}`);
      return { error: text };
    }
    return chosen;
  }

  /** Listens on a Unix socket, replacing one that a dead server left. `mode` 0 leaves the permissions alone. */
  async listenUnix(path: string, mode: number): Promise<{ readonly error: string } | undefined> {
    try {
      if (fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket()) fs.unlinkSync(path);
    } catch (error) {
      return { error: `Could not remove the old Unix socket ${path}: ${(error as Error).message}` };
    }
    const server = net.createServer();
    const error = await listening(server, { path, backlog: this.#options.backlog });
    if (error !== undefined) return { error: `Opening Unix socket: ${path}: ${describe(error)}` };
    if (mode !== 0) fs.chmodSync(path, mode);
    this.#unixPath = path;
    this.#servers.push(server);
    this.#accept(server, path);
    return undefined;
  }

  /** Stops listening. Connections go on. */
  close(): void {
    for (const server of this.#servers) server.close();
    this.#servers.length = 0;
    if (this.#unixPath !== undefined) fs.rmSync(this.#unixPath, { force: true });
    this.#unixPath = undefined;
  }

  #accept(server: net.Server, unixPath: string | undefined): void {
    const raw = this.#raw;
    const listening = (server as unknown as { _handle?: { onconnection?: unknown } })._handle;
    if (raw !== undefined && typeof listening?.onconnection === 'function') {
      listening.onconnection = (error: number, handle: unknown) => {
        if (error !== 0) return this.#options.log('warning', `Error accepting a client connection: errno ${error}`);
        if (!isRawHandle(handle)) return;
        if (unixPath === undefined) {
          handle.setNoDelay?.(true);
          const seconds = this.#options.keepAliveSeconds();
          if (seconds > 0) handle.setKeepAlive?.(true, seconds);
        }
        this.#options.onAccept(new RawStream(handle, raw, unixPath));
      };
      return;
    }
    server.on('connection', (socket) => {
      if (unixPath === undefined) {
        socket.setNoDelay(true);
        const seconds = this.#options.keepAliveSeconds();
        if (seconds > 0) socket.setKeepAlive(true, seconds * 1000);
      }
      this.#options.onAccept(new SocketStream(socket, unixPath));
    });
  }
}

const NOT_ON_THIS_MACHINE = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPROTONOSUPPORT', 'ENOPROTOOPT', 'EINVAL']);

const WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'bind: Address already in use',
  EADDRNOTAVAIL: 'bind: Cannot assign requested address',
  EACCES: 'bind: Permission denied',
  ENOTFOUND: 'Name or service not known',
  EAI_AGAIN: 'Temporary failure in name resolution',
};

function describe(error: NodeJS.ErrnoException): string {
  return WORDS[error.code ?? ''] ?? error.message;
}

function listening(server: net.Server, options: net.ListenOptions): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error));
    server.listen({ ...options, exclusive: true }, () => {
      server.removeAllListeners('error');
      resolve(undefined);
    });
  });
}
