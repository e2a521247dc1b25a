/**
 * Values that are too large to be written as commands at once: taken as they are at one moment, and written in pieces while they go on
 * changing. What makes that possible is told in rdbSliced.ts.
 */
import { copyOf, type DataRange } from '../../base/copy.js';
import type { HeldBytes, HoldBytes } from '../../base/heldBytes.js';
import type { Parcel } from '../../base/lease.js';
import type { Database } from '../../store/database.js';
import { Elements } from '../../store/elements.js';
import { LargeBytes } from '../../store/objects.js';
import { ByteView, type Cut, type ExpireAtMs, NO_EXPIRE, type Ref, TYPE_HASH } from '../../store/types.js';
import { ListCut } from '../../types/list/listCut.js';
import { Quicklist } from '../../types/list/quicklist.js';
import { ListpackCursor } from '../../types/listpack/cursor.js';
import type { Segment } from '../../types/stream/segment.js';
import { Stream } from '../../types/stream/stream.js';
import { formatStoredScore } from '../../types/zset/score.js';
import { SortedSet } from '../../types/zset/sortedSet.js';
import { type AofBaseWriter, ELEMENTS_PER_COMMAND } from './aofBaseWriter.js';
import { AofBuffer } from './aofCommand.js';
import { SLICED_FROM_BYTES, SLICED_FROM_ELEMENTS, SLICED_FROM_NODES } from './rdbSliced.js';

const PIECE_BYTES = 64 * 1024;
/** Of the groups of a stream. */
const COMMANDS_A_PIECE = 100;
const LINE_END = Buffer.from('\r\n');

/** What a value needs of those who write it. */
export interface SlicingHost {
  readonly hold: HoldBytes;
  /** So many bytes of a string are about to be kept for it alone. It may be written to its end and released at that moment. */
  onKept(value: SlicedString, bytes: number): void;
  /** The taker threw while an element was written because it is about to change. */
  onError(error: unknown): void;
}

/** A value as it was when this was made. */
export interface SlicedCommands {
  /** Writes the next piece; false when that was the last. */
  writePiece(): boolean;
  /** Memory that is kept for it and nobody else. */
  readonly keptBytes?: number;
  /** Nothing more of it is wanted; it may change freely. */
  release(): void;
}

/** Takes a large value as it is; undefined when it is small enough to be written at once. */
export function sliceCommands(
  writer: AofBaseWriter,
  db: Database,
  ref: Ref,
  host: SlicingHost,
): SlicedCommands | undefined {
  const object = db.object(ref);
  if (object instanceof LargeBytes && object.length > SLICED_FROM_BYTES) {
    return new SlicedString(new KeyCommands(writer, db, ref), object, host);
  }
  if (object instanceof Stream && object.bytesUsed > SLICED_FROM_BYTES) {
    return new SlicedStream(new KeyCommands(writer, db, ref), object);
  }
  if (object instanceof Quicklist && object.nodeCount > SLICED_FROM_NODES) {
    return new SlicedList(new KeyCommands(writer, db, ref), object, host.hold);
  }
  const elements = object instanceof SortedSet ? object.elements : object;
  if (!(elements instanceof Elements) || elements.count <= SLICED_FROM_ELEMENTS) return undefined;
  const kind = object instanceof SortedSet ? ZSET : db.type(ref) === TYPE_HASH ? HASH : SET;
  return new SlicedElements(new KeyCommands(writer, db, ref), elements, kind, (error) => host.onError(error));
}

/** A key as it was: where commands on it begin and how they end. */
class KeyCommands {
  readonly writer: AofBaseWriter;
  readonly key: DataRange;
  private readonly dbIndex: number;
  private readonly expireAtMs: ExpireAtMs;

  constructor(writer: AofBaseWriter, db: Database, ref: Ref) {
    const { buf, start, end } = db.readKey(ref);
    const key = copyOf(buf, start, end);
    this.writer = writer;
    this.key = new ByteView().set(key, new DataView(key.buffer), 0, key.length);
    this.dbIndex = db.index;
    this.expireAtMs = db.expireAtMs(ref);
  }

  /** A command with so many arguments behind the key. */
  begin(name: string, more: number): AofBuffer {
    const { out } = this.writer;
    this.writer.select(this.dbIndex);
    out.command(2 + more);
    out.text(name);
    out.bulk(this.key.buf, this.key.start, this.key.end);
    return out;
  }

  select(): void {
    this.writer.select(this.dbIndex);
  }

  end(): void {
    if (this.expireAtMs === NO_EXPIRE) return;
    this.writer.select(this.dbIndex);
    this.writer.expire(this.key, this.expireAtMs);
  }
}

interface ElementKind {
  readonly name: string;
  /** Arguments an element. */
  readonly stride: number;
  write(out: AofBuffer, key: ByteView, value: ByteView): void;
}

const SET: ElementKind = {
  name: 'SADD',
  stride: 1,
  write: (out, { buf, start, end }) => out.bulk(buf, start, end),
};

const HASH: ElementKind = {
  name: 'HMSET',
  stride: 2,
  write(out, key, value) {
    out.bulk(key.buf, key.start, key.end);
    out.bulk(value.buf, value.start, value.end);
  },
};

const ZSET: ElementKind = {
  name: 'ZADD',
  stride: 2,
  write(out, member, score) {
    out.text(formatStoredScore(score.data.getFloat64(score.start, true)));
    out.bulk(member.buf, member.start, member.end);
  },
};

/** A hash, set or sorted set: its elements in any order, gathered until there are enough for a command. */
class SlicedElements implements SlicedCommands {
  private readonly commands: KeyCommands;
  private readonly kind: ElementKind;
  private readonly onError: (error: unknown) => void;
  private readonly cut: Cut & { step(): boolean; end(): void };
  private readonly gathered = new AofBuffer();
  private count = 0;

  constructor(commands: KeyCommands, elements: Elements, kind: ElementKind, onError: (error: unknown) => void) {
    this.commands = commands;
    this.kind = kind;
    this.onError = onError;
    const key = new ByteView();
    const value = new ByteView();
    this.cut = elements.beginCut((element) => {
      elements.readBoth(element, key, value);
      this.add(key, value);
    });
  }

  writePiece(): boolean {
    if (this.cut.step()) return true;
    this.flush();
    this.commands.end();
    return false;
  }

  release(): void {
    this.cut.end();
  }

  private add(key: ByteView, value: ByteView): void {
    this.kind.write(this.gathered, key, value);
    this.count++;
    if (this.count < ELEMENTS_PER_COMMAND) return;
    try {
      this.flush();
    } catch (error) {
      this.onError(error);
    }
  }

  private flush(): void {
    const { gathered, count, kind } = this;
    if (count === 0) return;
    this.commands.begin(kind.name, count * kind.stride).raw(gathered.bytes, 0, gathered.length);
    gathered.consume(gathered.length);
    this.count = 0;
    this.commands.writer.flushIfFull();
  }
}

/** A long string: one command, whose bytes go to the taker piece by piece; all others wait meanwhile. */
export class SlicedString implements SlicedCommands {
  keptBytes = 0;
  private readonly commands: KeyCommands;
  private readonly parcel: Parcel;
  /** The others. */
  private readonly waiting: HeldBytes;
  private isCatchingUp = false;

  constructor(commands: KeyCommands, { bytes, length, lease }: LargeBytes, host: SlicingHost) {
    this.commands = commands;
    this.parcel = lease.lend(bytes, 0, length, (kept) => {
      this.keptBytes += kept;
      host.onKept(this, kept);
    });
    this.waiting = host.hold();
  }

  get hasBegun(): boolean {
    return this.commands.writer.waiting === this.waiting;
  }

  /** Writes all of it, where other keys are written now. */
  writeWhole(): void {
    const { commands, parcel } = this;
    const { writer } = commands;
    const out = commands.begin('SET', 1);
    out.header(parcel.length);
    writer.flush();
    while (parcel.length > 0) {
      const { buf, from, to } = parcel.take(PIECE_BYTES);
      writer.pass(buf, from, to);
      parcel.landed();
    }
    writer.pass(LINE_END, 0, LINE_END.length);
    commands.end();
  }

  writePiece(): boolean {
    const { parcel } = this;
    const { writer } = this.commands;
    if (this.isCatchingUp) return this.catchUp();
    if (!this.hasBegun) {
      this.commands.begin('SET', 1).header(parcel.length);
      writer.flush();
      writer.waiting = this.waiting;
      return true;
    }
    const { buf, from, to } = parcel.take(PIECE_BYTES);
    writer.take(buf.subarray(from, to), to - from);
    parcel.landed();
    if (parcel.length > 0) return true;
    writer.take(LINE_END, LINE_END.length);
    this.isCatchingUp = true;
    return true;
  }

  release(): void {
    this.parcel.release();
    this.waiting.release();
  }

  private catchUp(): boolean {
    const { writer } = this.commands;
    const piece = this.waiting.take();
    if (piece !== undefined) {
      writer.take(piece.buf.subarray(piece.from, piece.to), piece.to - piece.from);
      return true;
    }
    writer.waiting = undefined;
    this.commands.end();
    return false;
  }
}

/** A list: one node after the other. */
class SlicedList implements SlicedCommands {
  private readonly commands: KeyCommands;
  private readonly cut: ListCut;
  private readonly cursor = new ListpackCursor();

  constructor(commands: KeyCommands, list: Quicklist, hold: HoldBytes) {
    this.commands = commands;
    this.cut = new ListCut(list, hold);
  }

  writePiece(): boolean {
    const { cursor, commands } = this;
    if (!this.cut.read(cursor)) {
      commands.end();
      return false;
    }
    for (let left = cursor.count; left > 0; ) {
      const count = Math.min(left, ELEMENTS_PER_COMMAND);
      const out = commands.begin('RPUSH', count);
      for (let i = 0; i < count; i++) {
        cursor.next();
        const { buf, start, end } = cursor.text();
        out.bulk(buf, start, end);
      }
      left -= count;
    }
    commands.writer.flushIfFull();
    return true;
  }

  release(): void {
    this.cut.end();
  }
}

/** A stream: one segment after the other, then what stands behind them. */
class SlicedStream implements SlicedCommands {
  private readonly commands: KeyCommands;
  private readonly stream: Stream;
  private readonly tail: Generator<undefined, void>;
  private next = 0;

  constructor(commands: KeyCommands, stream: Stream) {
    this.commands = commands;
    this.stream = stream.reading(true);
    this.tail = commands.writer.streams.tail(this.stream, commands.key);
  }

  writePiece(): boolean {
    this.commands.select();
    if (this.next < this.stream.segments.length) {
      this.writeSegment(this.stream.segments[this.next++]);
      return true;
    }
    for (let left = COMMANDS_A_PIECE; left > 0; left--) {
      if (this.tail.next().done !== true) continue;
      this.commands.end();
      return false;
    }
    return true;
  }

  release(): void {
    this.stream.endReading();
  }

  private writeSegment(segment: Segment): void {
    const { writer, key } = this.commands;
    const part = new Stream();
    part.segments.push(segment);
    writer.streams.entries(part, key);
    segment.isShared = false;
  }
}
