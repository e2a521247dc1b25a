/**
 * One client connection: bytes in, requests to the executor, replies out.
 *
 * Reading. A read lands in the buffer that all connections share and is parsed there. Only a request that is not whole
 * yet (or is held back) moves to a buffer of the connection's own:
 *
 *   #own   │ request not whole yet │ more bytes ...│ room │
 *           0 = start of request    parser.pos      #ownLength
 *
 * Writing. Replies of a batch stand in the executor's reply writer; the {@link Outbox} hands them over: now, or, when the
 * AOF wants its bytes on disk first, at the end of the event loop's round. What the kernel does not take waits in `#queue`.
 * A long value is sent from where the store has it, a piece at a time, so that it is never copied and never keeps others
 * waiting (base/lease.ts).
 */

import { asBuffer } from '../base/bytes.js';
import { allocateBytes } from '../base/growable.js';
import type { Parcel } from '../base/lease.js';
import { HELD_BACK } from '../exec/executor.js';
import type { OutputSource, Session, Transport } from '../exec/session.js';
import { ArgVector } from '../resp/argVector.js';
import type { Loan, ReplyWriter } from '../resp/replyWriter.js';
import { INCOMPLETE, PROTOCOL_ERROR, REQUEST, RequestParser } from '../resp/requestParser.js';
import type { ConnectionHost } from './connectionHost.js';
import { OutputGuard } from './outputLimit.js';
import { SendQueue } from './sendQueue.js';
import { PIECE_BYTES, ROUND_BYTES, SourceSender } from './sourceSender.js';
import type { Stream, StreamEvents } from './stream.js';

/** An own buffer larger than this is let go when it is empty. */
const KEEP_OWN_BYTES = 64 * 1024;
/** What a connection costs beside its buffers: session, socket and their parts on the heap. */
const CONNECTION_BYTES = 4096;
/** Reading stops when this much has piled up behind a request that is held back. */
const HELD_BACK_MAX_BYTES = 1024 * 1024;

/** Less is seldom more than one request, and not worth a look ahead. */
const PIPELINE_BYTES = 96;

export class Connection implements Transport, StreamEvents {
  session!: Session;
  readonly #stream: Stream;
  readonly #host: ConnectionHost;
  readonly #parser = new RequestParser();
  #own: Buffer | undefined;
  /** Bytes in the buffer of all that are being looked at: the request that runs and those behind it. */
  #arrivedBytes = 0;
  #ownLength = 0;
  /** Arguments of an unfinished request, relative to `#own`. */
  #partialArgs: ArgVector | undefined;
  readonly #queue = new SendQueue();
  /** Replies of this connection that are still with the outbox, which counts them. */
  undelivered = 0;
  #writing = false;
  #writingBytes = 0;
  /** What the write under way is a piece of. */
  #leaving: Parcel | undefined;
  #pumpScheduled = false;
  #source: SourceSender | undefined;
  readonly #outputGuard = new OutputGuard();
  #closeWhenFlushed = false;
  #readingPaused = false;
  #destroyed = false;
  /** What the server's sum has of this connection's memory. */
  #accountedBytes = 0;

  constructor(stream: Stream, host: ConnectionHost) {
    this.#stream = stream;
    this.#host = host;
  }

  get peerAddress(): string {
    return this.#stream.peerAddress;
  }

  get localAddress(): string {
    return this.#stream.localAddress;
  }

  get fd(): number {
    return this.#stream.fd;
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  start(): void {
    this.#stream.start(this);
    this.#account();
  }

  /** Brings the server's sum of buffers up to date: at the end of whatever changed them. */
  #account(): void {
    const { queuedBytes, watchedBytes, subscriptions, tracking } = this.session;
    const kept = queuedBytes + watchedBytes + (subscriptions?.bytesUsed ?? 0) + (tracking?.prefixBytes ?? 0);
    const buffers = (this.#own?.length ?? 0) + this.#queue.bytes + this.#writingBytes + kept;
    const bytes = this.#destroyed ? 0 : CONNECTION_BYTES + buffers;
    const grown = bytes - this.#accountedBytes;
    this.#host.executor.eviction.clientBuffers.bytesUsed += grown;
    this.#accountedBytes = bytes;
    if (grown > 0) this.#host.grown();
  }

  queryBufferBytes(): number {
    return this.#ownLength + this.#arrivedBytes;
  }

  queryBufferFreeBytes(): number {
    return (this.#own?.length ?? 0) - this.#ownLength;
  }

  memoryBytes(): number {
    return this.#accountedBytes;
  }

  outputBytes(): number {
    return this.#queue.bytes + this.#writingBytes;
  }

  outputChunks(): number {
    return this.#queue.length + (this.#writing ? 1 : 0);
  }

  // ---------------------------------------------------------------- reading

  onData(buf: Uint8Array, length: number): void {
    if (this.#destroyed) return;
    this.session.totalNetworkIn += length;
    this.#host.executor.server.stats.netInputBytes += length;
    this.#host.executor.server.stats.readsProcessed++;
    if (this.#closeWhenFlushed) return;
    if (this.#ownLength === 0 && !this.session.stalled) {
      this.#parser.pos = 0;
      this.#arrivedBytes = length;
      this.#process(buf, length, this.#host.args);
      this.#arrivedBytes = 0;
      return;
    }
    this.#append(buf, length);
    if (!this.session.stalled) this.#processOwn();
    else if (this.#ownLength > HELD_BACK_MAX_BYTES) this.#pauseReading();
  }

  /** Goes on after a stall: first the request that was held back, then what came behind it. */
  resume(): void {
    if (this.#destroyed) return;
    const { heldBack } = this.session;
    if (heldBack !== undefined) this.#runHeldBack(heldBack);
    this.#account();
    if (this.session.stalled || this.#destroyed) return;
    if (this.#readingPaused) {
      this.#readingPaused = false;
      this.#stream.resumeReading();
    }
    if (this.#ownLength > 0) this.#processOwn();
  }

  #runHeldBack(request: ArgVector): void {
    this.session.heldBack = undefined;
    const { executor } = this.#host;
    executor.beginBatch(this.session);
    const from = executor.reply.length;
    executor.execute(this.session, request);
    executor.endBatch();
    this.#deliver(from);
    if (executor.blocking.pending) executor.blocking.serve(executor);
  }

  /** Writes a reply that was waited for, then goes on with what came behind the blocking command. */
  answer(write: (reply: ReplyWriter) => void): void {
    if (this.#destroyed) return;
    const { executor } = this.#host;
    executor.beginBatch(this.session);
    const from = executor.reply.length;
    write(executor.reply);
    executor.endBatch();
    this.#deliver(from);
    // Not now: the batch of whoever woke this client is under way, and others may be waiting for their turn.
    if (this.#ownLength > 0 || this.session.heldBack !== undefined) setImmediate(() => this.resume());
  }

  #processOwn(): void {
    const own = this.#own as Buffer;
    if (this.#ownLength - this.#parser.pos < this.#parser.needBytes) {
      this.#makeRoomForRest();
      return;
    }
    const args = this.#partialArgs ?? new ArgVector();
    this.#partialArgs = undefined;
    const length = this.#ownLength;
    this.#process(own, length, args);
  }

  /** Runs the requests in buf[parser.pos, length) and keeps what is left over. */
  #process(buf: Uint8Array, length: number, args: ArgVector): void {
    const { executor, outbox } = this.#host;
    const { session } = this;
    const parser = this.#parser;
    const maxBulkBytes = this.#host.maxBulkBytes();
    executor.beginBatch(session);
    let from = executor.reply.length;
    // The request under way began at 0 when it is being continued.
    let requestStart = parser.midRequest ? 0 : parser.pos;
    let lookAgainAt = parser.pos;
    for (;;) {
      if (parser.pos >= lookAgainAt && length - parser.pos >= PIPELINE_BYTES && !parser.midRequest) {
        lookAgainAt = executor.lookAhead(session, buf, parser.pos, length);
      }
      parser.authenticated = session.authenticated;
      const result = parser.parse(buf, length, args, maxBulkBytes);
      if (result === INCOMPLETE) break;
      requestStart = parser.pos;
      if (result === REQUEST) {
        const done = buf === this.#own ? this.#executeFromOwn(length, args) : executor.execute(session, args);
        if (executor.blocking.pending) from = this.#serveBlocked(from);
        if (done === HELD_BACK || session.closing) break;
        if (executor.reply.totalBytes > outbox.flushBytes) {
          // Writing to the AOF and to the kernel is no part of the next call's time.
          executor.endBatch();
          this.#deliver(from);
          outbox.flush();
          from = executor.reply.length;
          if (this.#destroyed) break;
        }
      } else if (result === PROTOCOL_ERROR) {
        this.#protocolError(parser.error, buf.subarray(requestStart, Math.min(length, requestStart + 128)));
        break;
      }
    }
    executor.endBatch();
    this.#keepRest(buf, requestStart, length, args);
    this.#deliver(from);
    this.#account();
  }

  /** The replies from `from` on may leave. Nothing of them does if they are more than the client may have waiting. */
  #deliver(from: number): void {
    const { executor, outbox } = this.#host;
    const { reply } = executor;
    if (reply.overflowed || this.#host.isTooMuchAtOnce(this.session, reply.bytesFrom(from) + this.outputBytes())) {
      this.#host.endForOutput(this.session, reply.bytesFrom(from));
      reply.length = from;
    }
    outbox.deliver(this, from);
  }

  /** Others' turn has come: our replies, from `from` on, leave before theirs are written. Answers where our next ones begin. */
  #serveBlocked(from: number): number {
    this.#deliver(from);
    const { executor } = this.#host;
    executor.blocking.serve(executor);
    executor.beginBatch(this.session);
    return executor.reply.length;
  }

  /** The store may keep a long value where it is when nothing stands behind it. A request that waits may take the whole buffer with it. */
  #executeFromOwn(length: number, args: ArgVector): number {
    const { executor } = this.#host;
    const own = this.#own as Buffer;
    if (own.length <= KEEP_OWN_BYTES) return executor.execute(this.session, args);
    const { store } = executor.server;
    store.offerSpare(own);
    if (this.#parser.pos === length) store.offer(own);
    const result = executor.execute(this.session, args);
    store.offer(undefined);
    if (store.endSpare()) this.#own = undefined;
    return result;
  }

  #protocolError(text: string, sample: Uint8Array): void {
    const { executor } = this.#host;
    executor.reply.error(`ERR Protocol error: ${text}`);
    this.#host.noteProtocolError(this.session, text, sample);
    this.session.closeAfterReply();
  }

  /** Moves buf[start, length) to the front of the own buffer; nothing is left over in the usual case. */
  #keepRest(buf: Uint8Array, start: number, length: number, args: ArgVector): void {
    const rest = length - start;
    if (rest === 0 || this.#destroyed || this.session.closing) {
      this.#parser.pos = 0;
      this.#ownLength = 0;
      this.#partialArgs = undefined;
      if (this.#own !== undefined && this.#own.length > KEEP_OWN_BYTES) this.#own = undefined;
      return;
    }
    const parser = this.#parser;
    if (start === 0 && buf === this.#own) {
      // Nothing moves: a request of a million words would else be shifted with every packet. `args` is our own here.
      if (parser.midRequest) this.#partialArgs = args;
      return this.#makeRoomForRest();
    }
    if (parser.midRequest) {
      this.#partialArgs = new ArgVector();
      this.#partialArgs.assignShifted(args, -start);
    }
    if (buf === this.#own) {
      this.#own.copyWithin(0, start, length);
      this.#ownLength = rest;
    } else {
      this.#ownLength = 0;
      this.#append(buf.subarray(start, length), rest);
    }
    parser.rebase(-start);
    this.#makeRoomForRest();
  }

  /** Grows the own buffer once to what the argument under way needs, instead of doubling towards it. */
  #makeRoomForRest(): void {
    const needed = this.#parser.pos + this.#parser.needBytes;
    if (this.#own === undefined || needed <= this.#own.length) return;
    if (needed > this.#host.maxQueryBufferBytes()) return this.#queryBufferFull(needed);
    this.#growOwn(needed + KEEP_OWN_BYTES);
  }

  #append(bytes: Uint8Array, length: number): void {
    const needed = this.#ownLength + length;
    if (needed > this.#host.maxQueryBufferBytes()) return this.#queryBufferFull(needed);
    if (this.#own === undefined || needed > this.#own.length) {
      this.#growOwn(Math.max(needed, Math.min(this.#ownLength * 2, this.#ownLength + 64 * KEEP_OWN_BYTES)));
    }
    this.#own?.set(length === bytes.length ? bytes : bytes.subarray(0, length), this.#ownLength);
    this.#ownLength = needed;
  }

  #growOwn(capacity: number): void {
    const grown = allocateBytes(capacity);
    if (this.#own !== undefined) this.#own.copy(grown, 0, 0, this.#ownLength);
    this.#own = grown;
    this.#account();
  }

  #queryBufferFull(bytes: number): void {
    this.#host.executor.server.stats.clientQueryBufferLimitDisconnections++;
    this.#host.log(
      'warning',
      `Closing client that reached max query buffer length: addr=${this.peerAddress} qbuf=${bytes}`,
    );
    this.destroy();
  }

  #pauseReading(): void {
    this.#readingPaused = true;
    this.#stream.pauseReading();
  }

  // ---------------------------------------------------------------- writing

  /** Sends a message that is no reply, behind what was replied so far. The caller does not change it afterwards. */
  send(bytes: Uint8Array): void {
    if (!this.#destroyed) this.#host.outbox.push(this, asBuffer(bytes));
  }

  /** Takes a message that leaves with the next {@link pump}. */
  enqueue(message: Buffer): void {
    if (this.#destroyed) return;
    this.session.totalNetworkOut += message.length;
    this.#queue.push(message);
    this.checkOutputLimit();
  }

  /**
   * Writes buf[from, to). True: the memory is free again. False: this connection's stream needs `buf` for some time, and the caller
   * must let go of it.
   */
  writeReplies(buf: Buffer, from: number, to: number): boolean {
    if (this.#destroyed) return true;
    const length = to - from;
    this.session.totalNetworkOut += length;
    if (this.#writing || this.#queue.length > 0) {
      this.#queue.pushCopy(buf, from, to);
      this.checkOutputLimit();
      return true;
    }
    if (this.#stream.write(buf, from, to)) {
      this.#flushed();
      return true;
    }
    this.#writing = true;
    this.#writingBytes = length;
    this.checkOutputLimit();
    return false;
  }

  /** Writes buf[from, to) with the long values that belong between. The memory of `buf` is free again at once. */
  writePieces(buf: Buffer, from: number, to: number, loans: readonly Loan[]): void {
    if (this.#destroyed) {
      for (const { parcel } of loans) parcel.release();
      return;
    }
    const queued = this.#queue.bytes;
    let start = from;
    for (const { at, parcel } of loans) {
      this.#queue.pushCopy(buf, start, at);
      this.#queue.push(parcel);
      start = at;
    }
    this.#queue.pushCopy(buf, start, to);
    this.session.totalNetworkOut += this.#queue.bytes - queued;
    this.pump();
    this.checkOutputLimit();
  }

  onDrained(): void {
    this.#writing = false;
    this.#writingBytes = 0;
    this.#leaving?.landed();
    this.#leaving = undefined;
    this.#source?.drained();
    this.pump();
  }

  sendFrom(source: OutputSource): void {
    this.#source = new SourceSender(source, this.#stream);
  }

  setNoDelay(on: boolean): void {
    this.#stream.setNoDelay(on);
  }

  /** Writes what waits, as far as the kernel takes it. */
  pump(): void {
    let left = ROUND_BYTES;
    while (left > 0 && !this.#writing && this.#queue.length > 0 && !this.#destroyed) {
      const { buf, from, to, parcel } = this.#queue.take(PIECE_BYTES);
      left -= to - from;
      if (this.#stream.write(buf, from, to)) {
        parcel?.landed();
      } else {
        this.#writing = true;
        this.#writingBytes = to - from;
        this.#leaving = parcel;
      }
    }
    const source = this.#source;
    if (source !== undefined && !this.#writing && this.#queue.length === 0) {
      const sent = source.send(left);
      left -= sent;
      this.session.totalNetworkOut += sent;
      this.#writing = source.isLeaving;
    }
    this.#account();
    if (this.#writing) return;
    if (this.#queue.length > 0 || left <= 0) return this.#pumpLater();
    this.#outputGuard.relax();
    this.#flushed();
  }

  #pumpLater(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    setImmediate(() => {
      this.#pumpScheduled = false;
      this.pump();
    });
  }

  #flushed(): void {
    if (this.#closeWhenFlushed) this.destroy();
  }

  /** Ends this connection when too much of what it was sent waits, or has for too long. */
  checkOutputLimit(): void {
    this.#account();
    const [bytes, limit] = [this.outputBytes(), this.#host.maxOutputBytes(this.session)];
    if (this.#outputGuard.isTooMuch(bytes, limit, this.#host.nowMs())) this.#host.endForOutput(this.session, bytes);
  }

  // ---------------------------------------------------------------- ending

  closeAfterReply(): void {
    this.#closeWhenFlushed = true;
  }

  /** Called when this round's replies are out, also when there were none. */
  afterDelivery(): void {
    if (this.#closeWhenFlushed && !this.#writing && this.#queue.length === 0) this.destroy();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#stream.close();
    this.#leaving?.release();
    this.#leaving = undefined;
    this.#source?.release();
    this.#source = undefined;
    this.#queue.release();
    this.#own = undefined;
    this.#ownLength = 0;
    this.#account();
    this.#host.closed(this.session);
  }

  onClosed(_reason: string): void {
    this.destroy();
  }
}
