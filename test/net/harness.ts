/**
 * A whole server without a socket: everything is real but the streams, which take what the test lets them take, and the
 * clock, which stands still until it is moved.
 */
import { ManualClock } from '../../src/base/clock.js';
import { Config } from '../../src/config/config.js';
import { CommandTable } from '../../src/exec/commandTable.js';
import type { Stream, StreamEvents } from '../../src/net/stream.js';
import { createLogger } from '../../src/observability/logger.js';
import type { Disk } from '../../src/server/aof.js';
import { ALL_COMMANDS } from '../../src/server/commandList.js';
import { Server } from '../../src/server/server.js';
import { encodeRequest, type Reply, ReplyDecoder } from '../support/resp.js';

const START_MS = 1_700_000_000_000;

export class FakeStream implements Stream {
  readonly fd = 42;
  readonly peerAddress: string = '127.0.0.1:50000';
  readonly localAddress: string = '127.0.0.1:6379';
  readonly local: boolean = true;
  /** How many writes the kernel still takes at once; later ones wait for {@link drain}. */
  takesWrites = Number.POSITIVE_INFINITY;
  closed = false;
  reading = true;
  /** Lengths of the writes, in order. */
  readonly writes: number[] = [];
  #events: StreamEvents | undefined;
  /** Memory that was not taken at once: it must not change until it has been. */
  #pending: { readonly view: Buffer; readonly was: Buffer } | undefined;
  readonly #received: Buffer[] = [];

  start(events: StreamEvents): void {
    this.#events = events;
  }

  setNoDelay(): void {}

  write(buf: Buffer, from: number, to: number): boolean {
    if (this.closed) throw new Error('written to after it was closed');
    if (this.#pending !== undefined) throw new Error('written to while an earlier write had not left');
    const view = buf.subarray(from, to);
    this.writes.push(to - from);
    if (this.takesWrites > 0) {
      this.takesWrites--;
      this.#received.push(Buffer.from(view));
      return true;
    }
    this.#pending = { view, was: Buffer.from(view) };
    return false;
  }

  /** The peer reads again: the write that waited leaves, and so do the next `more` ones. */
  drain(more = Number.POSITIVE_INFINITY): void {
    const pending = this.#pending;
    if (pending === undefined) throw new Error('nothing is waiting');
    if (!pending.view.equals(pending.was)) throw new Error('memory that was being written has been changed');
    this.#received.push(pending.was);
    this.#pending = undefined;
    this.takesWrites = more;
    this.#events?.onDrained();
  }

  get waiting(): boolean {
    return this.#pending !== undefined;
  }

  /** Bytes from the peer. They arrive in memory that is overwritten afterwards, as the shared read buffer is. */
  receive(bytes: Buffer | string): void {
    const shared = Buffer.from(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    this.#events?.onData(shared, shared.length);
    shared.fill(0xaa);
  }

  /** The peer is gone. */
  hangUp(): void {
    this.closed = true;
    this.#events?.onClosed('closed by peer');
  }

  pauseReading(): void {
    this.reading = false;
  }

  resumeReading(): void {
    this.reading = true;
  }

  close(): void {
    this.closed = true;
  }

  /** All that the peer has got, as text. */
  get text(): string {
    return Buffer.concat(this.#received).toString('latin1');
  }

  /** What the peer has got since the last call, as replies. */
  takeReplies(): Reply[] {
    const decoder = new ReplyDecoder();
    for (const bytes of this.#received.splice(0)) decoder.push(bytes);
    const replies: Reply[] = [];
    for (let reply = decoder.next(); reply !== undefined; reply = decoder.next()) replies.push(reply);
    return replies;
  }
}

export class Harness {
  readonly clock = new ManualClock(START_MS);
  readonly log: string[] = [];
  readonly server: Server;

  constructor(directives: Readonly<Record<string, string>> = {}, disk?: Disk) {
    const config = new Config({
      directory: disk === undefined ? '/tmp' : '/data',
      changeDirectory: (_, path) => ({ ok: true, path }),
    });
    const refused = config.set(Object.entries({ save: '', ...directives }), { isLocal: true, isLoading: false });
    if (refused !== undefined) throw new Error(refused);
    const sink = (line: string): void => {
      this.log.push(line);
    };
    this.server = new Server({
      config,
      commands: new CommandTable(ALL_COMMANDS),
      clock: this.clock,
      logger: createLogger({ sink, level: 'verbose', pid: 1, clock: this.clock, role: 'M' }),
      configFile: '',
      executable: '/usr/bin/shoal-server',
      onExit: (code) => this.log.push(`exit ${code}`),
      ...(disk === undefined ? {} : { disk }),
    });
    this.server.refreshGates();
  }

  connect(stream: FakeStream = new FakeStream()): FakeStream {
    this.server.clients.accept(stream);
    return stream;
  }

  /** Runs one request on a stream and answers its only reply. */
  call(stream: FakeStream, ...args: string[]): Reply {
    stream.takeReplies();
    stream.receive(encodeRequest(args));
    const replies = stream.takeReplies();
    if (replies.length !== 1) throw new Error(`${args.join(' ')}: ${replies.length} replies`);
    return replies[0] as Reply;
  }

  get clients(): number {
    return this.server.clients.count;
  }
}

/** Lets what was put off to the end of the event loop's round happen. */
export function endOfRound(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
