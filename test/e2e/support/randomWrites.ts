/** Seeded writes of all types over few keys and databases, in the form of requests; some of them in transactions. */
import type { Prng } from '../../../src/base/prng.js';

const KEYS = 40;

type Write = (random: Prng, key: string) => string[];

const word = (random: Prng): string => `w${random.below(30)}`;
const long = (random: Prng): string => 'x'.repeat(random.below(3000));
const number = (random: Prng): string => String(random.below(2000) - 1000);

const WRITES: readonly Write[] = [
  (r, k) => ['SET', `s${k}`, r.below(2) === 0 ? number(r) : long(r)],
  (r, k) => ['SET', `s${k}`, word(r), 'EX', String(1000 + r.below(1000)), ...(r.below(2) === 0 ? ['GET'] : [])],
  (r, k) => ['SETRANGE', `s${k}`, String(r.below(200)), word(r)],
  (r, k) => ['APPEND', `s${k}`, word(r)],
  (r, k) => ['INCRBY', `n${k}`, number(r)],
  (r, k) => ['INCRBYFLOAT', `n${k}`, `${r.below(1000) / 8}`],
  (r, k) => ['GETEX', `s${k}`, 'PX', String(1_000_000 + r.below(1_000_000))],
  (_, k) => ['GETDEL', `s${k}`],
  (r, k) => ['SETBIT', `b${k}`, String(r.below(5000)), String(r.below(2))],
  (r, k) => ['BITFIELD', `b${k}`, 'INCRBY', 'u8', String(r.below(500)), number(r)],
  (r, k) => ['RPUSH', `l${k}`, word(r), number(r), long(r)],
  (r, k) => ['LPUSH', `l${k}`, word(r)],
  (r, k) => ['LPOP', `l${k}`, String(1 + r.below(3))],
  (_, k) => ['RPOP', `l${k}`],
  (r, k) => ['LMOVE', `l${k}`, `l${r.below(KEYS)}`, 'LEFT', 'RIGHT'],
  (r, k) => ['LREM', `l${k}`, '1', word(r)],
  (r, k) => ['LTRIM', `l${k}`, '0', String(r.below(60))],
  (r, k) => ['LINSERT', `l${k}`, 'BEFORE', word(r), number(r)],
  (r, k) => ['SADD', `t${k}`, word(r), number(r), number(r)],
  (r, k) => ['SREM', `t${k}`, word(r)],
  (r, k) => ['SPOP', `t${k}`, ...(r.below(2) === 0 ? [String(r.below(4))] : [])],
  (r, k) => ['SMOVE', `t${k}`, `t${r.below(KEYS)}`, word(r)],
  (r, k) => ['SUNIONSTORE', `t${k}`, `t${r.below(KEYS)}`, `t${r.below(KEYS)}`],
  (r, k) => ['HSET', `h${k}`, word(r), long(r), word(r), number(r)],
  (r, k) => ['HINCRBY', `h${k}`, `i${r.below(5)}`, number(r)],
  (r, k) => ['HINCRBYFLOAT', `h${k}`, `f${r.below(5)}`, `${r.below(100) / 4}`],
  (r, k) => ['HDEL', `h${k}`, word(r)],
  (r, k) => ['ZADD', `z${k}`, number(r), word(r), `${r.below(99) / 7}`, word(r)],
  (r, k) => ['ZINCRBY', `z${k}`, number(r), word(r)],
  (r, k) => ['ZPOPMIN', `z${k}`, String(r.below(3))],
  (r, k) => ['ZREMRANGEBYRANK', `z${k}`, '0', String(r.below(2))],
  (r, k) => ['ZUNIONSTORE', `z${k}`, '2', `z${r.below(KEYS)}`, `z${r.below(KEYS)}`],
  (r, k) => ['GEOADD', `g${k}`, String(r.below(170)), String(r.below(80)), word(r)],
  (r, k) => ['XADD', `x${k}`, 'MAXLEN', '~', '50', '*', word(r), long(r)],
  (r, k) => ['XGROUP', 'CREATE', `x${k}`, `grp${r.below(3)}`, '0', 'MKSTREAM'],
  (r, k) => ['XREADGROUP', 'GROUP', `grp${r.below(3)}`, word(r), 'COUNT', '3', 'STREAMS', `x${k}`, '>'],
  (r, k) => ['XTRIM', `x${k}`, 'MAXLEN', String(r.below(40))],
  (r, k) => ['PFADD', `p${k}`, word(r), number(r)],
  (r, k) => ['PFMERGE', `p${k}`, `p${r.below(KEYS)}`],
  (r, k) => ['EXPIRE', `h${k}`, String(500 + r.below(1000))],
  (_, k) => ['PERSIST', `h${k}`],
  (r, k) => ['RENAME', `s${k}`, `s${r.below(KEYS)}`],
  (r, k) => ['COPY', `z${k}`, `z${r.below(KEYS)}`, 'REPLACE'],
  (r, k) => ['MOVE', `s${k}`, String(r.below(3))],
  (_, k) => ['DEL', `l${k}`, `x${k}`],
  (_, k) => ['UNLINK', `t${k}`],
  (r, k) => ['SORT', `l${k}`, 'ALPHA', 'STORE', `l${r.below(KEYS)}`],
  (r) => ['PUBLISH', 'channel', word(r)],
];

function oneWrite(random: Prng): string[] {
  return WRITES[random.below(WRITES.length)](random, String(random.below(KEYS)));
}

/** Exactly `count` requests; transactions are whole. */
export function randomWrites(random: Prng, count: number): string[][] {
  const requests: string[][] = [];
  while (requests.length < count) {
    const left = count - requests.length;
    const kind = random.below(100);
    if (kind < 4) requests.push(['SELECT', String(random.below(3))]);
    else if (kind === 4 && random.below(10) === 0) requests.push(['SWAPDB', '0', '1']);
    else if (kind === 5 && random.below(20) === 0) requests.push(['FLUSHDB']);
    else if (kind < 12 && left > 6) {
      requests.push(['MULTI'], oneWrite(random), oneWrite(random), oneWrite(random), ['EXEC']);
    } else requests.push(oneWrite(random));
  }
  return requests;
}
