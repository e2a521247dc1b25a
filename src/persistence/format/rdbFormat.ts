/**
 * The words of the RDB format: how types, lengths and strings are marked.
 *
 *   length   00llllll | 01llllll llllllll | 10000000 and 4 bytes | 10000001 and 8 bytes      the high bytes first
 *   string   a length and so many bytes, or 11eeeeee: an integer or a compressed string
 */

/** The version that we write: that of Redis 7.0, so that it and its successors can read it. */
export const RDB_VERSION = 10;
/** The latest version that we can read: that of Redis 7.2. */
export const RDB_VERSION_READ = 11;

export const LENGTH_14 = 0x40;
export const LENGTH_32 = 0x80;
export const LENGTH_64 = 0x81;
export const ENCODED = 0xc0;
export const ENCODED_INT8 = 0xc0;
export const ENCODED_INT16 = 0xc1;
export const ENCODED_INT32 = 0xc2;
export const ENCODED_LZF = 0xc3;

// How a value is written. Those that say so are only read: they are of older versions, or of later ones than ours.
export const RDB_STRING = 0;
/** Read only. */
export const RDB_LIST = 1;
export const RDB_SET = 2;
/** Scores as text. Read only. */
export const RDB_ZSET = 3;
export const RDB_HASH = 4;
/** Scores as doubles. */
export const RDB_ZSET_2 = 5;
/** Read only. */
export const RDB_HASH_ZIPMAP = 9;
/** Read only. */
export const RDB_LIST_ZIPLIST = 10;
export const RDB_SET_INTSET = 11;
/** Read only. */
export const RDB_ZSET_ZIPLIST = 12;
/** Read only. */
export const RDB_HASH_ZIPLIST = 13;
/** Nodes are ziplists. Read only. */
export const RDB_LIST_QUICKLIST = 14;
/** Read only. */
export const RDB_STREAM = 15;
export const RDB_HASH_LISTPACK = 16;
export const RDB_ZSET_LISTPACK = 17;
/** Nodes are listpacks or single elements. */
export const RDB_LIST_QUICKLIST_2 = 18;
/** With the first id, deleted ids and counters. */
export const RDB_STREAM_2 = 19;
/** Read only. */
export const RDB_SET_LISTPACK = 20;
/** With the time at which a consumer was active. Read only. */
export const RDB_STREAM_3 = 21;

/** What a node of RDB_LIST_QUICKLIST_2 is. */
export const NODE_PLAIN = 1;
export const NODE_LISTPACK = 2;
