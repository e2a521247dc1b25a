import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.js';
import { Store } from '../../../src/store/store.js';
import { NO_EXPIRE, TYPE_LIST } from '../../../src/store/types.js';
import { BufferListpack } from '../../../src/types/listpack/bufferListpack.js';
import { ListpackCursor } from '../../../src/types/listpack/cursor.js';
import type { EditableListpack } from '../../../src/types/listpack/editable.js';
import { ListpackElement } from '../../../src/types/listpack/element.js';
import { EntryListpack } from '../../../src/types/listpack/entryListpack.js';
import { backlenBytes, readBacklen, validate, writeBacklen } from '../../../src/types/listpack/format.js';

const element = new ListpackElement();

/** An element, padded, so that a range is really used as one. */
function of(text: string): ListpackElement {
  const buf = Buffer.from(`7${text}7`, 'latin1');
  return element.set(buf, 1, buf.length - 1);
}

function textOf(cursor: ListpackCursor): string {
  const { buf, start, end } = cursor.text();
  return Buffer.from(buf.subarray(start, end)).toString('latin1');
}

function contents(listpack: ListpackCursor): string[] {
  const cursor = new ListpackCursor().open(listpack.buf, listpack.data, listpack.start, listpack.end);
  const found: string[] = [];
  while (cursor.next()) found.push(textOf(cursor));
  const backward: string[] = [];
  while (cursor.previous()) backward.push(textOf(cursor));
  expect(backward.reverse()).toEqual(found);
  return found;
}

function bytesOf(...texts: string[]): string {
  const listpack = new BufferListpack();
  for (const text of texts) listpack.append(of(text));
  return Buffer.from(listpack.buf.subarray(listpack.start, listpack.end)).toString('hex');
}

const BOUNDARIES = [
  ...[0, 127, 128, -1, -4096, -4097, 4095, 4096, 32767, 32768, -32768, -32769, 8388607, 8388608, -8388608, -8388609],
  ...[2147483647, 2147483648, -2147483648, -2147483649, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER],
].map(String);
const WIDE = ['9007199254740992', '-9007199254740993', '9223372036854775807', '-9223372036854775808'];
const NO_INTEGERS = ['', '-', '00', '+1', '1.0', ' 1', '9223372036854775808', '-9223372036854775809', '-0'];

describe('the bytes of a listpack', () => {
  it.each([
    ['nothing', [], '070000000000ff'],
    ['small integers', ['0', '127'], '0b0000000200' + '0001' + '7f01' + 'ff'],
    ['13 bits', ['128', '-1'], '0d0000000200' + 'c08002' + 'dfff02' + 'ff'],
    ['16, 24 and 32 bits', ['-4097', '8388607', '-8388609'], '160000000300f1ffef03f2ffff7f04f3ffff7fff05ff'],
    ['64 bits', ['-9223372036854775808'], '110000000100' + 'f4000000000000008009' + 'ff'],
    ['strings', ['', 'ab'], '0d0000000200' + '8001' + '82616203' + 'ff'],
  ])('%s', (_name, texts, expected) => {
    expect(bytesOf(...texts)).toBe(expected);
  });

  it('gives longer strings longer heads and backlens', () => {
    for (const [length, head, back] of [
      [63, 1, 1],
      [64, 2, 1],
      [125, 2, 1],
      [126, 2, 2],
      [4095, 2, 2],
      [4096, 5, 2],
      [16377, 5, 2],
      [16378, 5, 3],
    ] as const) {
      const listpack = new BufferListpack();
      listpack.append(of('x'.repeat(length)));
      expect(listpack.byteLength - 7 - length, `${length}`).toBe(head + back);
      expect(contents(listpack)).toEqual(['x'.repeat(length)]);
    }
  });

  it('reads every backlen that it writes', () => {
    const buf = new Uint8Array(8);
    for (const length of [0, 1, 127, 128, 16382, 16383, 16384, 2097150, 2097151, 268435454, 268435455, 2 ** 30]) {
      expect(writeBacklen(buf, 1, length)).toBe(1 + backlenBytes(length));
      expect(readBacklen(buf, backlenBytes(length))).toBe(length);
    }
  });
});

describe('elements', () => {
  it.each([...BOUNDARIES, ...WIDE])('%s is stored as an integer', (text) => {
    const listpack = new BufferListpack();
    listpack.append(of(text));
    expect(listpack.first() && listpack.isInt).toBe(true);
    expect(listpack.wide).toBe(BigInt(text));
    expect(listpack.isWide).toBe(WIDE.includes(text));
    expect(textOf(listpack)).toBe(text);
    expect(listpack.equals(of(text))).toBe(true);
    expect(listpack.equals(new ListpackElement().setInt64(BigInt(text)))).toBe(true);
    expect(listpack.equals(of('5'))).toBe(false);
    expect(listpack.equals(of('x'))).toBe(false);
  });

  it.each(NO_INTEGERS)('%j is stored as a string', (text) => {
    const listpack = new BufferListpack();
    listpack.append(of(text));
    expect(listpack.first() && !listpack.isInt).toBe(true);
    expect(textOf(listpack)).toBe(text);
    expect(listpack.equals(of(text))).toBe(true);
    expect(listpack.equals(new ListpackElement().setInt(0))).toBe(false);
  });

  it('finds the keys of pairs only', () => {
    const listpack = new BufferListpack();
    for (const text of ['a', 'b', 'b', '1', '1', 'x']) listpack.append(of(text));
    listpack.rewind();
    expect(listpack.find(of('b'), 1)).toBe(true);
    listpack.next();
    expect(textOf(listpack)).toBe('1');
    listpack.rewind();
    expect(listpack.find(of('x'), 1)).toBe(false);
    listpack.rewind();
    expect(listpack.find(of('1'), 1) && listpack.next() && textOf(listpack)).toBe('x');
  });
});

describe('more elements than the count field can say', () => {
  it('are counted, found and removed', () => {
    const listpack = new BufferListpack();
    for (let i = 0; i < 66_000; i++) listpack.append(element.setInt(i & 63));
    expect(listpack.data.getUint16(listpack.start + 4, true)).toBe(0xffff);
    expect(listpack.count).toBe(66_000);
    expect(listpack.seek(65_999) && listpack.int).toBe(65_999 & 63);
    expect(listpack.seek(-66_000) && listpack.int).toBe(0);
    expect(listpack.seek(66_000)).toBe(false);
    expect(listpack.seek(-66_001)).toBe(false);
    listpack.first();
    expect(listpack.removeRange(65_990)).toBe(65_990);
    expect(listpack.count).toBe(10);
    expect(validate(listpack.buf, listpack.data, listpack.start, listpack.end, true)).toBe(true);
  });
});

/** One random edit of both; the cursor must stand where the documentation says. */
function edit(random: Prng, listpack: EditableListpack, model: string[], text: string): void {
  const at = random.below(model.length + 1);
  listpack.seek(at) || listpack.toEnd();
  switch (random.below(8)) {
    case 0:
      listpack.append(of(text));
      model.push(text);
      return expect(textOf(listpack)).toBe(text);
    case 1:
      listpack.prepend(of(text));
      model.unshift(text);
      return expect(textOf(listpack)).toBe(text);
    case 2:
      listpack.insert(of(text));
      model.splice(at, 0, text);
      return expect(textOf(listpack)).toBe(text);
    case 3: {
      const count = random.below(4);
      expect(listpack.removeRange(count)).toBe(model.splice(at, count).length);
      return expect(listpack.next() ? 1 : 0).toBe(at + 1 < model.length ? 1 : 0);
    }
    case 4: {
      const other = new BufferListpack();
      for (let i = 0; i < 3; i++) other.append(of(`${text}${i}`));
      listpack.insertEncoded(other.buf, other.start + 6, other.end - 1, 3);
      model.splice(at, 0, `${text}0`, `${text}1`, `${text}2`);
      return expect(textOf(listpack)).toBe(`${text}0`);
    }
    case 5:
      if (random.below(20) !== 0) return;
      listpack.clear();
      model.length = 0;
      return;
    default:
      if (at === model.length) return;
      if (random.below(2) === 0) {
        listpack.replace(of(text));
        model[at] = text;
        return expect(textOf(listpack)).toBe(text);
      }
      model.splice(at, 1);
      expect(listpack.remove()).toBe(at < model.length);
      if (at < model.length) expect(textOf(listpack)).toBe(model[at]);
  }
}

function randomText(random: Prng): string {
  const kind = random.below(10);
  if (kind < 3) return String(random.below(300));
  if (kind === 3) return BOUNDARIES[random.below(BOUNDARIES.length)] as string;
  if (kind === 4) return WIDE[random.below(WIDE.length)] as string;
  if (kind === 5) return NO_INTEGERS[random.below(NO_INTEGERS.length)] as string;
  const length = random.below(20) === 0 ? random.below(6000) : random.below(80);
  return 'v'.repeat(length);
}

describe.each([1, 2, 3, 4, 5, 6])('random edits, seed %i', (seed) => {
  function run(listpack: EditableListpack, check: () => void): void {
    const random = new Prng(seed);
    const model: string[] = [];
    for (let i = 0; i < 1500; i++) {
      edit(random, listpack, model, randomText(random));
      expect(validate(listpack.buf, listpack.data, listpack.start, listpack.end, true)).toBe(true);
      expect(listpack.count).toBe(model.length);
      if (i % 5 === 0) expect(contents(listpack)).toEqual(model);
      for (let j = 0; j < 2 && model.length > 0; j++) {
        const at = random.below(model.length);
        expect(listpack.seek(at) && textOf(listpack)).toBe(model[at]);
        expect(listpack.seek(at - model.length) && textOf(listpack)).toBe(model[at]);
      }
      check();
    }
  }

  it('in memory of its own', () => {
    run(new BufferListpack(), () => undefined);
  });

  it('in an entry that has neighbours and an expire time', () => {
    const random = new Prng(seed + 100);
    const store = new Store({ databases: 1, random, clusterMode: false });
    const db = store.databases[0]!;
    const key = Buffer.from('key');
    const empty = new BufferListpack();
    const listpack = new EntryListpack();
    const ref = db.putTyped(
      TYPE_LIST,
      2,
      key,
      0,
      3,
      empty.buf,
      empty.start,
      empty.end,
      seed % 2 === 0 ? 1e12 : NO_EXPIRE,
    );
    listpack.openEntry(db, ref);
    run(listpack, () => {
      const neighbour = Buffer.from(`n${random.below(100)}`);
      db.put(neighbour, 0, neighbour.length, neighbour, 0, random.below(2) + 1, NO_EXPIRE);
      expect(db.find(key, 0, 3)).toBe(listpack.ref);
      expect([db.type(listpack.ref), db.encoding(listpack.ref)]).toEqual([TYPE_LIST, 2]);
    });
    store.verify();
  });
});

describe('validate', () => {
  it('refuses every listpack with one byte changed that reads differently or not at all', () => {
    const listpack = new BufferListpack();
    for (const text of ['1', 'ab', '-300', 'x'.repeat(70), '70000']) listpack.append(of(text));
    const good = Buffer.from(listpack.buf.subarray(listpack.start, listpack.end));
    const data = new DataView(good.buffer, good.byteOffset, good.length);
    for (let i = 0; i < good.length; i++) {
      for (let byte = 0; byte < 256; byte++) {
        const was = good[i] as number;
        good[i] = byte;
        // What passes can be walked without leaving the range.
        if (validate(good, data, 0, good.length, true)) contents(new ListpackCursor().open(good, data, 0, good.length));
        else expect(byte).not.toBe(was);
        good[i] = was;
      }
    }
    for (let end = 0; end < good.length; end++) expect(validate(good, data, 0, end, false)).toBe(false);
  });
});
