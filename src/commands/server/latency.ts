/** LATENCY: what the latency monitor saw, and how long commands take. */
import { type Histogram, MAX_EXPONENT } from '../../base/histogram.js';
import { ADMIN, type ArgumentDoc, LOADING, NOSCRIPT, STALE } from '../command.js';
import { argTexts } from '../connection/arguments.js';
import type { CommandContext, ResolvedCommand } from '../context.js';
import { type Command, command } from '../define.js';
import { helpSubcommand } from '../introspection/help.js';
import { latencyGraph, latencyReport } from './latencyReport.js';

const COMMON = { group: 'server', since: '2.8.13', flags: ADMIN | NOSCRIPT | LOADING | STALE } as const;
const READING = {
  ...COMMON,
  complexity: 'O(1)',
  tips: ['nondeterministic_output', 'request_policy:all_nodes', 'response_policy:special'],
} as const;

const event: ArgumentDoc = { name: 'event', type: 'string' };

const latencyLatest = command({
  ...READING,
  name: 'latest',
  arity: 2,
  summary: 'Answers the last and the worst sample of every event.',
  run({ reply, server }) {
    const { series } = server.latency;
    reply.array(series.size);
    for (const [name, { samples, worstMs }] of series) {
      const { atSeconds, latencyMs } = samples[samples.length - 1];
      reply.array(4);
      reply.latin1(name);
      reply.integer(atSeconds);
      reply.integer(latencyMs);
      reply.integer(worstMs);
    }
  },
});

const latencyHistory = command({
  ...READING,
  name: 'history',
  arity: 3,
  summary: 'Answers the samples of an event, oldest first.',
  arguments: [event],
  run(ctx) {
    const samples = ctx.server.latency.series.get(ctx.argText(2))?.samples ?? [];
    ctx.reply.array(samples.length);
    for (const { atSeconds, latencyMs } of samples) {
      ctx.reply.array(2);
      ctx.reply.integer(atSeconds);
      ctx.reply.integer(latencyMs);
    }
  },
});

const latencyGraphCommand = command({
  ...READING,
  name: 'graph',
  arity: 3,
  summary: 'Draws the samples of an event in characters.',
  arguments: [event],
  run(ctx) {
    const name = ctx.argText(2);
    const series = ctx.server.latency.series.get(name);
    if (series === undefined) return ctx.reply.error(`ERR No samples available for event '${name}'`);
    ctx.reply.verbatim('txt', latencyGraph(name, series, Math.floor(ctx.nowMs / 1000)));
  },
});

const latencyDoctor = command({
  ...READING,
  name: 'doctor',
  arity: 2,
  summary: 'Says in words what was slow and what may help.',
  run(ctx) {
    const { config, latency } = ctx.server;
    ctx.reply.verbatim('txt', latencyReport(latency.series, config.values));
  },
});

const latencyReset = command({
  ...COMMON,
  name: 'reset',
  arity: -2,
  complexity: 'O(1)',
  summary: 'Forgets the samples of events, or of all.',
  arguments: [{ ...event, flags: ['optional', 'multiple'] }],
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  run(ctx) {
    const { latency } = ctx.server;
    const events = ctx.argc > 2 ? argTexts(ctx, 2) : [...latency.series.keys()];
    ctx.reply.integer(events.filter((name) => latency.reset(name)).length);
  },
});

const latencyHistogram = command({
  ...READING,
  name: 'histogram',
  arity: -2,
  since: '7.0.0',
  complexity: 'O(N) where N is the number of commands with latency information being retrieved.',
  summary: 'Answers how the durations of commands are spread.',
  arguments: [{ name: 'command', type: 'string', flags: ['optional', 'multiple'] }],
  run(ctx) {
    const measured: [string, Histogram][] = [];
    for (const { fullName, latency } of askedFor(ctx)) if (latency !== undefined) measured.push([fullName, latency]);
    ctx.reply.map(measured.length);
    for (const [name, histogram] of measured) {
      ctx.reply.text(name);
      replyHistogram(ctx, histogram);
    }
  },
});

/** The commands that the arguments name, or all. A container stands for its subcommands as well. */
function* askedFor(ctx: CommandContext): Iterable<ResolvedCommand> {
  const { commands } = ctx.server;
  if (ctx.argc === 2) for (const each of commands.all()) yield* withSubcommands(each);
  for (let i = 2; i < ctx.argc; i++) {
    const named = commands.byFullName(ctx.argText(i).toLowerCase());
    if (named !== undefined) yield* withSubcommands(named);
  }
}

function* withSubcommands(each: ResolvedCommand): Iterable<ResolvedCommand> {
  yield each;
  if (each.subcommands !== undefined) yield* each.subcommands.values();
}

/** The first bucket ends at 2^10 ns, each of the following at twice as much. */
const FIRST_EXPONENT = 10;

/** How many calls took up to a time, for the times at which that number grows. */
function replyHistogram({ reply }: CommandContext, histogram: Histogram): void {
  const steps: [usec: number, calls: number][] = [];
  let counted = 0;
  for (let exponent = FIRST_EXPONENT; exponent <= MAX_EXPONENT && counted < histogram.total; exponent++) {
    const calls = histogram.countBelow(exponent);
    if (calls > counted) steps.push([bucketEndUs(exponent), calls]);
    counted = calls;
  }
  reply.map(2);
  reply.text('calls');
  reply.integer(histogram.total);
  reply.text('histogram_usec');
  reply.map(steps.length);
  for (const [usec, calls] of steps) {
    reply.integer(usec);
    reply.integer(calls);
  }
}

/** The time that Redis names a bucket by: its histogram keeps two digits, so it ends a 128th later. */
function bucketEndUs(exponent: number): number {
  return Math.floor((2 ** exponent + 2 ** (exponent - 7) - 1) / 1000);
}

const HELP: readonly string[] = [
  'DOCTOR',
  '    What was slow and what may help, in words.',
  'GRAPH <event>',
  '    The samples of <event> drawn in characters.',
  'HISTORY <event>',
  '    The samples of <event> with their times.',
  'LATEST',
  '    The last and the worst sample of every event.',
  'RESET [<event> ...]',
  '    Forget the samples of the given events, or of all.',
  'HISTOGRAM [<command> ...]',
  '    How the durations of the given commands, or of all, are spread.',
];

const latencyHelp = helpSubcommand({ group: 'server', since: '2.8.13' }, HELP);

export const latency: Command = command({
  name: 'latency',
  arity: -2,
  group: 'server',
  since: '2.8.13',
  flags: 0,
  complexity: 'Depends on subcommand.',
  summary: 'Commands about delays.',
  subcommands: [
    latencyDoctor,
    latencyGraphCommand,
    latencyHelp,
    latencyHistogram,
    latencyHistory,
    latencyLatest,
    latencyReset,
  ],
});
