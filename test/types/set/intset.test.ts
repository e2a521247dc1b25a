import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.js';
import { ByteView } from '../../../src/store/types.js';
import { ListpackElement } from '../../../src/types/listpack/element.js';
import { INTSET_HEADER_BYTES, Intset, validateIntset, writeEmptyIntset } from '../../../src/types/set/intset.js';
import { bytes, textOf } from '../collectionHarness.js';

/** An intset in memory that moves and leaves rubbish behind at every change of length. */
class Shelf {
  view = new ByteView();
  readonly intset = new Intset({ resize: (length) => this.move(length) });

  constructor() {
    this.move(INTSET_HEADER_BYTES);
    writeEmptyIntset(this.view.buf, this.view.start);
    this.intset.open(this.view);
  }

  private move(length: number): ByteView {
    const memory = new Uint8Array(length + 16).fill(0xee);
    memory.set(this.view.buf.subarray(this.view.start, Math.min(this.view.end, this.view.start + length)), 5);
    this.view = new ByteView().set(memory, new DataView(memory.buffer), 5, 5 + length);
    return this.view;
  }

  get hex(): string {
    return Buffer.from(this.view.buf.subarray(this.view.start, this.view.end)).toString('hex');
  }

  get members(): string[] {
    return Array.from({ length: this.intset.count }, (_, i) => textOf(this.intset.textAt(i)));
  }

  isValid(deep = true): boolean {
    return validateIntset(this.view.data, this.view.start, this.view.end, deep);
  }
}

const element = new ListpackElement();
const of = (text: string): ListpackElement => element.set(bytes(text), 0, text.length);

describe('the bytes of an intset', () => {
  it.each([
    ['nothing', [], '0200000000000000'],
    ['two bytes each', ['1', '-32768', '32767'], '02000000' + '03000000' + '0080' + '0100' + 'ff7f'],
    ['four bytes each', ['1', '32768'], '04000000' + '02000000' + '01000000' + '00800000'],
    ['four bytes each, a new first', ['1', '-32769'], '04000000' + '02000000' + 'ff7fffff' + '01000000'],
    ['eight bytes each', ['-1', '2147483648'], '08000000' + '02000000' + 'ffffffffffffffff' + '0000008000000000'],
    ['the greatest', ['9223372036854775807', '7'], '08000000020000000700000000000000ffffffffffffff7f'],
    ['the least', ['7', '-9223372036854775808'], '080000000200000000000000000000800700000000000000'],
  ])('%s', (_name, texts, expected) => {
    const shelf = new Shelf();
    for (const text of texts) expect(shelf.intset.add(of(text))).toBe(true);
    for (const text of texts) expect(shelf.intset.add(of(text))).toBe(false);
    expect(shelf.hex).toBe(expected);
  });

  it('is checked before it is trusted', () => {
    const shelf = new Shelf();
    expect(shelf.isValid()).toBe(false); // Nothing in it.
    for (const text of ['5', '70000', '-3']) shelf.intset.add(of(text));
    expect(shelf.isValid()).toBe(true);
    const { view } = shelf;
    view.data.setInt32(view.start + 8, 5, true); // Twice the same.
    expect(shelf.isValid()).toBe(false);
    expect(shelf.isValid(false)).toBe(true);
    view.data.setUint32(view.start, 3, true);
    expect(shelf.isValid(false)).toBe(false);
    view.data.setUint32(view.start, 4, true);
    view.data.setUint32(view.start + 4, 4, true);
    expect(shelf.isValid(false)).toBe(false);
  });
});

describe('an intset', () => {
  it.each([
    ['of two bytes', 1 << 15],
    ['of four bytes', 2 ** 31],
    ['of eight bytes', 2 ** 53],
    ['of 64-bit integers', 2 ** 63],
  ])('%s is a sorted set of integers', (_name, span) => {
    for (let seed = 1; seed <= 3; seed++) {
      const prng = new Prng(seed);
      const shelf = new Shelf();
      const model = new Set<bigint>();
      for (let step = 0; step < 400; step++) {
        const near = BigInt(prng.below(60) - 30);
        const far = BigInt(Math.floor((prng.nextFloat() * 2 - 1) * span));
        const value = prng.below(3) === 0 ? far + near : near;
        if (value >= 2n ** 63n || value < -(2n ** 63n)) continue;
        const { intset } = shelf;
        if (prng.below(3) > 0) {
          expect(intset.add(of(String(value)))).toBe(!model.has(value));
          model.add(value);
        } else {
          const found = intset.has(of(String(value)));
          expect(found).toBe(model.delete(value));
          if (found) intset.removeAt(intset.index);
        }
        intset.verify();
        const sorted = [...model].sort((a, b) => (a < b ? -1 : 1)).map(String);
        expect(shelf.members).toEqual(sorted);
        expect(shelf.view.length).toBe(intset.byteLength);
        if (sorted.length === 0) continue;
        const i = prng.below(sorted.length);
        const loaded = intset.load(i, new ListpackElement());
        expect(String(loaded.wide ?? loaded.int)).toBe(sorted[i]);
      }
      expect(shelf.isValid()).toBe(model.size > 0);
    }
  });

  it('holds no texts', () => {
    const shelf = new Shelf();
    shelf.intset.add(of('1'));
    expect(shelf.intset.has(of('one'))).toBe(false);
    expect(shelf.intset.has(of('9223372036854775808'))).toBe(false);
  });
});
