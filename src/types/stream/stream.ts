/**
 * A stream: entries in nodes, nodes in segments, and the groups that read it.
 *
 *   segments   [ node node node ... | node node ... | ... | node node(open) ]     ids ascend from the first to the last
 *                segment 0            segment 1             the last one grows
 *   groups     name -> Group: last id, pending entries, consumers (group.ts)
 *
 * Entries are added at the end (streamEditor.ts) and marked as deleted in place; a node whose last entry goes is removed, but
 * for those that XTRIM MINID leaves behind. So nodes go from the front when a stream is trimmed, from anywhere with XDEL.
 *
 * Invariants: `length` is the number of entries alive; `firstId` is the least of their ids, 0-0 without any; no id is greater
 * than `lastId`; `account` is the sum of what segments and groups take.
 */
import { assert } from '../../base/assert.js';
import type { StoredObject } from '../../store/objects.js';
import type { ByteCount } from '../../store/types.js';
import { Group } from './group.js';
import { StreamId } from './id.js';
import { countRadixNodes } from './radix.js';
import { Segment, type VisitNode } from './segment.js';
import { Tally } from './tally.js';

/** Segments are an eighth of the stream, within these. */
const MIN_SEGMENT_BYTES = 8 << 10;
const MAX_SEGMENT_BYTES = 64 << 10;
/** This object with its ids, counters, map and array on V8's heap. */
const OVERHEAD_BYTES = 600;
/** A group with its lists and its place in the map, beside what they hold. */
const GROUP_OVERHEAD_BYTES = 600;

export class Stream implements StoredObject {
  /** Entries that are alive. */
  length = 0;
  readonly lastId = new StreamId();
  readonly firstId = new StreamId();
  readonly maxDeletedId = new StreamId();
  /** Entries ever added. */
  readonly entriesAdded = new Tally();
  readonly segments: Segment[] = [];
  /** By name, one character a byte. */
  readonly groups = new Map<string, Group>();
  readonly account: ByteCount = { bytesUsed: OVERHEAD_BYTES };

  /** What the owner of the object table has been told. */
  private reportedBytes = OVERHEAD_BYTES;
  /** Bytes of all nodes. */
  private nodeBytes = 0;

  get bytesUsed(): number {
    return this.account.bytesUsed;
  }

  /** By how many bytes the stream has grown since this was last asked; negative when it has shrunk. */
  takeGrowth(): number {
    const growth = this.account.bytesUsed - this.reportedBytes;
    this.reportedBytes = this.account.bytesUsed;
    return growth;
  }

  // ---------------------------------------------------------------- nodes

  get nodeCount(): number {
    let count = 0;
    for (const segment of this.segments) count += segment.count;
    return count;
  }

  /** Nodes, groups and pending entries. */
  get pieces(): number {
    let count = this.nodeCount;
    for (const { pending } of this.groups.values()) count += 1 + pending.size;
    return count;
  }

  /** The segment in which the entry with this id would be: the last one that begins at or before it; -1 when none does. */
  findSegment(id: StreamId): number {
    const { segments } = this;
    let low = 0;
    let high = segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (segments[middle].beginsAfter(id)) high = middle;
      else low = middle + 1;
    }
    return low - 1;
  }

  get lastSegment(): Segment | undefined {
    return this.segments[this.segments.length - 1];
  }

  /** A segment, to be changed: one that a snapshot reads stays as it is, and a copy takes its place. */
  writable(index: number): Segment {
    const segment = this.segments[index];
    if (!segment.isShared) return segment;
    const own = segment.clone(this.account);
    segment.close();
    this.segments[index] = own;
    return own;
  }

  /**
   * A stream to read this one by in steps, with cursors of its own. With `sharing` it stays as it is now whatever becomes of this one,
   * until {@link endReading}; at most one such at a time.
   */
  reading(sharing: boolean): Stream {
    const image = this.withoutContents();
    for (const segment of this.segments) {
      if (sharing) segment.isShared = true;
      image.segments.push(segment);
    }
    for (const [name, group] of this.groups) {
      image.addGroup(name, group.lastId, group.entriesRead)!.readFrom(group, sharing);
    }
    return image;
  }

  /** Of a reading with `sharing`: what it shared may change again. */
  endReading(): void {
    for (const segment of this.segments) segment.isShared = false;
    for (const group of this.groups.values()) group.endReading();
  }

  /** Begins a node of `length` bytes, which the caller writes, with room for `room` more. Answers its segment. */
  beginNode(id: StreamId, length: number, room: number): Segment {
    const limit = this.segmentLimit();
    let segment = this.segments.length === 0 ? undefined : this.writable(this.segments.length - 1);
    if (segment === undefined || segment.liveBytes + length + room > limit) {
      segment?.seal();
      segment = this.addSegment(length + room, limit);
    } else {
      segment.reserve(length + room, limit);
    }
    segment.add(id, length);
    this.nodeBytes += length;
    return segment;
  }

  /** Makes room for `bytes` at the end of the last node, which moves to a segment of its own if need be. Answers its segment. */
  reserve(bytes: number, id: StreamId): Segment {
    const segment = this.writable(this.segments.length - 1);
    if (segment.hasRoom(bytes)) return segment;
    const limit = this.segmentLimit();
    const node = segment.count - 1;
    if (node === 0 || segment.liveBytes + bytes <= limit) {
      segment.reserve(bytes, limit);
      return segment;
    }
    const start = segment.startOf(node);
    const length = segment.end - start;
    const moved = this.addSegment(length + bytes, limit);
    moved.add(segment.idOf(node, id), length);
    segment.buf.copy(moved.buf, 0, start, segment.end);
    segment.remove(node);
    segment.seal();
    return moved;
  }

  /**
   * Adds a segment with room for `bytes`. In a long stream it will be filled to the limit: memory that is taken at once is not copied
   * while it grows, and no garbage waits for the collector.
   */
  private addSegment(bytes: number, limit: number): Segment {
    const segment = new Segment(Math.max(bytes, Math.min(limit, this.nodeBytes >> 3)), this.account);
    this.segments.push(segment);
    return segment;
  }

  /** The last node became `bytes` longer. */
  grewBy(bytes: number): void {
    this.nodeBytes += bytes;
  }

  removeNode(segmentIndex: number, node: number): void {
    const segment = this.writable(segmentIndex);
    this.nodeBytes -= segment.endOf(node) - segment.startOf(node);
    if (segment.count > 1) return segment.remove(node);
    segment.close();
    this.segments.splice(segmentIndex, 1);
  }

  /** Adds a whole node behind the others (loading); its entries are counted by the caller. */
  addNode(id: StreamId, buf: Uint8Array, start: number, end: number): void {
    const segment = this.beginNode(id, end - start, 0);
    segment.buf.set(buf.subarray(start, end), segment.end - (end - start));
  }

  /** Visits every node in the order of their ids (saving). */
  forEachNode(visit: VisitNode): void {
    for (const segment of this.segments) segment.forEachNode(visit);
  }

  /** How many nodes Redis's radix tree would have for this stream. O(nodes). */
  radixNodeCount(): number {
    return countRadixNodes((visit) => this.forEachNode((id) => visit(id)));
  }

  private segmentLimit(): number {
    return Math.min(MAX_SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, this.nodeBytes >> 3));
  }

  // ---------------------------------------------------------------- groups

  /** Adds a group; undefined when there is one of this name. */
  addGroup(name: string, lastId: StreamId, entriesRead: bigint): Group | undefined {
    if (this.groups.has(name)) return undefined;
    const group = new Group(this.account);
    group.lastId.copy(lastId);
    group.setEntriesRead(entriesRead);
    this.groups.set(name, group);
    this.account.bytesUsed += GROUP_OVERHEAD_BYTES + name.length;
    return group;
  }

  removeGroup(name: string): boolean {
    const group = this.groups.get(name);
    if (group === undefined) return false;
    group.close();
    this.groups.delete(name);
    this.account.bytesUsed -= GROUP_OVERHEAD_BYTES + name.length;
    return true;
  }

  // ---------------------------------------------------------------- StoredObject

  clone(): Stream {
    const copy = this.withoutContents();
    for (const segment of this.segments) copy.segments.push(segment.clone(copy.account));
    for (const [name, group] of this.groups) {
      copy.addGroup(name, group.lastId, group.entriesRead)!.copyFrom(group);
    }
    copy.takeGrowth();
    return copy;
  }

  /** Its ids and counters; segments and groups are to be added. */
  private withoutContents(): Stream {
    const copy = new Stream();
    copy.length = this.length;
    copy.lastId.copy(this.lastId);
    copy.firstId.copy(this.firstId);
    copy.maxDeletedId.copy(this.maxDeletedId);
    copy.entriesAdded.copy(this.entriesAdded);
    copy.nodeBytes = this.nodeBytes;
    return copy;
  }

  /** Checks what can be told without reading entries; see test/types/stream for those. */
  verify(): void {
    const id = new StreamId();
    const before = new StreamId();
    let bytes = OVERHEAD_BYTES;
    let nodeBytes = 0;
    let any = false;
    for (const segment of this.segments) {
      segment.verify();
      bytes += segment.bytesUsed;
      nodeBytes += segment.liveBytes;
      for (let node = 0; node < segment.count; node++) {
        segment.idOf(node, id);
        assert(!any || before.compare(id) < 0, 'the ids of nodes ascend');
        before.copy(id);
        any = true;
      }
    }
    assert(nodeBytes === this.nodeBytes, `nodes of ${nodeBytes} bytes, counted ${this.nodeBytes}`);
    for (const [name, group] of this.groups) {
      group.verify();
      bytes += GROUP_OVERHEAD_BYTES + name.length + group.bytesUsed;
    }
    assert(bytes === this.account.bytesUsed, `the stream takes ${bytes} bytes, counted ${this.account.bytesUsed}`);
    assert(this.reportedBytes === this.account.bytesUsed, 'every change of size was reported');
  }
}
