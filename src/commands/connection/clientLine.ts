/** One line of CLIENT LIST and CLIENT INFO. */
import type { ClientPort, CommandContext } from '../context.js';

/** `id=3 addr=127.0.0.1:50112 ...`, without a line end; fields in Redis's order. */
export function clientLine(ctx: CommandContext, client: ClientPort): string {
  const { nowMs } = ctx;
  const queryBytes = client.queryBufferBytes();
  // Requests are read into one buffer for all clients and replies written into another. A client owns neither: only
  // what is left of an unfinished request, and what it does not take of its replies.
  const outputBytes = client.outputBytes();
  const queuedBytes = client.multiQueueBytes();
  // Only the command that runs now has its arguments in memory beside the query buffer.
  const argumentBytes = client === ctx.client ? totalArgumentBytes(ctx) : 0;
  const { channels, patterns, shardChannels } = client.subscriptionCounts();
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', client.id],
    ['addr', client.peerAddress],
    ['laddr', client.localAddress],
    ['fd', client.fd],
    ['name', client.name],
    ['age', wholeSeconds(nowMs - client.createdAtMs)],
    ['idle', wholeSeconds(nowMs - client.lastInteractionMs)],
    ['flags', client.flagLetters()],
    ['db', client.dbIndex],
    ['sub', channels],
    ['psub', patterns],
    ['ssub', shardChannels],
    ['multi', client.multiQueueLength()],
    ['qbuf', queryBytes],
    ['qbuf-free', client.queryBufferFreeBytes()],
    ['argv-mem', argumentBytes],
    ['multi-mem', queuedBytes],
    ['rbs', 0],
    ['rbp', 0],
    ['obl', 0],
    ['oll', client.outputChunks()],
    ['omem', outputBytes],
    ['tot-mem', client.memoryBytes() + argumentBytes],
    ['events', outputBytes > 0 ? 'rw' : 'r'],
    ['cmd', client === ctx.client ? ctx.command.fullName : client.lastCommand],
    ['user', client.user],
    ['redir', client.trackingRedirect()],
    ['resp', client.protocol],
    ['lib-name', client.libName],
    ['lib-ver', client.libVersion],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}

export type ClientType = 'normal' | 'master' | 'replica' | 'pubsub';

/** The type that TYPE filters name; undefined for an unknown name. */
export function clientTypeByName(name: string): ClientType | undefined {
  switch (name.toLowerCase()) {
    case 'normal':
    case 'master':
    case 'replica':
    case 'pubsub':
      return name.toLowerCase() as ClientType;
    case 'slave':
      return 'replica';
    default:
      return undefined;
  }
}

export function clientType(client: ClientPort): ClientType {
  const letters = client.flagLetters();
  if (letters.includes('M')) return 'master';
  if (letters.includes('S')) return 'replica';
  return letters.includes('P') ? 'pubsub' : 'normal';
}

function wholeSeconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1000));
}

function totalArgumentBytes(ctx: CommandContext): number {
  let bytes = 0;
  for (let i = 0; i < ctx.argc; i++) bytes += ctx.argLength(i);
  return bytes;
}
