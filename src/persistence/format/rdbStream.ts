/**
 * Streams in the RDB format.
 *
 *   | nodes | (16 | id | listpack) ... | length | last id | first id, greatest deleted id, entries added | groups | group ... |
 *                                                            not in the first version
 *
 *   group     | name | last id | entries read | pending | (id | time | deliveries) ... | consumers | consumer ... |
 *   consumer  | name | seen at | active at | pending | id ... |                 the times not all in older versions
 *
 * Ids of nodes and of pending entries are 16 bytes, the high ones first; the others are two numbers.
 */
import type { Database } from '../../store/database.js';
import { ENCODING_DEFAULT, type ExpireAtMs, type Ref, TYPE_STREAM } from '../../store/types.js';
import { ListpackCursor } from '../../types/listpack/cursor.js';
import { EntryReader } from '../../types/stream/entryReader.js';
import { type Consumer, ENTRIES_READ_UNKNOWN, type Group } from '../../types/stream/group.js';
import { StreamId } from '../../types/stream/id.js';
import type { IdRows } from '../../types/stream/idRows.js';
import { validateNode } from '../../types/stream/nodeFormat.js';
import type { Segment } from '../../types/stream/segment.js';
import { Stream } from '../../types/stream/stream.js';
import { RDB_STREAM, RDB_STREAM_2, RDB_STREAM_3 } from './rdbFormat.js';
import { type RdbInput, RdbString } from './rdbInput.js';
import { type LoadedValue, NODES_A_STEP, readInSteps, type ValueReading } from './rdbLoaded.js';
import type { RdbOutput } from './rdbOutput.js';
import { type EarlyParts, SLICED_FROM_BYTES, SlicedPieces, type SlicedValue, type WritePiece } from './rdbSliced.js';

const ID_BYTES = 16;
/** Of pending entries. */
const ROWS_A_PIECE = 500;
/** A pending entry whose consumer is not known yet. */
const UNOWNED = -1;

/** What has been read of the nodes: entries that are alive, nodes, and the id of the last. */
interface NodesRead {
  alive: number;
  count: number;
  readonly last: StreamId;
}

export class RdbStreams {
  private readonly cursor = new ListpackCursor();
  private readonly text = new RdbString();
  private readonly idText = new RdbString();
  private readonly id = new StreamId();
  private readonly idBytes = Buffer.alloc(ID_BYTES);

  write(out: RdbOutput, db: Database, ref: Ref): void {
    out.byte(RDB_STREAM_2);
    for (const writePiece of this.pieces(db.object(ref) as Stream)) writePiece(out);
  }

  slice(db: Database, ref: Ref, early: EarlyParts | undefined): SlicedValue | undefined {
    const stream = db.object(ref) as Stream;
    if (stream.bytesUsed <= SLICED_FROM_BYTES) return undefined;
    const sharing = early !== undefined;
    const reading = stream.reading(sharing);
    return new SlicedPieces(RDB_STREAM_2, this.pieces(reading, sharing), () => {
      if (sharing) reading.endReading();
    });
  }

  /** Nobody else may move the cursors of the stream before the last piece is written. */
  private *pieces(stream: Stream, sharing = false): Generator<WritePiece, undefined> {
    yield (out) => out.count(stream.nodeCount);
    for (const segment of stream.segments) {
      yield (out) => this.writeNodes(out, segment);
      if (sharing) segment.isShared = false;
    }
    yield (out) => this.writeCounters(out, stream);
    for (const name of [...stream.groups.keys()].sort()) yield* this.groupPieces(name, stream.groups.get(name)!);
  }

  private writeNodes(out: RdbOutput, segment: Segment): void {
    segment.forEachNode((id, buf, start, end) => {
      out.count(ID_BYTES);
      this.writeRawId(out, id);
      out.string(buf, start, end);
    });
  }

  private writeCounters(out: RdbOutput, stream: Stream): void {
    out.count(stream.length);
    writeId(out, stream.lastId);
    writeId(out, stream.firstId);
    writeId(out, stream.maxDeletedId);
    out.countBig(stream.entriesAdded.value);
    out.count(stream.groups.size);
  }

  private *groupPieces(name: string, group: Group): Generator<WritePiece> {
    const { pending } = group;
    const consumers = group.sortedConsumers();
    yield (out) => {
      out.latin1(name);
      writeId(out, group.lastId);
      out.countBig(group.entriesRead);
      out.count(pending.size);
    };
    yield* this.rowPieces(pending, (out) => {
      this.writeRawId(out, pending.id(this.id));
      out.time(pending.deliveredAtMs);
      out.countBig(pending.deliveries);
    });
    yield (out) => out.count(consumers.length);
    for (const { name, seenAtMs, pending: own } of consumers) {
      yield (out) => {
        out.latin1(name);
        out.time(seenAtMs);
        out.count(own.size);
      };
      yield* this.rowPieces(own, (out) => this.writeRawId(out, own.id(this.id)));
    }
  }

  private *rowPieces(rows: IdRows, writeRow: WritePiece): Generator<WritePiece> {
    let more = rows.first();
    const writeSome = (out: RdbOutput): void => {
      for (let left = ROWS_A_PIECE; more && left > 0; left--) {
        writeRow(out);
        more = rows.next();
      }
    };
    while (more) yield writeSome;
  }

  private writeRawId(out: RdbOutput, id: StreamId): void {
    const { idBytes } = this;
    idBytes.writeInt32BE(id.msHigh, 0);
    idBytes.writeInt32BE(id.msLow, 4);
    idBytes.writeInt32BE(id.seqHigh, 8);
    idBytes.writeInt32BE(id.seqLow, 12);
    out.bytes(idBytes, 0, ID_BYTES);
  }

  read(input: RdbInput, type: number, db: Database): LoadedValue {
    const stream = new Stream();
    const nodes = this.beginNodes();
    this.readNodes(input, stream, nodes, input.count());
    return this.readTail(input, type, db, stream, nodes.alive);
  }

  /** Groups and counters are read at once, the entries in steps. */
  *readInSteps(input: RdbInput, type: number, db: Database): ValueReading {
    const stream = new Stream();
    const nodes = this.beginNodes();
    const readSome = (some: number): void => this.readNodes(input, stream, nodes, some);
    yield* readInSteps(input.count(), NODES_A_STEP, readSome, () => undefined);
    return this.readTail(input, type, db, stream, nodes.alive);
  }

  private beginNodes(): NodesRead {
    return { alive: 0, count: 0, last: new StreamId() };
  }

  private readTail(input: RdbInput, type: number, db: Database, stream: Stream, alive: number): LoadedValue {
    stream.length = input.number();
    readId(input, stream.lastId);
    if (type === RDB_STREAM) this.deriveCounters(stream);
    else {
      readId(input, stream.firstId);
      readId(input, stream.maxDeletedId);
      stream.entriesAdded.set(input.count64());
    }
    if (stream.length !== alive) input.fail();
    for (let left = input.count(); left > 0 && !input.failed; left--) this.readGroup(input, type, stream);
    stream.takeGrowth();
    return new LoadedStream(db, stream);
  }

  private readNodes(input: RdbInput, stream: Stream, read: NodesRead, count: number): void {
    const { cursor, text, idText, id } = this;
    for (let i = 0; i < count && !input.failed; i++) {
      input.string(idText);
      input.string(text);
      const { buf, data, start, end } = text;
      if (input.failed || idText.length !== ID_BYTES) return input.fail();
      rawId(idText, id);
      if (read.count > 0 && read.last.compare(id) >= 0) return input.fail();
      if (!validateNode(cursor, buf, data, start, end)) return input.fail();
      cursor.first();
      read.alive += cursor.int;
      read.count++;
      read.last.copy(id);
      stream.addNode(id, buf, start, end);
    }
  }

  /** What the first version does not say. */
  private deriveCounters(stream: Stream): void {
    stream.entriesAdded.set(BigInt(stream.length));
    const reader = new EntryReader().open(stream, new StreamId().setMin(), new StreamId().setMax(), false);
    if (reader.next()) stream.firstId.copy(reader.id);
  }

  private readGroup(input: RdbInput, type: number, stream: Stream): void {
    input.string(this.text);
    const name = this.text.latin1();
    const { id } = this;
    readId(input, id);
    const entriesRead = type === RDB_STREAM ? estimateRead(stream, id) : BigInt.asIntN(64, input.count64());
    const group = input.failed ? undefined : stream.addGroup(name, id, entriesRead);
    if (group === undefined) return input.fail();
    this.readPending(input, group);
    let owned = 0;
    for (let left = input.count(); left > 0 && !input.failed; left--) owned += this.readConsumer(input, type, group);
    if (owned !== group.pending.size) input.fail();
  }

  /** The pending entries of a group, whose consumers follow. */
  private readPending(input: RdbInput, group: Group): void {
    const { pending } = group;
    for (let left = input.count(); left > 0 && !input.failed; left--) {
      const id = this.readRawId(input);
      const deliveredAtMs = Number(input.time());
      const deliveries = input.count64();
      if (input.failed || !pending.insert(id)) return input.fail();
      pending.deliveredAtMs = deliveredAtMs;
      pending.deliveries = deliveries;
      pending.slot = UNOWNED;
    }
  }

  /** Answers how many entries are the consumer's. */
  private readConsumer(input: RdbInput, type: number, group: Group): number {
    input.string(this.text);
    const name = this.text.latin1();
    const seenAtMs = Number(input.time());
    const activeAtMs = type === RDB_STREAM_3 ? Number(input.time()) : seenAtMs;
    if (input.failed || group.consumers.has(name)) return fail(input);
    const consumer = group.addConsumer(name, seenAtMs);
    consumer.activeAtMs = activeAtMs;
    const count = input.count();
    for (let i = 0; i < count && !input.failed; i++) this.own(input, group, consumer);
    return count;
  }

  private own(input: RdbInput, { pending }: Group, consumer: Consumer): void {
    const id = this.readRawId(input);
    if (input.failed || !pending.find(id) || pending.slot !== UNOWNED) return input.fail();
    pending.slot = consumer.slot;
    consumer.pending.insert(id);
  }

  private readRawId(input: RdbInput): StreamId {
    input.raw(ID_BYTES, this.idText);
    return input.failed ? this.id : rawId(this.idText, this.id);
  }
}

function fail(input: RdbInput): number {
  input.fail();
  return 0;
}

function writeId(out: RdbOutput, { msHigh, msLow, seqHigh, seqLow }: StreamId): void {
  out.count64(msHigh, msLow);
  out.count64(seqHigh, seqLow);
}

function readId(input: RdbInput, id: StreamId): void {
  const ms = input.count64();
  const seq = input.count64();
  id.set(Number(BigInt.asIntN(32, ms >> 32n)), word(ms), Number(BigInt.asIntN(32, seq >> 32n)), word(seq));
}

function word(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

function rawId({ data, start }: RdbString, id: StreamId): StreamId {
  return id.set(data.getInt32(start), data.getInt32(start + 4), data.getInt32(start + 8), data.getInt32(start + 12));
}

/** How many entries a group has read whose last id is `id`, in a stream without deleted entries. */
function estimateRead(stream: Stream, id: StreamId): bigint {
  if (stream.length === 0) return 0n;
  const toLast = id.compare(stream.lastId);
  if (toLast === 0) return BigInt(stream.length);
  const toFirst = id.compare(stream.firstId);
  if (toLast > 0 || toFirst > 0) return ENTRIES_READ_UNKNOWN;
  return toFirst === 0 ? 1n : 0n;
}

class LoadedStream implements LoadedValue {
  private readonly db: Database;
  private readonly stream: Stream;

  constructor(db: Database, stream: Stream) {
    this.db = db;
    this.stream = stream;
  }

  store(kbuf: Uint8Array, ks: number, ke: number, expireAtMs: ExpireAtMs): Ref {
    return this.db.putObject(TYPE_STREAM, ENCODING_DEFAULT, kbuf, ks, ke, this.stream, expireAtMs);
  }

  discard(): void {}
}
