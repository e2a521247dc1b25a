/** Adds, deletes and trims the entries of a stream (nodeFormat.ts). One object edits one stream after the other. */
import { EditableListpack } from '../listpack/editable.js';
import { ListpackElement } from '../listpack/element.js';
import { COUNT_UNKNOWN, EMPTY_BYTES, END, MAX_LISTPACK_BYTES } from '../listpack/format.js';
import { EntryReader } from './entryReader.js';
import { StreamId } from './id.js';
import { DELETED, difference, ENTRY_HEAD, readEntryId, SAME_FIELDS } from './nodeFormat.js';
import type { Segment } from './segment.js';
import type { Stream } from './stream.js';

/** More than an element takes beside its bytes, or an integer as a whole. */
const ELEMENT_OVERHEAD_BYTES = 10;

/** stream-node-max-bytes and stream-node-max-entries; 0 means unlimited. */
export interface NodeLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

/** The byte ranges buf[start[i], end[i]): field, value, field, value ... from `first` on. */
export interface FieldRanges {
  readonly buf: Uint8Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly first: number;
  readonly fieldCount: number;
}

/** What to trim. */
export interface TrimPlan {
  /** Either no more entries than this are kept ... */
  readonly maxLength: number | undefined;
  /** ... or none before this id. */
  readonly minId: StreamId;
  /** Whole nodes only. */
  readonly approximate: boolean;
  /** No more entries than this are removed; 0 means unlimited. */
  readonly limit: number;
}

/** One node as an editable listpack. */
class NodeListpack extends EditableListpack {
  private stream!: Stream;
  private segment!: Segment;
  private node = 0;

  openNode(stream: Stream, segment: Segment, node: number): this {
    this.stream = stream;
    this.segment = segment;
    this.node = node;
    return this.open(segment.buf, segment.data, segment.startOf(node), segment.endOf(node)) as this;
  }

  protected override splice(offset: number, removed: number, inserted: number): void {
    const { segment, node } = this;
    segment.splice(node, offset, removed, inserted);
    this.stream.grewBy(inserted - removed);
    this.buf = segment.buf;
    this.data = segment.data;
    this.start = segment.startOf(node);
    this.end = segment.endOf(node);
  }
}

export class StreamEditor {
  private readonly listpack = new NodeListpack();
  private readonly element = new ListpackElement();
  private readonly reader = new EntryReader();
  private readonly id = new StreamId();
  private readonly nodeId = new StreamId();

  // Where the next element is written.
  private segment!: Segment;
  private at = 0;
  private written = 0;

  /**
   * Adds an entry with an id that is greater than the stream's last. False when fields and values are longer than a listpack can
   * be; nothing has changed then.
   */
  append(stream: Stream, id: StreamId, fields: FieldRanges, limits: NodeLimits): boolean {
    let fieldBytes = 0;
    let bytes = 0;
    const behind = fields.first + 2 * fields.fieldCount;
    for (let i = fields.first; i < behind; i += 2) {
      fieldBytes += fields.end[i] - fields.start[i];
      bytes += fields.end[i + 1] - fields.start[i + 1];
    }
    bytes += fieldBytes;
    if (bytes > MAX_LISTPACK_BYTES) return false;
    const elements = 2 * fields.fieldCount + ENTRY_HEAD + 2;
    const room = bytes + elements * ELEMENT_OVERHEAD_BYTES;
    let flags = this.flagsForTail(stream, fields, bytes, limits);
    if (flags >= 0) this.growTail(stream, room);
    else {
      flags = SAME_FIELDS;
      this.beginNode(stream, id, fields, room + fieldBytes + elements * ELEMENT_OVERHEAD_BYTES);
    }
    const { segment, nodeId } = this;
    segment.idOf(segment.count - 1, nodeId);
    this.at = segment.end - 1;
    this.written = 0;
    this.writeEntry(id, nodeId, flags, fields);
    this.endWriting(stream);
    stream.length++;
    stream.entriesAdded.add(1);
    stream.lastId.copy(id);
    if (stream.length === 1) stream.firstId.copy(id);
    return true;
  }

  /** Whether the last node takes the entry: then the flags of that; -1 when a new node is needed. */
  private flagsForTail(stream: Stream, fields: FieldRanges, bytes: number, limits: NodeLimits): number {
    const segment = stream.lastSegment;
    if (segment === undefined) return -1;
    const { listpack } = this;
    listpack.openNode(stream, segment, segment.count - 1);
    let { maxBytes } = limits;
    if (maxBytes === 0 || maxBytes > MAX_LISTPACK_BYTES) maxBytes = MAX_LISTPACK_BYTES;
    if (listpack.byteLength + bytes >= maxBytes) return -1;
    listpack.next();
    const count = listpack.int;
    listpack.next();
    if (limits.maxEntries > 0 && count + listpack.int >= limits.maxEntries) return -1;
    listpack.next();
    return this.hasFields(fields) ? SAME_FIELDS : 0;
  }

  /** Makes room for an entry in the last node, and counts it. */
  private growTail(stream: Stream, room: number): void {
    const { listpack } = this;
    const segment = stream.reserve(room, this.nodeId);
    if (segment.buf !== listpack.buf) listpack.openNode(stream, segment, segment.count - 1);
    listpack.first();
    this.putInt(listpack.int + 1);
    this.segment = segment;
  }

  /** From the master's num-fields: whether its fields are these. */
  private hasFields(fields: FieldRanges): boolean {
    const { listpack } = this;
    const { buf, start, end, first, fieldCount } = fields;
    if (listpack.int !== fieldCount) return false;
    for (let i = first; i < first + 2 * fieldCount; i += 2) {
      listpack.next();
      if (!listpack.isText(buf, start[i], end[i])) return false;
    }
    return true;
  }

  /** Begins a node with the master entry, with `room` for that and the entry. */
  private beginNode(stream: Stream, id: StreamId, fields: FieldRanges, room: number): void {
    const { buf, start, end, first, fieldCount } = fields;
    this.segment = stream.beginNode(id, EMPTY_BYTES, room);
    this.at = this.segment.end - 1;
    this.segment.data.setUint16(this.segment.end - EMPTY_BYTES + 4, 0, true);
    this.written = 0;
    this.writeInt(1);
    this.writeInt(0);
    this.writeInt(fieldCount);
    for (let i = first; i < first + 2 * fieldCount; i += 2) this.writeBytes(buf, start[i], end[i]);
    this.writeInt(0);
    this.endWriting(stream);
  }

  private writeEntry(id: StreamId, nodeId: StreamId, flags: number, fields: FieldRanges): void {
    const { buf, start, end, first, fieldCount } = fields;
    const same = flags === SAME_FIELDS;
    this.writeInt(flags);
    this.writeInt(difference(id.msHigh, id.msLow, nodeId.msHigh, nodeId.msLow));
    this.writeInt(difference(id.seqHigh, id.seqLow, nodeId.seqHigh, nodeId.seqLow));
    if (!same) this.writeInt(fieldCount);
    for (let i = first; i < first + 2 * fieldCount; i += 2) {
      if (!same) this.writeBytes(buf, start[i], end[i]);
      this.writeBytes(buf, start[i + 1], end[i + 1]);
    }
    this.writeInt(ENTRY_HEAD + (same ? fieldCount : 2 * fieldCount + 1));
  }

  private writeInt(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value < 128) {
      // Flags, counts and most differences: the number and its length.
      const { buf } = this.segment;
      buf[this.at] = value;
      buf[this.at + 1] = 1;
      this.at += 2;
      this.written++;
      return;
    }
    if (typeof value === 'number') this.element.setInt(value);
    else this.element.setInt64(value);
    this.writeElement();
  }

  private writeBytes(buf: Uint8Array, start: number, end: number): void {
    this.element.set(buf, start, end);
    this.writeElement();
  }

  private writeElement(): void {
    const { buf, data } = this.segment;
    this.element.write(buf, data, this.at);
    this.at += this.element.size;
    this.written++;
  }

  /** What was written became the end of the last node. */
  private endWriting(stream: Stream): void {
    const { segment, at } = this;
    const start = segment.startOf(segment.count - 1);
    const { data } = segment;
    stream.grewBy(at + 1 - segment.end);
    segment.buf[at] = END;
    segment.end = at + 1;
    data.setUint32(start, segment.end - start, true);
    const count = data.getUint16(start + 4, true);
    if (count !== COUNT_UNKNOWN) data.setUint16(start + 4, Math.min(count + this.written, COUNT_UNKNOWN), true);
  }

  /** Puts an integer in the place of the one on which the listpack stands. */
  private putInt(value: number): void {
    const { listpack } = this;
    if (value >= 0 && value < 128 && listpack.after - listpack.at === 2) listpack.buf[listpack.at] = value;
    else listpack.replace(this.element.setInt(value));
  }

  // ---------------------------------------------------------------- deleting

  /** Whether an entry with this id is alive. */
  has(stream: Stream, id: StreamId): boolean {
    return this.reader.open(stream, id, id, false).next();
  }

  /** Marks the entry as deleted; false when there is none. The greatest id deleted is kept, the stream's first id follows. */
  delete(stream: Stream, id: StreamId): boolean {
    const { reader, listpack } = this;
    if (!reader.open(stream, id, id, false).next()) return false;
    const { segmentIndex, node } = reader;
    const segment = stream.writable(segmentIndex);
    listpack.openNode(stream, segment, node).first();
    const count = listpack.int;
    if (count === 1) stream.removeNode(segmentIndex, node);
    else {
      segment.buf[segment.startOf(node) + reader.flagsOffset] |= DELETED;
      this.putInt(count - 1);
      listpack.next();
      this.putInt(listpack.int + 1);
    }
    stream.length--;
    if (id.compare(stream.maxDeletedId) > 0) stream.maxDeletedId.copy(id);
    if (id.compare(stream.firstId) === 0) this.findFirstId(stream);
    return true;
  }

  private findFirstId(stream: Stream): void {
    stream.firstId.setMin();
    if (stream.length === 0) return;
    const { reader } = this;
    if (reader.open(stream, stream.firstId, this.id.setMax(), false).next()) stream.firstId.copy(reader.id);
  }

  /** The id of the last entry alive; 0-0 without any. */
  lastLivingId(stream: Stream, id: StreamId): StreamId {
    const { reader } = this;
    id.setMin();
    if (stream.length > 0 && reader.open(stream, id, this.id.setMax(), true).next()) id.copy(reader.id);
    return id;
  }

  // ---------------------------------------------------------------- trimming

  /** Removes entries from the front; answers how many. */
  trim(stream: Stream, plan: TrimPlan): number {
    const { maxLength, minId, approximate, limit } = plan;
    let removed = 0;
    while (stream.segments.length > 0) {
      if (maxLength !== undefined && stream.length <= maxLength) break;
      const segment = stream.segments[0];
      this.listpack.openNode(stream, segment, 0).first();
      const count = this.listpack.int;
      if (limit > 0 && removed + count > limit) break;
      const whole =
        maxLength !== undefined
          ? stream.length - count >= maxLength
          : this.reader.lastIdOfNode(stream, 0, 0, this.id).compare(minId) < 0;
      if (whole) {
        stream.removeNode(0, 0);
        stream.length -= count;
        removed += count;
        continue;
      }
      if (!approximate) removed += this.trimNode(stream, stream.writable(0), plan);
      break;
    }
    if (removed > 0) this.findFirstId(stream);
    return removed;
  }

  /** Marks entries at the beginning of the first node as deleted; answers how many. */
  private trimNode(stream: Stream, segment: Segment, { maxLength, minId }: TrimPlan): number {
    const { listpack, id, nodeId } = this;
    let excess = maxLength === undefined ? Number.POSITIVE_INFINITY : stream.length - maxLength;
    let marked = 0;
    listpack.openNode(stream, segment, 0);
    segment.idOf(0, nodeId);
    listpack.skip(2);
    const fieldCount = listpack.int;
    listpack.skip(fieldCount);
    while (excess > 0 && listpack.next()) {
      const flagsAt = listpack.at;
      const flags = listpack.int;
      readEntryId(listpack, id.copy(nodeId));
      if (maxLength === undefined && id.compare(minId) >= 0) break;
      let elements = fieldCount;
      if ((flags & SAME_FIELDS) === 0) {
        listpack.next();
        elements = 2 * listpack.int;
      }
      listpack.skip(elements);
      if ((flags & DELETED) !== 0) continue;
      listpack.buf[flagsAt] = flags | DELETED;
      marked++;
      excess--;
    }
    listpack.first();
    this.putInt(listpack.int - marked);
    listpack.next();
    this.putInt(listpack.int + marked);
    stream.length -= marked;
    return marked;
  }
}
