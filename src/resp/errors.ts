/** The catalogue of error replies, without the leading '-'. Texts are those of Redis: clients match on them. */
export const SYNTAX = 'ERR syntax error';
export const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';
export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range';
export const NOT_A_FLOAT = 'ERR value is not a valid float';
export const OUT_OF_RANGE = 'ERR value is out of range';
export const MUST_BE_POSITIVE = 'ERR value is out of range, must be positive';
export const INCREMENT_OVERFLOW = 'ERR increment or decrement would overflow';
export const NAN_OR_INFINITY = 'ERR increment would produce NaN or Infinity';
export const NO_SUCH_KEY = 'ERR no such key';
export const SAME_OBJECT = 'ERR source and destination objects are the same';
export const DB_INDEX_OUT_OF_RANGE = 'ERR DB index is out of range';
export const STRING_TOO_LONG = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)';
export const OFFSET_OUT_OF_RANGE = 'ERR offset is out of range';
export const INVALID_CURSOR = 'ERR invalid cursor';

export const NOAUTH = 'NOAUTH Authentication required.';
export const WRONGPASS = 'WRONGPASS invalid username-password pair or user is disabled.';
export const NOPROTO = 'NOPROTO unsupported protocol version';
export const EXECABORT = 'EXECABORT Transaction discarded because of previous errors.';
export const OOM = "OOM command not allowed when used memory > 'maxmemory'.";
export const LOADING = 'LOADING Redis is loading the dataset in memory';
export const READONLY = "READONLY You can't write against a read only replica.";
export const NOREPLICAS = 'NOREPLICAS Not enough good replicas to write.';
export const MASTERDOWN = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
export const CROSSSLOT = "CROSSSLOT Keys in request don't hash to the same slot";
export const TRYAGAIN = 'TRYAGAIN Multiple keys request during rehashing of slot';
export const CLUSTER_DISABLED = 'ERR This instance has cluster support disabled';

/** `ERR wrong number of arguments for 'get' command`; `name` is the full name, `config|get` for a subcommand. */
export function wrongArity(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`;
}

/** `ERR invalid expire time in 'set' command`. */
export function invalidExpireTime(commandName: string): string {
  return `ERR invalid expire time in '${commandName}' command`;
}

/** `ERR unknown subcommand 'x'. Try CLIENT HELP.` (the subcommand is cut at 128 characters). */
export function unknownSubcommand(subcommand: string, container: string): string {
  return `ERR unknown subcommand '${cString(subcommand).slice(0, 128)}'. Try ${container.toUpperCase()} HELP.`;
}

/** Redis prints arguments as C strings: nothing behind a NUL. */
export function cString(text: string): string {
  const nul = text.indexOf('\0');
  return nul < 0 ? text : text.slice(0, nul);
}
