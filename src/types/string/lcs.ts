/**
 * The longest common subsequence of two byte strings, by the textbook table of prefix lengths.
 *
 *   lengths[i * (b.length + 1) + j] = length of the longest common subsequence of a[0, i) and b[0, j)
 *
 * Walking back from the far corner finds one subsequence. At a tie the walk shortens `b`; replies depend on it.
 */

/** A run of bytes that both strings share: a[aStart..aEnd] equals b[bStart..bEnd], both ends included. */
export interface LcsMatch {
  readonly aStart: number;
  readonly aEnd: number;
  readonly bStart: number;
  readonly bEnd: number;
}

export interface Lcs {
  readonly bytes: Uint8Array;
  /** Last match first. */
  readonly matches: readonly LcsMatch[];
}

/** Bytes of the table that {@link longestCommonSubsequence} needs. */
export function lcsTableBytes(aLength: number, bLength: number): number {
  return (aLength + 1) * (bLength + 1) * Uint32Array.BYTES_PER_ELEMENT;
}

/** The length alone: two rows of the table are enough. */
export function lcsLength(a: Uint8Array, b: Uint8Array): number {
  let above = new Uint32Array(b.length + 1);
  let row = new Uint32Array(b.length + 1);
  for (let i = 0; i < a.length; i++) {
    const byte = a[i];
    for (let j = 0; j < b.length; j++) {
      row[j + 1] = byte === b[j] ? above[j] + 1 : Math.max(above[j + 1], row[j]);
    }
    [above, row] = [row, above];
  }
  return above[b.length];
}

/** The subsequence and the runs it is made of. Throws RangeError when the table cannot be allocated. */
export function longestCommonSubsequence(a: Uint8Array, b: Uint8Array): Lcs {
  const width = b.length + 1;
  const lengths = prefixLengths(a, b);
  let i = a.length;
  let j = b.length;
  let left = lengths[i * width + j];
  const bytes = new Uint8Array(left);
  const matches: LcsMatch[] = [];
  let aEnd = 0; // one behind the run being walked; the run begins at (i, j)
  let bEnd = 0;
  let inRun = false;
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      if (!inRun) {
        inRun = true;
        aEnd = i;
        bEnd = j;
      }
      i--;
      j--;
      bytes[--left] = a[i];
      continue;
    }
    if (inRun) matches.push({ aStart: i, aEnd: aEnd - 1, bStart: j, bEnd: bEnd - 1 });
    inRun = false;
    if (lengths[(i - 1) * width + j] > lengths[i * width + j - 1]) i--;
    else j--;
  }
  if (inRun) matches.push({ aStart: i, aEnd: aEnd - 1, bStart: j, bEnd: bEnd - 1 });
  return { bytes, matches };
}

function prefixLengths(a: Uint8Array, b: Uint8Array): Uint32Array {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    const byte = a[i - 1];
    const row = i * width;
    for (let j = 1; j < width; j++) {
      const above = row - width + j;
      lengths[row + j] = byte === b[j - 1] ? lengths[above - 1] + 1 : Math.max(lengths[above], lengths[row + j - 1]);
    }
  }
  return lengths;
}
