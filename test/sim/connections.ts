/** Clients and operators: hosts that ask nodes, and the way to write down what they do one after the other. */
import { type Message, PORT, type Reply, type Request } from './messages.js';
import type { Network, Socket } from './network.js';
import type { VirtualTime } from './virtualTime.js';

/** Something that takes time: begins when it is called, and calls back when it is over. */
export type Wait<T> = (done: (value: T) => void) => void;

/** A procedure that waits: `const reply = yield* wait(asker.ask(...))`. */
export type Procedure<T = void> = Generator<Wait<unknown>, T, unknown>;

export function* wait<T>(what: Wait<T>): Procedure<T> {
  return (yield what as Wait<unknown>) as T;
}

export function start(procedure: Procedure, ended: () => void = () => {}): void {
  const go = (value: unknown): void => {
    const { done, value: next } = procedure.next(value);
    if (done) ended();
    else next(go);
  };
  go(undefined);
}

export function sleep(time: VirtualTime, ms: number): Wait<undefined> {
  return (done) => time.after(ms, () => done(undefined));
}

export class Asker {
  readonly ip: string;
  readonly #network: Network<Message>;
  readonly #time: VirtualTime;
  readonly #sockets = new Map<string, Socket<Message>>();
  readonly #waiting = new Map<number, (reply: Reply | undefined) => void>();
  #nextId = 1;

  constructor(network: Network<Message>, time: VirtualTime, ip: string) {
    this.ip = ip;
    this.#network = network;
    this.#time = time;
    network.attach({ ip, accept: () => undefined });
  }

  /** Undefined when no answer comes in time: then nobody knows whether it was done. */
  ask(ip: string, request: Request, timeoutMs: number): Wait<Reply | undefined> {
    return (done) => {
      const id = this.#nextId++;
      const socket = this.#sockets.get(ip) ?? this.#connect(ip);
      const end = (reply: Reply | undefined): void => {
        if (this.#waiting.delete(id)) done(reply);
      };
      this.#waiting.set(id, end);
      this.#send(socket, { kind: 'request', id, request });
      this.#time.after(timeoutMs, () => {
        if (!this.#waiting.has(id)) return;
        // What was asked may still be under way. It is not to be done once nobody counts on it.
        this.#hangUp(ip, socket);
        end(undefined);
      });
    };
  }

  readonly #unsent = new Map<Socket<Message>, Message[]>();

  #send(socket: Socket<Message>, message: Message): void {
    const unsent = this.#unsent.get(socket);
    if (unsent === undefined) socket.send(message);
    else unsent.push(message);
  }

  #connect(ip: string): Socket<Message> {
    const socket: Socket<Message> = this.#network.connect(this.ip, ip, PORT, {
      connected: () => {
        const unsent = this.#unsent.get(socket) ?? [];
        this.#unsent.delete(socket);
        for (const message of unsent) socket.send(message);
      },
      received: (message) => {
        if (!(message instanceof Uint8Array) && message.kind === 'reply')
          this.#waiting.get(message.id)?.(message.reply);
      },
      closed: () => this.#hangUp(ip, socket),
    });
    this.#sockets.set(ip, socket);
    this.#unsent.set(socket, []);
    return socket;
  }

  #hangUp(ip: string, socket: Socket<Message>): void {
    socket.close();
    this.#unsent.delete(socket);
    if (this.#sockets.get(ip) === socket) this.#sockets.delete(ip);
  }
}
