/** Clients that write as fast as they can and remember which writes the server acknowledged. */
import { connect, type Socket } from 'node:net';
import { encodeRequest } from '../../support/resp.js';

/** Requests under way at once on each connection. */
const WINDOW = 100;

/** Writes numbered items one after the other until its connection ends. */
export abstract class Writer {
  /** Items 0 to acknowledged - 1 were acknowledged. */
  acknowledged = 0;
  /** Items 0 to sent - 1 were sent. */
  sent = 0;
  #replyBytes = 0;
  #acknowledgedBefore = 0;

  /** The requests of item `i`. */
  protected abstract item(i: number): string[][];
  /** Length of the replies to one item when all went well: they are all of one length. */
  protected abstract readonly replyBytes: number;

  /** Writes on, behind the last acknowledged item, until the connection ends. */
  async run(port: number): Promise<void> {
    this.sent = this.acknowledged;
    this.#acknowledgedBefore = this.acknowledged;
    this.#replyBytes = 0;
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve) => {
      socket.on('connect', () => this.#fill(socket));
      socket.on('data', (data) => this.#onReplies(socket, data));
      // The server is killed: a broken connection is what this is for.
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
  }

  #onReplies(socket: Socket, data: Buffer): void {
    if (data.includes('-')) throw new Error(`refused: ${data.toString()}`);
    this.#replyBytes += data.length;
    this.acknowledged = this.#acknowledgedBefore + Math.floor(this.#replyBytes / this.replyBytes);
    this.#fill(socket);
  }

  #fill(socket: Socket): void {
    const requests: Buffer[] = [];
    while (this.sent - this.acknowledged < WINDOW) {
      requests.push(...this.item(this.sent++).map((request) => encodeRequest(request)));
    }
    if (requests.length > 0) socket.write(Buffer.concat(requests));
  }
}

/** Item i sets the key `prefix:i` to i. */
export class SetWriter extends Writer {
  protected override readonly replyBytes = '+OK\r\n'.length;
  readonly #prefix: string;

  constructor(prefix: string) {
    super();
    this.#prefix = prefix;
  }

  key(i: number): string {
    return `${this.#prefix}:${i}`;
  }

  protected override item(i: number): string[][] {
    return [['SET', this.key(i), String(i)]];
  }
}

/** Item i sets `left:i` and `right:i` in one transaction. */
export class TransactionWriter extends Writer {
  protected override readonly replyBytes = '+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n'.length;

  protected override item(i: number): string[][] {
    return [['MULTI'], ['SET', `left:${i}`, String(i)], ['SET', `right:${i}`, String(i)], ['EXEC']];
  }
}
