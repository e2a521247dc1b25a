import { describe, expect, it } from 'vitest';
import {
  type AofManifest,
  doubtfulHistory,
  EMPTY_MANIFEST,
  parseManifest,
  printManifest,
  withNewBase,
  withNewIncr,
  withOldIncrAsHistory,
  withoutHistory,
} from '../../src/persistence/format/aofManifest.js';

const parse = (text: string) => parseManifest(Buffer.from(text, 'latin1'));
const print = (manifest: AofManifest) => Buffer.from(printManifest(manifest)).toString('latin1');

describe('a manifest', () => {
  it('is read and printed: base, history, incremental files', () => {
    const text =
      'file appendonly.aof.2.base.rdb seq 2 type b\n' +
      'file appendonly.aof.1.incr.aof seq 1 type h\n' +
      'file appendonly.aof.4.incr.aof seq 4 type i\n' +
      'file appendonly.aof.5.incr.aof seq 5 type i\n';
    expect(parse(text)).toEqual({
      base: { name: 'appendonly.aof.2.base.rdb', seq: 2 },
      history: [{ name: 'appendonly.aof.1.incr.aof', seq: 1 }],
      incr: [
        { name: 'appendonly.aof.4.incr.aof', seq: 4 },
        { name: 'appendonly.aof.5.incr.aof', seq: 5 },
      ],
    });
    expect(print(parse(text) as AofManifest)).toBe(text);
  });

  it('takes comments, pairs of later versions, any order and any case', () => {
    expect(parse('# hello\nTYPE b x y Seq 7 FILE a\n')).toEqual({
      base: { name: 'a', seq: 7 },
      history: [],
      incr: [],
    });
    expect(parse('# nothing but this\n')).toEqual(EMPTY_MANIFEST);
  });

  it('keeps every byte of a name', () => {
    for (let code = 1; code < 256; code++) {
      if (code === 0x2f || code === 0x5c) continue;
      const manifest = { base: { name: `a${String.fromCharCode(code)}b`, seq: 1 }, history: [], incr: [] };
      expect(parse(print(manifest))).toEqual(manifest);
    }
    expect(print({ base: { name: 'plain-name.aof', seq: 1 }, history: [], incr: [] })).toBe(
      'file plain-name.aof seq 1 type b\n',
    );
  });

  it('quotes names that need it, and keeps UTF-8', () => {
    const manifest = { base: { name: 'a b"ü\n', seq: 1 }, history: [], incr: [] };
    expect(print(manifest)).toBe('file "a b\\"\\xc3\\xbc\\n" seq 1 type b\n');
    expect(parse(print(manifest))).toEqual(manifest);
  });

  const faults: [string, string, number, string][] = [
    ['an empty file', '', 0, 'Found an empty AOF manifest'],
    ['words that are no pairs', 'hello world\n', 1, 'Invalid AOF manifest file format'],
    ['an odd number of words', 'file a seq 1 type b foo\n', 1, 'Invalid AOF manifest file format'],
    ['a missing name', 'seq 1 type b x y\n', 1, 'Invalid AOF manifest file format'],
    ['an empty line', 'file a seq 1 type b\n\n', 2, 'Invalid AOF manifest file format'],
    ['an open quote', 'file "a seq 1 type b\n', 1, 'Invalid AOF manifest file format'],
    ['sequence number 0', 'file a seq 0 type b\n', 1, 'Invalid AOF manifest file format'],
    ['a sequence number that is none', 'file a seq x type b\n', 1, 'Invalid AOF manifest file format'],
    ['a path', 'file a/b seq 1 type b\n', 1, "File can't be a path, just a filename"],
    ['two bases', 'file a seq 1 type b\nfile b seq 2 type b\n', 2, 'Found duplicate base file information'],
    [
      'falling sequence numbers',
      'file a seq 2 type i\nfile b seq 1 type i\n',
      2,
      'Found a non-monotonic sequence number',
    ],
    [
      'equal sequence numbers',
      'file a seq 2 type i\nfile b seq 2 type i\n',
      2,
      'Found a non-monotonic sequence number',
    ],
    ['a negative sequence number', 'file a seq -1 type i\n', 1, 'Found a non-monotonic sequence number'],
    ['an unknown type', 'file a seq 2 type x\n', 1, 'Unknown AOF file type'],
    ['a missing newline', 'file a seq 1 type b', 1, 'The AOF manifest file contains too long line'],
    ['a long line', `file ${'a'.repeat(1010)} seq 1 type b\n`, 1, 'The AOF manifest file contains too long line'],
  ];
  it.each(faults)('with %s is refused with its line', (_, text, lineNumber, error) => {
    expect(parse(text)).toMatchObject({ lineNumber, error });
  });

  it('with a flipped bit anywhere is read or refused, never a crash', () => {
    const bytes = Buffer.from('file appendonly.aof.1.base.aof seq 1 type b\nfile "a b" seq 1 type i\n');
    let refused = 0;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] ^= 1 << (bit & 7);
      if ('error' in parseManifest(flipped)) refused++;
    }
    expect(refused).toBeGreaterThan(100);
  });

  it('grows by numbered files; an old base becomes history', () => {
    let manifest = withNewIncr(withNewBase(EMPTY_MANIFEST, 'x', 'aof'), 'x');
    expect(print(manifest)).toBe('file x.1.base.aof seq 1 type b\nfile x.1.incr.aof seq 1 type i\n');
    manifest = withOldIncrAsHistory(withNewBase(withNewIncr(manifest, 'x'), 'x', 'rdb'), 1);
    expect(print(manifest)).toBe(
      'file x.2.base.rdb seq 2 type b\nfile x.1.incr.aof seq 1 type h\nfile x.1.base.aof seq 1 type h\n' +
        'file x.2.incr.aof seq 2 type i\n',
    );
    expect(doubtfulHistory(manifest)).toBeUndefined();
    expect(withoutHistory(manifest, manifest.history.slice(0, 1)).history).toEqual(manifest.history.slice(1));
    expect(withoutHistory(manifest, manifest.history).history).toEqual([]);
  });

  it('gives no number twice, not even to files whose predecessors are history', () => {
    let manifest = withNewIncr(withNewBase(EMPTY_MANIFEST, 'x', 'rdb'), 'x');
    manifest = withOldIncrAsHistory(withNewBase(manifest, 'x', 'rdb'), 0);
    expect(withNewIncr(manifest, 'x').incr.map(({ name }) => name)).toEqual(['x.2.incr.aof']);
    expect(withNewBase({ ...manifest, base: undefined }, 'x', 'rdb').base?.name).toBe('x.2.base.rdb');
  });
});
