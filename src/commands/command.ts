/**
 * How a command is declared. One declaration is the single source for COMMAND INFO/DOCS/GETKEYS, ACL categories, slot
 * routing, the gates of dispatch and the reference page.
 */
// Flags, named as COMMAND INFO prints them.
export const WRITE = 1 << 0;
export const READONLY = 1 << 1;
export const DENYOOM = 1 << 2;
export const ADMIN = 1 << 3;
export const PUBSUB = 1 << 4;
export const NOSCRIPT = 1 << 5;
export const BLOCKING = 1 << 6;
export const LOADING = 1 << 7;
export const STALE = 1 << 8;
export const SKIP_MONITOR = 1 << 9;
export const SKIP_SLOWLOG = 1 << 10;
export const ASKING = 1 << 11;
export const FAST = 1 << 12;
export const NO_AUTH = 1 << 13;
/** Not shown by COMMAND INFO: what it does reaches replicas although it changes no data. */
export const MAY_REPLICATE = 1 << 14;
export const NO_ASYNC_LOADING = 1 << 15;
export const NO_MULTI = 1 << 16;
export const MOVABLEKEYS = 1 << 17;
export const ALLOW_BUSY = 1 << 18;
export const NO_MANDATORY_KEYS = 1 << 19;
/** Not shown by COMMAND INFO: guarded by enable-debug-command. */
export const PROTECTED = 1 << 20;

/** In the order in which COMMAND INFO lists them. */
export const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [WRITE, 'write'],
  [READONLY, 'readonly'],
  [DENYOOM, 'denyoom'],
  [ADMIN, 'admin'],
  [PUBSUB, 'pubsub'],
  [NOSCRIPT, 'noscript'],
  [BLOCKING, 'blocking'],
  [LOADING, 'loading'],
  [STALE, 'stale'],
  [SKIP_MONITOR, 'skip_monitor'],
  [SKIP_SLOWLOG, 'skip_slowlog'],
  [ASKING, 'asking'],
  [FAST, 'fast'],
  [NO_AUTH, 'no_auth'],
  [NO_ASYNC_LOADING, 'no_async_loading'],
  [NO_MULTI, 'no_multi'],
  [MOVABLEKEYS, 'movablekeys'],
  [ALLOW_BUSY, 'allow_busy'],
];

export type CommandGroup =
  | 'bitmap'
  | 'cluster'
  | 'connection'
  | 'generic'
  | 'geo'
  | 'hash'
  | 'hyperloglog'
  | 'list'
  | 'pubsub'
  | 'scripting'
  | 'server'
  | 'set'
  | 'sorted-set'
  | 'stream'
  | 'string'
  | 'transactions';

/** ACL categories that do not follow from flags or group. */
export type AclCategory =
  | 'keyspace'
  | 'bitmap'
  | 'connection'
  | 'dangerous'
  | 'geo'
  | 'hash'
  | 'hyperloglog'
  | 'list'
  | 'scripting'
  | 'set'
  | 'sortedset'
  | 'stream'
  | 'string'
  | 'transaction'
  | 'pubsub'
  | 'admin';

/** Where a key specification starts to look. */
export type BeginSearch =
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'keyword'; readonly keyword: string; readonly startFrom: number }
  | { readonly type: 'unknown' };

/** How it finds the keys from there. Offsets are relative to the beginning; `lastKey` -1 is the last argument. */
export type FindKeys =
  | { readonly type: 'range'; readonly lastKey: number; readonly keyStep: number; readonly limit: number }
  | { readonly type: 'keynum'; readonly keyNumIndex: number; readonly firstKey: number; readonly keyStep: number }
  | { readonly type: 'unknown' };

export interface KeySpec {
  readonly begin: BeginSearch;
  readonly find: FindKeys;
  /** Space separated, as COMMAND INFO prints them: `RO ACCESS`, `RW UPDATE`, `OW UPDATE`, `RM DELETE` ... */
  readonly access: string;
  readonly notes?: string;
}

export const index = (at: number): BeginSearch => ({ type: 'index', index: at });
export const keyword = (word: string, startFrom: number): BeginSearch => ({
  type: 'keyword',
  keyword: word,
  startFrom,
});
export const range = (lastKey: number, keyStep: number, limit = 0): FindKeys => ({
  type: 'range',
  lastKey,
  keyStep,
  limit,
});
export const keynum = (keyNumIndex: number, firstKey: number, keyStep: number): FindKeys => ({
  type: 'keynum',
  keyNumIndex,
  firstKey,
  keyStep,
});

/** One node of the argument tree of COMMAND DOCS. */
export interface ArgumentDoc {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'double' | 'key' | 'pattern' | 'unix-time' | 'pure-token' | 'oneof' | 'block';
  readonly keySpecIndex?: number;
  readonly token?: string;
  readonly summary?: string;
  readonly since?: string;
  readonly deprecatedSince?: string;
  readonly flags?: readonly ('optional' | 'multiple' | 'multiple_token')[];
  readonly arguments?: readonly ArgumentDoc[];
}

/** `Context` is what {@link run} gets: the CommandContext of context.ts, which itself needs this type. */
export interface CommandDeclaration<Context> {
  /** Lower case; a subcommand's own name without its container (`get` of `config|get`). */
  readonly name: string;
  /** Counts the command name; negative: at least that many. A subcommand counts its container's name too. */
  readonly arity: number;
  readonly group: CommandGroup;
  readonly since: string;
  readonly flags: number;
  /** Beyond those that follow from flags: @write @read @admin(+@dangerous) @pubsub @blocking @fast/@slow. */
  readonly acl?: readonly AclCategory[];
  readonly keys?: readonly KeySpec[];
  readonly complexity: string;
  readonly summary: string;
  readonly history?: readonly (readonly [version: string, change: string])[];
  readonly arguments?: readonly ArgumentDoc[];
  readonly tips?: readonly string[];
  readonly docFlags?: readonly ('deprecated' | 'syscmd')[];
  readonly deprecatedSince?: string;
  readonly replacedBy?: string;
  readonly subcommands?: readonly CommandDeclaration<Context>[];
  /**
   * Finds the keys where the key specs cannot (SORT's STORE, MIGRATE): pushes argument indexes to `out`.
   * Only needed where the flags say MOVABLEKEYS and a spec is unknown or incomplete.
   */
  readonly getKeys?: (ctx: KeyArguments, out: number[]) => void;
  /** Runs the command and writes exactly one reply. Absent on pure containers. */
  readonly run?: (ctx: Context) => void;
  /** What the access word VARIABLE_FLAGS of a key comes to for this request, e.g. `OW UPDATE`. */
  readonly keyAccess?: (args: KeyArguments) => string;
}

/** The argument view that key extraction needs. */
export interface KeyArguments {
  readonly argc: number;
  readonly buf: Uint8Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
}
