/**
 * Which keys each of the 16384 slots of a cluster holds: a doubly linked list through the entries, and a count.
 *
 *   heads[slot] --> entry <--> entry <--> entry --> 0        the links are the 8 bytes before the entry's header
 *
 * Costs 8 bytes a key and nothing on reads and overwrites; counting is O(1), walking or emptying a slot costs in proportion
 * to the slot.
 *
 * Invariants: an entry is on the list of its key's slot exactly once; counts[slot] is the length of its list.
 */
import { assert } from '../base/assert.js';
import { SLOT_COUNT } from '../base/crc16.js';
import { SEGMENT_SHIFT, UNIT_MASK } from './segments.js';
import type { Ref } from './types.js';

/** Words of the links, counted from the entry's header. */
const NEXT = -2;
const PREV = -1;

export class SlotIndex {
  private readonly words: Int32Array[];
  private readonly counts = new Int32Array(SLOT_COUNT);
  private readonly heads = new Int32Array(SLOT_COUNT);

  constructor(words: Int32Array[]) {
    this.words = words;
  }

  get bytesUsed(): number {
    return this.counts.byteLength + this.heads.byteLength;
  }

  count(slot: number): number {
    return this.counts[slot];
  }

  first(slot: number): Ref {
    return this.heads[slot];
  }

  next(ref: Ref): Ref {
    return this.words[ref >>> SEGMENT_SHIFT][((ref & UNIT_MASK) << 1) + NEXT];
  }

  insert(ref: Ref, slot: number): void {
    const head = this.heads[slot];
    this.setLink(ref, NEXT, head);
    this.setLink(ref, PREV, 0);
    if (head !== 0) this.setLink(head, PREV, ref);
    this.heads[slot] = ref;
    this.counts[slot]++;
  }

  remove(ref: Ref, slot: number): void {
    const next = this.next(ref);
    const prev = this.words[ref >>> SEGMENT_SHIFT][((ref & UNIT_MASK) << 1) + PREV];
    if (prev === 0) this.heads[slot] = next;
    else this.setLink(prev, NEXT, next);
    if (next !== 0) this.setLink(next, PREV, prev);
    this.counts[slot]--;
  }

  /** The entry moved; its key, and thus `slot`, stays. */
  relocate(ref: Ref, moved: Ref, slot: number): void {
    const next = this.next(ref);
    const prev = this.words[ref >>> SEGMENT_SHIFT][((ref & UNIT_MASK) << 1) + PREV];
    this.setLink(moved, NEXT, next);
    this.setLink(moved, PREV, prev);
    if (prev === 0) this.heads[slot] = moved;
    else this.setLink(prev, NEXT, moved);
    if (next !== 0) this.setLink(next, PREV, moved);
  }

  private setLink(ref: Ref, link: number, value: Ref): void {
    this.words[ref >>> SEGMENT_SHIFT][((ref & UNIT_MASK) << 1) + link] = value;
  }

  /** `slotOf` tells an entry's slot, `size` how many entries there are. */
  verify(size: number, slotOf: (ref: Ref) => number): void {
    let total = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      let count = 0;
      let prev = 0;
      for (let ref = this.heads[slot]; ref !== 0; ref = this.next(ref)) {
        assert(++count <= this.counts[slot], 'a slot list is as long as its count');
        assert(slotOf(ref) === slot, 'an entry is on the list of its slot');
        const back = this.words[ref >>> SEGMENT_SHIFT][((ref & UNIT_MASK) << 1) + PREV];
        assert(back === prev, 'slot links agree');
        prev = ref;
      }
      assert(count === this.counts[slot], `slot ${slot} has ${count} keys, counted ${this.counts[slot]}`);
      total += count;
    }
    assert(total === size, 'every entry is on a slot list');
  }
}
