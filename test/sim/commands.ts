/** What a simulated node answers to clients, operators and other nodes, routed as the server does it. */
import type { AdminCommand } from '../../src/cluster/core/admin.js';
import type { Message, Reply, Request } from './messages.js';
import { PORT } from './messages.js';
import type { Socket, SocketEvents } from './network.js';
import type { NodeObserver, SimNode } from './node.js';

const OK: Reply = { text: 'OK' };
const MIGRATE_TIMEOUT_MS = 1000;

type Answer = (reply: Reply) => void;

export class Commands {
  readonly #node: SimNode;
  readonly #observer: NodeObserver;
  /** Writes that wait for the end of a pause. */
  #held: (() => void)[] = [];

  constructor(node: SimNode, observer: NodeObserver) {
    this.#node = node;
    this.#observer = observer;
  }

  reset(): void {
    this.#held = [];
  }

  /** A connection of the client port. */
  serve(socket: Socket<Message>): SocketEvents<Message> {
    return {
      received: (message) => {
        if (message instanceof Uint8Array) return;
        this.#node.catchUp();
        if (message.kind === 'command') this.#node.replication.command(socket, message.args);
        else if (message.kind === 'request') {
          const { id, request } = message;
          this.#handle(request, socket, (reply) => socket.send({ kind: 'reply', id, reply }));
        }
      },
      closed: () => this.#node.replication.closed(socket),
    };
  }

  retryHeld(): void {
    if (this.#node.writesArePaused) return;
    const held = this.#held;
    this.#held = [];
    for (const retry of held) retry();
  }

  #handle(request: Request, socket: Socket<Message>, answer: Answer): void {
    // Whoever has hung up meanwhile gets nothing done.
    if (!socket.open) return;
    switch (request.kind) {
      case 'set':
        return this.#set(request, socket, answer);
      case 'admin':
        return this.#admin(request.command, answer);
      case 'keysInSlot':
        return answer({ text: 'OK', keys: this.#node.replication.store.keysOf(request.slot).slice(0, request.count) });
      case 'migrate':
        return this.#migrate(request, socket, answer);
      case 'restore':
        return this.#restore(request, socket, answer);
    }
  }

  /** The answer leaves when the change is on disk. */
  #admin(command: AdminCommand, answer: Answer): void {
    const text = this.#node.admin(command);
    this.#node.run(() => answer({ text }));
  }

  #set(request: Extract<Request, { kind: 'set' }>, socket: Socket<Message>, answer: Answer): void {
    const { slot, key, value, asking } = request;
    const isNew = this.#node.replication.store.get(slot, key) === undefined;
    const redirection = this.#route(slot, isNew, asking);
    if (redirection !== undefined) return answer(redirection);
    if (this.#holds(request, socket, answer)) return;
    this.#observer.accepted(this.#node, slot, key);
    this.#node.replication.set(slot, key, value);
    answer(OK);
  }

  /** Where else the key is served; undefined for here. */
  #route(slot: number, isNew: boolean, asking: boolean): Reply | undefined {
    const { core } = this.#node;
    if (!core.stateOk) return { text: 'CLUSTERDOWN The cluster is down' };
    const owner = core.slotOwner(slot);
    if (owner === undefined) return { text: 'CLUSTERDOWN Hash slot not served' };
    if (!owner.isMyself) {
      if (asking && core.importingFrom(slot) !== undefined && core.myself.isMaster) return undefined;
      return { text: `MOVED ${owner.ip}` };
    }
    const target = core.migratingTo(slot);
    return target !== undefined && isNew ? { text: `ASK ${target.ip}` } : undefined;
  }

  #holds(request: Request, socket: Socket<Message>, answer: Answer): boolean {
    if (!this.#node.writesArePaused) return false;
    this.#held.push(() => this.#handle(request, socket, answer));
    return true;
  }

  #restore(request: Extract<Request, { kind: 'restore' }>, socket: Socket<Message>, answer: Answer): void {
    const { slot, key, value } = request;
    const redirection = this.#route(slot, false, true);
    if (redirection !== undefined) return answer(redirection);
    if (this.#holds(request, socket, answer)) return;
    this.#observer.restored(this.#node, key);
    this.#node.replication.set(slot, key, value);
    answer(OK);
  }

  /** The key goes only when the target has said that it has it, and only if we may still write then. */
  #migrate(request: Extract<Request, { kind: 'migrate' }>, socket: Socket<Message>, answer: Answer): void {
    const { slot, key, toIp } = request;
    const node = this.#node;
    if (this.#holds(request, socket, answer)) return;
    if (!node.core.myself.isMaster) return answer({ text: 'READONLY' });
    const value = node.replication.store.get(slot, key);
    if (value === undefined) return answer({ text: 'NOKEY' });
    let isOver = false;
    const end = (text: string): void => {
      if (isOver) return;
      isOver = true;
      target.close();
      answer({ text });
    };
    const target = node.dial(toIp, PORT, {
      connected: () => target.send({ kind: 'request', id: 0, request: { kind: 'restore', slot, key, value } }),
      received: (message) => {
        if (isOver || message instanceof Uint8Array || message.kind !== 'reply') return;
        const isDone = message.reply.text === 'OK' && node.core.myself.isMaster && !node.writesArePaused;
        if (isDone) node.replication.delete(slot, key);
        end(isDone ? 'OK' : `ERR ${message.reply.text}`);
      },
      closed: () => end('IOERR'),
    });
    node.after(MIGRATE_TIMEOUT_MS, () => end('IOERR'));
  }
}
