/**
 * The order of a large sorted set: a B+tree over its elements, by score and then by member as memcmp has it, that counts what
 * is below each node. Search, insertion, deletion, rank and search by rank cost O(log n).
 *
 *                     +--------------------------------------------+
 *   inner node        | children | least score, least ref, child,  |   up to 40 children
 *                     |          | elements below: for each child  |
 *                     +----------+---------------+-----------------+
 *                                | child 0       | child 1
 *                     +----------v-----+   +-----v-------+
 *   leaf      -1 <----| count | scores |<->| count | ... |----> -1     up to 64 elements
 *                     | prev | next    |   +-------------+
 *                     | refs           |
 *                     +----------------+
 *
 * The nodes are laid out in indexNodes.ts. A reference names the element in the store (elements.ts), which has the member: it is
 * looked at only where neither scores nor digits (nodeKeys.ts) decide.
 *
 * Invariants: all leaves are at one depth and linked in order; an inner node says of each child its least element and how many
 * elements are below; no node is empty but the root of an empty tree; the root is a leaf or has two children at least.
 * Leaves (but for the first and the last) and inner nodes that became small are merged with a neighbour when both fit well into one.
 */
import { assert } from '../../base/assert.js';
import type { Elements } from '../../store/elements.js';
import type { Ref } from '../../store/types.js';
import { checkIndex } from './indexCheck.js';
import {
  CHILDREN,
  COUNTS,
  INNER_MAX,
  INNER_REFS,
  IndexNodes,
  LEAF_MAX,
  LEAF_REFS,
  NEXT,
  PREVIOUS,
  SCORES,
} from './indexNodes.js';
import { NodeKeys } from './nodeKeys.js';
import { NO_NODE } from './nodePool.js';
import type { Place } from './place.js';

/** A leaf or inner node that has fewer looks for a neighbour to merge with, ... */
const LEAF_FEW = LEAF_MAX / 4;
const INNER_FEW = INNER_MAX / 4;
/** ... if together they have no more than this. */
const LEAF_MERGED = 48;
const INNER_MERGED = 30;

/** Enough for 2^32 elements in the emptiest tree that the rules allow. */
const MAX_HEIGHT = 24;

export class OrderedIndex {
  private readonly nodes = new IndexNodes();
  private readonly elements: Elements;
  private readonly keys: NodeKeys;
  private root: number;
  /** Levels of inner nodes above the leaves. */
  private height = 0;
  private total = 0;
  /** So many elements at the beginning of the first leaf were taken by {@link takeFirst} and are still to be removed. */
  private taken = 0;

  /** The way from the root to the leaf that was looked for last: at each level from 1 up the node and the child taken. */
  private readonly pathNode = new Int32Array(MAX_HEIGHT);
  private readonly pathAt = new Int32Array(MAX_HEIGHT);
  /** The cursor: a place in a leaf. */
  private leaf: number;
  private at = 0;

  constructor(elements: Elements) {
    this.elements = elements;
    this.keys = new NodeKeys(this.nodes, elements);
    this.root = this.nodes.newLeaf();
    this.leaf = this.root;
  }

  get bytesUsed(): number {
    return this.nodes.bytesUsed;
  }

  // ---------------------------------------------------------------- search

  /** Puts the cursor on the first element behind a place; answers its rank: the number of elements before the place. */
  seekPlace(place: Place): number {
    this.descend(place);
    const rank = this.rankOfCursor();
    this.settle();
    return rank;
  }

  /** Puts the cursor on the element that lies `skipped` elements behind a place; false when there is none. */
  seekBehind(place: Place, skipped: number): boolean {
    this.descend(place);
    if (skipped === 0) return this.settle();
    const rank = this.rankOfCursor() + skipped;
    if (rank >= this.total) return false;
    this.seek(rank);
    return true;
  }

  /** How many elements from the cursor on, which stays, lie before a place; `most` when they are as many or more. */
  countTo(place: Place, most: number): number {
    const { nodes } = this;
    let counted = -this.at;
    for (let leaf = this.leaf; leaf !== NO_NODE; leaf = nodes.wordAt(leaf, NEXT, 0)) {
      const before = this.keys.search(leaf, LEAF_REFS, place);
      counted += before;
      if (counted >= most) return most;
      if (before < nodes.countOf(leaf)) break;
    }
    return Math.max(0, counted);
  }

  /** Puts the cursor on the element with this rank, which exists. */
  seek(rank: number): void {
    if (this.taken > 0) this.removeTaken();
    const { nodes } = this;
    let node = this.root;
    for (let level = this.height; level > 0; level--) {
      const words = nodes.words[nodes.chunkOf(node)];
      const base = nodes.baseOf(node);
      let child = 0;
      while (rank >= words[base + COUNTS + child]) rank -= words[base + COUNTS + child++];
      this.pathNode[level] = node;
      this.pathAt[level] = child;
      node = words[base + CHILDREN + child];
    }
    this.leaf = node;
    this.at = rank;
  }

  /** The same with rank 0, but only for those who read, or {@link takeFirst}. */
  seekFirst(): void {
    let node = this.root;
    for (let level = this.height; level > 0; level--) node = this.nodes.childAt(node, 0);
    this.leaf = node;
    this.at = this.taken;
  }

  /** Moves the cursor; false when there is no further element. */
  next(): boolean {
    this.at++;
    return this.settle();
  }

  previous(): boolean {
    const { nodes } = this;
    const before = nodes.wordAt(this.leaf, PREVIOUS, 0);
    if (this.at > (before === NO_NODE ? this.taken : 0)) this.at--;
    else if (before === NO_NODE) return false;
    else {
      this.leaf = before;
      this.at = nodes.countOf(before) - 1;
    }
    return true;
  }

  /** Of the element under the cursor. */
  get score(): number {
    return this.nodes.doubles[this.nodes.chunkOf(this.leaf)][(this.nodes.baseOf(this.leaf) >> 1) + SCORES + this.at];
  }

  get ref(): Ref {
    return this.nodes.words[this.nodes.chunkOf(this.leaf)][this.nodes.baseOf(this.leaf) + LEAF_REFS + this.at];
  }

  /** Behind the last element of a leaf means before the first of the next; false at the end of all. */
  private settle(): boolean {
    const { nodes } = this;
    const words = nodes.words[nodes.chunkOf(this.leaf)];
    const base = nodes.baseOf(this.leaf);
    if (this.at < words[base]) return true;
    if (words[base + NEXT] === NO_NODE) return false;
    this.leaf = words[base + NEXT];
    this.at = 0;
    return true;
  }

  /** Finds the way to a place; the cursor may be left behind the last element of a leaf. */
  private descend(place: Place): void {
    this.descendToLeaf(place);
    this.at = this.keys.search(this.leaf, LEAF_REFS, place);
  }

  private descendToLeaf(place: Place): void {
    if (this.taken > 0) this.removeTaken();
    const { nodes, keys } = this;
    let node = this.root;
    for (let level = this.height; level > 0; level--) {
      const child = keys.childOf(node, place);
      this.pathNode[level] = node;
      this.pathAt[level] = child;
      node = nodes.childAt(node, child);
    }
    this.leaf = node;
  }

  /** How many elements lie before the cursor, to which the path leads. */
  private rankOfCursor(): number {
    const { nodes } = this;
    let rank = this.at;
    for (let level = this.height; level > 0; level--) {
      const counts = nodes.baseOf(this.pathNode[level]) + COUNTS;
      const words = nodes.words[nodes.chunkOf(this.pathNode[level])];
      for (let i = 0; i < this.pathAt[level]; i++) rank += words[counts + i];
    }
    return rank;
  }

  // ---------------------------------------------------------------- insertion

  /** Adds an element of a new member, whose place this is. */
  add(ref: Ref, place: Place): void {
    this.keys.noteMember(place.buf, place.start, place.end);
    this.insert(ref, place);
  }

  /** Adds an element, which is not there, but whose member was there before. This is its place. */
  insert(ref: Ref, place: Place): void {
    this.descend(place);
    if (this.nodes.countOf(this.leaf) === LEAF_MAX) {
      this.splitLeaf();
      this.descend(place);
    }
    const { at } = this;
    this.keys.insertInLeaf(this.leaf, at, ref, place);
    this.addToCounts(1);
    if (at === 0) this.setLeast(1, place.score, ref);
  }

  /**
   * Gives the element under the cursor, which was put there by rank or place, another score; false when that is not possible
   * without moving it.
   */
  rescore(score: number): boolean {
    const { nodes, at } = this;
    const words = nodes.words[nodes.chunkOf(this.leaf)];
    const doubles = nodes.doubles[nodes.chunkOf(this.leaf)];
    const base = nodes.baseOf(this.leaf);
    const i = (base >> 1) + SCORES + at;
    if (at === 0 || at === words[base] - 1 || doubles[i - 1] >= score || doubles[i + 1] <= score) return false;
    doubles[i] = score;
    return true;
  }

  /** Makes room in the full leaf of the path. What only grows at one end leaves full leaves behind. */
  private splitLeaf(): void {
    const { nodes, keys, leaf } = this;
    const right = nodes.newLeaf();
    const next = nodes.wordAt(leaf, NEXT, 0);
    let kept = LEAF_MAX >> 1;
    if (next === NO_NODE && this.at === LEAF_MAX) kept = LEAF_MAX - 1;
    else if (nodes.wordAt(leaf, PREVIOUS, 0) === NO_NODE && this.at === 0) kept = 1;
    const moved = LEAF_MAX - kept;
    nodes.copyKeys(leaf, LEAF_REFS, kept, right, 0, moved);
    nodes.shrink(leaf, kept);
    nodes.setCount(right, moved);
    nodes.linkLeaves(right, next);
    nodes.linkLeaves(leaf, right);
    keys.split(leaf, right, LEAF_REFS);
    this.addChild(1, right, nodes.scoreAt(right, 0), nodes.wordAt(right, LEAF_REFS, 0), moved);
  }

  /**
   * Enters a node that was split off the path's child at this level, right behind it; `count` elements went there. The path
   * is of no use afterwards.
   */
  private addChild(level: number, child: number, score: number, ref: Ref, count: number): void {
    if (level > this.height) return this.growRoot(child, score, ref, count);
    const { nodes } = this;
    let node = this.pathNode[level];
    let at = this.pathAt[level] + 1;
    if (this.nodes.countOf(node) === INNER_MAX) {
      const right = this.splitInner(level, at);
      const kept = this.nodes.countOf(node);
      if (at > kept) {
        node = right;
        at -= kept;
      }
    }
    const words = nodes.words[nodes.chunkOf(node)];
    const base = nodes.baseOf(node);
    words[base + COUNTS + at - 1] -= count;
    nodes.moveChildren(node, at, 1);
    this.keys.insert(node, INNER_REFS, at, score, ref);
    nodes.setChild(node, at, child, count);
  }

  /** Splits the full inner node of the path, into which another child comes at `at`; answers the new one. */
  private splitInner(level: number, at: number): number {
    const { nodes } = this;
    const node = this.pathNode[level];
    const right = this.nodes.newNode();
    const words = nodes.words[nodes.chunkOf(node)];
    const base = nodes.baseOf(node);
    const kept = at === INNER_MAX ? INNER_MAX - 1 : INNER_MAX >> 1;
    const moved = INNER_MAX - kept;
    let count = 0;
    for (let i = kept; i < INNER_MAX; i++) count += words[base + COUNTS + i];
    nodes.copyChildren(node, kept, right, 0, moved);
    nodes.shrink(node, kept);
    nodes.setCount(right, moved);
    this.keys.split(node, right, INNER_REFS);
    this.addChild(level + 1, right, this.nodes.scoreAt(right, 0), this.nodes.wordAt(right, INNER_REFS, 0), count);
    return right;
  }

  private growRoot(right: number, score: number, ref: Ref, count: number): void {
    const left = this.root;
    const root = this.nodes.newNode();
    const refsAt = this.height === 0 ? LEAF_REFS : INNER_REFS;
    this.keys.insert(root, INNER_REFS, 0, this.nodes.scoreAt(left, 0), this.nodes.wordAt(left, refsAt, 0));
    this.keys.insert(root, INNER_REFS, 1, score, ref);
    this.nodes.setChild(root, 0, left, this.total - count);
    this.nodes.setChild(root, 1, right, count);
    this.root = root;
    this.height++;
    assert(this.height < MAX_HEIGHT, 'height of an ordered index');
  }

  // ---------------------------------------------------------------- deletion

  /** How many elements, `limit` at most, follow the cursor in its leaf, the one under it included. */
  runLength(limit: number): number {
    return Math.min(limit, this.nodes.countOf(this.leaf) - this.at);
  }

  /** The next `count` elements of the leaf will be read. */
  fetchRun(count: number): void {
    const { nodes, leaf, at } = this;
    const length = Math.min(count, nodes.countOf(leaf) - at);
    this.elements.fetchEntries(nodes.words[nodes.chunkOf(leaf)], nodes.baseOf(leaf) + LEAF_REFS + at, length);
  }

  /** The element under the cursor will be deleted, and then those behind it in its leaf. Answers for how many this holds. */
  fetchDeletions(limit: number): number {
    const { nodes, leaf, at } = this;
    const length = this.runLength(limit);
    this.elements.fetchDeletions(nodes.words[nodes.chunkOf(leaf)], nodes.baseOf(leaf) + LEAF_REFS + at, length);
    return length;
  }

  /** The reference of the element `i` places behind the cursor in its leaf. */
  refInRun(i: number): Ref {
    return this.nodes.wordAt(this.leaf, LEAF_REFS, this.at + i);
  }

  /** Puts the cursor on an element by its place and reference, so that it can be removed or rescored. It is there. */
  seekElement(place: Place, ref: Ref): void {
    this.descendToLeaf(place);
    // Others of the same score need not be looked at to find the one with this reference.
    this.at = this.keys.find(this.leaf, place.score, ref);
    if (this.at >= 0) return;
    this.at = this.keys.search(this.leaf, LEAF_REFS, place);
    // The place may be the end of a leaf: then the element is the first of the next, to which another path leads.
    if (this.at === this.nodes.countOf(this.leaf)) this.seek(this.rankOfCursor());
  }

  /** The element at a place, which is there, has another reference from now on. */
  relocate(place: Place, from: Ref, to: Ref): void {
    this.seekElement(place, from);
    const { nodes } = this;
    nodes.setWord(this.leaf, LEAF_REFS, this.at, to);
    // The least element of a subtree is named above it, too.
    for (let level = this.height; level > 0; level--) {
      const node = this.pathNode[level];
      const at = this.pathAt[level];
      if (nodes.wordAt(node, INNER_REFS, at) === from) nodes.setWord(node, INNER_REFS, at, to);
    }
  }

  /** Takes the first element, under the cursor, out of the set. Whoever takes many has them removed together, without moving the others each time. */
  takeFirst(): void {
    if (++this.taken === this.nodes.countOf(this.leaf)) this.removeTaken();
  }

  private removeTaken(): void {
    const { taken } = this;
    this.taken = 0;
    this.seek(0);
    this.removeRun(taken);
  }

  /** Removes {@link runLength} or fewer elements from the cursor on, which was put there by rank or {@link seekElement}. */
  removeRun(length: number): void {
    const { nodes, at, leaf } = this;
    const count = nodes.countOf(leaf);
    nodes.moveKeys(leaf, LEAF_REFS, at + length, -length);
    nodes.shrink(leaf, count - length);
    this.addToCounts(-length);
    if (count === length) return this.removeLeaf();
    if (at === 0) this.setLeast(1, this.nodes.scoreAt(leaf, 0), this.nodes.wordAt(leaf, LEAF_REFS, 0));
    if (count - length < LEAF_FEW && this.height > 0 && !this.isEnd(leaf)) this.merge(0);
  }

  /** The first and the last leaf may become small: what is popped from empties them soon, and merging would only delay that. */
  private isEnd(leaf: number): boolean {
    return this.nodes.wordAt(leaf, PREVIOUS, 0) === NO_NODE || this.nodes.wordAt(leaf, NEXT, 0) === NO_NODE;
  }

  private removeLeaf(): void {
    const { nodes, leaf } = this;
    if (this.height === 0) return;
    nodes.linkLeaves(nodes.wordAt(leaf, PREVIOUS, 0), nodes.wordAt(leaf, NEXT, 0));
    nodes.give(leaf);
    this.removeChild(1, this.pathAt[1]);
  }

  /** Merges the path's node at this level, 0 being the leaf, with a neighbour, if both fit into one. */
  private merge(level: number): void {
    const { nodes } = this;
    const parent = this.pathNode[level + 1];
    const at = this.leftOfMerger(level + 1, level === 0 ? LEAF_MERGED : INNER_MERGED);
    if (at < 0) return;
    const left = nodes.childAt(parent, at);
    const right = nodes.childAt(parent, at + 1);
    const count = nodes.countOf(left);
    const moved = nodes.countOf(right);
    if (level > 0) nodes.copyChildren(right, 0, left, count, moved);
    else {
      nodes.copyKeys(right, LEAF_REFS, 0, left, count, moved);
      nodes.linkLeaves(left, nodes.wordAt(right, NEXT, 0));
    }
    nodes.setCount(left, count + moved);
    this.keys.refit(left, level === 0 ? LEAF_REFS : INNER_REFS);
    this.dissolve(level + 1, at, right);
  }

  /** Of the path's child at this level and its neighbours: the left one of two that fit into one node; -1 when none do. */
  private leftOfMerger(level: number, limit: number): number {
    const parent = this.pathNode[level];
    const at = this.pathAt[level];
    const size = this.nodes.countOf(this.nodes.childAt(parent, at));
    if (at + 1 < this.nodes.countOf(parent) && size + this.nodes.countOf(this.nodes.childAt(parent, at + 1)) <= limit)
      return at;
    return at > 0 && size + this.nodes.countOf(this.nodes.childAt(parent, at - 1)) <= limit ? at - 1 : -1;
  }

  /** Child `at` of the path's node at this level has taken in the next one. */
  private dissolve(level: number, at: number, absorbed: number): void {
    const { nodes } = this;
    const words = nodes.words[nodes.chunkOf(this.pathNode[level])];
    const base = nodes.baseOf(this.pathNode[level]);
    words[base + COUNTS + at] += words[base + COUNTS + at + 1];
    nodes.give(absorbed);
    this.removeChild(level, at + 1);
  }

  private removeChild(level: number, at: number): void {
    const { nodes } = this;
    const node = this.pathNode[level];
    const words = nodes.words[nodes.chunkOf(node)];
    const base = nodes.baseOf(node);
    const length = words[base];
    nodes.moveKeys(node, INNER_REFS, at + 1, -1);
    nodes.moveChildren(node, at + 1, -1);
    nodes.shrink(node, length - 1);
    if (level === this.height) return this.lowerRoot();
    if (length === 1) {
      nodes.give(node);
      return this.removeChild(level + 1, this.pathAt[level + 1]);
    }
    if (at === 0) this.setLeast(level + 1, this.nodes.scoreAt(node, 0), this.nodes.wordAt(node, INNER_REFS, 0));
    if (length - 1 < INNER_FEW) this.merge(level);
  }

  private lowerRoot(): void {
    while (this.height > 0 && this.nodes.countOf(this.root) === 1) {
      const only = this.nodes.childAt(this.root, 0);
      this.nodes.give(this.root);
      this.root = only;
      this.height--;
    }
  }

  /** The leaf of the path has so many elements more. */
  private addToCounts(delta: number): void {
    const { nodes } = this;
    this.total += delta;
    for (let level = this.height; level > 0; level--) {
      const node = this.pathNode[level];
      nodes.words[nodes.chunkOf(node)][nodes.baseOf(node) + COUNTS + this.pathAt[level]] += delta;
    }
  }

  /** The child that the path takes at this level has another least element. */
  private setLeast(fromLevel: number, score: number, ref: Ref): void {
    for (let level = fromLevel; level <= this.height; level++) {
      this.keys.replace(this.pathNode[level], INNER_REFS, this.pathAt[level], score, ref);
      if (this.pathAt[level] > 0) return;
    }
  }

  /** Checks the tree against its elements. */
  verify(): void {
    if (this.taken > 0) this.removeTaken();
    checkIndex(this.nodes, this.keys, this.elements, this.root, this.height, this.total);
  }
}
