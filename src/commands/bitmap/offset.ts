/** Offsets of bits, and strings that bits are written to: what SETBIT, GETBIT and BITFIELD share. */
import { parseInt64, parseSafeInt } from '../../base/bytes.js';
import { WRONGTYPE } from '../../resp/errors.js';
import { ENCODING_RAW, MAX_BYTES, NO_EXPIRE, TYPE_STRING } from '../../store/types.js';
import type { CommandContext } from '../context.js';
import { create } from '../string/put.js';

const BAD_OFFSET = 'ERR bit offset is not an integer or out of range';
const HASH = 0x23;

/**
 * Argument i as the offset of a bit. With `fieldBits`, `#n` means the n-th field of so many bits. NaN when it is no offset
 * or lies where no string may reach; then the error has been replied.
 */
export function offsetArgument(ctx: CommandContext, i: number, fieldBits = 0): number {
  const inFields = fieldBits > 0 && ctx.argLength(i) > 0 && ctx.buf[ctx.start[i]] === HASH;
  const offset = inFields ? fieldOffset(ctx, i, fieldBits) : ctx.argInt(i);
  const { config } = ctx.server;
  const maxBytes = ctx.obeys ? MAX_BYTES : Math.min(MAX_BYTES, config.values['proto-max-bulk-len']);
  if (offset >= 0 && offset / 8 < maxBytes) return offset;
  ctx.reply.error(BAD_OFFSET);
  return Number.NaN;
}

function fieldOffset({ buf, start, end }: CommandContext, i: number, fieldBits: number): number {
  const field = parseSafeInt(buf, start[i] + 1, end[i]);
  if (!Number.isNaN(field)) return field * fieldBits;
  const exact = parseInt64(buf, start[i] + 1, end[i]);
  // Redis multiplies in 64 bits, where this comes out small again for some.
  return exact === undefined ? Number.NaN : Number(BigInt.asIntN(64, exact * BigInt(fieldBits)));
}

/**
 * Makes the string of key argument 1 reach bit `last`, the key being created if need be; bits from `first` to `last` may
 * then be written to `ctx.db.readValue(ctx.db.lastRef)`. Answers by how many bytes it has grown; -1 when the key holds no
 * string, which has then been replied.
 */
export function reachBit(ctx: CommandContext, first: number, last: number): number {
  const { db } = ctx;
  let ref = ctx.lookupWrite(1);
  if (ref !== 0 && db.type(ref) !== TYPE_STRING) {
    ctx.reply.error(WRONGTYPE);
    return -1;
  }
  const lengthBefore = ref === 0 ? 0 : db.valueLength(ref);
  if (ref === 0) ref = create(ctx, 1, ctx.buf, 0, 0, NO_EXPIRE, ENCODING_RAW);
  const end = Math.floor(last / 8) + 1;
  const length = Math.max(lengthBefore, end);
  db.resizeValue(ref, length, Math.floor(first / 8), end);
  return length - lengthBefore;
}
