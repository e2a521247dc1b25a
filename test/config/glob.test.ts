import { describe, expect, it } from 'vitest';
import { globMatch } from '../../src/base/glob.js';
import { Prng } from '../../src/base/prng.js';
import { describeWithRedis } from '../support/redis.js';
import { items, NEWER, newConfig, realGet } from './support.js';

function matches(pattern: string, text: string, ignoreCase = false): boolean {
  // Padding on both sides shows whether the ranges are respected.
  const p = Buffer.from(`*${pattern}*`, 'latin1');
  const t = Buffer.from(`a${text}a`, 'latin1');
  return globMatch(p, 1, p.length - 1, t, 1, t.length - 1, ignoreCase);
}

describe('globMatch', () => {
  it.each([
    ['', '', true],
    ['', 'a', false],
    ['abc', 'abc', true],
    ['abc', 'abd', false],
    ['abc', 'ab', false],
    ['?', 'a', true],
    ['?', '', false],
    ['a?c', 'abc', true],
    ['*', 'anything', true],
    ['a*', 'a', true],
    ['*c', 'abc', true],
    ['a*c*e', 'abcde', true],
    ['a*c*f', 'abcde', false],
    ['**a**', 'bab', true],
    ['[abc]', 'b', true],
    ['[abc]', 'd', false],
    ['[a-c]x', 'bx', true],
    ['[c-a]x', 'bx', true],
    ['[^a-c]', 'd', true],
    ['[^a-c]', 'a', false],
    ['[^]', 'a', true],
    ['[]', 'a', false],
    ['[a', 'a', true],
    ['[a-', '-', true],
    ['[\\]]', ']', true],
    ['[\\-a]', '-', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a\\', 'a\\', true],
    ['\\\\', '\\', true],
  ])('%j on %j is %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  it('folds ASCII letters when told to, except behind a backslash in a class', () => {
    expect(matches('MaxMem*', 'maxmemory')).toBe(false);
    expect(matches('MaxMem*', 'maxmemory', true)).toBe(true);
    expect(matches('[A-C]x', 'bX', true)).toBe(true);
    expect(matches('[\\B]', 'b', true)).toBe(false);
  });

  it('takes polynomial time however many stars there are', () => {
    expect(matches('a*'.repeat(40).concat('b'), 'a'.repeat(5000))).toBe(false);
    expect(matches('*a'.repeat(40), 'a'.repeat(5000))).toBe(true);
  });
});

describeWithRedis('globMatch and the real server agree', (redis) => {
  const random = (prng: Prng, alphabet: string, maxLength: number): string => {
    let text = '';
    for (let n = prng.below(maxLength + 1); n > 0; n--) text += alphabet[prng.below(alphabet.length)];
    return text;
  };

  it('on random patterns and keys', async () => {
    const prng = new Prng(20260731);
    const keys = new Set<string>(['']);
    while (keys.size < 80) keys.add(random(prng, 'aab-]^\\[*?A\xff', 5));
    await redis.client.pipeline([...keys].map((key) => ['SET', key, '1']));
    const patterns = Array.from({ length: 1500 }, () => random(prng, 'aab-]^\\[[**?A\xff', 8)).filter((p) => p !== '*');
    const replies = await redis.client.pipeline(patterns.map((p) => ['SCAN', '0', 'COUNT', '1000', 'MATCH', p]));
    for (const [i, reply] of replies.entries()) {
      if (reply.type !== 'array') throw new Error('SCAN gave no array');
      const expected = items(reply.items[1]).sort();
      const ours = [...keys].filter((key) => matches(patterns[i], key)).sort();
      expect(ours, `pattern ${JSON.stringify(patterns[i])}`).toEqual(expected);
    }
  });

  it('on patterns of about a thousand stars', async () => {
    const key = 'a'.repeat(1500);
    await redis.client.call('SET', key, '1');
    for (const pattern of [999, 1000, 1001].flatMap((n) => ['*?'.repeat(n), `${'*a'.repeat(n)}*`, 'a**'.repeat(n)])) {
      const expected = items(await redis.client.call('KEYS', pattern)).includes(key);
      expect(matches(pattern, key), `${pattern.length}: ${pattern.slice(0, 6)}`).toBe(expected);
    }
  });

  it('on patterns of CONFIG GET, in any case', async () => {
    const config = newConfig();
    const patterns = ['MAX*', '*[A-C]*e', 'h?', '*\\E*y', '[^a-R]*', '*-[LS]og*', 'slave*', 'Port', 'h\\z', '*[Z-a]b*'];
    for (const pattern of patterns) {
      const ours = config.get([pattern]).map(([name]) => name);
      const expected = [...(await realGet(redis.client, pattern)).keys()];
      expect(ours.filter((name) => !NEWER.includes(name)).sort(), pattern).toEqual(expected.sort());
    }
  });
});
