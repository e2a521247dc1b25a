/**
 * The keys of the nodes of an ordered index (orderedIndex.ts): finding a place among them, and putting others there.
 *
 * Members lie elsewhere in memory, and where scores are equal each look at one is a cache miss. So a node keeps four bytes of
 * each member, its digits, as a number that compares like them. As neighbours mostly begin alike, what all of them have in
 * common is left out:
 *
 *   skip 13   element:00000|4217|   digits
 *             element:00000|4218|9
 *             element:00000|43  |   filled up with zeros: equal digits mean that the whole members must be compared
 *
 * The first key of an inner node is never compared with (what is before it goes to the first child all the same) and has no
 * digits.
 *
 * Invariants: the members of all compared keys of a node have their first `skip` bytes in common; digits are right.
 */
import { compareBytes } from '../../base/bytes.js';
import type { Elements } from '../../store/elements.js';
import type { Ref } from '../../store/types.js';
import { digitsBehind, type IndexNodes, LEAF_REFS, SCORES, SKIP } from './indexNodes.js';
import { BEFORE, BEHIND, type Place } from './place.js';

export class NodeKeys {
  private readonly nodes: IndexNodes;
  private readonly elements: Elements;

  constructor(nodes: IndexNodes, elements: Elements) {
    this.nodes = nodes;
    this.elements = elements;
  }

  /** The first of the compared keys of a node that is not before the place; behind the last one when all are. */
  search(node: number, refsAt: number, place: Place): number {
    const { nodes } = this;
    const base = nodes.baseOf(node);
    const count = nodes.words[nodes.chunkOf(node)][base];
    let from = firstCompared(refsAt);
    if (place.byMember) return this.searchMember(node, refsAt, from, count, place);
    const doubles = nodes.doubles[nodes.chunkOf(node)];
    const scores = (base >> 1) + SCORES;
    const { score } = place;
    if (from < count && doubles[scores + from] < score) {
      let to = count;
      from++;
      while (from < to) {
        const middle = (from + to) >> 1;
        if (doubles[scores + middle] < score) from = middle + 1;
        else to = middle;
      }
    }
    if (place.sameScore === BEHIND || from >= count || doubles[scores + from] !== score) return from;
    let to = count;
    if (doubles[scores + count - 1] !== score) {
      let low = from + 1;
      while (low < to) {
        const middle = (low + to) >> 1;
        if (doubles[scores + middle] > score) to = middle;
        else low = middle + 1;
      }
    }
    return place.sameScore === BEFORE ? to : this.searchMember(node, refsAt, from, to, place);
  }

  /** Where a leaf has the element with this score and reference; -1 when it has not. */
  find(leaf: number, score: number, ref: Ref): number {
    const { nodes } = this;
    const base = nodes.baseOf(leaf);
    const words = nodes.words[nodes.chunkOf(leaf)];
    const doubles = nodes.doubles[nodes.chunkOf(leaf)];
    const scores = (base >> 1) + SCORES;
    const count = words[base];
    let from = 0;
    let to = count;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (doubles[scores + middle] < score) from = middle + 1;
      else to = middle;
    }
    for (; from < count && doubles[scores + from] === score; from++) {
      if (words[base + LEAF_REFS + from] === ref) return from;
    }
    return -1;
  }

  /** The same among the keys [from, to), all of the place's score. */
  private searchMember(node: number, refsAt: number, from: number, to: number, place: Place): number {
    if (from >= to) return from;
    const { nodes, elements } = this;
    const words = nodes.words[nodes.chunkOf(node)];
    const base = nodes.baseOf(node);
    const skip = words[base + SKIP];
    if (skip > 0) {
      const { buf, start } = elements.readKey(words[base + refsAt + to - 1]);
      const order = compareBytes(
        place.buf,
        place.start,
        Math.min(place.start + skip, place.end),
        buf,
        start,
        start + skip,
      );
      if (order !== 0) return order < 0 ? from : to;
    }
    const wanted = digitsOf(place.buf, place.start + skip, place.end);
    const refs = base + refsAt;
    const digits = base + digitsBehind(refsAt);
    while (from < to) {
      const middle = (from + to) >> 1;
      let isBefore = words[digits + middle] < wanted;
      if (words[digits + middle] === wanted) {
        const { buf, start, end } = elements.readKey(words[refs + middle]);
        isBefore = place.isAfter(buf, start, end);
      }
      if (isBefore) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Makes room for a further key at `at` of a node and puts it there. */
  insert(node: number, refsAt: number, at: number, score: number, ref: Ref): void {
    const { nodes } = this;
    const words = nodes.words[nodes.chunkOf(node)];
    const base = nodes.baseOf(node);
    this.lowerSkip(node, refsAt, ref);
    nodes.moveKeys(node, refsAt, at, 1);
    words[base]++;
    this.put(node, refsAt, at, score, ref);
  }

  /** Puts another key in the place of one. */
  replace(node: number, refsAt: number, at: number, score: number, ref: Ref): void {
    if (at < firstCompared(refsAt)) return this.nodes.setKey(node, refsAt, at, score, ref);
    this.lowerSkip(node, refsAt, ref);
    this.put(node, refsAt, at, score, ref);
  }

  private put(node: number, refsAt: number, at: number, score: number, ref: Ref): void {
    const { nodes } = this;
    nodes.setKey(node, refsAt, at, score, ref);
    const { buf, start, end } = this.elements.readKey(ref);
    const words = nodes.words[nodes.chunkOf(node)];
    const base = nodes.baseOf(node);
    words[base + digitsBehind(refsAt) + at] = digitsOf(buf, start + words[base + SKIP], end);
  }

  /** Lets no more be skipped than an element that joins the node's keys has in common with them. */
  private lowerSkip(node: number, refsAt: number, ref: Ref): void {
    const { nodes, elements } = this;
    const words = nodes.words[nodes.chunkOf(node)];
    const base = nodes.baseOf(node);
    const count = words[base];
    const skip = words[base + SKIP];
    if (count <= firstCompared(refsAt)) words[base + SKIP] = elements.keyLength(ref);
    else if (skip > 0) {
      const common = this.common(ref, words[base + refsAt + count - 1]);
      if (common < skip) this.setSkip(node, refsAt, this.hasOneScore(node, refsAt) ? common : 0);
    }
  }

  /** To be called when keys of another node came to those of a node, whose digits are then wrong. */
  refit(node: number, refsAt: number): void {
    this.setSkip(node, refsAt, this.bestSkip(node, refsAt));
  }

  /** To be called when the last keys of a node were copied to a new one, `right`. */
  split(left: number, right: number, refsAt: number): void {
    this.nodes.setWord(right, SKIP, 0, this.nodes.wordAt(left, SKIP, 0));
    this.tighten(left, refsAt);
    this.tighten(right, refsAt);
  }

  /** Skips more, if that is possible now that the node has fewer keys. */
  private tighten(node: number, refsAt: number): void {
    const skip = this.bestSkip(node, refsAt);
    if (skip !== this.nodes.wordAt(node, SKIP, 0)) this.setSkip(node, refsAt, skip);
  }

  /**
   * As much as helps to tell members apart. Where scores differ that is nothing, so that a further key need not be compared
   * with the others.
   */
  private bestSkip(node: number, refsAt: number): number {
    const { nodes } = this;
    const first = firstCompared(refsAt);
    const last = nodes.countOf(node) - 1;
    const isOrdered = last >= first && this.hasOneScore(node, refsAt);
    return isOrdered ? this.common(nodes.wordAt(node, refsAt, first), nodes.wordAt(node, refsAt, last)) : 0;
  }

  private setSkip(node: number, refsAt: number, skip: number): void {
    const { nodes, elements } = this;
    const words = nodes.words[nodes.chunkOf(node)];
    const base = nodes.baseOf(node);
    const count = words[base];
    const first = firstCompared(refsAt);
    const digits = base + digitsBehind(refsAt);
    words[base + SKIP] = skip;
    elements.fetchEntries(words, base + refsAt + first, Math.max(0, count - first));
    for (let i = first; i < count; i++) {
      const { buf, start, end } = elements.readKey(words[base + refsAt + i]);
      words[digits + i] = digitsOf(buf, start + skip, end);
    }
  }

  /** Whether all compared keys, one at least, have the same score: members decide between them. */
  private hasOneScore(node: number, refsAt: number): boolean {
    const { nodes } = this;
    return nodes.scoreAt(node, firstCompared(refsAt)) === nodes.scoreAt(node, nodes.countOf(node) - 1);
  }

  /** How many bytes two members have in common at their beginning. */
  private common(a: Ref, b: Ref): number {
    const { buf, start, end } = this.elements.readKey(a);
    const other = this.elements.readKey(b);
    const length = Math.min(end - start, other.end - other.start);
    let i = 0;
    while (i < length && buf[start + i] === other.buf[other.start + i]) i++;
    return i;
  }

  /** Whether a node skips and knows of the key at `at` what it should: for checks. */
  isRight(node: number, refsAt: number, at: number): boolean {
    const { nodes } = this;
    if (at < firstCompared(refsAt)) return true;
    const skip = nodes.wordAt(node, SKIP, 0);
    const ref = nodes.wordAt(node, refsAt, at);
    if (this.common(ref, nodes.wordAt(node, refsAt, nodes.countOf(node) - 1)) < skip) return false;
    const { buf, start, end } = this.elements.readKey(ref);
    return nodes.wordAt(node, digitsBehind(refsAt), at) === digitsOf(buf, start + skip, end);
  }
}

function firstCompared(refsAt: number): number {
  return refsAt === LEAF_REFS ? 0 : 1;
}

/** Four bytes of buf from `at` on, zeros behind `end`, as a signed integer that compares as memcmp compares them. */
function digitsOf(buf: Uint8Array, at: number, end: number): number {
  let digits = 0;
  if (at + 4 <= end) digits = (buf[at] << 24) | (buf[at + 1] << 16) | (buf[at + 2] << 8) | buf[at + 3];
  else for (let i = at, shift = 24; i < end; i++, shift -= 8) digits |= buf[i] << shift;
  return digits ^ TOP_BIT;
}

const TOP_BIT = 0x80000000 | 0;
