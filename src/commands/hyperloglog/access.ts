/** What the commands on HyperLogLogs share: errors, and the value of a key argument. */
import { WRONGTYPE } from '../../resp/errors.js';
import { type ByteView, type Ref, TYPE_STRING } from '../../store/types.js';
import { isHyperLogLog } from '../../types/hyperloglog/layout.js';
import type { CommandContext } from '../context.js';

export const CORRUPTED = 'INVALIDOBJ Corrupted HLL object detected';
const NOT_A_HYPERLOGLOG = 'WRONGTYPE Key is not a valid HyperLogLog string value.';

/** The value of an entry as a HyperLogLog; undefined when it is none, which has then been replied. */
export function hyperLogLog(ctx: CommandContext, ref: Ref): ByteView | undefined {
  const { db, reply } = ctx;
  if (db.type(ref) !== TYPE_STRING) {
    reply.error(WRONGTYPE);
    return undefined;
  }
  const value = db.readValue(ref);
  if (isHyperLogLog(value)) return value;
  reply.error(NOT_A_HYPERLOGLOG);
  return undefined;
}

/** The longest sparse value, bytes. */
export function sparseMaxBytes(ctx: CommandContext): number {
  return ctx.server.config.values['hll-sparse-max-bytes'];
}
