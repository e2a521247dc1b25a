import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { quoteArg, splitArgs } from '../../src/base/splitArgs.js';
import { RawClient } from '../support/rawclient.js';
import { describeWithRedis } from '../support/redis.js';
import { items } from './support.js';

const SPLITS: readonly (readonly [line: string, words: readonly string[] | undefined])[] = [
  ['', []],
  [' \t ', []],
  ['a b', ['a', 'b']],
  ['  a\t\tb  ', ['a', 'b']],
  ['""', ['']],
  ["''", ['']],
  ['"a b" c', ['a b', 'c']],
  ['"\\x41\\n\\r\\t\\b\\a\\q\\\\\\""', ['A\n\r\t\b\x07q\\"']],
  ['"\\x4"', ['x4']],
  ["'a\\'b\\n'", ["a'b\\n"]],
  ['a"b c"', ['ab c']],
  ['"a"b', undefined],
  ["'a'b", undefined],
  ['"a', undefined],
  ["'a", undefined],
  ['a"', undefined],
  ['"a\\"', undefined],
  ['a\\ b', ['a\\', 'b']],
  ['a\vb \v c', ['a\vb', 'c']],
  ['"a"\vb', ['a', 'b']],
  ['a\0b', ['a']],
];

describe('splitArgs', () => {
  it.each(SPLITS)('%j becomes %j', (line, words) => {
    expect(splitArgs(line)).toEqual(words);
  });
});

describe('quoteArg', () => {
  it('escapes what splitArgs would read otherwise', () => {
    expect(quoteArg('a"b\\\n\xff\0')).toBe('"a\\"b\\\\\\n\\xff\\x00"');
  });

  it('is undone by splitArgs for any bytes', () => {
    const prng = new Prng(7);
    for (let round = 0; round < 300; round++) {
      const text = Array.from({ length: prng.below(12) }, () => String.fromCharCode(prng.below(256))).join('');
      expect(splitArgs(`x ${quoteArg(text)} y`)).toEqual(['x', text, 'y']);
    }
  });
});

describeWithRedis('splitArgs and the real server agree', (redis) => {
  /** The words that the server sees in an inline request; undefined when it finds the quotes unbalanced. */
  async function split(line: string): Promise<string[] | undefined> {
    const client = await RawClient.connect(redis.port);
    client.write(`eval 'return ARGV' 0 ${line}\n`);
    const outcome = await client.read();
    client.close();
    if (outcome.type === 'array') return items(outcome);
    expect(outcome).toEqual({ type: 'error', text: 'ERR Protocol error: unbalanced quotes in request' });
    return undefined;
  }

  it('on the cases above', async () => {
    for (const [line, words] of SPLITS) {
      // The search for the end of an inline request stops at a NUL.
      if (!line.includes('\0')) expect(await split(line), JSON.stringify(line)).toEqual(words);
    }
  });

  it('on random lines', async () => {
    const prng = new Prng(42);
    const alphabet = 'ab  """\'\'\\\\\\x41nt\t\v\f\r\xe9';
    for (let round = 0; round < 500; round++) {
      let line = '';
      for (let n = prng.below(14); n > 0; n--) line += alphabet[prng.below(alphabet.length)];
      if (line.endsWith('\r')) continue;
      expect(splitArgs(line), JSON.stringify(line)).toEqual(await split(line));
    }
  });
});
