/** The options that XADD and XTRIM share, up to XADD's id. */
import { SYNTAX } from '../../resp/errors.js';
import { ALLOW_AUTO, ID_INVALID, ID_WITHOUT_SEQUENCE } from '../../types/stream/id.js';
import type { CommandContext } from '../context.js';
import { INVALID_ID, idArgument, integerArgument } from './arguments.js';
import type { TrimArguments } from './tools.js';

const BOTH = 'ERR syntax error, MAXLEN and MINID options at the same time are not compatible';
const NEGATIVE_MAXLEN = 'ERR The MAXLEN argument must be >= 0.';
const NEGATIVE_LIMIT = 'ERR The LIMIT argument must be >= 0.';
const LIMIT_ALONE = 'ERR syntax error, LIMIT cannot be used without specifying a trimming strategy';
const LIMIT_EXACT = 'ERR syntax error, LIMIT cannot be used without the special ~ option';
const NO_STRATEGY = 'ERR syntax error, XTRIM must be called with a trimming strategy';

const EQUAL = 0x3d;
const TILDE = 0x7e;
const STAR = 0x2a;

/** Approximate trimming removes no more than this many full nodes, within bounds. */
const LIMIT_NODES = 100;
const DEFAULT_LIMIT = 10_000;
const MAX_LIMIT = 1_000_000;

/** Reads the options into the tools. False when they are no good, which has then been replied. */
export function parseTrimArguments(ctx: CommandContext, isAdd: boolean): boolean {
  const trim = ctx.streams.trim;
  trim.reset();
  let limitGiven = false;
  for (let i = 2; i < ctx.argc; i++) {
    const more = ctx.argc - 1 - i;
    if (isAdd && isByte(ctx, i, STAR)) {
      trim.autoId = true;
      trim.idArg = i;
      break;
    }
    if (more > 0 && (ctx.argIs(i, 'maxlen') || ctx.argIs(i, 'minid'))) {
      i = parseStrategy(ctx, trim, i);
      if (i === FAILED) return false;
    } else if (more > 0 && ctx.argIs(i, 'limit')) {
      const limit = integerArgument(ctx, ++i);
      if (limit === undefined) return false;
      if (limit < 0) return fail(ctx, NEGATIVE_LIMIT);
      trim.limit = limit;
      limitGiven = true;
    } else if (isAdd && ctx.argIs(i, 'nomkstream')) trim.noMkStream = true;
    else if (isAdd) {
      if (!parseId(ctx, trim, i)) return false;
      break;
    } else return fail(ctx, SYNTAX);
  }
  return checkLimit(ctx, trim, isAdd, limitGiven);
}

const FAILED = -1;

/** From MAXLEN or MINID at i; answers its last argument, or FAILED. */
function parseStrategy(ctx: CommandContext, trim: TrimArguments, i: number): number {
  if (trim.thresholdArg !== 0) {
    ctx.reply.error(BOTH);
    return FAILED;
  }
  trim.byLength = ctx.argIs(i, 'maxlen');
  i++;
  if (i + 1 < ctx.argc && (isByte(ctx, i, TILDE) || isByte(ctx, i, EQUAL))) {
    trim.approximate = isByte(ctx, i, TILDE);
    i++;
  }
  trim.thresholdArg = i;
  if (!trim.byLength) return idArgument(ctx, i, trim.minId) ? i : FAILED;
  trim.maxLength = integerArgument(ctx, i);
  if (trim.maxLength === undefined) return FAILED;
  if (trim.maxLength >= 0) return i;
  ctx.reply.error(NEGATIVE_MAXLEN);
  return FAILED;
}

function parseId(ctx: CommandContext, trim: TrimArguments, i: number): boolean {
  const parsed = trim.id.parse(ctx.buf, ctx.start[i], ctx.end[i], ALLOW_AUTO);
  if (parsed === ID_INVALID) return fail(ctx, INVALID_ID);
  trim.autoSequence = parsed === ID_WITHOUT_SEQUENCE;
  trim.idArg = i;
  return true;
}

function checkLimit(ctx: CommandContext, trim: TrimArguments, isAdd: boolean, limitGiven: boolean): boolean {
  if (trim.thresholdArg === 0) {
    if (trim.limit !== 0) return fail(ctx, LIMIT_ALONE);
    if (!isAdd) return fail(ctx, NO_STRATEGY);
    if (!limitGiven) return true;
  }
  // A command from a data file tells how much was trimmed, and may have kept its LIMIT.
  if (ctx.obeys) trim.limit = 0;
  else if (limitGiven) {
    if (!trim.approximate) return fail(ctx, LIMIT_EXACT);
  } else if (trim.approximate) {
    const limit = LIMIT_NODES * ctx.server.config.values['stream-node-max-entries'];
    trim.limit = Math.min(limit <= 0 ? DEFAULT_LIMIT : limit, MAX_LIMIT);
  }
  return true;
}

function isByte(ctx: CommandContext, i: number, byte: number): boolean {
  return ctx.argLength(i) === 1 && ctx.buf[ctx.start[i]] === byte;
}

function fail(ctx: CommandContext, error: string): false {
  ctx.reply.error(error);
  return false;
}
