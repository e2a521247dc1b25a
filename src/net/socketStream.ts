import type { Socket } from 'node:net';
import { formatAddress, isLoopback } from './rawStream.js';
import type { Stream, StreamEvents } from './stream.js';

/** A stream over a public `node:net` socket: for a Node whose handles we do not know. */
export class SocketStream implements Stream {
  readonly fd: number;
  readonly peerAddress: string;
  readonly localAddress: string;
  readonly local: boolean;
  readonly #socket: Socket;
  #closed = false;

  constructor(socket: Socket, unixPath: string | undefined) {
    this.#socket = socket;
    this.fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd ?? -1;
    const { remoteAddress = '?', remotePort = 0, localAddress = '?', localPort = 0 } = socket;
    this.peerAddress = unixPath === undefined ? formatAddress(remoteAddress, remotePort) : `${unixPath}:0`;
    this.localAddress = unixPath === undefined ? formatAddress(localAddress, localPort) : `${unixPath}:0`;
    this.local = unixPath !== undefined || isLoopback(remoteAddress);
  }

  start(events: StreamEvents): void {
    const end = (reason: string): void => {
      if (this.#closed) return;
      this.close();
      events.onClosed(reason);
    };
    this.#socket.on('data', (chunk: Buffer) => events.onData(chunk, chunk.length));
    this.#socket.on('drain', () => events.onDrained());
    this.#socket.on('end', () => end('closed by peer'));
    this.#socket.on('close', () => end('closed'));
    this.#socket.on('error', (error) => end(error.message));
    this.#socket.resume();
  }

  write(buf: Buffer, from: number, to: number): boolean {
    if (this.#closed) return true;
    // The socket may keep the bytes although it answers true, so it gets a copy: this is the slow way anyway.
    return this.#socket.write(Buffer.from(buf.subarray(from, to)));
  }

  setNoDelay(on: boolean): void {
    this.#socket.setNoDelay(on);
  }

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroySoon();
  }
}
