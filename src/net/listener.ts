/**
 * Listening sockets: TCP on every address of `bind`, and a Unix socket.
 *
 * Starting may wait a turn of the event loop, in which node:net resolves names. CONFIG SET has to know before it answers: see
 * {@link Listener.relisten}.
 */
import fs from 'node:fs';
import net from 'node:net';
import { isRawHandle, loadRawApi } from './rawHandle.js';
import { RawStream, RawStreams } from './rawStream.js';
import { SocketStream } from './socketStream.js';
import type { Stream } from './stream.js';

/** One read takes at most this much; larger requests come in several. */
const READ_BUFFER_BYTES = 128 * 1024;

export interface ListenerOptions {
  readonly backlog: number;
  /** Seconds; 0 turns keep-alive off. */
  keepAliveSeconds(): number;
  onAccept(stream: Stream): void;
  log(level: 'warning' | 'notice', text: string): void;
}

interface TcpSocket {
  readonly server: net.Server;
  readonly port: number;
}

export class Listener {
  readonly #options: ListenerOptions;
  #tcp: TcpSocket[] = [];
  #addresses: readonly string[] = [];
  #unix: net.Server | undefined;
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
    this.#addresses = addresses;
    for (const entry of addresses) {
      const server = net.createServer();
      const error = await listening(server, { ...hostOf(entry), port: chosen, backlog: this.#options.backlog });
      if (error === undefined) chosen = this.#keep(server);
      else if (!mayBeMissing(entry, error)) return { error: this.#logRefusal(entry, chosen, error) };
    }
    return chosen;
  }

  /**
   * Moves to other addresses or another port (0: none) while serving; connections stay. Takes effect before it returns:
   * false when one cannot be had, and then it listens where it did before. Names are not resolved here, only addresses taken.
   */
  relisten(addresses: readonly string[], port: number): boolean {
    const old = this.#tcp;
    const oldAddresses = this.#addresses;
    const oldPort = old[0]?.port ?? 0;
    if (port === oldPort && sameList(addresses, oldAddresses)) return true;
    // On the same port the old sockets stand in the way of the new ones; on another one they stay until those listen.
    if (port === oldPort) for (const { server } of old) server.close();
    this.#tcp = [];
    const listens = port === 0 || this.#listenNow(addresses, port);
    if (!listens) {
      for (const { server } of this.#tcp) server.close();
      this.#tcp = port === oldPort ? [] : old;
      if (port === oldPort && oldPort !== 0) this.#listenNow(oldAddresses, oldPort);
      return false;
    }
    if (port !== oldPort) for (const { server } of old) server.close();
    this.#addresses = addresses;
    return true;
  }

  /** node:net's public `listen` looks names up first and so takes a turn; what it ends in does not. */
  #listenNow(addresses: readonly string[], port: number): boolean {
    for (const entry of addresses) {
      const { host, ipv6Only } = hostOf(entry);
      const server: SynchronousServer = net.createServer();
      const optional = entry.startsWith('-');
      // Why comes a tick later, as an event.
      server.on('error', (error: NodeJS.ErrnoException) => {
        if (!mayBeMissing(entry, error)) this.#logRefusal(entry, port, error);
      });
      if (net.isIP(host) === 0 || server._listen2 === undefined) {
        this.#options.log('warning', `CONFIG SET cannot resolve the name '${host}': give its address, or restart.`);
        return false;
      }
      server._listen2(host, port, ipv6Only ? 6 : 4, this.#options.backlog, undefined, ipv6Only ? IPV6_ONLY : 0);
      if (server.listening) this.#keep(server);
      else if (!optional) return false;
    }
    return true;
  }

  /** Starts accepting. Answers the port. */
  #keep(server: net.Server): number {
    const { port } = server.address() as net.AddressInfo;
    this.#tcp.push({ server, port });
    this.#accept(server, undefined);
    return port;
  }

  #logRefusal(entry: string, port: number, error: NodeJS.ErrnoException): string {
    const text = `Could not create server TCP listening socket ${entry.replace(/^-/, '')}:${port}: ${describe(error)}`;
    this.#options.log('warning', `Warning: ${text}`);
    return text;
  }

  /**
   * Listens on a Unix socket, replacing one that a dead server left, or the empty file that reserved the name. `mode` 0 leaves the
   * permissions alone.
   */
  async listenUnix(path: string, mode: number): Promise<{ readonly error: string } | undefined> {
    try {
      const old = fs.lstatSync(path, { throwIfNoEntry: false });
      if (old?.isSocket() || (old?.isFile() && old.size === 0)) fs.unlinkSync(path);
    } catch (error) {
      return { error: `Could not remove the old Unix socket ${path}: ${(error as Error).message}` };
    }
    const server = net.createServer();
    const error = await listening(server, { path, backlog: this.#options.backlog });
    if (error !== undefined) return { error: `Opening Unix socket: ${path}: ${describe(error)}` };
    if (mode !== 0) fs.chmodSync(path, mode);
    this.#unixPath = path;
    this.#unix = server;
    this.#accept(server, path);
    return undefined;
  }

  /** Stops listening. Connections go on. */
  close(): void {
    for (const { server } of this.#tcp) server.close();
    this.#tcp = [];
    this.#unix?.close();
    this.#unix = undefined;
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

/** libuv's UV_TCP_IPV6ONLY: an IPv6 socket that leaves the IPv4 one of the same port alone. */
const IPV6_ONLY = 1;

/** A server with the undocumented method, unchanged since Node 0.6, that binds and listens before it returns. */
interface SynchronousServer extends net.Server {
  _listen2?(host: string, port: number, family: 4 | 6, backlog: number, fd: undefined, flags: number): void;
}

/** An entry of `bind` as node:net wants it. */
function hostOf(entry: string): { readonly host: string; readonly ipv6Only: boolean } {
  const address = entry.startsWith('-') ? entry.slice(1) : entry;
  const host = address === '*' ? '0.0.0.0' : address === '::*' ? '::' : address;
  return { host, ipv6Only: host.includes(':') };
}

function mayBeMissing(entry: string, error: NodeJS.ErrnoException): boolean {
  return entry.startsWith('-') && NOT_ON_THIS_MACHINE.has(error.code ?? '');
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
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
