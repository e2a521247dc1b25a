/** The connection of an atomic move's source to its target: requests out in chunks, an answer in for each. */
import { MigrationSocket } from './migrationSocket.js';
import { SlotRequests } from './slotRequests.js';

/** What is handed to the socket at a time. */
const CHUNK_BYTES = 64 * 1024;

/** Why a move does not go on. */
export class MoveFailure extends Error {}

export class SlotLink {
  readonly requests = new SlotRequests();
  /** Answers that are still to come. */
  #owed = 0;
  readonly #socket: MigrationSocket;
  readonly #timeoutMs: () => number;

  private constructor(socket: MigrationSocket, timeoutMs: () => number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
  }

  /** `timeoutMs` is asked before each wait. Throws when there is no way to the target. */
  static async connect(host: string, port: number, timeoutMs: () => number): Promise<SlotLink> {
    const socket = await MigrationSocket.connect(host, port, timeoutMs());
    if (typeof socket === 'string') throw new MoveFailure(`Cannot connect to the target at ${host}:${port}`);
    return new SlotLink(socket, timeoutMs);
  }

  get isChunkFull(): boolean {
    return this.requests.length >= CHUNK_BYTES;
  }

  /** Sends what there is. One chunk is under way while the next is made. Throws when the target objects to anything. */
  async flush(): Promise<void> {
    const { count } = this.requests;
    await this.#send();
    while (this.#owed > count) await this.#answer();
  }

  /** Sends what there is, in the middle of a request. */
  async flushPart(): Promise<void> {
    await this.#send();
  }

  /** Sends what there is and waits for all answers. */
  async settle(): Promise<void> {
    await this.#send();
    while (this.#owed > 0) await this.#answer();
  }

  /** Sends one request when all others have been answered. Answers the line that came; undefined when none did. */
  async ask(...parts: string[]): Promise<string | undefined> {
    this.requests.add(parts);
    const bytes = this.#take();
    // That it could not be written does not mean that nothing of it has arrived.
    void this.#socket.write(bytes, this.#timeoutMs());
    const answer = await this.#socket.readLine(this.#timeoutMs());
    if (typeof answer === 'string') return undefined;
    this.#owed--;
    return answer.line;
  }

  /** The same where only OK will do. */
  async demand(...parts: string[]): Promise<void> {
    const line = await this.ask(...parts);
    if (line === undefined) throw new MoveFailure('No answer from the target');
    if (line !== '+OK') throw new MoveFailure(`The target answered: ${line.replace(/^[-+]/, '')}`);
  }

  close(): void {
    this.#socket.close();
  }

  #take(): Buffer {
    this.#owed += this.requests.count;
    this.requests.count = 0;
    return this.requests.take();
  }

  async #send(): Promise<void> {
    const bytes = this.#take();
    if (bytes.length === 0) return;
    const failure = await this.#socket.write(bytes, this.#timeoutMs());
    if (failure !== undefined) throw new MoveFailure(broken(failure));
  }

  async #answer(): Promise<void> {
    const answer = await this.#socket.readLine(this.#timeoutMs());
    if (typeof answer === 'string') throw new MoveFailure(broken(answer));
    this.#owed--;
    if (answer.line.startsWith('-')) throw new MoveFailure(`The target answered: ${answer.line.slice(1)}`);
  }
}

function broken(how: 'timeout' | 'closed'): string {
  return how === 'timeout' ? 'The target does not answer in time' : 'The connection to the target was lost';
}
