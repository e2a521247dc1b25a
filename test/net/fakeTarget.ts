/** A server that keys are moved to, which says what the test has it say, when the test has it say so. */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

export class FakeTarget {
  /** Connections so far. */
  readonly sockets: Socket[] = [];
  readonly #server: Server;
  readonly #received: string[] = [];
  #changed: () => void = () => undefined;

  private constructor() {
    this.#server = createServer((socket) => {
      const at = this.sockets.push(socket) - 1;
      this.#received[at] = '';
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        this.#received[at] += data.toString('latin1');
        this.#changed();
      });
      socket.on('close', () => this.#changed());
      this.#changed();
    });
  }

  static async start(): Promise<FakeTarget> {
    const target = new FakeTarget();
    await new Promise<void>((resolve) => target.#server.listen(0, '127.0.0.1', resolve));
    return target;
  }

  get port(): string {
    return String((this.#server.address() as AddressInfo).port);
  }

  /** What came on the connection that was opened last. */
  get text(): string {
    return this.#received.at(-1) ?? '';
  }

  /** Names of the commands that came on a connection, which have to be whole but for the last. */
  commands(connection = this.sockets.length - 1): string[] {
    return [...(this.#received[connection] ?? '').matchAll(/\*\d+\r\n\$\d+\r\n([A-Z-]+)\r\n/g)].map(
      ([, name]) => name as string,
    );
  }

  /** Waits until it is so; asked whenever anything happens here. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async untilCommands(count: number): Promise<void> {
    await this.until(() => this.commands().length >= count);
  }

  say(text: string): void {
    this.sockets.at(-1)?.write(text);
  }

  hangUp(): void {
    this.sockets.at(-1)?.destroy();
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
