/** MEMORY: what keys and the server occupy. */
import * as errors from '../../resp/errors.js';
import { index, READONLY, range } from '../command.js';
import type { CommandContext, ServerPort } from '../context.js';
import { type Command, command } from '../define.js';
import { helpSubcommand } from '../introspection/help.js';
import { type MemoryFigures, memoryFigures } from './memoryFigures.js';

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

/** A number of MEMORY STATS: a share or a ratio is a double, bytes and counts are integers. */
type Figure = readonly [name: string, value: number, isDouble?: boolean];

function replyStats(ctx: CommandContext): void {
  const { reply } = ctx;
  const memory = memoryFigures(ctx.server);
  const before = figuresBeforeDatabases(memory);
  const behind = figuresBehindDatabases(memory);
  reply.map(before.length + memory.databases.length + behind.length);
  for (const figure of before) replyFigure(ctx, figure);
  for (const { index, tableBytes, expiryBytes, slotBytes } of memory.databases) {
    reply.text(`db.${index}`);
    reply.map(3);
    replyFigure(ctx, ['overhead.hashtable.main', tableBytes]);
    replyFigure(ctx, ['overhead.hashtable.expires', expiryBytes]);
    replyFigure(ctx, ['overhead.hashtable.slot-to-keys', slotBytes]);
  }
  for (const figure of behind) replyFigure(ctx, figure);
}

function replyFigure({ reply }: CommandContext, [name, value, isDouble]: Figure): void {
  reply.text(name);
  if (isDouble) reply.double(value);
  else reply.integer(value);
}

function figuresBeforeDatabases(memory: MemoryFigures): readonly Figure[] {
  return [
    ['peak.allocated', memory.peakBytes],
    ['total.allocated', memory.usedBytes],
    ['startup.allocated', memory.startupBytes],
    ['replication.backlog', memory.backlogBytes],
    ['clients.slaves', memory.replicaBytes],
    ['clients.normal', memory.clientBytes],
    ['cluster.links', memory.clusterLinkBytes],
    ['aof.buffer', memory.aofBufferBytes],
    ['lua.caches', 0],
    ['functions.caches', 0],
  ];
}

function figuresBehindDatabases(memory: MemoryFigures): readonly Figure[] {
  const { usedBytes, startupBytes, keys, reservedBytes, residentBytes } = memory;
  return [
    ['overhead.total', memory.overheadBytes],
    ['keys.count', keys],
    ['keys.bytes-per-key', keys === 0 ? 0 : Math.floor((usedBytes - startupBytes) / keys)],
    ['dataset.bytes', memory.datasetBytes],
    ['dataset.percentage', memory.datasetPercent, true],
    ['peak.percentage', memory.peakPercent, true],
    ['allocator.allocated', usedBytes],
    ['allocator.active', reservedBytes],
    ['allocator.resident', residentBytes],
    ['allocator-fragmentation.ratio', ratio(reservedBytes, usedBytes), true],
    ['allocator-fragmentation.bytes', reservedBytes - usedBytes],
    ['allocator-rss.ratio', ratio(residentBytes, reservedBytes), true],
    ['allocator-rss.bytes', residentBytes - reservedBytes],
    ['rss-overhead.ratio', 1, true],
    ['rss-overhead.bytes', 0],
    ['fragmentation', ratio(residentBytes, usedBytes), true],
    ['fragmentation.bytes', residentBytes - usedBytes],
  ];
}

function ratio(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
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
    const { maxmemory, 'maxmemory-policy': policy } = ctx.server.config.values;
    const report = diagnosis(memoryFigures(ctx.server), ctx.server.clients.count, { maxmemory, policy });
    ctx.reply.verbatim('txt', report);
  },
});

/** Below this, ratios say nothing. */
const TOO_SMALL_TO_JUDGE_BYTES = 5 << 20;

/** What is wrong with memory, a paragraph each. */
function diagnosis(memory: MemoryFigures, clients: number, limit: { maxmemory: number; policy: string }): string {
  const { usedBytes, peakBytes, reservedBytes, clientBytes } = memory;
  if (usedBytes < TOO_SMALL_TO_JUDGE_BYTES) return 'There is too little data in memory to judge by.\n';
  const found: string[] = [];
  if (limit.maxmemory > 0 && usedBytes - memory.uncountedBytes > limit.maxmemory * 0.9) {
    const next = limit.policy === 'noeviction' ? 'writes will be refused' : `keys are evicted (${limit.policy})`;
    found.push(
      `Close to the limit: ${usedBytes} bytes are in use and maxmemory is ${limit.maxmemory}; beyond it ${next}.`,
    );
  }
  if (peakBytes > usedBytes * 1.5) {
    found.push(
      `Past peak: memory was once at ${peakBytes} bytes, now ${usedBytes}; what the process holds may still reflect it.`,
    );
  }
  if (reservedBytes > usedBytes * 1.4 && reservedBytes - usedBytes > 10 << 20) {
    found.push(
      `Fragmentation: ${reservedBytes} bytes are reserved for ${usedBytes} in use. MEMORY PURGE gives back what is free.`,
    );
  }
  if (clients > 0 && clientBytes / clients > 200 << 10) {
    found.push(
      `Large client buffers: ${clientBytes} bytes for ${clients} clients. CLIENT LIST shows whose (qbuf, omem).`,
    );
  }
  return found.length === 0 ? 'No memory problem found.\n' : `${found.join('\n')}\n`;
}

/** MEMORY PURGE serves others again after this time; the background does the rest. */
const PURGE_US = 5000;
const PURGE_UNITS = 64;
const PURGE_ROUNDS_MAX = 10_000;

const memoryPurge = command({
  name: 'purge',
  arity: 2,
  group: 'server',
  since: '4.0.0',
  flags: 0,
  complexity: 'Depends on how much memory is allocated, could be slow',
  summary: 'Gives unused memory back.',
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  // What the background does by itself, at once.
  run(ctx) {
    const { clock, store } = ctx.server;
    const startUs = clock.monotonicUs();
    for (let round = 0; round < PURGE_ROUNDS_MAX && store.step(PURGE_UNITS); round++) {
      if (clock.monotonicUs() - startUs > PURGE_US) break;
    }
    ctx.reply.ok();
  },
});

/** Arena and heap in a few lines. */
function allocatorReport({ store }: ServerPort): string {
  const heap = process.memoryUsage();
  const lines = [
    `Arena: ${store.allocatedBytes()} bytes in blocks of ${store.reservedBytes()} reserved in segments`,
    `Store: ${store.usedBytes()} bytes with large values and index`,
    `Heap: ${heap.heapUsed} bytes used of ${heap.heapTotal}`,
    `Outside of the heap: ${heap.external} bytes, of which array buffers ${heap.arrayBuffers}`,
    `Resident: ${heap.rss} bytes`,
  ];
  return `${lines.join('\n')}\n`;
}

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
    ctx.reply.verbatim('txt', allocatorReport(ctx.server));
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
  '    The bytes that <key> and its value occupy. All of a nested value is counted,',
  '    whatever <count> is.',
];

const memoryHelp = helpSubcommand({ group: 'server', since: '4.0.0' }, HELP);

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
