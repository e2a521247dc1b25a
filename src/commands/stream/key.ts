/** Keys that hold streams, and groups in them. */
import { NO_EXPIRE, type Ref, TYPE_STREAM } from '../../store/types.js';
import type { Consumer, Group } from '../../types/stream/group.js';
import { Stream } from '../../types/stream/stream.js';
import { type Absent, ofType } from '../collectionKey.js';
import { type CommandContext, EVENT_NEW, EVENT_STREAM } from '../context.js';

/** The stream of a key that was looked up. Undefined when there is none (then `absent`) or something else: it was replied. */
export function streamOf(ctx: CommandContext, ref: Ref, absent: Absent): Stream | undefined {
  const found = ofType(ctx, ref, TYPE_STREAM, absent);
  return found === undefined ? undefined : (ctx.db.object(found) as Stream);
}

/** Makes key argument i, which must be absent, an empty stream. */
export function createStream(ctx: CommandContext, i: number): Stream {
  const { db, buf } = ctx;
  const stream = new Stream();
  const ref = db.putObject(TYPE_STREAM, 0, buf, ctx.start[i], ctx.end[i], stream, NO_EXPIRE);
  db.setLru(ref, ctx.initialAccessBits());
  ctx.notify(db, buf, ctx.start[i], ctx.end[i], EVENT_NEW, 'new');
  return stream;
}

/** To be called after every change: tells the store how much larger or smaller the stream has become. */
export function settle(ctx: CommandContext, stream: Stream): void {
  ctx.db.adjustObject(stream.takeGrowth());
}

/** Publishes an event of key argument i; nobody who watches or waits for the key takes notice. */
export function announce(ctx: CommandContext, i: number, event: string): void {
  ctx.notify(ctx.db, ctx.buf, ctx.start[i], ctx.end[i], EVENT_STREAM, event);
}

/** The consumer named by argument `nameArg`, who asks for entries now; made if need be. Key argument is `keyArg`. */
export function consumerAsking(ctx: CommandContext, group: Group, nameArg: number, keyArg: number): Consumer {
  const name = ctx.argText(nameArg);
  const consumer = group.consumers.get(name) ?? createConsumer(ctx, group, name, keyArg);
  consumer.seenAtMs = ctx.nowMs;
  return consumer;
}

/** Adds a consumer, which must be absent. */
export function createConsumer(ctx: CommandContext, group: Group, name: string, keyArg: number): Consumer {
  const consumer = group.addConsumer(name, ctx.nowMs);
  ctx.markDirty(1);
  announce(ctx, keyArg, 'xgroup-createconsumer');
  return consumer;
}
