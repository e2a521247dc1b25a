/** PUBLISH and SPUBLISH. */
import { FAST, LOADING, MAY_REPLICATE, PUBSUB, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { shardChannelKeys } from './subscribe.js';

const COMMON = { arity: 3, group: 'pubsub', flags: PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE } as const;

/** Answers how many clients of this node get the message; other nodes of the cluster are sent it as well. */
function run(ctx: CommandContext, sharded: boolean): void {
  const { buf, start, end, server } = ctx;
  const receivers = server.pubsub.publish(buf, start[1], end[1], buf, start[2], end[2], sharded);
  if (server.cluster === undefined) ctx.propagateMessage();
  else server.cluster.publish(ctx.arg(1), ctx.arg(2), sharded);
  ctx.reply.integer(receivers);
}

export const publishCommands: readonly Command[] = [
  command({
    ...COMMON,
    name: 'publish',
    since: '2.0.0',
    complexity: 'O(N+M) where N is the number of subscribers of the channel and M the number of patterns.',
    summary: 'Sends a message to the subscribers of a channel.',
    arguments: [
      { name: 'channel', type: 'string' },
      { name: 'message', type: 'string' },
    ],
    run: (ctx) => run(ctx, false),
  }),
  command({
    ...COMMON,
    name: 'spublish',
    since: '7.0.0',
    keys: shardChannelKeys(0),
    complexity: 'O(N) where N is the number of subscribers of the shard channel.',
    summary: 'Sends a message to the subscribers of a shard channel.',
    arguments: [
      { name: 'shardchannel', type: 'string' },
      { name: 'message', type: 'string' },
    ],
    run: (ctx) => run(ctx, true),
  }),
];
