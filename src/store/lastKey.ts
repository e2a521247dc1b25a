/**
 * The key that was found last: one that is asked for again and again, as in a pipeline that fills a collection, is compared
 * with it and neither hashed nor looked up. All others mostly differ in their length or their last byte.
 *
 * Invariant: while there is one, `ref` is in the table under this key. Whoever takes an entry out of it, moves one or
 * exchanges the table calls {@link LastKey.forget}.
 */
import { HEADER_BYTES } from './entry.js';
import { SHORT_KEY_MAX } from './hash.js';
import { SEGMENT_SHIFT, type Segments, UNIT_MASK } from './segments.js';
import type { Ref } from './types.js';

const NONE = -1;

export class LastKey {
  ref: Ref = 0;
  hash = 0;
  private length = NONE;
  private lastByte = 0;
  private readonly segments: Segments;

  constructor(segments: Segments) {
    this.segments = segments;
  }

  /** Whether it is buf[start, end). */
  is(buf: Uint8Array, start: number, end: number): boolean {
    if (end - start !== this.length || buf[end - 1] !== this.lastByte) return false;
    const bytes = this.segments.bytes[this.ref >>> SEGMENT_SHIFT];
    let at = ((this.ref & UNIT_MASK) << 3) + HEADER_BYTES + this.length;
    for (let i = end - 1; i >= start; i--) if (buf[i] !== bytes[--at]) return false;
    return true;
  }

  /** The entry `ref` was found under a key of this length and hash. */
  set(ref: Ref, buf: Uint8Array, start: number, end: number, hash: number): void {
    const length = end - start;
    if (length === 0 || length > SHORT_KEY_MAX) return;
    this.ref = ref;
    this.length = length;
    this.lastByte = buf[end - 1];
    this.hash = hash;
  }

  forget(): void {
    this.length = NONE;
  }
}
