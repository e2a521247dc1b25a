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
 * Where the scores of a node differ, its members are no neighbours: what they have in common is what all members of the set
 * have, the prefix.
 *
 * Invariants: the members of all compared keys of a node have their first `skip` bytes in common; digits are right; all members
 * begin with the prefix.
 */
import { compareBytes } from '../../base/bytes.js';
import type { Elements } from '../../store/elements.js';
import type { Ref } from '../../store/types.js';
import { digitsBehind, INNER_REFS, type IndexNodes, LEAF_REFS, SCORES, SKIP, scoresBelow } from './indexNodes.js';
import { BEFORE, BEHIND, type Place } from './place.js';

/** More than this of what all members have in common is not remembered. */
const PREFIX_MAX = 64;
/** There was no member yet. */
const NO_PREFIX = -1;

export class NodeKeys {
  private readonly nodes: IndexNodes;
  private readonly elements: Elements;
  private readonly prefix = new Uint8Array(PREFIX_MAX);
  private prefixLength = NO_PREFIX;

  constructor(nodes: IndexNodes, elements: Elements) {
    this.nodes = nodes;
    this.elements = elements;
  }

  /** The set has, or will have, the member buf[start, end). */
  noteMember(buf: Uint8Array, start: number, end: number): void {
    const { prefix } = this;
    const length = Math.min(end - start, this.prefixLength === NO_PREFIX ? PREFIX_MAX : this.prefixLength);
    if (this.prefixLength === NO_PREFIX) for (let i = 0; i < length; i++) prefix[i] = buf[start + i];
    let i = 0;
    while (i < length && buf[start + i] === prefix[i]) i++;
    this.prefixLength = i;
  }

  /** The child of an inner node below which a place lies: the last one whose least element is before the place. */
  childOf(node: number, place: Place): number {
    const { nodes } = this;
    const doubles = nodes.doubles[nodes.chunkOf(node)];
    const scores = (nodes.baseOf(node) >> 1) + SCORES;
    const { score } = place;
    const below = scoresBelow(doubles, scores, score);
    if (doubles[scores + below] === score || place.byMember) return this.search(node, INNER_REFS, place) - 1;
    return below === 0 ? 0 : below - 1;
  }

  /** The first of the compared keys of a node that is not before the place; behind the last one when all are. */
  search(node: number, refsAt: number, place: Place): number {
    const { nodes } = this;
    const base = nodes.baseOf(node);
    const count = nodes.words[nodes.chunkOf(node)][base];
    const first = firstCompared(refsAt);
    if (place.byMember) return this.searchMember(node, refsAt, first, count, place);
    const doubles = nodes.doubles[nodes.chunkOf(node)];
    const scores = (base >> 1) + SCORES;
    const { score } = place;
    const from = Math.max(first, scoresBelow(doubles, scores, score));
    if (from >= count || doubles[scores + from] !== score || place.sameScore === BEHIND) return from;
    let to = count;
    if (doubles[scores + count - 1] !== score) for (to = from + 1; doubles[scores + to] === score; ) to++;
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
    for (let i = scoresBelow(doubles, scores, score); i < count && doubles[scores + i] === score; i++) {
      if (words[base + LEAF_REFS + i] === ref) return i;
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
      const order = this.compareSkipped(place, skip, words[base + refsAt + to - 1]);
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

  /** How a place compares with what all keys of a node, `ref` among them, have in common and skip. */
  private compareSkipped(place: Place, skip: number, ref: Ref): number {
    if (place.isOwn && skip <= this.prefixLength) return 0;
    const end = Math.min(place.start + skip, place.end);
    if (skip <= this.prefixLength) return compareBytes(place.buf, place.start, end, this.prefix, 0, skip);
    const { buf, start } = this.elements.readKey(ref);
    return compareBytes(place.buf, place.start, end, buf, start, start + skip);
  }

  /** Makes room for a further key at `at` of a leaf and puts there the element whose place this is. */
  insertInLeaf(leaf: number, at: number, ref: Ref, place: Place): void {
    this.makeRoom(leaf, LEAF_REFS, at, ref);
    this.put(leaf, LEAF_REFS, at, place.score, ref, place.buf, place.start, place.end);
  }

  /** The same in any node with an element of whom no place is known. */
  insert(node: number, refsAt: number, at: number, score: number, ref: Ref): void {
    this.makeRoom(node, refsAt, at, ref);
    const { buf, start, end } = this.elements.readKey(ref);
    this.put(node, refsAt, at, score, ref, buf, start, end);
  }

  private makeRoom(node: number, refsAt: number, at: number, ref: Ref): void {
    const { nodes } = this;
    this.lowerSkip(node, refsAt, ref);
    nodes.moveKeys(node, refsAt, at, 1);
    nodes.words[nodes.chunkOf(node)][nodes.baseOf(node)]++;
  }

  /** Puts another key in the place of one. */
  replace(node: number, refsAt: number, at: number, score: number, ref: Ref): void {
    if (at < firstCompared(refsAt)) return this.nodes.setKey(node, refsAt, at, score, ref);
    this.lowerSkip(node, refsAt, ref);
    const { buf, start, end } = this.elements.readKey(ref);
    this.put(node, refsAt, at, score, ref, buf, start, end);
  }

  /** Writes a key whose member is buf[start, end). */
  private put(
    node: number,
    refsAt: number,
    at: number,
    score: number,
    ref: Ref,
    buf: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { nodes } = this;
    nodes.setKey(node, refsAt, at, score, ref);
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
    else if (skip > this.prefixLength) {
      const common = this.common(ref, words[base + refsAt + count - 1]);
      if (common < skip) this.setSkip(node, refsAt, this.hasOneScore(node, refsAt) ? common : this.prefixLength);
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
   * As much as helps to tell members apart. Where scores differ that is the prefix, so that a further key need not be compared
   * with the others.
   */
  private bestSkip(node: number, refsAt: number): number {
    const { nodes } = this;
    const first = firstCompared(refsAt);
    const last = nodes.countOf(node) - 1;
    const isOrdered = last >= first && this.hasOneScore(node, refsAt);
    if (!isOrdered) return this.prefixLength;
    return this.common(nodes.wordAt(node, refsAt, first), nodes.wordAt(node, refsAt, last));
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
