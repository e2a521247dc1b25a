/**
 * What the nodes of an ordered index (orderedIndex.ts) hold, and where.
 *
 *   words   0       1          2      3      4
 *   leaf    count | previous | next | skip | scores (64 doubles) | 132 refs (64) | 196 digits (64)
 *   inner   count |          |      | skip | scores (48 doubles) | 100 refs (40) | 140 digits (40) | 180 children | 220 counts
 *
 * Score and reference of an inner node are those of the least element below the child, its count is that of the elements there.
 * Skip and digits speed up the search: see nodeKeys.ts.
 *
 * Invariant: places for scores that are not in use, eight of an inner node always, hold NaN, which is not less than any score.
 */
import type { Ref } from '../../store/types.js';
import { NO_NODE, NodePool } from './nodePool.js';

export const LEAF_MAX = 64;
export const INNER_MAX = 40;
/** Places for scores of an inner node: whole sixteens, as the search takes them. */
export const INNER_SCORES = 48;

export const PREVIOUS = 1;
export const NEXT = 2;
export const SKIP = 3;
/** Index of the first score among the doubles of a node; of the other arrays among its words. */
export const SCORES = 2;
export const LEAF_REFS = 4 + 2 * LEAF_MAX;
export const LEAF_DIGITS = LEAF_REFS + LEAF_MAX;
export const INNER_REFS = 4 + 2 * INNER_SCORES;
export const INNER_DIGITS = INNER_REFS + INNER_MAX;
export const CHILDREN = INNER_DIGITS + INNER_MAX;
export const COUNTS = CHILDREN + INNER_MAX;

/** More keys than this move faster in three calls of the runtime. */
const MOVED_SINGLY = 48;

/** Where the digits of a node are whose references are at `refsAt`. */
export function digitsBehind(refsAt: number): number {
  return refsAt === LEAF_REFS ? LEAF_DIGITS : INNER_DIGITS;
}

export class IndexNodes extends NodePool {
  /** An inner node without children. */
  newNode(): number {
    return this.empty(this.take(), INNER_SCORES);
  }

  newLeaf(): number {
    const leaf = this.empty(this.take(), LEAF_MAX);
    const words = this.words[this.chunkOf(leaf)];
    const base = this.baseOf(leaf);
    words[base + PREVIOUS] = NO_NODE;
    words[base + NEXT] = NO_NODE;
    return leaf;
  }

  private empty(node: number, places: number): number {
    this.setCount(node, places);
    this.shrink(node, 0);
    return node;
  }

  countOf(node: number): number {
    return this.words[this.chunkOf(node)][this.baseOf(node)];
  }

  setCount(node: number, count: number): void {
    this.words[this.chunkOf(node)][this.baseOf(node)] = count;
  }

  /** Leaves a node with its first `count` keys. */
  shrink(node: number, count: number): void {
    const words = this.words[this.chunkOf(node)];
    const doubles = this.doubles[this.chunkOf(node)];
    const base = this.baseOf(node);
    const scores = (base >> 1) + SCORES;
    for (let i = scores + words[base] - 1; i >= scores + count; i--) doubles[i] = Number.NaN;
    words[base] = count;
  }

  scoreAt(node: number, at: number): number {
    return this.doubles[this.chunkOf(node)][(this.baseOf(node) >> 1) + SCORES + at];
  }

  /** Item `at` of the array of a node that begins at word `array`: LEAF_REFS, INNER_REFS, CHILDREN, COUNTS ... */
  wordAt(node: number, array: number, at: number): number {
    return this.words[this.chunkOf(node)][this.baseOf(node) + array + at];
  }

  setWord(node: number, array: number, at: number, value: number): void {
    this.words[this.chunkOf(node)][this.baseOf(node) + array + at] = value;
  }

  childAt(node: number, at: number): number {
    return this.words[this.chunkOf(node)][this.baseOf(node) + CHILDREN + at];
  }

  setKey(node: number, refsAt: number, at: number, score: number, ref: Ref): void {
    const chunk = this.chunkOf(node);
    const base = this.baseOf(node);
    this.doubles[chunk][(base >> 1) + SCORES + at] = score;
    this.words[chunk][base + refsAt + at] = ref;
  }

  /** Puts a child and the number of elements below it to the key at `at`. */
  setChild(node: number, at: number, child: number, count: number): void {
    const words = this.words[this.chunkOf(node)];
    const base = this.baseOf(node);
    words[base + CHILDREN + at] = child;
    words[base + COUNTS + at] = count;
  }

  /** Copies `length` keys of a node to another one of the same kind. */
  copyKeys(from: number, refsAt: number, fromAt: number, to: number, toAt: number, length: number): void {
    const words = this.words[this.chunkOf(from)];
    const toWords = this.words[this.chunkOf(to)];
    const doubles = this.doubles[this.chunkOf(from)];
    const toDoubles = this.doubles[this.chunkOf(to)];
    const refs = this.baseOf(from) + refsAt + fromAt;
    const toRefs = this.baseOf(to) + refsAt + toAt;
    const digits = digitsBehind(refsAt) - refsAt;
    const scores = (this.baseOf(from) >> 1) + SCORES + fromAt;
    const toScores = (this.baseOf(to) >> 1) + SCORES + toAt;
    for (let i = 0; i < length; i++) {
      toDoubles[toScores + i] = doubles[scores + i];
      toWords[toRefs + i] = words[refs + i];
      toWords[toRefs + digits + i] = words[refs + digits + i];
    }
  }

  /** The same with the children. */
  copyChildren(from: number, fromAt: number, to: number, toAt: number, length: number): void {
    this.copyKeys(from, INNER_REFS, fromAt, to, toAt, length);
    for (let i = 0; i < length; i++) {
      this.setChild(to, toAt + i, this.childAt(from, fromAt + i), this.wordAt(from, COUNTS, fromAt + i));
    }
  }

  /** Moves the keys of a node from `from` on by so many places, up or down. Its count is the caller's to change. */
  moveKeys(node: number, refsAt: number, from: number, by: number): void {
    const words = this.words[this.chunkOf(node)];
    const doubles = this.doubles[this.chunkOf(node)];
    const base = this.baseOf(node);
    const count = words[base];
    const scores = (base >> 1) + SCORES;
    const refs = base + refsAt;
    const digits = base + digitsBehind(refsAt);
    if (count - from > MOVED_SINGLY) {
      doubles.copyWithin(scores + from + by, scores + from, scores + count);
      words.copyWithin(refs + from + by, refs + from, refs + count);
      words.copyWithin(digits + from + by, digits + from, digits + count);
      return;
    }
    // The sums cannot overflow. That the compiler need not check it makes this twice as fast.
    const step = by > 0 ? -1 : 1;
    let i = by > 0 ? count - 1 : from;
    for (let left = count - from; left > 0; left--, i = (i + step) | 0) {
      const score = (scores + i) | 0;
      const ref = (refs + i) | 0;
      const digit = (digits + i) | 0;
      doubles[(score + by) | 0] = doubles[score];
      words[(ref + by) | 0] = words[ref];
      words[(digit + by) | 0] = words[digit];
    }
  }

  /** The same for children and their counts. */
  moveChildren(node: number, from: number, by: number): void {
    const words = this.words[this.chunkOf(node)];
    const base = this.baseOf(node);
    const count = words[base];
    for (let array = base + CHILDREN; array <= base + COUNTS; array += COUNTS - CHILDREN) {
      words.copyWithin(array + from + by, array + from, array + count);
    }
  }

  /** Makes two leaves neighbours; one of them may be missing. */
  linkLeaves(left: number, right: number): void {
    if (left !== NO_NODE) this.words[this.chunkOf(left)][this.baseOf(left) + NEXT] = right;
    if (right !== NO_NODE) this.words[this.chunkOf(right)][this.baseOf(right) + PREVIOUS] = left;
  }
}

/**
 * How many of the scores of a node, which begin at doubles[scores], are less than this one. Which way a search goes is a coin
 * toss that the processor loses half the time: comparisons that are added up, three with every sixteenth score, three with
 * every fourth of those between and four with the last, take half the time of a binary search.
 */
export function scoresBelow(doubles: Float64Array, scores: number, score: number): number {
  const sixteens =
    Number(doubles[scores + 15] < score) + Number(doubles[scores + 31] < score) + Number(doubles[scores + 47] < score);
  let at = scores + (sixteens << 4);
  const fours = Number(doubles[at + 3] < score) + Number(doubles[at + 7] < score) + Number(doubles[at + 11] < score);
  at += fours << 2;
  return (
    at -
    scores +
    (Number(doubles[at] < score) +
      Number(doubles[at + 1] < score) +
      Number(doubles[at + 2] < score) +
      Number(doubles[at + 3] < score))
  );
}
