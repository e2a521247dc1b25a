import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { AofBuffer } from '../../src/persistence/format/aofCommand.js';
import { AofReader, BAD, COMMAND, MORE } from '../../src/persistence/format/aofReader.js';
import { ranges, resp, wordsOf } from './support.js';

interface Reading {
  commands: string[][];
  offsets: number[];
  /** 'whole', 'cut at N' or 'bad at N: why'. */
  end: string;
}

/** Reads `text` handed over in pieces of the given sizes; the last size repeats. */
function read(text: string, sizes: number[], options: { chunkBytes?: number; bulkBytesMax?: number } = {}): Reading {
  const bytes = Buffer.from(text, 'latin1');
  const reader = new AofReader({ chunkBytes: 64, ...options });
  const reading: Reading = { commands: [], offsets: [], end: '' };
  let given = 0;
  for (let piece = 0; ; ) {
    const outcome = reader.next();
    if (outcome === COMMAND) {
      reading.commands.push(wordsOf(reader.buf, reader.start, reader.end, reader.argc));
      reading.offsets.push(reader.commandAt);
    } else if (outcome === BAD) {
      reading.end = `bad at ${reader.problemAt}: ${reader.problem}`;
      return reading;
    } else {
      expect(outcome).toBe(MORE);
      expect(reader.readUpTo).toBe(given);
      if (given === bytes.length) {
        reading.end = reader.isInside ? `cut at ${reader.validUpTo}` : 'whole';
        return reading;
      }
      reader.prepare(bytes.length - given);
      const size = Math.min(sizes[Math.min(piece++, sizes.length - 1)], reader.buf.length - reader.filled);
      const count = bytes.copy(reader.buf, reader.filled, given, given + size);
      expect(count).toBeGreaterThan(0);
      reader.filled += count;
      given += count;
    }
  }
}

function atEverySplit(text: string, check: (reading: Reading) => void, options = {}): void {
  check(read(text, [Number.MAX_SAFE_INTEGER], options));
  check(read(text, [1], options));
  for (let split = 1; split < text.length; split++) check(read(text, [split, Number.MAX_SAFE_INTEGER], options));
}

const SET = resp(['SET', 'key', 'value']);

describe('AofReader', () => {
  const cases: [string, string, string[][], string][] = [
    ['nothing', '', [], 'whole'],
    ['one command', SET, [['SET', 'key', 'value']], 'whole'],
    [
      'two commands',
      SET + resp(['DEL', 'a']),
      [
        ['SET', 'key', 'value'],
        ['DEL', 'a'],
      ],
      'whole',
    ],
    ['empty and binary arguments', resp(['SET', '', '\r\n\0\xff*$#']), [['SET', '', '\r\n\0\xff*$#']], 'whole'],
    ['an annotation in front', `#TS:1628217470\r\n${SET}`, [['SET', 'key', 'value']], 'whole'],
    ['annotations behind', `${SET}#TS:1\r\n#x\n`, [['SET', 'key', 'value']], 'whole'],
    ['a cut annotation', `${SET}#TS:16`, [['SET', 'key', 'value']], 'cut at 33'],
    ['a cut command', `${SET}*2\r\n$3\r\nDE`, [['SET', 'key', 'value']], 'cut at 33'],
    ['a cut header', `${SET}*`, [['SET', 'key', 'value']], 'cut at 33'],
    ['a cut line end', `${SET.slice(0, -1)}`, [], 'cut at 0'],
    ['a cut behind an annotation', `${SET}#TS:1\r\n*1\r\n`, [['SET', 'key', 'value']], 'cut at 40'],
    ['another line', `${SET}PING\r\n`, [['SET', 'key', 'value']], "bad at 33: expected '*', got 'P'"],
    ['an annotation inside of a command', '*1\r\n#TS:1\r\n', [], "bad at 4: expected '$', got '#'"],
    ['no arguments', '*0\r\n', [], 'bad at 0: command without arguments'],
    ['a negative count', '*-1\r\n', [], "bad at 1: expected a digit, got '-'"],
    ['a null argument', '*1\r\n$-1\r\n', [], "bad at 5: expected a digit, got '-'"],
    ['an empty number', '*\r\n', [], "bad at 1: expected a digit, got '\\x0d'"],
    ['a number with a letter', '*1x\r\n', [], "bad at 2: expected a digit or CR, got 'x'"],
    ['a lone CR', '*1\rx', [], "bad at 3: expected LF, got 'x'"],
    ['a number too large', '*99999999999\r\n', [], 'bad at 1: number too large'],
    ['a number just too large', '*4294967296\r\n', [], 'bad at 1: number too large'],
    ['a length too small', '*1\r\n$3\r\nPING\r\n', [], "bad at 11: expected CR behind the argument, got 'G'"],
    ['a wrong line end', '*1\r\n$4\r\nPING\rx', [], "bad at 13: expected LF behind the argument, got 'x'"],
    ['an argument too long', '*1\r\n$101\r\n', [], 'bad at 10: argument of 101 bytes is too long'],
  ];
  it.each(cases)('reads %s: whole, byte by byte, at every split', (_, text, commands, end) => {
    atEverySplit(text, (reading) => expect(reading).toMatchObject({ commands, end }), { bulkBytesMax: 100 });
  });

  it('gives the offset of every command', () => {
    atEverySplit(`${SET}#TS:1\r\n${SET}${SET}`, ({ offsets }) => expect(offsets).toEqual([0, 40, 73]));
  });

  it('reads commands larger than its buffer, with more arguments than it expects, and shrinks again', () => {
    const many = Array.from({ length: 200 }, (_, i) => `arg${i}`);
    const big = ['SET', 'big', 'x'.repeat(5000)];
    const text = resp(many, big, ...Array.from({ length: 500 }, () => ['DEL', 'a']));
    for (const size of [1, 63, 64, 1e9]) {
      const { commands, end } = read(text, [size]);
      expect(end).toBe('whole');
      expect(commands.slice(0, 3)).toEqual([many, big, ['DEL', 'a']]);
      expect(commands).toHaveLength(502);
    }
    const reader = new AofReader({ chunkBytes: 64 });
    const bytes = Buffer.from(text, 'latin1');
    let largest = 0;
    for (let given = 0; given < bytes.length; ) {
      while (reader.next() === COMMAND);
      reader.prepare(bytes.length - given);
      largest = Math.max(largest, reader.buf.length);
      const count = bytes.copy(reader.buf, reader.filled, given);
      reader.filled += count;
      given += count;
    }
    expect(largest).toBeLessThan(12000);
    expect(reader.buf.length).toBe(64);
  });

  it('tells how much is missing before it takes memory for it', () => {
    const reader = new AofReader({ chunkBytes: 64, bulkBytesMax: 512 * 1024 * 1024 });
    reader.filled += reader.buf.write('*2\r\n$3\r\nSET\r\n$400000000\r\nabc', 'latin1');
    expect(reader.next()).toBe(MORE);
    expect(reader.bytesNeeded).toBe(400000000 - 3 + 2);
    expect(reader.buf.length).toBe(64);
  });

  it('starts over with another file after reset()', () => {
    const reader = new AofReader({ chunkBytes: 64 });
    reader.filled += reader.buf.write('*2\r\n$3\r\nSE', 'latin1');
    expect(reader.next()).toBe(MORE);
    reader.reset();
    reader.filled += reader.buf.write(SET, 'latin1');
    expect(reader.next()).toBe(COMMAND);
    expect(reader.commandAt).toBe(0);
    expect(reader.validUpTo).toBe(SET.length);
  });

  it('gives a prefix or a problem, and never fails, whatever bit is flipped', () => {
    const commands = [['SET', 'k1', 'v1'], ['MULTI'], ['INCR', 'n'], ['EXEC'], ['DEL', 'k1', 'k2']];
    const text = resp(...commands);
    const bytes = Buffer.from(text, 'latin1');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] ^= 1 << (bit & 7);
      const reading = read(flipped.toString('latin1'), [1e9]);
      const hurt = commands.findIndex((_, i) => resp(...commands.slice(0, i + 1)).length > bit >> 3);
      expect(reading.commands.slice(0, hurt)).toEqual(commands.slice(0, hurt));
    }
  });

  it('never fails on random bytes made of its own alphabet', () => {
    const prng = new Prng(42);
    const alphabet = ['*', '$', '#', '\r\n', '\r', '\n', '0', '1', '2', '3', 'a', 'SET', '\0'];
    for (let round = 0; round < 2000; round++) {
      let text = '';
      for (let i = prng.below(20); i >= 0; i--) text += alphabet[prng.below(alphabet.length)];
      const whole = read(text, [1e9]);
      expect(read(text, [1])).toEqual(whole);
      expect(whole.end).toMatch(/^(whole|cut at \d+|bad at \d+: .+)$/);
    }
  });
});

describe('AofBuffer', () => {
  const text = (out: AofBuffer) => out.bytes.toString('latin1', 0, out.length);

  it('writes ranges of a request as a RESP array', () => {
    const out = new AofBuffer();
    const { buf, start, end, argc } = ranges('SET', '', 'a\r\nb');
    out.args(buf, start, end, argc);
    expect(text(out)).toBe('*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n');
  });

  it('writes rewritten commands piece by piece', () => {
    const out = new AofBuffer();
    const key = Buffer.from('xxkeyxx');
    out.command(5);
    out.text('SET');
    out.bulk(key, 2, 5);
    out.bulk(key, 0, 0);
    out.text('PXAT');
    out.integer(1795372019000);
    expect(text(out)).toBe('*5\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n$4\r\nPXAT\r\n$13\r\n1795372019000\r\n');
  });

  it.each([0, 7, -1, 10, 999999999, 1000000000, -123456789, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER])(
    'writes the integer %d',
    (value) => {
      const out = new AofBuffer();
      out.integer(value);
      expect(text(out)).toBe(`$${String(value).length}\r\n${value}\r\n`);
    },
  );

  it('grows over any number of commands and keeps the rest when a part is written', () => {
    const out = new AofBuffer();
    const prng = new Prng(7);
    let expected = '';
    for (let i = 0; i < 300; i++) {
      const words = ['SET', `key${i}`, 'v'.repeat(prng.below(2000))];
      const { buf, start, end, argc } = ranges(...words);
      out.args(buf, start, end, argc);
      expected += resp(words);
      if (prng.below(10) === 0) {
        const written = prng.below(out.length + 1);
        out.consume(written);
        expected = expected.slice(written);
      }
    }
    expect(text(out)).toBe(expected);
  });

  it('gives the memory of a burst back once it is written', () => {
    const out = new AofBuffer();
    const big = Buffer.alloc(6 * 1024 * 1024);
    out.bulk(big, 0, big.length);
    expect(out.bytes.length).toBeGreaterThan(big.length);
    out.consume(out.length);
    expect(out.bytes.length).toBe(64 * 1024);
  });
});
