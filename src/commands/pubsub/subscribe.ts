/** SUBSCRIBE and its family: each name is confirmed by a message of its own. */
import { fromLatin1 } from '../../base/bytes.js';
import { type ArgumentDoc, index, type KeySpec, LOADING, NOSCRIPT, PUBSUB, range, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import type { SubscriptionKind } from '../pushPorts.js';

const COMMON = { group: 'pubsub', flags: PUBSUB | NOSCRIPT | LOADING | STALE } as const;

/** A shard channel is routed like a key, and is none. */
export function shardChannelKeys(last: number): readonly KeySpec[] {
  return [{ begin: index(1), find: range(last, 1), access: 'not_key' }];
}

function runSubscribe(ctx: CommandContext, kind: SubscriptionKind, verb: string): void {
  // The others are let in, for clients older than Redis 7 do so.
  if (kind === 'shard' && !ctx.mayBlock) {
    return ctx.reply.error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
  }
  const { buf, start, end, client } = ctx;
  for (let i = 1; i < ctx.argc; i++) {
    ctx.server.pubsub.subscribe(client, kind, buf, start[i], end[i]);
    confirm(ctx, kind, verb, buf, start[i], end[i]);
  }
}

/** Without names, from all. */
function runUnsubscribe(ctx: CommandContext, kind: SubscriptionKind, verb: string): void {
  const { buf, start, end, client } = ctx;
  const { pubsub } = ctx.server;
  if (ctx.argc > 1) {
    for (let i = 1; i < ctx.argc; i++) {
      pubsub.unsubscribe(client, kind, buf, start[i], end[i]);
      confirm(ctx, kind, verb, buf, start[i], end[i]);
    }
    return;
  }
  const names = pubsub.subscriptions(client, kind);
  for (const each of names) {
    const name = fromLatin1(each);
    pubsub.unsubscribe(client, kind, name, 0, name.length);
    confirm(ctx, kind, verb, name, 0, name.length);
  }
  if (names.length > 0) return;
  ctx.reply.push(3);
  ctx.reply.text(verb);
  ctx.reply.nil();
  ctx.reply.integer(subscriptionCount(ctx, kind));
}

function confirm(
  ctx: CommandContext,
  kind: SubscriptionKind,
  verb: string,
  buf: Uint8Array,
  start: number,
  end: number,
): void {
  ctx.reply.push(3);
  ctx.reply.text(verb);
  ctx.reply.bulk(buf, start, end);
  ctx.reply.integer(subscriptionCount(ctx, kind));
}

/** Shard channels are counted by themselves, channels and patterns together. */
function subscriptionCount({ client }: CommandContext, kind: SubscriptionKind): number {
  const { channels, patterns, shardChannels } = client.subscriptionCounts();
  return kind === 'shard' ? shardChannels : channels + patterns;
}

function names(name: string, extra: Partial<ArgumentDoc>): readonly ArgumentDoc[] {
  return [{ name, type: 'string', ...extra }];
}

const MANY = { flags: ['multiple'] } as const;
const SOME = { flags: ['optional', 'multiple'] } as const;

export const subscribeCommands: readonly Command[] = [
  command({
    ...COMMON,
    name: 'subscribe',
    arity: -2,
    since: '2.0.0',
    complexity: 'O(N) where N is the number of channels to subscribe to.',
    summary: 'Asks for the messages of channels.',
    arguments: names('channel', MANY),
    run: (ctx) => runSubscribe(ctx, 'channel', 'subscribe'),
  }),
  command({
    ...COMMON,
    name: 'unsubscribe',
    arity: -1,
    since: '2.0.0',
    complexity: 'O(N) where N is the number of channels.',
    summary: 'Ends subscriptions to channels: to those given, or to all.',
    arguments: names('channel', SOME),
    run: (ctx) => runUnsubscribe(ctx, 'channel', 'unsubscribe'),
  }),
  command({
    ...COMMON,
    name: 'psubscribe',
    arity: -2,
    since: '2.0.0',
    complexity: 'O(N) where N is the number of patterns to subscribe to.',
    summary: 'Asks for the messages of all channels that match patterns.',
    arguments: [{ name: 'pattern', type: 'block', ...MANY, arguments: [{ name: 'pattern', type: 'pattern' }] }],
    run: (ctx) => runSubscribe(ctx, 'pattern', 'psubscribe'),
  }),
  command({
    ...COMMON,
    name: 'punsubscribe',
    arity: -1,
    since: '2.0.0',
    complexity: 'O(N) where N is the number of patterns.',
    summary: 'Ends subscriptions to patterns: to those given, or to all.',
    arguments: names('pattern', { type: 'pattern', ...SOME }),
    run: (ctx) => runUnsubscribe(ctx, 'pattern', 'punsubscribe'),
  }),
  command({
    ...COMMON,
    name: 'ssubscribe',
    arity: -2,
    since: '7.0.0',
    keys: shardChannelKeys(-1),
    complexity: 'O(N) where N is the number of shard channels to subscribe to.',
    summary: 'Asks for the messages of shard channels.',
    arguments: names('shardchannel', MANY),
    run: (ctx) => runSubscribe(ctx, 'shard', 'ssubscribe'),
  }),
  command({
    ...COMMON,
    name: 'sunsubscribe',
    arity: -1,
    since: '7.0.0',
    keys: shardChannelKeys(-1),
    complexity: 'O(N) where N is the number of shard channels.',
    summary: 'Ends subscriptions to shard channels: to those given, or to all.',
    arguments: names('shardchannel', SOME),
    run: (ctx) => runUnsubscribe(ctx, 'shard', 'sunsubscribe'),
  }),
];
