/**
 * What an RDB file is made of beside values:
 *
 *   | REDIS0010 | aux fields | SELECTDB n | RESIZEDB keys expires | key | key ... | SELECTDB ... | EOF | CRC64 8 |
 *
 *   key   [EXPIRETIME_MS time 8] [IDLE seconds | FREQ counter 1] | type 1 | key | value |
 *
 * The sum is over all bytes before it, the magic word included; 0 says that nobody has computed it. Versions before 5 end
 * with EOF.
 */

export const RDB_MAGIC = 'REDIS';
/** Magic word and four digits. */
export const RDB_HEADER_BYTES = 9;
/** The oldest and the latest version of a file that can be read, unless there is something in it that only others know. */
export const RDB_FILE_VERSION_MIN = 1;
export const RDB_FILE_VERSION_MAX = 12;
/** Files end with a sum from this version on. */
export const RDB_CRC_SINCE = 5;
export const RDB_CRC_BYTES = 8;

/** Facts about a slot of a cluster that follows: three lengths. Of Valkey 8 and Redis 8. */
export const OP_SLOT_INFO = 244;
/** A library of functions. */
export const OP_FUNCTION = 245;
/** The same in release candidates of Redis 7.0. */
export const OP_FUNCTION_OLD = 246;
export const OP_MODULE_AUX = 247;
/** Seconds since the last access. */
export const OP_IDLE = 248;
/** The LFU counter. */
export const OP_FREQ = 249;
export const OP_AUX = 250;
export const OP_RESIZE_DB = 251;
export const OP_EXPIRE_MS = 252;
export const OP_EXPIRE_SECONDS = 253;
export const OP_SELECT_DB = 254;
export const OP_EOF = 255;
/** What is not below is no type of a value. */
export const OP_FIRST = OP_SLOT_INFO;

/** What a module wrote: first in a way that only the module understands, then as a list of marked elements. */
const MODULE_VALUE_OLD = 6;
export const MODULE_VALUE = 7;
const HASH_WITH_FIELD_EXPIRY = [22, 23, 24, 25];

// What marks the elements of a module's data.
export const MODULE_END = 0;
export const MODULE_SINT = 1;
export const MODULE_UINT = 2;
export const MODULE_FLOAT = 3;
export const MODULE_DOUBLE = 4;
export const MODULE_STRING = 5;

/** By type of a value: what operators call it, and its name in redis-check-rdb. */
const TYPE_NAMES: Readonly<Record<number, readonly [string, string]>> = {
  0: ['string', 'string'],
  1: ['list', 'list-linked'],
  2: ['set', 'set-hashtable'],
  3: ['sorted set', 'zset-v1'],
  4: ['hash', 'hash-hashtable'],
  5: ['sorted set', 'zset-v2'],
  6: ['module', 'module-value'],
  7: ['module', 'module-value'],
  9: ['hash', 'hash-zipmap'],
  10: ['list', 'list-ziplist'],
  11: ['set', 'set-intset'],
  12: ['sorted set', 'zset-ziplist'],
  13: ['hash', 'hash-ziplist'],
  14: ['list', 'quicklist'],
  15: ['stream', 'stream'],
  16: ['hash', 'hash-listpack'],
  17: ['sorted set', 'zset-listpack'],
  18: ['list', 'quicklist-v2'],
  19: ['stream', 'stream-v2'],
  20: ['set', 'set-listpack'],
  21: ['stream', 'stream-v3'],
};

/** Whether a value that is written like that is of a type that we have. */
export function isReadable(type: number): boolean {
  return type <= 5 || (type >= 9 && type <= 21);
}

/** What operators call a type of the format; undefined when it is unknown. */
export function typeName(type: number): string | undefined {
  return TYPE_NAMES[type]?.[0];
}

/** What redis-check-rdb calls it. */
export function encodingName(type: number): string {
  return TYPE_NAMES[type]?.[1] ?? 'unknown';
}

/** Why a type that is known to exist cannot be loaded. */
export function unsupportedType(type: number): string | undefined {
  if (type === MODULE_VALUE_OLD) return 'a value of a module in a form that only the module can read';
  if (HASH_WITH_FIELD_EXPIRY.includes(type)) return 'a hash whose fields expire, which this version does not have';
  return undefined;
}

const MODULE_NAME_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const MODULE_NAME_LENGTH = 9;
const MODULE_VERSION_BITS = 10n;

/** Module ids are names of nine letters, six bits each, above a version of ten bits. */
export function moduleName(id: bigint): string {
  let name = '';
  let rest = id >> MODULE_VERSION_BITS;
  for (let i = 0; i < MODULE_NAME_LENGTH; i++) {
    name = MODULE_NAME_LETTERS.charAt(Number(rest & 63n)) + name;
    rest >>= 6n;
  }
  return name;
}

/** What a file tells of itself, and how it is to be written. */
export interface RdbFileFacts {
  /** `redis-ver` */
  readonly redisVersion: string;
  readonly nowMs: number;
  readonly usedMemoryBytes: number;
  /** The base of an append-only file. */
  readonly isAofBase: boolean;
  /** `rdbcompression` */
  readonly compressing: boolean;
  /** `rdbchecksum` */
  readonly summing: boolean;
  /** `maxmemory-policy`: what is noted of the use of each key. */
  readonly policy: string;
  /** `lfu-decay-time`, minutes. */
  readonly lfuDecayMinutes: number;
  /** More fields for the head: names and values, in turn. */
  readonly aux?: readonly string[];
}
