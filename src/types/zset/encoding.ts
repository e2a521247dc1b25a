import { ENCODING_DEFAULT } from '../../store/types.js';

/** The encoding bits of an entry that is a sorted set: the listpack itself, or an object of class SortedSet. */
export const ZSET_LISTPACK = ENCODING_DEFAULT;
export const ZSET_SKIPLIST = 1;

/** The names of OBJECT ENCODING. */
export const ZSET_ENCODINGS: readonly string[] = ['listpack', 'skiplist'];

/** Up to which size a sorted set stays a listpack. */
export interface ZsetLimits {
  /** zset-max-listpack-entries */
  readonly entries: number;
  /** zset-max-listpack-value, bytes of a member */
  readonly valueBytes: number;
}
