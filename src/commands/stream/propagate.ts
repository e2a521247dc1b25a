/**
 * What AOF and replicas get of commands that read for a group: its effects, so that they depend on nobody's clock. Every function
 * is to be called only while somebody is there to propagate to.
 */
import type { Group } from '../../types/stream/group.js';
import type { StreamId } from '../../types/stream/id.js';
import type { CommandContext } from '../context.js';

/** The entry on which `group.pending` stands is its consumer's, and the group has read as far as it has. */
export function propagateClaim(
  ctx: CommandContext,
  keyArg: number,
  groupArg: number,
  group: Group,
  id: StreamId,
): void {
  const { pending } = group;
  ctx.propagateAs([
    'XCLAIM',
    ctx.arg(keyArg),
    ctx.arg(groupArg),
    group.owner.name,
    '0',
    id.toString(),
    'TIME',
    String(pending.deliveredAtMs),
    'RETRYCOUNT',
    String(pending.deliveries),
    'FORCE',
    'JUSTID',
    'LASTID',
    group.lastId.toString(),
  ]);
}

/** The group has read as far as it has. */
export function propagateGroupId(ctx: CommandContext, keyArg: number, groupArg: number, group: Group): void {
  const id = group.lastId.toString();
  const read = String(group.entriesRead);
  ctx.propagateAs(['XGROUP', 'SETID', ctx.arg(keyArg), ctx.arg(groupArg), id, 'ENTRIESREAD', read]);
}

export function propagateConsumer(ctx: CommandContext, keyArg: number, groupArg: number, consumerArg: number): void {
  ctx.propagateAs(['XGROUP', 'CREATECONSUMER', ctx.arg(keyArg), ctx.arg(groupArg), ctx.arg(consumerArg)]);
}
