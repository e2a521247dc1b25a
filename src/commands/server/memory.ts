/** MEMORY: what keys and the server occupy. */
import * as errors from '../../resp/errors.js';
import { index, LOADING, READONLY, range, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { replyHelp } from '../introspection/help.js';
import { memoryFigures } from './memoryFigures.js';

const EVERY_SHARD = ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'] as const;

const memoryUsage = command({
  name: 'usage',
  arity: -3,
  group: 'server',
  since: '4.0.0',
  flags: READONLY,
  keys: [{ begin: index(2), find: range(0, 1), access: 'RO' }],
  complexity: 'O(N) where N is the number of samples.',
  summary: 'Answers how many bytes a key and its value occupy.',
  arguments: [
    { name: 'key', type: 'key', keySpecIndex: 0 },
    { name: 'count', type: 'integer', token: 'SAMPLES', flags: ['optional'] },
  ],
  run(ctx) {
    for (let i = 3; i < ctx.argc; i += 2) {
      if (!ctx.argIs(i, 'samples') || i + 1 === ctx.argc) return ctx.reply.error(errors.SYNTAX);
      const samples = ctx.argInt64(i + 1);
      if (samples === undefined) return ctx.reply.error(errors.NOT_AN_INTEGER);
      if (samples < 0n) return ctx.reply.error(errors.SYNTAX);
    }
    const ref = ctx.peek(2);
    if (ref === 0) ctx.reply.nil();
    else ctx.reply.integer(ctx.db.bytesOf(ref));
  },
});

const memoryStats = command({
  name: 'stats',
  arity: 2,
  group: 'server',
  since: '4.0.0',
  flags: 0,
  complexity: 'O(1)',
  summary: 'Answers what the server uses its memory for.',
  tips: EVERY_SHARD,
  run: replyStats,
});

function replyStats(ctx: CommandContext): void {
  const { reply, server } = ctx;
  const memory = memoryFigures(server);
  let keys = 0;
  for (const db of server.store.databases) keys += db.size;
  const integers: readonly (readonly [string, number])[] = [
    ['peak.allocated', memory.peakBytes],
    ['total.allocated', memory.usedBytes],
    ['startup.allocated', server.startupMemoryBytes],
    ['replication.backlog', 0],
    ['clients.slaves', 0],
    ['clients.normal', memory.clientBytes],
    ['cluster.links', memory.clusterLinkBytes],
    ['aof.buffer', memory.aofBufferBytes],
    ['lua.caches', 0],
    ['functions.caches', 0],
    ['overhead.total', memory.heapBytes],
    ['keys.count', keys],
    ['keys.bytes-per-key', keys === 0 ? 0 : Math.floor(memory.dataBytes / keys)],
    ['dataset.bytes', memory.dataBytes],
    ['allocator.allocated', memory.usedBytes],
    ['allocator.active', memory.reservedBytes],
    ['allocator.resident', memory.residentBytes],
    ['allocator-fragmentation.bytes', memory.reservedBytes - memory.usedBytes],
    ['fragmentation.bytes', memory.residentBytes - memory.usedBytes],
  ];
  const doubles: readonly (readonly [string, number])[] = [
    ['dataset.percentage', (memory.dataBytes / memory.usedBytes) * 100],
    ['peak.percentage', (memory.usedBytes / memory.peakBytes) * 100],
    ['allocator-fragmentation.ratio', memory.reservedBytes / memory.usedBytes],
    ['fragmentation', memory.residentBytes / memory.usedBytes],
  ];
  reply.map(integers.length + doubles.length);
  for (const [name, value] of integers) {
    reply.text(name);
    reply.integer(value);
  }
  for (const [name, value] of doubles) {
    reply.text(name);
    reply.double(value);
  }
}

const memoryDoctor = command({
  name: 'doctor',
  arity: 2,
  group: 'server',
  since: '4.0.0',
  flags: 0,
  complexity: 'O(1)',
  summary: 'Looks for trouble with memory.',
  tips: EVERY_SHARD,
  run(ctx) {
    const { maxmemory } = ctx.server.config.values;
    const usedBytes = ctx.server.store.usedBytes();
    const crowded = maxmemory > 0 && usedBytes > maxmemory * 0.9;
    ctx.reply.verbatim(
      'txt',
      crowded
        ? `Data takes ${usedBytes} of ${maxmemory} bytes allowed (maxmemory): writes are close to being refused.\n`
        : 'No memory problem found.\n',
    );
  },
});

const memoryPurge = command({
  name: 'purge',
  arity: 2,
  group: 'server',
  since: '4.0.0',
  flags: 0,
  complexity: 'Depends on how much memory is allocated, could be slow',
  summary: 'Gives unused memory back.',
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  // The store gives memory back by itself.
  run(ctx) {
    ctx.reply.ok();
  },
});

const memoryMallocStats = command({
  name: 'malloc-stats',
  arity: 2,
  group: 'server',
  since: '4.0.0',
  flags: 0,
  complexity: 'Depends on how much memory is allocated, could be slow',
  summary: 'Answers what the allocator says of itself.',
  tips: EVERY_SHARD,
  run(ctx) {
    ctx.reply.verbatim('txt', 'Stats not supported for the current allocator');
  },
});

const HELP: readonly string[] = [
  'DOCTOR',
  '    Look for trouble with memory.',
  'MALLOC-STATS',
  '    What the allocator says of itself.',
  'PURGE',
  '    Give unused memory back.',
  'STATS',
  '    What the server uses its memory for.',
  'USAGE <key> [SAMPLES <count>]',
  '    The bytes that <key> and its value occupy.',
];

const memoryHelp = command({
  name: 'help',
  arity: 2,
  group: 'server',
  since: '4.0.0',
  flags: LOADING | STALE,
  complexity: 'O(1)',
  summary: 'Lists the subcommands.',
  run(ctx) {
    replyHelp(ctx, HELP);
  },
});

export const memory: Command = command({
  name: 'memory',
  arity: -2,
  group: 'server',
  since: '4.0.0',
  flags: 0,
  complexity: 'Depends on subcommand.',
  summary: 'Commands about memory.',
  subcommands: [memoryDoctor, memoryHelp, memoryMallocStats, memoryPurge, memoryStats, memoryUsage],
});
