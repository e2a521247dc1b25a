import { getSystemErrorName } from 'node:util';
import type { RawAddress, RawApi, RawHandle, WriteRequest } from './rawHandle.js';
import type { Stream, StreamEvents } from './stream.js';

const EOF_ERRNO = -4095;
/** Replies up to this long are written through views made once, so that a short reply makes no garbage. */
const CACHED_VIEWS = 512;

/** What all raw streams of one server share. */
export class RawStreams {
  readonly api: RawApi;
  /** Every read of every client lands here: a read is parsed before the next one happens. */
  readonly readBuffer: Buffer;
  #viewsOf: Buffer | undefined;
  readonly #views: (Buffer | undefined)[] = new Array<Buffer | undefined>(CACHED_VIEWS + 1);
  #spareRequest: WriteRequest | undefined;

  constructor(api: RawApi, readBufferBytes: number) {
    this.api = api;
    this.readBuffer = Buffer.allocUnsafeSlow(readBufferBytes);
  }

  /** buf[from, to) as a view, from a cache where that pays. */
  view(buf: Buffer, from: number, to: number): Buffer {
    const length = to - from;
    if (length === buf.length) return buf;
    if (from !== 0 || length > CACHED_VIEWS) return buf.subarray(from, to);
    if (this.#viewsOf !== buf) {
      this.#viewsOf = buf;
      this.#views.fill(undefined);
    }
    let view = this.#views[length];
    if (view === undefined) {
      view = buf.subarray(0, length);
      this.#views[length] = view;
    }
    return view;
  }

  /** A request that writes at once is not kept by Node and serves the next write too. */
  takeRequest(): WriteRequest {
    const request = this.#spareRequest ?? this.api.newWriteRequest();
    this.#spareRequest = undefined;
    return request;
  }

  returnRequest(request: WriteRequest): void {
    this.#spareRequest = request;
  }
}

export class RawStream implements Stream {
  readonly fd: number;
  readonly peerAddress: string;
  readonly localAddress: string;
  readonly local: boolean;
  readonly #handle: RawHandle;
  readonly #shared: RawStreams;
  #events!: StreamEvents;
  #closed = false;
  #paused = false;

  constructor(handle: RawHandle, shared: RawStreams, unixPath: string | undefined) {
    this.#handle = handle;
    this.#shared = shared;
    this.fd = handle.fd;
    const peer = unixPath === undefined ? address(handle, 'getpeername') : undefined;
    this.peerAddress = peer === undefined ? `${unixPath ?? '?'}:0` : format(peer);
    this.localAddress = unixPath === undefined ? format(address(handle, 'getsockname')) : `${unixPath}:0`;
    this.local = unixPath !== undefined || isLoopback(peer?.address ?? '');
  }

  start(events: StreamEvents): void {
    this.#events = events;
    const { api, readBuffer } = this.#shared;
    this.#handle.onread = () => {
      const count = api.state[api.kReadBytesOrError];
      if (count === readBuffer.length) this.#letOthersRead();
      if (count > 0) events.onData(readBuffer, count);
      else if (count < 0 && !this.#closed)
        this.#end(count === EOF_ERRNO ? 'closed by peer' : getSystemErrorName(count));
    };
    this.#handle.useUserBuffer(readBuffer);
    this.#handle.readStart();
  }

  write(buf: Buffer, from: number, to: number): boolean {
    if (this.#closed) return true;
    const request = this.#shared.takeRequest();
    const { api } = this.#shared;
    const view = this.#shared.view(buf, from, to);
    const error = this.#handle.writeBuffer(request, view);
    if (error !== 0) {
      this.#end(getSystemErrorName(error));
      return true;
    }
    if (api.state[api.kLastWriteWasAsync] === 0) {
      this.#shared.returnRequest(request);
      return true;
    }
    // Node's write does not hold the memory it writes from: without this it could be collected, and reused, meanwhile.
    request.buffer = view;
    request.oncomplete = (status) => {
      if (this.#closed) return;
      if (status < 0) this.#end(getSystemErrorName(status));
      else this.#events.onDrained();
    };
    return false;
  }

  setNoDelay(on: boolean): void {
    if (!this.#closed) this.#handle.setNoDelay?.(on);
  }

  pauseReading(): void {
    this.#paused = true;
    if (!this.#closed) this.#handle.readStop();
  }

  resumeReading(): void {
    this.#paused = false;
    if (!this.#closed) this.#handle.readStart();
  }

  /** A full buffer means that there is more, which libuv would read up to 32 times before it looks at anybody else. */
  #letOthersRead(): void {
    this.#handle.readStop();
    setImmediate(() => {
      if (!this.#closed && !this.#paused) this.#handle.readStart();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handle.readStop();
    this.#handle.close();
  }

  #end(reason: string): void {
    this.close();
    this.#events.onClosed(reason);
  }
}

function address(handle: RawHandle, which: 'getpeername' | 'getsockname'): RawAddress {
  const out: RawAddress = {};
  handle[which]?.(out);
  return out;
}

function format({ address: host = '?', port = 0 }: RawAddress): string {
  return formatAddress(host, port);
}

/** host:port, an IPv6 host in brackets, an IPv4 host mapped into IPv6 as IPv4. */
export function formatAddress(host: string, port: number): string {
  const plain = host.startsWith('::ffff:') ? host.slice(7) : host;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

export function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1' || host.startsWith('::ffff:127.');
}
