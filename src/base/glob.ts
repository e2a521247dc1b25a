/**
 * Redis's glob patterns, matched byte by byte:
 *
 *   *        any bytes, none included        [abc]   one of these bytes
 *   ?        one byte                        [a-z]   a range, its ends in either order
 *   \c       the byte c itself               [^a-z]  a byte outside the class
 *
 * A class without its closing bracket ends with the pattern; a backslash at the very end stands for itself. As in
 * Redis, an empty string is matched by the empty pattern only, not by `*`.
 *
 * Only the last star is ever retried: when the rest of the pattern matches nowhere behind it, giving more bytes to an
 * earlier star cannot help. So the time is at most |pattern| * |string|. With more than a thousand stars that have
 * something behind them nothing matches, as in Redis, whose matcher calls itself for each of them.
 */

const MAX_STARS = 1000;
const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;
const BACKSLASH = 0x5c;

/** True when the pattern in (pattern, pStart, pEnd) matches the whole of (buf, start, end). */
export function globMatch(
  pattern: Uint8Array,
  pStart: number,
  pEnd: number,
  buf: Uint8Array,
  start: number,
  end: number,
  ignoreCase = false,
): boolean {
  if (start === end) return pStart === pEnd;
  let p = pStart;
  let s = start;
  let retryPattern = -1; // where the pattern goes on behind the last star
  let retryString = 0; // the first byte not yet given to that star
  let starsLeft = MAX_STARS;
  while (s < end) {
    if (p < pEnd && pattern[p] === STAR) {
      while (p < pEnd && pattern[p] === STAR) p++;
      if (p === pEnd) return true;
      if (starsLeft-- === 0) return false;
      retryPattern = p;
      retryString = s;
      continue;
    }
    if (p < pEnd && matchesByte(pattern, p, pEnd, buf[s], ignoreCase)) {
      p = elementEnd(pattern, p, pEnd);
      s++;
      continue;
    }
    if (retryPattern < 0) return false;
    p = retryPattern;
    s = ++retryString;
  }
  while (p < pEnd && pattern[p] === STAR) p++;
  return p === pEnd;
}

/** Whether the element of the pattern at `p` (anything but a star) matches the one byte `c`. */
function matchesByte(pattern: Uint8Array, p: number, pEnd: number, c: number, ignoreCase: boolean): boolean {
  let want = pattern[p];
  if (want === QUESTION) return true;
  if (want === OPEN) return classMatches(pattern, p + 1, pEnd, c, ignoreCase);
  if (want === BACKSLASH && p + 1 < pEnd) want = pattern[p + 1];
  return ignoreCase ? lower(want) === lower(c) : want === c;
}

/** The offset behind the element of the pattern at `p`. */
function elementEnd(pattern: Uint8Array, p: number, pEnd: number): number {
  const c = pattern[p];
  if (c === BACKSLASH && p + 1 < pEnd) return p + 2;
  if (c !== OPEN) return p + 1;
  p++;
  if (p < pEnd && pattern[p] === CARET) p++;
  while (p < pEnd && pattern[p] !== CLOSE) p = classMemberEnd(pattern, p, pEnd);
  return p < pEnd ? p + 1 : pEnd;
}

function classMatches(pattern: Uint8Array, p: number, pEnd: number, c: number, ignoreCase: boolean): boolean {
  const negated = p < pEnd && pattern[p] === CARET;
  if (negated) p++;
  let found = false;
  while (!found && p < pEnd && pattern[p] !== CLOSE) {
    found = classMemberMatches(pattern, p, pEnd, c, ignoreCase);
    p = classMemberEnd(pattern, p, pEnd);
  }
  return found !== negated;
}

function classMemberEnd(pattern: Uint8Array, p: number, pEnd: number): number {
  if (pattern[p] === BACKSLASH && p + 2 <= pEnd) return Math.min(p + 2, pEnd);
  return p + 3 <= pEnd && pattern[p + 1] === DASH ? p + 3 : p + 1;
}

function classMemberMatches(pattern: Uint8Array, p: number, pEnd: number, c: number, ignoreCase: boolean): boolean {
  // Redis compares an escaped member exactly, even when it ignores case.
  if (pattern[p] === BACKSLASH && p + 2 <= pEnd) return pattern[p + 1] === c;
  if (p + 3 > pEnd || pattern[p + 1] !== DASH) return ignoreCase ? lower(pattern[p]) === lower(c) : pattern[p] === c;
  // Bytes above 0x7f come before all others in a range, as C's signed char has it.
  const a = (pattern[p] << 24) >> 24;
  const b = (pattern[p + 2] << 24) >> 24;
  const low = Math.min(a, b);
  const high = Math.max(a, b);
  c = (c << 24) >> 24;
  return ignoreCase ? lower(c) >= lower(low) && lower(c) <= lower(high) : c >= low && c <= high;
}

function lower(c: number): number {
  return c >= 0x41 && c <= 0x5a ? c | 0x20 : c;
}
