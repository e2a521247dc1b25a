/**
 * Reads the entries of a stream between two ids, forward or backward. One object reads one stream after the other and makes no
 * garbage.
 *
 *   reader.open(stream, from, to, reverse);
 *   while (reader.next()) {
 *     reader.id ...
 *     for (let i = 0; i < reader.fieldCount; i++) { reader.field() ...; reader.value() ...; }
 *   }
 *
 * Fields and values are read in turn, all or none of them; a view dies at the next call. The stream must not change meanwhile.
 */
import type { ByteView } from '../../store/types.js';
import { ListpackCursor } from '../listpack/cursor.js';
import { StreamId } from './id.js';
import { DELETED, readEntryId, SAME_FIELDS } from './nodeFormat.js';
import type { Stream } from './stream.js';

export class EntryReader {
  /** Of the entry. */
  readonly id = new StreamId();
  fieldCount = 0;
  /** Where the entry is: segment, node in it, and its flags from the beginning of the node. */
  segmentIndex = 0;
  node = 0;
  flagsOffset = 0;

  private stream!: Stream;
  private readonly from = new StreamId();
  private readonly to = new StreamId();
  private reverse = false;
  /** On an element of the entry. */
  private readonly cursor = new ListpackCursor();
  /** On a field of the master entry. */
  private readonly fields = new ListpackCursor();
  private readonly nodeId = new StreamId();
  private masterFieldCount = 0;
  /** Where the master's first field is in the node. */
  private fieldsOffset = 0;
  private sameFields = false;
  private nodeOpen = false;
  /** Elements of the entry that have not been read yet. */
  private unread = 0;

  /** Stands before the first entry that is not outside of [from, to]; with `reverse`, behind the last. */
  open(stream: Stream, from: StreamId, to: StreamId, reverse: boolean): this {
    this.stream = stream;
    this.from.copy(from);
    this.to.copy(to);
    this.reverse = reverse;
    this.nodeOpen = false;
    const { segments } = stream;
    this.segmentIndex = stream.findSegment(reverse ? to : from);
    if (this.segmentIndex >= 0) this.node = segments[this.segmentIndex].find(reverse ? to : from);
    else if (!reverse) {
      this.segmentIndex = 0;
      this.node = 0;
    }
    this.openNode();
    return this;
  }

  /** Goes to the next entry that is alive; false when there is none. */
  next(): boolean {
    while (this.nodeOpen) {
      const found = this.reverse ? this.stepBackward() : this.stepForward();
      if (!found) this.leaveNode();
      else if (this.reverse ? this.id.compare(this.from) < 0 : this.id.compare(this.to) > 0) this.nodeOpen = false;
      else return true;
    }
    return false;
  }

  /** The next field of the entry. */
  field(): ByteView {
    const cursor = this.sameFields ? this.fields : this.cursor;
    if (!this.sameFields) this.unread--;
    cursor.next();
    return cursor.text();
  }

  /** The value of the field that was read last. */
  value(): ByteView {
    this.unread--;
    this.cursor.next();
    return this.cursor.text();
  }

  /** The id of the node's last entry, dead or alive. */
  lastIdOfNode(stream: Stream, segmentIndex: number, node: number, id: StreamId): StreamId {
    this.stream = stream;
    this.segmentIndex = segmentIndex;
    this.node = node;
    this.openNode();
    this.cursor.toEnd();
    this.backToFlags();
    readEntryId(this.cursor, id.copy(this.nodeId));
    return id;
  }

  /** Steps to the next entry of this node in range; it may be dead. False at the node's end. */
  private stepForward(): boolean {
    const { cursor, id } = this;
    for (;;) {
      for (; this.unread > 0; this.unread--) cursor.next();
      if (!cursor.next()) return false;
      const flags = this.readHead();
      if ((flags & DELETED) === 0 && id.compare(this.from) >= 0) return true;
    }
  }

  private stepBackward(): boolean {
    for (;;) {
      if (!this.backToFlags()) return false;
      const flags = this.readHead();
      if ((flags & DELETED) === 0 && this.id.compare(this.to) <= 0) return true;
    }
  }

  /** From the flags of an entry, or the end of the node, to the flags of the entry before; false when there is none. */
  private backToFlags(): boolean {
    const { cursor } = this;
    if (this.flagsOffset !== 0) cursor.moveTo(this.flagsOffset);
    cursor.previous();
    const back = cursor.int;
    if (back === 0) return false;
    for (let i = 0; i < back; i++) cursor.previous();
    this.flagsOffset = cursor.offset;
    return true;
  }

  /** From the flags of an entry: reads what comes before its fields and values. Answers the flags. */
  private readHead(): number {
    const { cursor } = this;
    const flags = cursor.int;
    this.flagsOffset = cursor.offset;
    readEntryId(cursor, this.id.copy(this.nodeId));
    this.sameFields = (flags & SAME_FIELDS) !== 0;
    if (this.sameFields) {
      this.fieldCount = this.masterFieldCount;
      this.fields.after = this.fields.start + this.fieldsOffset;
      this.unread = this.fieldCount + 1;
    } else {
      cursor.next();
      this.fieldCount = cursor.int;
      this.unread = 2 * this.fieldCount + 1;
    }
    return flags;
  }

  private openNode(): void {
    const segment = this.stream.segments[this.segmentIndex];
    this.nodeOpen = segment !== undefined && this.node >= 0 && this.node < segment.count;
    if (!this.nodeOpen) return;
    const { cursor, node } = this;
    segment.idOf(node, this.nodeId);
    cursor.open(segment.buf, segment.data, segment.startOf(node), segment.endOf(node));
    this.fields.open(segment.buf, segment.data, cursor.start, cursor.end);
    cursor.skip(2);
    this.masterFieldCount = cursor.int;
    this.fieldsOffset = cursor.after - cursor.start;
    cursor.skip(this.masterFieldCount);
    this.unread = 0;
    this.flagsOffset = 0;
    if (this.reverse) cursor.toEnd();
  }

  private leaveNode(): void {
    if (this.reverse) {
      if (--this.node < 0 && --this.segmentIndex >= 0) {
        this.node = this.stream.segments[this.segmentIndex].count - 1;
      }
    } else if (++this.node === this.stream.segments[this.segmentIndex].count) {
      this.segmentIndex++;
      this.node = 0;
    }
    this.openNode();
  }
}
