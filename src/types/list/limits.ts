/** How large the listpacks of a list may grow, and which of them are compressed: what the list-* directives mean. */

/** Bytes that -1, -2 ... -5 stand for. */
const SIZE_LEVELS = [4096, 8192, 16384, 32768, 65536] as const;
/** With a limit by count a node is still kept from growing beyond this. */
const SAFETY_BYTES = 8192;
/** What an element is taken to cost beside its bytes. */
export const ELEMENT_OVERHEAD_BYTES = 8;
/** The largest values that a list keeps of its directives. */
const MAX_FILL = 32767;
const MAX_DEPTH = 65535;

/** The value of list-max-listpack-size that counts. */
export function clampFill(fill: number): number {
  return Math.max(-SIZE_LEVELS.length, Math.min(fill, MAX_FILL));
}

/** The value of list-compress-depth that counts. */
export function clampDepth(depth: number): number {
  return Math.min(depth, MAX_DEPTH);
}

/** The most bytes of one listpack under the directive's value. */
export function maxListpackBytes(fill: number): number {
  if (fill >= 0) return SAFETY_BYTES;
  return SIZE_LEVELS[Math.min(-fill, SIZE_LEVELS.length) - 1];
}

/** The most elements of one listpack. */
export function maxListpackCount(fill: number): number {
  return fill < 0 ? Number.POSITIVE_INFINITY : Math.max(1, fill);
}

export function fitsListpack(fill: number, bytes: number, count: number): boolean {
  return bytes <= maxListpackBytes(fill) && count <= maxListpackCount(fill);
}
