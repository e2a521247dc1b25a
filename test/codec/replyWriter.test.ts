import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { ReplyWriter } from '../../src/resp/replyWriter.js';
import { type Reply, ReplyDecoder } from '../support/resp.js';

function written(protocol: 2 | 3, write: (reply: ReplyWriter) => void): string {
  const reply = new ReplyWriter();
  reply.protocol = protocol;
  write(reply);
  return reply.buf.toString('latin1', 0, reply.length);
}

type Write = (reply: ReplyWriter) => void;

const SAME_IN_BOTH: readonly (readonly [name: string, write: Write, text: string])[] = [
  ['OK', (r) => r.ok(), '+OK\r\n'],
  ['a simple string', (r) => r.simple('PONG'), '+PONG\r\n'],
  ['an error', (r) => r.error('ERR no'), '-ERR no\r\n'],
  ['an error with high bytes of an argument', (r) => r.error('ERR \xff\x80'), '-ERR \xff\x80\r\n'],
  ['an error with line ends, which become blanks', (r) => r.error('ERR a\r\nb\nc'), '-ERR a  b c\r\n'],
  ['zero', (r) => r.integer(0), ':0\r\n'],
  ['nine', (r) => r.integer(9), ':9\r\n'],
  ['ten', (r) => r.integer(10), ':10\r\n'],
  ['a negative integer', (r) => r.integer(-1), ':-1\r\n'],
  ['the largest 32-bit integer', (r) => r.integer(2147483647), ':2147483647\r\n'],
  ['one more than that', (r) => r.integer(2147483648), ':2147483648\r\n'],
  ['the largest safe integer', (r) => r.integer(Number.MAX_SAFE_INTEGER), ':9007199254740991\r\n'],
  ['the smallest safe integer', (r) => r.integer(Number.MIN_SAFE_INTEGER), ':-9007199254740991\r\n'],
  ['the smallest 64-bit integer', (r) => r.bigInteger(-(2n ** 63n)), ':-9223372036854775808\r\n'],
  ['a bulk of bytes', (r) => r.bytes(Uint8Array.of(0, 255, 13, 10)), '$4\r\n\0\xff\r\n\r\n'],
  ['a bulk of a range', (r) => r.bulk(Buffer.from('abcdef'), 2, 4), '$2\r\ncd\r\n'],
  ['an empty bulk', (r) => r.bytes(new Uint8Array(0)), '$0\r\n\r\n'],
  ['text as UTF-8', (r) => r.text('1 €'), '$5\r\n1 \xe2\x82\xac\r\n'],
  ['text of bytes', (r) => r.latin1('\xe9\xff'), '$2\r\n\xe9\xff\r\n'],
  ['an integer as a bulk', (r) => r.bulkInteger(-1234567890123), '$14\r\n-1234567890123\r\n'],
  ['a small integer as a bulk', (r) => r.bulkInteger(7), '$1\r\n7\r\n'],
  ['an array', (r) => r.array(2), '*2\r\n'],
  ['an empty array', (r) => r.array(0), '*0\r\n'],
  ['bytes that are RESP already', (r) => r.raw(Buffer.from(':5\r\n')), ':5\r\n'],
];

const IN_EACH: readonly (readonly [name: string, write: Write, resp2: string, resp3: string])[] = [
  ['a missing value', (r) => r.nil(), '$-1\r\n', '_\r\n'],
  ['a missing array', (r) => r.nilArray(), '*-1\r\n', '_\r\n'],
  ['a map', (r) => r.map(3), '*6\r\n', '%3\r\n'],
  ['an empty map', (r) => r.map(0), '*0\r\n', '%0\r\n'],
  ['a set', (r) => r.set(3), '*3\r\n', '~3\r\n'],
  ['a push', (r) => r.push(3), '*3\r\n', '>3\r\n'],
  ['true', (r) => r.boolean(true), ':1\r\n', '#t\r\n'],
  ['false', (r) => r.boolean(false), ':0\r\n', '#f\r\n'],
  ['a double', (r) => r.double(1.5), '$3\r\n1.5\r\n', ',1.5\r\n'],
  ['a whole double', (r) => r.double(-3), '$2\r\n-3\r\n', ',-3\r\n'],
  ['infinity', (r) => r.double(Number.POSITIVE_INFINITY), '$3\r\ninf\r\n', ',inf\r\n'],
  ['minus infinity', (r) => r.double(Number.NEGATIVE_INFINITY), '$4\r\n-inf\r\n', ',-inf\r\n'],
  ['no number', (r) => r.double(Number.NaN), '$3\r\nnan\r\n', ',nan\r\n'],
  ['minus zero', (r) => r.double(-0), '$2\r\n-0\r\n', ',-0\r\n'],
  ['a large double', (r) => r.double(1e21), '$5\r\n1e+21\r\n', ',1e+21\r\n'],
  [
    'a big number',
    (r) => r.bigNumber('12345678901234567890'),
    '$20\r\n12345678901234567890\r\n',
    '(12345678901234567890\r\n',
  ],
  ['verbatim text', (r) => r.verbatim('txt', 'a €'), '$5\r\na \xe2\x82\xac\r\n', '=9\r\ntxt:a \xe2\x82\xac\r\n'],
];

describe('reply types that are the same in RESP2 and RESP3', () => {
  it.each(SAME_IN_BOTH)('%s', (_name, write, text) => {
    expect(written(2, write)).toBe(text);
    expect(written(3, write)).toBe(text);
  });
});

describe('reply types that differ', () => {
  it.each(IN_EACH)('%s', (_name, write, resp2, resp3) => {
    expect(written(2, write)).toBe(resp2);
    expect(written(3, write)).toBe(resp3);
  });
});

describe('integers around every power of ten', () => {
  it('are written as JavaScript writes them', () => {
    for (let power = 1; power < 2 ** 53; power *= 10) {
      for (const value of [power - 1, power, power + 1, -power]) {
        expect(written(2, (reply) => reply.integer(value))).toBe(`:${value}\r\n`);
        const text = String(value);
        expect(written(2, (reply) => reply.bulkInteger(value))).toBe(`$${text.length}\r\n${text}\r\n`);
      }
    }
  });
});

describe('bulks of every length around the short cut', () => {
  it('are framed right', () => {
    for (let length = 0; length < 120; length++) {
      const value = Buffer.alloc(length, 'x');
      expect(written(2, (reply) => reply.bytes(value))).toBe(`$${length}\r\n${value}\r\n`);
    }
  });
});

describe('errors', () => {
  it('are counted and the last one is kept', () => {
    const reply = new ReplyWriter();
    reply.error('ERR one');
    reply.ok();
    reply.error('ERR two');
    reply.reset();
    expect([reply.errorCount, reply.lastError]).toEqual([2, 'ERR two']);
  });
});

describe('the buffer', () => {
  const LARGE = 3 * 1024 * 1024;

  it('starts again at its beginning after a reset, in the same memory', () => {
    const reply = new ReplyWriter();
    const { buf } = reply;
    reply.simple('first');
    reply.reset();
    expect(reply.length).toBe(0);
    reply.ok();
    expect(reply.buf).toBe(buf);
    expect(reply.buf.toString('latin1', 0, reply.length)).toBe('+OK\r\n');
  });

  it('grows and keeps what was written', () => {
    const reply = new ReplyWriter();
    let expected = '';
    for (let i = 0; i < 20_000; i++) {
      reply.bulkInteger(i);
      expected += `$${String(i).length}\r\n${i}\r\n`;
    }
    expect(reply.buf.toString('latin1', 0, reply.length)).toBe(expected);
  });

  it('grows at once to what one large reply needs', () => {
    const reply = new ReplyWriter();
    reply.ok();
    reply.bytes(Buffer.alloc(LARGE, 'x'));
    expect(reply.length).toBe(5 + `$${LARGE}\r\n`.length + LARGE + 2);
    expect(reply.buf.toString('latin1', reply.length - 3, reply.length)).toBe('x\r\n');
  });

  it('that became very large is let go by a reset', () => {
    const reply = new ReplyWriter();
    reply.bytes(Buffer.alloc(LARGE));
    reply.reset();
    expect(reply.buf.length).toBeLessThan(LARGE);
    reply.ok();
    expect(reply.buf.toString('latin1', 0, reply.length)).toBe('+OK\r\n');
  });

  it('is the taker’s for good after a detach', () => {
    const reply = new ReplyWriter();
    reply.simple('mine');
    const taken = reply.detach();
    reply.simple('next');
    expect(taken.toString('latin1', 0, 7)).toBe('+mine\r\n');
    expect(reply.buf.toString('latin1', 0, reply.length)).toBe('+next\r\n');
    expect(reply.buf).not.toBe(taken);
  });

  it('can be written back to an earlier length', () => {
    const reply = new ReplyWriter();
    reply.simple('stays');
    const before = reply.length;
    reply.simple('goes');
    reply.length = before;
    reply.simple('new');
    expect(reply.buf.toString('latin1', 0, reply.length)).toBe('+stays\r\n+new\r\n');
  });
});

/** A random tree of replies: written by the writer, read by the decoder of the tests, compared. */
describe('random replies', () => {
  it.each(Array.from({ length: 30 }, (_, i) => 700 + i))('seed %i reads back as it was written', (seed) => {
    const random = new Prng(seed);
    const reply = new ReplyWriter();
    reply.protocol = 3;
    const expected = Array.from({ length: 50 }, () => writeRandom(reply, random, 3));
    const decoder = new ReplyDecoder();
    decoder.push(Buffer.from(reply.buf.subarray(0, reply.length)));
    for (const each of expected) expect(decoder.next()).toEqual(each);
    expect(decoder.next()).toBeUndefined();
  });
});

function writeRandom(reply: ReplyWriter, random: Prng, depth: number): Reply {
  const items = (): Reply[] => Array.from({ length: random.below(4) }, () => ({ type: 'null' }));
  switch (random.below(depth > 0 ? 10 : 7)) {
    case 0: {
      const value = random.below(2 ** 32) * (random.below(2) === 0 ? 1 : -1);
      reply.integer(value);
      return { type: 'integer', text: String(value) };
    }
    case 1: {
      const bytes = Buffer.from(Array.from({ length: random.below(120) }, () => random.below(256)));
      reply.bytes(bytes);
      return { type: 'bulk', text: bytes.toString('latin1') };
    }
    case 2:
      reply.nil();
      return { type: 'null' };
    case 3: {
      const value = random.nextFloat() * 10 ** (random.below(40) - 20);
      reply.double(value);
      const text = written(3, (other) => other.double(value)).slice(1, -2);
      expect(Number(text)).toBe(value);
      return { type: 'double', text };
    }
    case 4:
      reply.boolean(random.below(2) === 0);
      return { type: 'boolean', value: reply.buf[reply.length - 3] === 0x74 };
    case 5:
      reply.verbatim('mkd', '# €');
      return { type: 'verbatim', format: 'mkd', text: '# \xe2\x82\xac' };
    case 6:
      reply.error(`ERR ${random.below(1000)}`);
      return { type: 'error', text: reply.lastError };
    case 7: {
      const list = items();
      reply.array(list.length);
      return { type: 'array', items: list.map(() => writeRandom(reply, random, depth - 1)) };
    }
    case 8: {
      const list = items();
      reply.set(list.length);
      return { type: 'set', items: list.map(() => writeRandom(reply, random, depth - 1)) };
    }
    default: {
      const list = items();
      reply.map(list.length);
      return {
        type: 'map',
        entries: list.map(() => [writeRandom(reply, random, 0), writeRandom(reply, random, depth - 1)] as const),
      };
    }
  }
}
