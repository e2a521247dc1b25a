/** One connection of the bus: cuts what arrives into frames, and bounds what waits to be sent. */
import type net from 'node:net';
import { parseIp } from '../core/address.js';
import { FrameReader } from '../core/frameReader.js';

/** Bound of a send queue where cluster-link-sendbuf-limit is 0, "no limit": no peer is worth our last memory. */
const UNLIMITED_BYTES = 2 ** 30;

export interface BusSocketEvents {
  connected(link: number, localIp: string): void;
  frame(link: number, frame: Uint8Array): void;
  /** Once, unless we closed the socket ourselves. */
  closed(link: number, reason: string): void;
}

export class BusSocket {
  readonly link: number;
  readonly #socket: net.Socket;
  readonly #events: BusSocketEvents;
  readonly #reader = new FrameReader();
  #open = true;

  constructor(link: number, socket: net.Socket, events: BusSocketEvents) {
    this.link = link;
    this.#socket = socket;
    this.#events = events;
    socket.setNoDelay(true);
    socket.on('connect', () => this.#open && events.connected(link, plainIp(socket.localAddress)));
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message));
    socket.on('end', () => this.#end('closed by the peer'));
    socket.on('close', () => this.#end('closed'));
  }

  /** Bytes accepted by {@link send} that the kernel has not taken yet. */
  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  /** False when the queue would grow beyond the limit (bytes, 0 for none): the caller has to close the link. */
  send(frame: Uint8Array, limitBytes: number): boolean {
    if (!this.#open) return true;
    // A single frame larger than the limit still goes out on an idle link.
    const queued = this.queuedBytes;
    if (queued > 0 && queued + frame.length > (limitBytes === 0 ? UNLIMITED_BYTES : limitBytes)) return false;
    this.#socket.write(frame);
    return true;
  }

  /** Ends the connection at once; no event follows. */
  close(): void {
    this.#open = false;
    this.#socket.destroy();
  }

  #receive(chunk: Uint8Array): void {
    if (!this.#open) return;
    const valid = this.#reader.push(chunk, (frame) => {
      this.#events.frame(this.link, frame);
      return this.#open;
    });
    if (!valid) this.#end('Bad message length or signature received from Cluster bus.');
  }

  #end(reason: string): void {
    if (!this.#open) return;
    this.close();
    this.#events.closed(this.link, reason);
  }
}

/** An address without the IPv6 dress of IPv4 ones (::ffff:127.0.0.1) and without a zone; '' when unknown. */
export function plainIp(address: string | undefined): string {
  if (address === undefined) return '';
  return parseIp(address.replace(/%.*$/, '')) ?? '';
}
