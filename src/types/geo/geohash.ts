/**
 * Positions on Earth as cells of a grid, as Redis keeps them: the score of a member is the number of its cell.
 *
 *   longitude -180 .. 180            latitude -85.05112878 .. 85.05112878 (where the Mercator map is square)
 *
 *   cell of step s: column and row of a grid of 2^s by 2^s; its number has their bits in turn, the column's first
 *
 *   number   | c25 r25 | c24 r24 | ...                   | c0 r0 |      52 bits at step 26, the finest
 *
 * Cells of a coarser step hold those finer cells whose numbers begin with theirs, so a cell is a range of scores. A position at
 * the very eastern or northern edge is in a column or row beyond the last: its number has a bit or two more.
 */

export const LONGITUDE_MAX = 180;
export const LATITUDE_MAX = 85.05112878;
/** Of the finest grid, in which members are kept. */
export const FINEST_STEP = 26;

const HALF_BITS = 13;
const HALF_MASK = (1 << HALF_BITS) - 1;
const HALF_PAIR = 2 ** (2 * HALF_BITS);
const INT64_LIMIT = 2 ** 63;

/** The letters of a geohash string. */
const ALPHABET = '0123456789bcdefghjkmnpqrstuvwxyz';
const HASH_LETTERS = 11;

/** Column or row of a coordinate in [-max, max]. */
export function gridIndex(coordinate: number, max: number, step: number): number {
  return Math.floor(((coordinate + max) / (2 * max)) * 2 ** step);
}

/** The lower bound of a column or row; that of the next one is the upper. */
export function gridBound(index: number, max: number, step: number): number {
  return -max + (index / 2 ** step) * (2 * max);
}

/** The number of a cell. */
export function interleave(column: number, row: number): number {
  const high = (spread(column >>> HALF_BITS) << 1) | spread(row >>> HALF_BITS);
  const low = (spread(column & HALF_MASK) << 1) | spread(row & HALF_MASK);
  return high * HALF_PAIR + low;
}

/** Puts a zero before each of up to 15 bits. */
function spread(bits: number): number {
  let x = bits;
  x = (x | (x << 8)) & 0x00ff00ff;
  x = (x | (x << 4)) & 0x0f0f0f0f;
  x = (x | (x << 2)) & 0x33333333;
  return (x | (x << 1)) & 0x55555555;
}

/** The reverse: every other bit of an unsigned 32-bit number, the lowest first. */
function gather(bits: number): number {
  let x = bits & 0x55555555;
  x = (x | (x >>> 1)) & 0x33333333;
  x = (x | (x >>> 2)) & 0x0f0f0f0f;
  x = (x | (x >>> 4)) & 0x00ff00ff;
  return (x | (x >>> 8)) & 0x0000ffff;
}

/** The score of a position. */
export function positionScore(longitude: number, latitude: number): number {
  const column = gridIndex(longitude, LONGITUDE_MAX, FINEST_STEP);
  return interleave(column, gridIndex(latitude, LATITUDE_MAX, FINEST_STEP));
}

/** Reads the position that a score stands for: the middle of its cell. One object reads one score after the other. */
export class Position {
  longitude = 0;
  latitude = 0;

  /** Any score will do: members need not have been added as positions. */
  read(score: number): this {
    const cell = wrapped(Math.trunc(score));
    const low = cell | 0;
    const high = Math.floor(cell / 4294967296) | 0;
    this.longitude = middle(gather(low >>> 1) + gather(high >>> 1) * 65536, LONGITUDE_MAX);
    this.latitude = middle(gather(low) + gather(high) * 65536, LATITUDE_MAX);
    return this;
  }
}

/** What Redis's machine makes of an integer that does not fit into 64 bits; negative ones count from 2^64 down. */
function wrapped(integer: number): number {
  if (integer >= 2 * INT64_LIMIT) return 0;
  return integer <= -INT64_LIMIT ? INT64_LIMIT : integer;
}

function middle(index: number, max: number): number {
  const lower = gridBound(index, max, FINEST_STEP);
  const upper = gridBound(index + 1, max, FINEST_STEP);
  return Math.max(-max, Math.min(max, (lower + upper) / 2));
}

/** The standard geohash of a position, whose grid covers all latitudes: 10 letters of 5 bits, and a 0. */
export function geohashText(longitude: number, latitude: number): string {
  const row = gridIndex(latitude, 90, FINEST_STEP);
  let bits = interleave(gridIndex(longitude, LONGITUDE_MAX, FINEST_STEP), row) % 2 ** (2 * FINEST_STEP);
  let text = '';
  for (let i = 1; i < HASH_LETTERS; i++) {
    const unit = 2 ** (2 * FINEST_STEP - 5 * i);
    text += ALPHABET[Math.floor(bits / unit)];
    bits %= unit;
  }
  return `${text}0`;
}
