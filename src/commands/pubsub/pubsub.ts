/** The PUBSUB container: who is subscribed to what on this node. */
import { fromLatin1 } from '../../base/bytes.js';
import { globMatch } from '../../base/glob.js';
import { type ArgumentDoc, LOADING, PUBSUB, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { replyHelp, unknownSubcommandOrArity } from '../introspection/help.js';

const COMMON = { group: 'pubsub', flags: PUBSUB | LOADING | STALE } as const;

const HELP: readonly string[] = [
  'CHANNELS [<pattern>]',
  "    The channels that have subscribers and match <pattern> (default: '*').",
  'NUMPAT',
  '    How many patterns are subscribed to.',
  'NUMSUB [<channel> ...]',
  '    How many clients are subscribed to each channel, not counting those',
  '    subscribed by pattern (default: no channels).',
  'SHARDCHANNELS [<pattern>]',
  "    The shard channels that have subscribers and match <pattern> (default: '*').",
  'SHARDNUMSUB [<shardchannel> ...]',
  '    How many clients are subscribed to each shard channel.',
];

const PATTERN: ArgumentDoc = { name: 'pattern', type: 'pattern', flags: ['optional'] };

function runChannels(ctx: CommandContext, sharded: boolean): void {
  if (ctx.argc > 3) return ctx.reply.error(unknownSubcommandOrArity(ctx));
  const { buf, start, end, reply } = ctx;
  const names = ctx.server.pubsub.channels(sharded).map(({ key }) => key);
  const wanted = names.filter((name) => {
    const bytes = fromLatin1(name);
    return ctx.argc === 2 || globMatch(buf, start[2], end[2], bytes, 0, bytes.length);
  });
  reply.array(wanted.length);
  for (const name of wanted) reply.latin1(name);
}

function runSubscribers(ctx: CommandContext, sharded: boolean): void {
  const { buf, start, end, reply } = ctx;
  reply.array((ctx.argc - 2) * 2);
  for (let i = 2; i < ctx.argc; i++) {
    reply.bulk(buf, start[i], end[i]);
    reply.integer(ctx.server.pubsub.subscriberCount(sharded, buf, start[i], end[i]));
  }
}

function channelList(name: string): readonly ArgumentDoc[] {
  return [{ name, type: 'string', flags: ['optional', 'multiple'] }];
}

export const pubsub: Command = command({
  name: 'pubsub',
  arity: -2,
  group: 'pubsub',
  since: '2.8.0',
  flags: 0,
  complexity: 'Depends on subcommand.',
  summary: 'Commands about subscriptions.',
  subcommands: [
    command({
      ...COMMON,
      name: 'channels',
      arity: -2,
      since: '2.8.0',
      complexity: 'O(N) where N is the number of channels.',
      summary: 'Lists the channels that have subscribers.',
      arguments: [PATTERN],
      run: (ctx) => runChannels(ctx, false),
    }),
    command({
      ...COMMON,
      name: 'help',
      arity: 2,
      since: '6.2.0',
      flags: LOADING | STALE,
      complexity: 'O(1)',
      summary: 'Lists the subcommands.',
      run: (ctx) => replyHelp(ctx, HELP),
    }),
    command({
      ...COMMON,
      name: 'numpat',
      arity: 2,
      since: '2.8.0',
      complexity: 'O(1)',
      summary: 'Counts the patterns that are subscribed to, each once.',
      run: (ctx) => ctx.reply.integer(ctx.server.pubsub.patternCount),
    }),
    command({
      ...COMMON,
      name: 'numsub',
      arity: -2,
      since: '2.8.0',
      complexity: 'O(N) where N is the number of given channels.',
      summary: 'Counts the subscribers of channels.',
      arguments: channelList('channel'),
      run: (ctx) => runSubscribers(ctx, false),
    }),
    command({
      ...COMMON,
      name: 'shardchannels',
      arity: -2,
      since: '7.0.0',
      complexity: 'O(N) where N is the number of shard channels.',
      summary: 'Lists the shard channels that have subscribers.',
      arguments: [PATTERN],
      run: (ctx) => runChannels(ctx, true),
    }),
    command({
      ...COMMON,
      name: 'shardnumsub',
      arity: -2,
      since: '7.0.0',
      complexity: 'O(N) where N is the number of given shard channels.',
      summary: 'Counts the subscribers of shard channels.',
      arguments: channelList('shardchannel'),
      run: (ctx) => runSubscribers(ctx, true),
    }),
  ],
});
