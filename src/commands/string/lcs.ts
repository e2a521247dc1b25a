/** LCS: what two string values have in common. */
import { NOT_AN_INTEGER, SYNTAX } from '../../resp/errors.js';
import { TYPE_STRING } from '../../store/types.js';
import { type Lcs, lcsLength, lcsTableBytes, longestCommonSubsequence } from '../../types/string/lcs.js';
import { index, READONLY, range } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { token } from '../generic/declare.js';

const NOT_STRINGS = 'ERR The specified keys must contain string values';
const LEN_WITH_IDX = 'ERR If you want both the length and indexes, please just use IDX.';
const TABLE_TOO_LARGE = 'ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len';
const TABLE_FAILED = 'ERR Insufficient memory, failed allocating transient memory for LCS';

interface LcsOptions {
  len: boolean;
  idx: boolean;
  withMatchLen: boolean;
  minMatchLen: number;
}

function runLcs(ctx: CommandContext): void {
  const a = valueCopy(ctx, 1);
  const b = valueCopy(ctx, 2);
  if (a === undefined || b === undefined) return ctx.reply.error(NOT_STRINGS);
  const options = parseLcsOptions(ctx);
  if (options === undefined) return;
  if (options.len && options.idx) return ctx.reply.error(LEN_WITH_IDX);
  if (lcsTableBytes(a.length, b.length) > ctx.server.config.values['proto-max-bulk-len']) {
    return ctx.reply.error(TABLE_TOO_LARGE);
  }
  if (options.len) return ctx.reply.integer(lcsLength(a, b));
  let lcs: Lcs;
  try {
    lcs = longestCommonSubsequence(a, b);
  } catch (error) {
    if (error instanceof RangeError) return ctx.reply.error(TABLE_FAILED);
    throw error;
  }
  if (options.idx) replyMatches(ctx, lcs, options);
  else ctx.reply.bulk(lcs.bytes, 0, lcs.bytes.length);
}

/** The string under a key, empty when there is none; undefined when the key holds something else. */
function valueCopy(ctx: CommandContext, i: number): Uint8Array | undefined {
  const ref = ctx.lookupRead(i);
  if (ref === 0) return new Uint8Array(0);
  if (ctx.db.type(ref) !== TYPE_STRING) return undefined;
  const value = ctx.db.readValue(ref);
  return new Uint8Array(value.buf.subarray(value.start, value.end));
}

/** Undefined when an error has been replied. */
function parseLcsOptions(ctx: CommandContext): LcsOptions | undefined {
  const options: LcsOptions = { len: false, idx: false, withMatchLen: false, minMatchLen: 0 };
  for (let i = 3; i < ctx.argc; i++) {
    if (ctx.argIs(i, 'idx')) options.idx = true;
    else if (ctx.argIs(i, 'len')) options.len = true;
    else if (ctx.argIs(i, 'withmatchlen')) options.withMatchLen = true;
    else if (ctx.argIs(i, 'minmatchlen') && i + 1 < ctx.argc) {
      const length = ctx.argInt64(++i);
      if (length === undefined) {
        ctx.reply.error(NOT_AN_INTEGER);
        return undefined;
      }
      options.minMatchLen = Number(length);
    } else {
      ctx.reply.error(SYNTAX);
      return undefined;
    }
  }
  return options;
}

function replyMatches(ctx: CommandContext, lcs: Lcs, options: LcsOptions): void {
  const { reply } = ctx;
  const shown = lcs.matches.filter((match) => match.aEnd - match.aStart + 1 >= options.minMatchLen);
  reply.map(2);
  reply.text('matches');
  reply.array(shown.length);
  for (const { aStart, aEnd, bStart, bEnd } of shown) {
    reply.array(options.withMatchLen ? 3 : 2);
    reply.array(2);
    reply.integer(aStart);
    reply.integer(aEnd);
    reply.array(2);
    reply.integer(bStart);
    reply.integer(bEnd);
    if (options.withMatchLen) reply.integer(aEnd - aStart + 1);
  }
  reply.text('len');
  reply.integer(lcs.bytes.length);
}

export const lcsCommands: readonly Command[] = [
  command({
    name: 'lcs',
    arity: -3,
    group: 'string',
    since: '7.0.0',
    flags: READONLY,
    acl: ['string'],
    keys: [{ begin: index(1), find: range(1, 1), access: 'RO access' }],
    complexity: 'O(N*M) with values of N and M bytes.',
    summary: 'Finds the longest common subsequence of two string values.',
    arguments: [
      { name: 'key1', type: 'key', keySpecIndex: 0 },
      { name: 'key2', type: 'key', keySpecIndex: 0 },
      token('len', { flags: ['optional'] }),
      token('idx', { flags: ['optional'] }),
      { name: 'len', type: 'integer', token: 'MINMATCHLEN', flags: ['optional'] },
      token('withmatchlen', { flags: ['optional'] }),
    ],
    run: runLcs,
  }),
];
