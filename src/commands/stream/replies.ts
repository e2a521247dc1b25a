/** How ids and entries are replied. */
import type { StreamId } from '../../types/stream/id.js';
import type { Stream } from '../../types/stream/stream.js';
import type { CommandContext } from '../context.js';

export function replyId(ctx: CommandContext, id: StreamId): void {
  ctx.reply.view(ctx.streams.idText.of(id));
}

/** The entry on which the reader of the tools stands: its id, and an array of fields and values. */
export function replyEntry(ctx: CommandContext): void {
  const { reader } = ctx.streams;
  const { reply } = ctx;
  reply.array(2);
  replyId(ctx, reader.id);
  const { fieldCount } = reader;
  reply.array(2 * fieldCount);
  for (let i = 0; i < fieldCount; i++) {
    reply.view(reader.field());
    reply.view(reader.value());
  }
}

/** Makes what was written from `at` on an array of `count` elements. */
export function arrayFrom({ reply }: CommandContext, at: number, count: number): void {
  const end = reply.length;
  reply.array(count);
  reply.moveBefore(at, end);
}

/** An array of the entries in a range, no more than `count` of them (0: all). */
export function replyRange(
  ctx: CommandContext,
  stream: Stream,
  from: StreamId,
  to: StreamId,
  count: number,
  reverse: boolean,
): void {
  const { reader } = ctx.streams;
  const { reply } = ctx;
  const at = reply.length;
  let replied = 0;
  reader.open(stream, from, to, reverse);
  while (reader.next()) {
    replyEntry(ctx);
    if (++replied === count) break;
  }
  arrayFrom(ctx, at, replied);
}

/** One entry, by its id; false, and no reply, when it does not exist. */
export function replyEntryOf(ctx: CommandContext, stream: Stream, id: StreamId): boolean {
  if (!ctx.streams.reader.open(stream, id, id, false).next()) return false;
  replyEntry(ctx);
  return true;
}
