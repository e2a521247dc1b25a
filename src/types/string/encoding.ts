/** What OBJECT ENCODING says of a string. The store keeps text in every case; the names follow from the bytes. */
import { parseInt64, parseSafeInt } from '../../base/bytes.js';
import { ENCODING_DEFAULT, ENCODING_RAW } from '../../store/types.js';

export type StringEncoding = 'int' | 'embstr' | 'raw';

/** The longest string that Redis keeps in one allocation with its object header. */
const EMBSTR_MAX_BYTES = 44;
/** Redis keeps one shared object for each integer below this. */
const SHARED_INTEGERS = 10000;

/**
 * One more value of the two encoding bits of the store: a result that was computed as text (INCRBYFLOAT), which Redis never
 * looks at for an integer.
 */
export const ENCODING_EMBSTR = 2;

/** The encoding of a value; `mark` are its encoding bits in the store. */
export function stringEncoding(buf: Uint8Array, start: number, end: number, mark: number): StringEncoding {
  if (mark === ENCODING_RAW) return 'raw';
  if (mark === ENCODING_DEFAULT && isInt64(buf, start, end)) return 'int';
  return end - start <= EMBSTR_MAX_BYTES ? 'embstr' : 'raw';
}

/** True when Redis would keep the value as one of its shared integers, whose reference count never changes. */
export function isSharedInteger(buf: Uint8Array, start: number, end: number): boolean {
  const value = parseSafeInt(buf, start, end);
  return value >= 0 && value < SHARED_INTEGERS;
}

/** True when the bytes spell a signed 64-bit integer in canonical form. */
function isInt64(buf: Uint8Array, start: number, end: number): boolean {
  return !Number.isNaN(parseSafeInt(buf, start, end)) || parseInt64(buf, start, end) !== undefined;
}
