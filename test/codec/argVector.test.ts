import { describe, expect, it } from 'vitest';
import { ArgVector } from '../../src/resp/argVector.js';
import { wordsOf } from './intake.js';

describe('ArgVector', () => {
  it('names ranges of one buffer', () => {
    const args = new ArgVector();
    args.buf = Buffer.from('..GET.key..');
    args.push(2, 5);
    args.push(6, 9);
    expect(args.argc).toBe(2);
    expect(wordsOf(args)).toEqual(['GET', 'key']);
    expect(args.view(1).buffer).toBe(args.buf.buffer);
  });

  it('grows beyond its first capacity and keeps what it holds', () => {
    const args = new ArgVector();
    for (let i = 0; i < 5000; i++) args.push(i, i + 1);
    expect(args.argc).toBe(5000);
    expect([args.start[0], args.end[0], args.start[31], args.start[32], args.end[4999]]).toEqual([0, 1, 31, 32, 5000]);
  });

  it('is made of strings with one character a byte, and of bytes', () => {
    const args = ArgVector.from(['SET', '\xff\0', Uint8Array.of(1, 2), '']);
    expect(wordsOf(args)).toEqual(['SET', '\xff\0', '\x01\x02', '']);
    expect(args.buf.length).toBe(7);
  });

  it('copies into a buffer of its own that holds nothing else', () => {
    const args = new ArgVector();
    args.buf = Buffer.from('junk ab junk c');
    args.push(5, 7);
    args.push(13, 14);
    args.push(3, 3);
    const copy = args.copy();
    args.buf.fill(0);
    args.argc = 0;
    expect(wordsOf(copy)).toEqual(['ab', 'c', '']);
    expect(copy.buf.length).toBe(3);
  });

  it('takes over the ranges of another, shifted, and forgets its own', () => {
    const other = ArgVector.from(['abc', 'de']);
    const args = ArgVector.from(['x', 'y', 'z']);
    args.assignShifted(other, 10);
    expect(args.argc).toBe(2);
    expect([...args.start.subarray(0, 2)]).toEqual([10, 13]);
    expect([...args.end.subarray(0, 2)]).toEqual([13, 15]);
  });
});
