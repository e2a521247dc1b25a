/** What happens on the sockets of a simulated process. A large simulation has millions of them: objects of few fields, not closures. */
import type { Message } from './messages.js';
import type { SocketEvents } from './network.js';
import type { SimNode } from './node.js';

/** One end of a connection of the bus, for the core. */
export class BusEvents implements SocketEvents<Message> {
  readonly #node: SimNode;
  readonly #link: number;

  constructor(node: SimNode, link: number) {
    this.#node = node;
    this.#link = link;
  }

  connected(): void {
    this.#node.step({ kind: 'connected', link: this.#link, localIp: this.#node.ip });
  }

  received(frame: Message): void {
    this.#node.busReceived(this.#link, frame);
  }

  closed(reason: string): void {
    this.#node.busClosed(this.#link, reason);
  }
}

/** What happens on a socket of a process, for the thread of that process while it lives. */
export class ProcessEvents implements SocketEvents<Message> {
  readonly #node: SimNode;
  readonly #incarnation: number;
  readonly #events: SocketEvents<Message>;

  constructor(node: SimNode, events: SocketEvents<Message>) {
    this.#node = node;
    this.#incarnation = node.incarnation;
    this.#events = events;
  }

  #run(task: () => void): void {
    if (this.#node.incarnation === this.#incarnation) this.#node.run(task);
  }

  connected(): void {
    this.#run(() => this.#events.connected?.());
  }

  received(message: Message): void {
    this.#run(() => this.#events.received(message));
  }

  closed(reason: string): void {
    this.#run(() => this.#events.closed(reason));
  }
}
