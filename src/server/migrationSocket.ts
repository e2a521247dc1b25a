/** A connection to the server that keys are moved to: bytes out with back pressure, lines in. */
import net from 'node:net';

/** Why something did not happen. */
export type SocketFailure = 'timeout' | 'closed';

/** Why there is no connection: nobody listens there, or there is no such place or no answer from it. */
export type ConnectFailure = 'refused' | 'unreachable';

const REFUSALS: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH']);

/** Replies of RESTORE are one short line; no server says more without an end. */
const LINE_MAX_BYTES = 64 * 1024;

export class MigrationSocket {
  /** The database that was selected last; undefined when that is not known. */
  selectedDb: string | undefined;
  /** By the wall clock. */
  lastUseMs = 0;
  /** Called once, when the connection has ended by itself while nobody waited for anything. */
  onIdleEnd: () => void = () => undefined;
  readonly #socket: net.Socket;
  #isOpen = true;
  #text = '';
  #wake: ((failure: SocketFailure | undefined) => void) | undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      if (this.#text.length > LINE_MAX_BYTES && !this.#text.includes('\n')) this.close();
      this.#wake?.(undefined);
    });
    socket.on('drain', () => this.#wake?.(undefined));
    socket.on('error', () => this.#ended());
    socket.on('end', () => this.#ended());
    socket.on('close', () => this.#ended());
  }

  static connect(host: string, port: number, timeoutMs: number): Promise<MigrationSocket | ConnectFailure> {
    if (port === 0) return Promise.resolve('refused');
    if (port < 0 || port > 65535) return Promise.resolve('unreachable');
    return new Promise((resolve) => {
      const socket = net.connect({ host, port, noDelay: true });
      const fail = (failure: ConnectFailure): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve(failure);
      };
      const timer = setTimeout(() => fail('unreachable'), timeoutMs);
      const refused = ({ code }: NodeJS.ErrnoException): void => fail(REFUSALS.has(code) ? 'refused' : 'unreachable');
      socket.once('error', refused);
      socket.once('connect', () => {
        clearTimeout(timer);
        // A late error of a socket that was given up must not end the process, so this listener goes last.
        const connected = new MigrationSocket(socket);
        socket.off('error', refused);
        resolve(connected);
      });
    });
  }

  /** Sends bytes, which are the socket's from now on. Answers when there is room for more, or why there will be none. */
  async write(bytes: Buffer, timeoutMs: number): Promise<SocketFailure | undefined> {
    if (!this.#isOpen) return 'closed';
    if (this.#socket.write(bytes)) return undefined;
    while (this.#isOpen && this.#socket.writableNeedDrain) {
      if ((await this.#event(timeoutMs)) === 'timeout') return 'timeout';
    }
    return this.#isOpen ? undefined : 'closed';
  }

  /** The next line, one character a byte. Also of a connection that has ended since it came. */
  async readLine(timeoutMs: number): Promise<{ readonly line: string } | SocketFailure> {
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end).replace(/\r$/, '');
        this.#text = this.#text.slice(end + 1);
        return { line };
      }
      if (!this.#isOpen) return 'closed';
      if ((await this.#event(timeoutMs)) === 'timeout') return 'timeout';
    }
  }

  close(): void {
    this.#isOpen = false;
    this.#socket.destroy();
    this.#wake?.('closed');
  }

  /** Whether it may be used again: nothing is owed to either side. */
  get isClean(): boolean {
    return this.#isOpen && this.#text === '';
  }

  #event(timeoutMs: number): Promise<SocketFailure | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.('timeout'), timeoutMs);
      this.#wake = (failure) => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(failure);
      };
    });
  }

  #ended(): void {
    if (!this.#isOpen) return;
    const isIdle = this.#wake === undefined;
    this.close();
    if (isIdle) this.onIdleEnd();
  }
}
