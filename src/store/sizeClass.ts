/**
 * The sizes that the arena hands out. Steps of 8 bytes up to 256, then eight steps per doubling: a block is at most 12.5 %
 * larger than what was asked for.
 *
 *   class    0   1  ...  31 |  32   33  ...  39 |  40 ...  63 |  64 ...   103
 *   bytes    8  16  ... 256 | 288  320  ... 512 | 576 .. 4096 | 4608 .. 131072
 *   page                64 KiB (one granule)                  | 512 KiB (eight)
 */

/** References count in units of 8 bytes. */
export const UNIT_SHIFT = 3;
export const UNIT_BYTES = 1 << UNIT_SHIFT;

export const CLASS_COUNT = 104;
/** Classes from here on live in large pages. */
export const FIRST_LARGE_CLASS = 64;
/** No class: the granule belongs to no page. */
export const NO_CLASS = 255;

/** Pages consist of granules; a granule is 64 KiB. */
export const GRANULE_SHIFT = 16 - UNIT_SHIFT;
export const GRANULE_UNITS = 1 << GRANULE_SHIFT;
export const LARGE_PAGE_GRANULES = 8;

/** The largest block, in units. */
export const MAX_BLOCK_UNITS = 131072 >> UNIT_SHIFT;

const LINEAR_UNITS = 32;

/** The smallest class whose blocks hold `units` (1 to MAX_BLOCK_UNITS). */
export function classOf(units: number): number {
  const u = units - 1;
  if (u < LINEAR_UNITS) return u;
  const log = 31 - Math.clz32(u);
  return LINEAR_UNITS + ((log - 5) << 3) + ((u >>> (log - 3)) & 7);
}

/** Block size of each class, units. */
export const CLASS_UNITS = buildClassUnits();
/** How many blocks a page of each class has. */
export const CLASS_BLOCKS = buildClassBlocks();

function buildClassUnits(): Int32Array {
  const units = new Int32Array(CLASS_COUNT);
  for (let cls = 0; cls < CLASS_COUNT; cls++) {
    const step = cls - LINEAR_UNITS;
    units[cls] = step < 0 ? cls + 1 : (9 + (step & 7)) << ((step >> 3) + 2);
  }
  return units;
}

function buildClassBlocks(): Int32Array {
  const blocks = new Int32Array(CLASS_COUNT);
  for (let cls = 0; cls < CLASS_COUNT; cls++) {
    const pageUnits = cls < FIRST_LARGE_CLASS ? GRANULE_UNITS : GRANULE_UNITS * LARGE_PAGE_GRANULES;
    blocks[cls] = Math.floor(pageUnits / CLASS_UNITS[cls]);
  }
  return blocks;
}
