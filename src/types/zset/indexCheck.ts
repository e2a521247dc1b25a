import { assert } from '../../base/assert.js';
import { compareBytes } from '../../base/bytes.js';
import { copyOf } from '../../base/copy.js';
import type { Elements } from '../../store/elements.js';
import type { Ref } from '../../store/types.js';
import {
  COUNTS,
  INNER_MAX,
  INNER_REFS,
  INNER_SCORES,
  type IndexNodes,
  LEAF_MAX,
  LEAF_REFS,
  NEXT,
  PREVIOUS,
} from './indexNodes.js';
import type { NodeKeys } from './nodeKeys.js';
import { NO_NODE } from './nodePool.js';

/** Checks the invariants of an ordered index (orderedIndex.ts). */
export function checkIndex(
  nodes: IndexNodes,
  keys: NodeKeys,
  elements: Elements,
  root: number,
  height: number,
  total: number,
): void {
  const check = new IndexCheck(nodes, keys, elements);
  assert(check.node(root, height, true) === total, 'number of elements');
  check.end();
}

class IndexCheck {
  private readonly nodes: IndexNodes;
  private readonly keys: NodeKeys;
  private readonly elements: Elements;
  private readonly seen = new Set<number>();
  private readonly refs = new Set<Ref>();
  private lastLeaf = NO_NODE;
  private lastScore = Number.NEGATIVE_INFINITY;
  private lastMember: Uint8Array | undefined;

  constructor(nodes: IndexNodes, keys: NodeKeys, elements: Elements) {
    this.nodes = nodes;
    this.keys = keys;
    this.elements = elements;
  }

  /** Answers how many elements are below. */
  node(node: number, level: number, isRoot: boolean): number {
    const { nodes } = this;
    assert(!this.seen.has(node), 'a node has one parent');
    this.seen.add(node);
    this.digits(node, level === 0 ? LEAF_REFS : INNER_REFS);
    const count = nodes.countOf(node);
    if (level === 0) return this.leaf(node, count, isRoot);
    assert(count >= (isRoot ? 2 : 1) && count <= INNER_MAX, 'number of children');
    let below = 0;
    for (let i = 0; i < count; i++) {
      const child = nodes.childAt(node, i);
      assert(nodes.scoreAt(node, i) === nodes.scoreAt(child, 0), 'least score of a child');
      const refsAt = level === 1 ? LEAF_REFS : INNER_REFS;
      assert(nodes.wordAt(node, INNER_REFS, i) === nodes.wordAt(child, refsAt, 0), 'least element of a child');
      const counted = nodes.wordAt(node, COUNTS, i);
      assert(this.node(child, level - 1, false) === counted, 'elements below a child');
      below += counted;
    }
    return below;
  }

  private digits(node: number, refsAt: number): void {
    const places = refsAt === LEAF_REFS ? LEAF_MAX : INNER_SCORES;
    for (let i = this.nodes.countOf(node); i < places; i++) {
      assert(Number.isNaN(this.nodes.scoreAt(node, i)), 'the score of a place that is not in use');
    }
    for (let i = 0; i < this.nodes.countOf(node); i++) assert(this.keys.isRight(node, refsAt, i), 'digits of a key');
  }

  private leaf(leaf: number, count: number, isRoot: boolean): number {
    const { nodes } = this;
    assert((count > 0 || isRoot) && count <= LEAF_MAX, 'size of a leaf');
    assert(nodes.wordAt(leaf, PREVIOUS, 0) === this.lastLeaf, 'a leaf knows the one before');
    if (this.lastLeaf !== NO_NODE) assert(nodes.wordAt(this.lastLeaf, NEXT, 0) === leaf, 'a leaf knows the next one');
    this.lastLeaf = leaf;
    for (let i = 0; i < count; i++) this.element(nodes.scoreAt(leaf, i), nodes.wordAt(leaf, LEAF_REFS, i));
    return count;
  }

  private element(score: number, ref: Ref): void {
    const value = this.elements.readValue(ref);
    const stored = value.data.getFloat64(value.start, true);
    assert(stored === score && value.length === 8, 'the score in the index is that of the element');
    const { buf, start, end } = this.elements.readKey(ref);
    const last = this.lastMember;
    const follows = last === undefined || compareBytes(last, 0, last.length, buf, start, end) < 0;
    assert(score > this.lastScore || (score === this.lastScore && follows), 'elements are in order');
    this.lastScore = score;
    this.lastMember = copyOf(buf, start, end);
    this.refs.add(ref);
  }

  end(): void {
    assert(this.nodes.wordAt(this.lastLeaf, NEXT, 0) === NO_NODE, 'the last leaf has no next');
    assert(this.refs.size === this.elements.count, 'every element is in the index, once');
    this.nodes.verify(this.seen);
  }
}
