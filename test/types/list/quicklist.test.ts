import { describe, expect, it } from 'vitest';
import { LzfCompressor } from '../../../src/base/lzf.js';
import { Prng } from '../../../src/base/prng.js';
import { Store } from '../../../src/store/store.js';
import { NO_EXPIRE, TYPE_LIST } from '../../../src/store/types.js';
import { NodeListpack } from '../../../src/types/list/nodeListpack.js';
import { Quicklist } from '../../../src/types/list/quicklist.js';
import { BufferListpack } from '../../../src/types/listpack/bufferListpack.js';
import { ListpackElement } from '../../../src/types/listpack/element.js';

const element = new ListpackElement();
const lzf = new LzfCompressor();

function newStore(): Store {
  return new Store({ databases: 1, random: new Prng(1), clusterMode: false });
}

function newList(fill: number, depth = 0, store = newStore()): Quicklist {
  return new Quicklist(new NodeListpack(store.databases[0]!.blocks), fill, depth);
}

function of(text: string): ListpackElement {
  const buf = Buffer.from(text, 'latin1');
  return element.set(buf, 0, buf.length);
}

function textAt(list: Quicklist): string {
  const { buf, start, end } = list.current.text();
  return Buffer.from(buf.subarray(start, end)).toString('latin1');
}

function contents(list: Quicklist): string[] {
  const found: string[] = [];
  for (let more = list.seek(0); more; more = list.next()) found.push(textAt(list));
  const backward: string[] = [];
  for (let more = list.seek(-1); more; more = list.previous()) backward.push(textAt(list));
  expect(backward.reverse()).toEqual(found);
  return found;
}

function randomText(random: Prng): string {
  const kind = random.below(40);
  if (kind === 0) return 'L'.repeat(5000 + random.below(9000));
  if (kind < 10) return String(random.below(1000));
  return 'v'.repeat(random.below(kind < 15 ? 900 : 30)) + String(random.below(5));
}

const CASES = [
  ...[-1, -2, -5, 1, 3, 100].flatMap((fill) => [0, 2].map((depth) => [fill, depth] as const)),
  ...[1, 3, 20].flatMap((depth) => [-1, 4].map((fill) => [fill, depth] as const)),
];

describe.each(CASES)('random edits with list-max-listpack-size %i, list-compress-depth %i', (fill, depth) => {
  it.each([1, 2])('seed %i', (seed) => {
    const random = new Prng(seed * 1000 + fill * 10 + depth);
    const store = newStore();
    const { blocks } = store.databases[0]!;
    const list = newList(fill, depth, store);
    const model: string[] = [];
    for (let i = 0; i < 800; i++) {
      const text = randomText(random);
      const at = random.below(model.length + 1);
      const growing = i % 400 < 300;
      const kind = random.below(growing ? 10 : 16);
      if (kind < 4) {
        list.push(of(text), kind < 2);
        if (kind < 2) model.unshift(text);
        else model.push(text);
      } else if (model.length === 0 || at === model.length) {
        expect(list.seek(at)).toBe(false);
      } else if (kind < 7) {
        const behind = kind === 4;
        expect(list.seek(at)).toBe(true);
        list.insert(of(text), behind);
        model.splice(behind ? at + 1 : at, 0, text);
      } else if (kind < 9) {
        expect(list.seek(at - model.length)).toBe(true);
        list.replace(of(text));
        model[at] = text;
      } else if (kind < 14) {
        expect(list.seek(at)).toBe(true);
        model.splice(at, 1);
        const neighbour = kind % 2 === 0 ? model[at] : model[at - 1];
        expect(kind % 2 === 0 ? list.remove() : list.removeBackward()).toBe(neighbour !== undefined);
        if (neighbour !== undefined) expect(textAt(list)).toBe(neighbour);
      } else {
        const count = random.below(random.below(4) === 0 ? model.length + 5 : 6);
        list.removeRange(at, count);
        model.splice(at, count);
      }
      if (random.below(60) === 0) blocks.aloneFromBytes = random.below(2) === 0 ? 1 + random.below(300) : 1 << 30;
      if (i % 8 === 0) {
        list.settle();
        verify(list);
      }
      expect(list.length).toBe(model.length);
      if (i % 10 === 0) expect(contents(list)).toEqual(model);
      if (model.length > 0) {
        const index = random.below(model.length);
        expect(list.seek(index) && textAt(list)).toBe(model[index]);
      }
    }
    list.settle();
    const copy = list.clone();
    verify(copy);
    expect(contents(copy)).toEqual(model);
    expect(blocks.count).toBe(list.nodeCount + copy.nodeCount);
    for (const each of [list, copy]) each.release();
    while (store.step(1));
    expect(blocks.count).toBe(0);
    store.verify();
  });
});

/** Checks the list, and that exactly those nodes are compressed that should be. */
function verify(list: Quicklist): void {
  list.verify();
  let index = 0;
  for (let node = list.firstNode; node !== undefined; node = node.next, index++) {
    const isInner = list.depth > 0 && index >= list.depth && index < list.nodeCount - list.depth;
    const { data, start, end } = list.look(node);
    const pays = node.bytes >= 48 && lzf.compress(data, start, end, Buffer.alloc(node.bytes), 0, node.bytes - 9) > 0;
    expect(node.packedBytes > 0).toBe(isInner && pays);
  }
}

describe('nodes', () => {
  it('hold as many bytes as Redis puts into them', () => {
    const list = newList(-2);
    for (let i = 0; i < 2000; i++) list.push(of('12345678x'), false);
    // An element takes 11 bytes, and Redis reckons with 17 for the next one.
    expect(list.nodeCount).toBe(Math.ceil(2000 / Math.floor((8192 - 17 - 7) / 11 + 1)));
    list.verify();
  });

  it('with a limit by count hold that many elements', () => {
    const list = newList(4);
    for (let i = 0; i < 10; i++) list.push(of(String(i)), true);
    expect(list.nodeCount).toBe(3);
    expect(contents(list)).toEqual(['9', '8', '7', '6', '5', '4', '3', '2', '1', '0']);
  });

  it('take no more memory than their limit and a little', () => {
    const list = newList(-2);
    for (let i = 0; i < 100_000; i++) list.push(of('123456789x'), i % 2 === 0);
    expect(list.elementBytes).toBeLessThan(100_000 * 12 * 1.02);
  });

  it('of a long list that is dropped are freed in slices, and all at once when nothing else is left', () => {
    const store = newStore();
    const db = store.databases[0]!;
    const key = Buffer.from('the key');
    for (const clearing of [false, true]) {
      const list = newList(10, 0, store);
      for (let i = 0; i < 5000; i++) list.push(of(`element ${i}`), false);
      const ref = db.putObject(TYPE_LIST, 1, key, 0, key.length, list, NO_EXPIRE);
      expect(store.usedBytes()).toBeGreaterThan(5000 * 10);
      store.verify();
      if (clearing) store.clear();
      else db.delete(ref);
      expect(db.blocks.count > 0).toBe(!clearing);
      store.verify();
      while (store.step(1));
      expect([db.blocks.count, db.blocks.bytesUsed, store.allocatedBytes()]).toEqual([0, 0, 0]);
    }
  });

  it('are compressed inside, and no more than the limits say', () => {
    const list = newList(-2, 2);
    for (let i = 0; i < 20_000; i++) list.push(of(`element ${i}`), i % 2 === 0);
    verify(list);
    expect(list.elementBytes).toBeLessThan(20_000 * 16 * 0.6);
    // Looking leaves them as they are.
    const before = list.elementBytes;
    expect(contents(list).length).toBe(20_000);
    expect(list.elementBytes).toBe(before);
  });

  it('come from a listpack as it is', () => {
    const listpack = new BufferListpack();
    for (const text of ['a', '1', 'b']) listpack.append(of(text));
    const list = newList(1);
    list.appendListpack(listpack.buf, listpack.start, listpack.end, 3);
    expect([list.nodeCount, ...contents(list)]).toEqual([1, 'a', '1', 'b']);
    expect(list.onlyListpack?.count).toBe(3);
  });
});
