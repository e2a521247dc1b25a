/**
 * Scores as Redis 7.2 prints them, where 7.0 was asked: 7.0 prints 17 digits (0.10000000000000001), 7.2 and we the shortest
 * that mean the same (0.1).
 */
import { formatDouble } from '../../../src/base/doubles.js';
import { formatStoredScore } from '../../../src/types/zset/score.js';

const QUOTED_NUMBER = /"(-?\d+(?:\.\d+)?(?:e[+-]\d+)?)"/g;

/** The formatted reply, or line of a state, of a 7.0 server with its doubles as 7.2 prints them. */
export function withShortDoubles(text: string): string {
  return text.replace(QUOTED_NUMBER, (quoted, digits: string) => {
    const value = Number(digits);
    // Only what 7.0 would print for this very number.
    return formatStoredScore(value) === digits ? `"${formatDouble(value)}"` : quoted;
  });
}

/**
 * The same with no more than ten digits of what is no integer, for either side: the distances that GEORADIUS STOREDIST stores
 * come from sines and cosines, which machines round differently in the last digit.
 */
export function withoutLastDigits(text: string): string {
  return text.replace(QUOTED_NUMBER, (quoted, digits: string) =>
    Number.isInteger(Number(digits)) ? quoted : `"${Number(digits).toPrecision(10)}"`,
  );
}
