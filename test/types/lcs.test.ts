import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { lcsLength, lcsTableBytes, longestCommonSubsequence } from '../../src/types/string/lcs.js';

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** A string, another, their subsequence, and its matches as `places in the first = places in the second`: of a 7.0.15. */
const RECORDED: readonly (readonly [a: string, b: string, text: string, matches: string])[] = [
  ['ohmytext', 'mynewtext', 'mytext', '4-7=5-8 2-3=0-1'],
  ['abcabcabc', 'acbbacbca', 'acbabc', '7-8=6-7 6-6=4-4 4-4=2-2 2-2=1-1 0-0=0-0'],
  ['acbbacbca', 'abcabcabc', 'abcbca', '6-8=4-6 5-5=2-2 3-3=1-1 0-0=0-0'],
  ['aaaa', 'aaaa', 'aaaa', '0-3=0-3'],
  ['xaxbxcx', 'abcxxx', 'abcx', '6-6=5-5 5-5=2-2 3-3=1-1 1-1=0-0'],
  ['abcxxx', 'xaxbxcx', 'axxx', '5-5=6-6 4-4=4-4 3-3=2-2 0-0=1-1'],
  ['', 'aaaa', '', ''],
  ['', '', '', ''],
];

/** The textbook recursion: slow and plainly right. */
function plainLength(a: Uint8Array, b: Uint8Array, i = 0, j = 0): number {
  if (i === a.length || j === b.length) return 0;
  if (a[i] === b[j]) return 1 + plainLength(a, b, i + 1, j + 1);
  return Math.max(plainLength(a, b, i + 1, j), plainLength(a, b, i, j + 1));
}

describe('longest common subsequence', () => {
  for (const [a, b, text, matches] of RECORDED) {
    it(`of ${JSON.stringify(a)} and ${JSON.stringify(b)} is ${JSON.stringify(text)}`, () => {
      const lcs = longestCommonSubsequence(bytes(a), bytes(b));
      expect(Buffer.from(lcs.bytes).toString('latin1')).toBe(text);
      expect(lcs.matches.map((at) => `${at.aStart}-${at.aEnd}=${at.bStart}-${at.bEnd}`).join(' ')).toBe(matches);
      expect(lcsLength(bytes(a), bytes(b))).toBe(text.length);
    });
  }

  it('is as long as the recursion says, and its matches spell it in both strings', () => {
    const random = new Prng(20260802);
    for (let round = 0; round < 400; round++) {
      const a = Uint8Array.from({ length: random.below(9) }, () => random.below(3));
      const b = Uint8Array.from({ length: random.below(9) }, () => random.below(3));
      const lcs = longestCommonSubsequence(a, b);
      expect(lcs.bytes.length).toBe(plainLength(a, b));
      expect(lcsLength(a, b)).toBe(lcs.bytes.length);
      const ordered = [...lcs.matches].reverse();
      expect(ordered.flatMap((match) => [...a.subarray(match.aStart, match.aEnd + 1)])).toEqual([...lcs.bytes]);
      expect(ordered.flatMap((match) => [...b.subarray(match.bStart, match.bEnd + 1)])).toEqual([...lcs.bytes]);
    }
  });

  it('knows what its table costs', () => {
    expect(lcsTableBytes(0, 0)).toBe(4);
    expect(lcsTableBytes(11585, 11584)).toBe(11586 * 11585 * 4);
  });
});
