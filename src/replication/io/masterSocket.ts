/** The socket to the master. All reads land in one buffer, which is the receiver's only until it returns. */
import net from 'node:net';

const READ_BUFFER_BYTES = 256 * 1024;

export interface MasterSocketEvents {
  connected(): void;
  /** buf[0, length) came in. */
  received(buf: Buffer, length: number): void;
  /** Once, unless we closed it ourselves. */
  closed(reason: string): void;
}

export class MasterSocket {
  readonly #socket: net.Socket;
  readonly #events: MasterSocketEvents;
  #isOpen = true;

  constructor(host: string, port: number, localAddress: string | undefined, events: MasterSocketEvents) {
    this.#events = events;
    const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
    this.#socket = net.connect({
      host,
      port,
      ...(localAddress === undefined ? {} : { localAddress }),
      noDelay: true,
      onread: {
        buffer,
        callback: (count: number) => {
          if (this.#isOpen) events.received(buffer, count);
          return true;
        },
      },
    });
    this.#socket.on('connect', () => this.#isOpen && events.connected());
    this.#socket.on('error', (error) => this.#end(error.message));
    this.#socket.on('end', () => this.#end('connection lost'));
    this.#socket.on('close', () => this.#end('connection lost'));
  }

  get peerAddress(): string {
    const { remoteAddress = '?', remotePort = 0 } = this.#socket;
    return `${remoteAddress}:${remotePort}`;
  }

  get localAddress(): string {
    const { localAddress = '?', localPort = 0 } = this.#socket;
    return `${localAddress}:${localPort}`;
  }

  get fd(): number {
    return (this.#socket as unknown as { _handle?: { fd?: number } })._handle?.fd ?? -1;
  }

  /** Bytes that the kernel has not taken yet. */
  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: string | Uint8Array): void {
    if (this.#isOpen) this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Ends the connection at once; no event follows. */
  close(): void {
    this.#isOpen = false;
    this.#socket.destroy();
  }

  #end(reason: string): void {
    if (!this.#isOpen) return;
    this.close();
    this.#events.closed(reason);
  }
}
