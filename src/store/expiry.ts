/**
 * Which key is due next: a hierarchical timing wheel, whose lists run through the entries.
 *
 *   level 5 (years) ... level 2 (65 s a slot)   level 1 (256 ms a slot)   level 0 (1 ms a slot)      256 slots each
 *   heads[level * 256 + digit] --> entry <--> entry --> 0                 links and expire time: the 16 bytes before the
 *                                                                         header (and the slot links)
 *
 * Times are numbers of six base-256 digits. `cursorMs` is the time up to which the wheel has been turned; an entry sits at
 * the level of the highest digit in which its time differs from the cursor, in the slot of that digit. When the cursor
 * enters a slot of a higher level, its list is taken off as `pending` and its entries move one by one to lower levels, a
 * bounded number per call. So every key is found at its millisecond, a key is touched a few times in its life, keys that
 * are not due are not touched at all, and no call takes long however many keys share a slot.
 *
 * Times that are safe integers are kept as doubles, because reading those is quickest, the others, beyond the year 287396, as
 * 64-bit integers with the top bit set, which makes no positive double of them. For the wheel, as for every look at the
 * clock, the nearest number is enough.
 *
 * Invariants: each entry with an expire time is on exactly one list: the one that `slotOf` names, or `pending`;
 * a bit of `occupied` is set when that list is not empty; count is their number, sum the sum of (time - base), clamped.
 */
import { assert } from '../base/assert.js';
import { highWord, int64OfWords, lowWord } from '../base/int64.js';
import type { Random } from '../base/prng.js';
import { SEGMENT_SHIFT, type Segments, UNIT_MASK } from './segments.js';
import { type ByteCount, type ExpireAtMs, NO_EXPIRE, type Ref } from './types.js';

const LEVELS = 6;
const SLOTS = 256;
/** The wheel's horizon, year 10889: whatever is later waits in the last slot and is looked at again then. */
const LAST_MS = 2 ** 48 - 1;
const LOW = 0x1000000;
/** In the upper word of a time: it is no double. */
const IS_INTEGER = 0x80000000;
/** Keeps the sum of times exact. */
const SUM_CLAMP_MS = 2 ** 40;
/** How many entries that are not due one call moves or looks at. */
const WORK_PER_CALL = 64;
/** Samples lie up to this many entries apart: neighbours on a list were often written together. */
const SAMPLE_STRIDE = 16;

export class ExpiryWheel {
  count = 0;
  /** The list being moved down. */
  private pending: Ref = 0;
  private cursorMs = 0;
  // The cursor's upper and lower three digits.
  private cursorHigh = 0;
  private cursorLow = 0;
  private base = 0;
  private sum = 0;
  private heads = NO_HEADS;
  private occupied = NO_HEADS;
  /** Where {@link sample} goes on: an entry of the wheel, or 0. */
  private hand: Ref = 0;

  private readonly memory: ByteCount;
  private readonly words: Int32Array[];
  private readonly doubles: Float64Array[];
  /** Units between the expire time and the header. */
  private readonly distance: number;
  /** Words of the links, counted from the header. */
  private readonly next: number;
  private readonly prev: number;

  /** `memory` counts the bytes that the wheel itself takes. */
  constructor(segments: Segments, distanceUnits: number, memory: ByteCount) {
    this.memory = memory;
    this.words = segments.words;
    this.doubles = segments.doubles;
    this.distance = distanceUnits;
    this.next = 2 - 2 * distanceUnits;
    this.prev = 3 - 2 * distanceUnits;
  }

  get bytesUsed(): number {
    return this.heads.byteLength + this.occupied.byteLength;
  }

  /** Gives all memory back at once; the wheel is of no use afterwards. */
  discard(): void {
    this.memory.bytesUsed -= this.bytesUsed;
    this.heads = NO_HEADS;
    this.occupied = NO_HEADS;
  }

  /** The expire time of an entry that has one. */
  timeOf(ref: Ref): ExpireAtMs {
    const atMs = this.doubles[ref >>> SEGMENT_SHIFT][(ref & UNIT_MASK) - this.distance];
    return atMs >= 0 ? atMs : this.integerOf(ref);
  }

  /** The number next to it. */
  private nearTimeOf(ref: Ref): number {
    const atMs = this.doubles[ref >>> SEGMENT_SHIFT][(ref & UNIT_MASK) - this.distance];
    return atMs >= 0 ? atMs : Number(this.integerOf(ref));
  }

  private integerOf(ref: Ref): ExpireAtMs {
    const words = this.words[ref >>> SEGMENT_SHIFT];
    const at = ((ref & UNIT_MASK) - this.distance) << 1;
    return int64OfWords(words[at + 1] & ~IS_INTEGER, words[at]);
  }

  private setTime(ref: Ref, expireAtMs: ExpireAtMs): void {
    const unit = (ref & UNIT_MASK) - this.distance;
    if (typeof expireAtMs === 'number') {
      this.doubles[ref >>> SEGMENT_SHIFT][unit] = expireAtMs;
    } else {
      const words = this.words[ref >>> SEGMENT_SHIFT];
      words[unit << 1] = lowWord(expireAtMs);
      words[(unit << 1) + 1] = highWord(expireAtMs) | IS_INTEGER;
    }
  }

  /** Whether the time of an entry that has one is over. */
  isDue(ref: Ref, nowMs: number): boolean {
    return this.nearTimeOf(ref) <= nowMs;
  }

  /** Mean time to live in milliseconds; 0 when there is no key. */
  averageTtlMs(nowMs: number): number {
    return this.count === 0 ? 0 : Math.max(0, Math.round(this.base + this.sum / this.count - nowMs));
  }

  insert(ref: Ref, expireAtMs: ExpireAtMs): void {
    if (this.heads === NO_HEADS) {
      this.heads = new Int32Array(LEVELS * SLOTS);
      this.occupied = new Int32Array((LEVELS * SLOTS) / 32);
      this.memory.bytesUsed += this.bytesUsed;
    }
    const atMs = typeof expireAtMs === 'number' ? expireAtMs : Number(expireAtMs);
    if (this.count === 0) this.base = atMs;
    this.setTime(ref, expireAtMs);
    this.count++;
    this.sum += this.share(atMs);
    this.link(ref, this.slotOf(atMs));
  }

  remove(ref: Ref): void {
    this.unlink(ref);
    this.count--;
    this.sum = this.count === 0 ? 0 : this.sum - this.share(this.nearTimeOf(ref));
  }

  /** Changes the time of an entry that has one. */
  update(ref: Ref, expireAtMs: ExpireAtMs): void {
    if (this.timeOf(ref) === expireAtMs) return;
    this.remove(ref);
    this.insert(ref, expireAtMs);
  }

  /** The entry moved; its time stays. */
  relocate(ref: Ref, moved: Ref): void {
    const next = this.linkOf(ref, this.next);
    const prev = this.linkOf(ref, this.prev);
    this.setTime(moved, this.timeOf(ref));
    this.setLink(moved, this.next, next);
    this.setLink(moved, this.prev, prev);
    if (this.hand === ref) this.hand = moved;
    if (next !== 0) this.setLink(next, this.prev, moved);
    if (prev !== 0) this.setLink(prev, this.next, moved);
    else if (this.pending === ref) this.pending = moved;
    else this.heads[this.slotOf(this.nearTimeOf(moved))] = moved;
  }

  /**
   * An entry whose time is <= nowMs, or 0 when a bounded amount of work found none: `isBehind` tells whether to call
   * again. The same entry is answered until it is removed or its time changes.
   */
  nextDue(nowMs: number): Ref {
    if (this.count === 0) {
      if (nowMs > this.cursorMs) this.setCursor(Math.min(nowMs, LAST_MS));
      return 0;
    }
    const untilMs = Math.min(nowMs, LAST_MS);
    if (untilMs < this.cursorMs) return this.dueAmongPassed(nowMs);
    let work = WORK_PER_CALL;
    for (;;) {
      while (this.pending !== 0) {
        const ref = this.pending;
        const atMs = this.nearTimeOf(ref);
        if (atMs <= nowMs) return ref;
        if (work-- === 0) return 0;
        this.unlink(ref);
        this.link(ref, this.slotOf(atMs));
      }
      const passed = this.heads[this.cursorLow & 255];
      if (passed !== 0) return this.isDue(passed, nowMs) ? passed : 0;
      if (!this.turn(untilMs)) return 0;
    }
  }

  /** Whether a due key may be left although `nextDue` answered 0. */
  isBehind(nowMs: number): boolean {
    const untilMs = Math.min(nowMs, LAST_MS);
    return this.count > 0 && (this.cursorMs < untilMs || (this.cursorMs === untilMs && this.pending !== 0));
  }

  /**
   * The entry that expires first, or one in the same slot of the wheel: `looks` bounds how many are compared. 0 when there
   * is none.
   */
  nearest(looks: number): Ref {
    if (this.count === 0) return 0;
    const pending = this.earliestOn(this.pending, looks);
    for (let level = 0; level < LEVELS; level++) {
      const digit = this.nextOccupied(level, this.digitOfCursor(level));
      if (digit === SLOTS) continue;
      // What is on a higher level is later than all that is on this one.
      const first = this.earliestOn(this.heads[level * SLOTS + digit], looks);
      return pending !== 0 && this.timeOf(pending) <= this.timeOf(first) ? pending : first;
    }
    return pending;
  }

  private earliestOn(head: Ref, looks: number): Ref {
    let best = head;
    for (let ref = head, left = looks; ref !== 0 && left > 0; ref = this.linkOf(ref, this.next), left--) {
      if (this.timeOf(ref) < this.timeOf(best)) best = ref;
    }
    return best;
  }

  /** How many entries are due and not removed yet, counted up to `limit`. */
  countDue(nowMs: number, limit: number): number {
    let due = 0;
    for (let slot = NO_SLOT; slot < this.heads.length && due < limit; slot++) {
      if (slot !== NO_SLOT && this.startOf(slot) > nowMs) continue;
      const head = slot === NO_SLOT ? this.pending : this.heads[slot];
      for (let ref = head; ref !== 0 && due < limit; ref = this.linkOf(ref, this.next)) {
        if (this.isDue(ref, nowMs)) due++;
      }
    }
    return due;
  }

  /** When the cursor will enter, or has entered, a slot. */
  private startOf(slot: number): number {
    const width = 2 ** (8 * (slot >> 8));
    return (Math.floor(this.cursorMs / (width * SLOTS)) * SLOTS + (slot & 255)) * width;
  }

  /** Puts up to `wanted` entries, at least one if there is any, into `found`; answers how many. Goes round the wheel. */
  sample(found: Ref[], wanted: number, random: Random): number {
    let length = 0;
    while (length < wanted && length < this.count) {
      for (let steps = random.below(SAMPLE_STRIDE); steps >= 0; steps--) this.hand = this.behind(this.hand);
      found[length++] = this.hand;
    }
    return length;
  }

  /** The entry behind another one, list after list and round. `ref` 0: the first of all. */
  private behind(ref: Ref): Ref {
    const next = ref === 0 ? 0 : this.linkOf(ref, this.next);
    if (next !== 0) return next;
    const from = ref === 0 ? 0 : this.slotOf(this.nearTimeOf(ref)) + 1;
    const slot = nextBit(this.occupied, from);
    if (slot < this.heads.length) return this.heads[slot];
    return this.pending !== 0 && from > 0 ? this.pending : this.firstOfAll();
  }

  private firstOfAll(): Ref {
    const slot = nextBit(this.occupied, 0);
    return slot < this.heads.length ? this.heads[slot] : this.pending;
  }

  /** Turns the wheel to the next slot with entries, or to `untilMs` when none comes before. Answers whether it found one. */
  private turn(untilMs: number): boolean {
    for (let level = 0; level < LEVELS; level++) {
      const digit = this.nextOccupied(level, this.digitOfCursor(level) + 1);
      if (digit === SLOTS) continue;
      const startMs = this.startOf(level * SLOTS + digit);
      if (startMs > untilMs) break;
      this.setCursor(startMs);
      if (level > 0) {
        const slot = level * SLOTS + digit;
        this.pending = this.heads[slot];
        this.heads[slot] = 0;
        this.occupied[slot >> 5] &= ~(1 << (slot & 31));
      }
      return true;
    }
    this.setCursor(untilMs);
    return false;
  }

  /** The clock went back: keys that are due have been put into the cursor's slot, or have been reached by it. */
  private dueAmongPassed(nowMs: number): Ref {
    let work = WORK_PER_CALL;
    for (let ref = this.heads[this.cursorLow & 255]; ref !== 0 && work > 0; ref = this.linkOf(ref, this.next), work--) {
      if (this.isDue(ref, nowMs)) return ref;
    }
    for (let ref = this.pending; ref !== 0 && work > 0; ref = this.linkOf(ref, this.next), work--) {
      if (this.isDue(ref, nowMs)) return ref;
    }
    return 0;
  }

  private nextOccupied(level: number, from: number): number {
    for (let digit = from; digit < SLOTS; digit = (digit | 31) + 1) {
      const bits = this.occupied[(level << 3) + (digit >> 5)] & (-1 << (digit & 31));
      if (bits !== 0) return (digit & ~31) + 31 - Math.clz32(bits & -bits);
    }
    return SLOTS;
  }

  private digitOfCursor(level: number): number {
    return level < 3 ? (this.cursorLow >>> (level * 8)) & 255 : (this.cursorHigh >>> ((level - 3) * 8)) & 255;
  }

  private setCursor(ms: number): void {
    this.cursorMs = ms;
    this.cursorHigh = Math.floor(ms / LOW);
    this.cursorLow = ms - this.cursorHigh * LOW;
  }

  /** The list on which an entry belongs that is due at `atMs`. */
  private slotOf(atMs: number): number {
    const ms = Math.min(Math.max(atMs, this.cursorMs), LAST_MS);
    const high = Math.floor(ms / LOW);
    const low = ms - high * LOW;
    const highDiff = high ^ this.cursorHigh;
    if (highDiff !== 0) {
      const level = (31 - Math.clz32(highDiff)) >> 3;
      return (level + 3) * SLOTS + ((high >>> (level * 8)) & 255);
    }
    const lowDiff = low ^ this.cursorLow;
    if (lowDiff === 0) return low & 255;
    const level = (31 - Math.clz32(lowDiff)) >> 3;
    return level * SLOTS + ((low >>> (level * 8)) & 255);
  }

  private link(ref: Ref, slot: number): void {
    const head = this.heads[slot];
    this.setLink(ref, this.next, head);
    this.setLink(ref, this.prev, 0);
    if (head === 0) this.occupied[slot >> 5] |= 1 << (slot & 31);
    else this.setLink(head, this.prev, ref);
    this.heads[slot] = ref;
  }

  private unlink(ref: Ref): void {
    const next = this.linkOf(ref, this.next);
    const prev = this.linkOf(ref, this.prev);
    if (this.hand === ref) this.hand = next;
    if (next !== 0) this.setLink(next, this.prev, prev);
    if (prev !== 0) this.setLink(prev, this.next, next);
    else if (this.pending === ref) this.pending = next;
    else {
      const slot = this.slotOf(this.nearTimeOf(ref));
      assert(this.heads[slot] === ref, 'the first of a list is its head');
      this.heads[slot] = next;
      if (next === 0) this.occupied[slot >> 5] &= ~(1 << (slot & 31));
    }
  }

  private linkOf(ref: Ref, link: number): Ref {
    return this.words[ref >>> SEGMENT_SHIFT][((ref & UNIT_MASK) << 1) + link];
  }

  private setLink(ref: Ref, link: number, value: Ref): void {
    this.words[ref >>> SEGMENT_SHIFT][((ref & UNIT_MASK) << 1) + link] = value;
  }

  private share(atMs: number): number {
    return Math.min(Math.max(atMs - this.base, -SUM_CLAMP_MS), SUM_CLAMP_MS);
  }

  /** `expireAtMs` answers an entry's time as its header has it. */
  verify(expireAtMs: (ref: Ref) => ExpireAtMs): void {
    const seen = new Set<Ref>();
    let sum = 0;
    for (let slot = NO_SLOT; slot < this.heads.length; slot++) {
      let prev = 0;
      const head = slot === NO_SLOT ? this.pending : this.heads[slot];
      for (let ref = head; ref !== 0; ref = this.linkOf(ref, this.next)) {
        assert(!seen.has(ref), 'an entry is on one list of the wheel');
        seen.add(ref);
        const atMs = this.nearTimeOf(ref);
        const expires = expireAtMs(ref) !== NO_EXPIRE && expireAtMs(ref) === this.timeOf(ref);
        assert(expires && atMs >= 0, 'an entry on the wheel expires');
        assert(
          (typeof this.timeOf(ref) === 'number') === Number.isSafeInteger(atMs),
          'times are doubles while they are exact',
        );
        assert(slot === NO_SLOT || this.slotOf(atMs) === slot, 'an entry is on the list of its time');
        assert(this.linkOf(ref, this.prev) === prev, 'links of the wheel agree');
        sum += this.share(atMs);
        prev = ref;
      }
      const marked = slot !== NO_SLOT && ((this.occupied[slot >> 5] >>> (slot & 31)) & 1) === 1;
      assert(slot === NO_SLOT || marked === (head !== 0), 'occupied slots are marked');
    }
    assert(this.hand === 0 || seen.has(this.hand), 'the hand points at an entry of the wheel');
    assert(seen.size === this.count, `${seen.size} entries on the wheel, counted ${this.count}`);
    assert(sum === this.sum, 'sum of the expire times');
  }
}

/** The first bit that is set at `from` or above; past the end when there is none. */
function nextBit(bits: Int32Array, from: number): number {
  for (let at = from; at < bits.length << 5; at = (at | 31) + 1) {
    const word = bits[at >> 5] & (-1 << (at & 31));
    if (word !== 0) return (at & ~31) + 31 - Math.clz32(word & -word);
  }
  return bits.length << 5;
}

const NO_SLOT = -1;
const NO_HEADS = new Int32Array(0);
