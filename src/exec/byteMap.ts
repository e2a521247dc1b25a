/**
 * A hash table whose entries are found by the bytes of a request, without making a string or an array for the question.
 *
 *   #heads   | e0 | e1 | .. | e7 | e8 | e9 |        level 8, split 2: buckets 0 and 1 have been split into 0, 8 and 1, 9
 *              |    └> entry ─> entry ─> undefined      (chained through `next`)
 *
 * Linear hashing: it grows and shrinks by one bucket at a time, so no operation ever waits for the rest. Invariants: each
 * entry hangs in the bucket that its hash names; there are level + split buckets and 0 <= split < level.
 */
import { assert } from '../base/assert.js';
import { latin1 } from '../base/bytes.js';
import type { Random } from '../base/prng.js';
import { Hasher } from '../store/hash.js';

const LEAST_BUCKETS = 8;

/** What an entry brings along; the map looks after it. */
export class ByteEntry {
  /** The key, one character a byte: a string takes less memory than an array of its own. */
  readonly key: string;
  readonly hash: number;
  next: this | undefined = undefined;

  constructor(key: string, hash: number) {
    this.key = key;
    this.hash = hash;
  }
}

export class ByteMap<E extends ByteEntry> {
  readonly #hasher: Hasher;
  #heads: (E | undefined)[] = new Array<E | undefined>(LEAST_BUCKETS).fill(undefined);
  #level = LEAST_BUCKETS;
  #split = 0;
  #size = 0;

  constructor(random: Random) {
    // Keyed by chance: strangers choose the keys, and must not choose their buckets.
    this.#hasher = new Hasher(random.nextU32(), random.nextU32());
  }

  get size(): number {
    return this.#size;
  }

  /** The entry of the key buf[start, end). */
  find(buf: Uint8Array, start: number, end: number): E | undefined {
    if (this.#size === 0) return undefined;
    const hash = this.#hasher.hash(buf, start, end);
    let entry = this.#heads[this.#bucket(hash)];
    while (entry !== undefined && !(entry.hash === hash && spells(entry.key, buf, start, end))) entry = entry.next;
    return entry;
  }

  /** Adds the entry that `make` makes of key and hash. The key must not be there. */
  add(buf: Uint8Array, start: number, end: number, make: (key: string, hash: number) => E): E {
    const entry = make(latin1(buf, start, end), this.#hasher.hash(buf, start, end));
    this.#hang(entry);
    this.#size++;
    if (this.#size > this.#heads.length) this.#grow();
    return entry;
  }

  /** Removes an entry of this map. */
  remove(entry: E): void {
    const bucket = this.#bucket(entry.hash);
    let before: E | undefined;
    let at = this.#heads[bucket];
    while (at !== entry) {
      before = at;
      at = (at as E).next;
    }
    if (before === undefined) this.#heads[bucket] = entry.next;
    else before.next = entry.next;
    this.#size--;
    if (this.#size * 4 < this.#heads.length && this.#heads.length > LEAST_BUCKETS) this.#shrink();
  }

  clear(): void {
    this.#heads = new Array<E | undefined>(LEAST_BUCKETS).fill(undefined);
    this.#level = LEAST_BUCKETS;
    this.#split = 0;
    this.#size = 0;
  }

  /** Some entry, by chance; undefined in an empty map. */
  any(random: Random): E | undefined {
    if (this.#size === 0) return undefined;
    let bucket = random.below(this.#heads.length);
    while (this.#heads[bucket] === undefined) bucket = (bucket + 1) % this.#heads.length;
    return this.#heads[bucket];
  }

  /** All entries as they are now, in no order. */
  entries(): E[] {
    return this.#heads.flatMap(chain);
  }

  verify(): void {
    assert(this.#heads.length === this.#level + this.#split, 'buckets and split do not fit');
    assert(this.#split >= 0 && this.#split < this.#level, `split ${this.#split} at level ${this.#level}`);
    let count = 0;
    for (let bucket = 0; bucket < this.#heads.length; bucket++) {
      for (const entry of chain(this.#heads[bucket])) {
        assert(this.#bucket(entry.hash) === bucket, `${entry.key} hangs in bucket ${bucket}`);
        count++;
      }
    }
    assert(count === this.#size, `${count} entries, ${this.#size} counted`);
  }

  #bucket(hash: number): number {
    const low = hash & (this.#level - 1);
    return low < this.#split ? hash & (2 * this.#level - 1) : low;
  }

  #hang(entry: E): void {
    const bucket = this.#bucket(entry.hash);
    entry.next = this.#heads[bucket];
    this.#heads[bucket] = entry;
  }

  /** Splits one bucket in two. */
  #grow(): void {
    const moving = this.#heads[this.#split];
    this.#heads[this.#split] = undefined;
    this.#heads.push(undefined);
    if (++this.#split === this.#level) {
      this.#level *= 2;
      this.#split = 0;
    }
    this.#hangAll(moving);
  }

  /** Puts the last bucket back into the one it was split from. */
  #shrink(): void {
    if (this.#split === 0) {
      this.#level /= 2;
      this.#split = this.#level;
    }
    this.#split--;
    this.#hangAll(this.#heads.pop());
  }

  #hangAll(first: E | undefined): void {
    for (let entry = first; entry !== undefined; ) {
      const { next } = entry;
      this.#hang(entry);
      entry = next;
    }
  }
}

function chain<E extends ByteEntry>(first: E | undefined): E[] {
  const entries: E[] = [];
  for (let entry = first; entry !== undefined; entry = entry.next) entries.push(entry);
  return entries;
}

function spells(key: string, buf: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) !== buf[start + i]) return false;
  return true;
}
