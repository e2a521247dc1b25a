/** PFCOUNT: how many different elements there are. */
import { ENCODING_RAW } from '../../store/types.js';
import { countDense } from '../../types/hyperloglog/dense.js';
import { estimate } from '../../types/hyperloglog/estimate.js';
import {
  cacheCount,
  cachedCount,
  DENSE,
  encodingOf,
  HEADER_BYTES,
  HISTOGRAM_SIZE,
  REGISTERS,
} from '../../types/hyperloglog/layout.js';
import { countSparse } from '../../types/hyperloglog/sparse.js';
import { index, MAY_REPLICATE, READONLY, range } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { KEYS } from '../generic/declare.js';
import { CORRUPTED, hyperLogLog } from './access.js';
import { unionOf } from './add.js';

/** Watchers hear of the change, but it is not published. */
const NO_EVENT = 0;
const CACHE_NOTE = 'RW: the count cached in the value may change, which is propagated';

function runPfCount(ctx: CommandContext): void {
  if (ctx.argc > 2) return countUnion(ctx);
  const { db, reply } = ctx;
  const ref = ctx.lookupRead(1);
  if (ref === 0) return reply.integer(0);
  const found = hyperLogLog(ctx, ref);
  if (found === undefined) return;
  db.setEncoding(ref, ENCODING_RAW);
  const cached = cachedCount(found);
  if (cached !== -1) return replyCount(ctx, cached);

  const histogram = new Int32Array(HISTOGRAM_SIZE);
  const at = found.start + HEADER_BYTES;
  if (encodingOf(found) === DENSE) countDense(histogram, found.buf, at);
  else if (!countSparse(histogram, found.buf, at, found.end)) return reply.error(CORRUPTED);
  const count = estimate(histogram);
  // Others that have the value need not count again: the cache is a change that is propagated.
  cacheCount(db.writableValue(ref), count);
  ctx.modified(1, NO_EVENT, 'pfcount');
  replyCount(ctx, count);
}

function countUnion(ctx: CommandContext): void {
  const union = unionOf(ctx);
  if (union === undefined) return;
  const histogram = new Int32Array(HISTOGRAM_SIZE);
  for (let i = 0; i < REGISTERS; i++) histogram[union.registers[i]]++;
  replyCount(ctx, estimate(histogram));
}

function replyCount(ctx: CommandContext, count: number | bigint): void {
  if (typeof count === 'number' && Number.isSafeInteger(count)) ctx.reply.integer(count);
  else ctx.reply.bigInteger(BigInt(count));
}

export const countCommands: readonly Command[] = [
  command({
    name: 'pfcount',
    arity: -2,
    group: 'hyperloglog',
    since: '2.8.9',
    // Its cache is propagated: CLIENT PAUSE WRITE holds it back.
    flags: READONLY | MAY_REPLICATE,
    acl: ['hyperloglog'],
    keys: [{ begin: index(1), find: range(-1, 1), access: 'RW access', notes: CACHE_NOTE }],
    complexity: 'O(1) for one key whose count is cached; else O(N) with N keys, each being looked at as a whole.',
    summary: 'Estimates how many different elements were added to HyperLogLogs.',
    arguments: [KEYS],
    run: runPfCount,
  }),
];
