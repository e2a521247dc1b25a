/** CLUSTER subcommands that move whole slots to another node in one step, after the model of Valkey 9. */
import { SLOT_COUNT } from '../../base/crc16.js';
import * as errors from '../../resp/errors.js';
import { ADMIN, type ArgumentDoc, NO_MULTI, STALE } from '../command.js';
import { argTexts } from '../connection/arguments.js';
import type { CommandContext } from '../context.js';
import type { Command } from '../define.js';
import { replyMap } from '../replyFields.js';
import type { SlotBounds, SlotMoveRequest } from '../slotMovesPort.js';
import { CHANGES, clusterSubcommand } from './declare.js';

const MOVES: readonly ArgumentDoc[] = [
  {
    name: 'migration',
    type: 'block',
    flags: ['multiple'],
    arguments: [
      { name: 'slotsrange', type: 'pure-token', token: 'SLOTSRANGE' },
      {
        name: 'start-slot_end-slot',
        type: 'block',
        flags: ['multiple'],
        arguments: [
          { name: 'start-slot', type: 'integer' },
          { name: 'end-slot', type: 'integer' },
        ],
      },
      { name: 'node-id', type: 'string', token: 'NODE' },
    ],
  },
];

/** Pairs of slots; the error otherwise. */
function parseRanges(texts: readonly string[]): SlotBounds[] | string {
  if (texts.length === 0 || texts.length % 2 !== 0) return errors.SYNTAX;
  const ranges: SlotBounds[] = [];
  for (let i = 0; i < texts.length; i += 2) {
    const [start, end] = [Number(texts[i]), Number(texts[i + 1])];
    if (![texts[i], texts[i + 1]].every((text) => /^\d{1,5}$/.test(text)) || Math.max(start, end) >= SLOT_COUNT) {
      return 'ERR Invalid or out of range slot';
    }
    if (start > end) return `ERR start slot number ${start} is greater than end slot number ${end}`;
    ranges.push([start, end]);
  }
  return ranges;
}

/** SLOTSRANGE start end [start end ...] NODE id [SLOTSRANGE ...] */
function parseMoves(texts: readonly string[]): SlotMoveRequest[] | string {
  const requests: SlotMoveRequest[] = [];
  for (let at = 0; at < texts.length; ) {
    if (texts[at].toLowerCase() !== 'slotsrange') return errors.SYNTAX;
    const node = texts.findIndex((text, i) => i > at && text.toLowerCase() === 'node');
    if (node < 0 || node + 1 >= texts.length) return errors.SYNTAX;
    const ranges = parseRanges(texts.slice(at + 1, node));
    if (typeof ranges === 'string') return ranges;
    requests.push({ ranges, targetId: texts[node + 1] });
    at = node + 2;
  }
  return requests;
}

function answer(ctx: CommandContext, error: string | undefined): void {
  if (error === undefined) ctx.reply.ok();
  else ctx.reply.error(error);
}

function migrate(ctx: CommandContext): void {
  const requests = parseMoves(argTexts(ctx, 2));
  answer(ctx, typeof requests === 'string' ? requests : ctx.server.slotMoves.migrate(requests));
}

function list({ reply, server }: CommandContext): void {
  const facts = server.slotMoves.facts();
  reply.array(facts.length);
  for (const move of facts) {
    replyMap(reply, [
      ['name', move.id],
      ['operation', move.operation],
      ['slot_ranges', move.ranges.map(([start, end]) => `${start}-${end}`).join(' ')],
      ['target_node', move.targetId],
      ['source_node', move.sourceId],
      ['create_time', Math.floor(move.createdAtMs / 1000)],
      ['last_update_time', Math.floor(move.updatedAtMs / 1000)],
      ['state', move.state],
      ['message', move.message],
      ['sent_keys', move.sentKeys],
      ['changed_keys', move.changedKeys],
    ]);
  }
}

/** Valkey has it without a word behind it. */
function cancel(ctx: CommandContext): void {
  if (ctx.argc > 3 || (ctx.argc === 3 && !ctx.argIs(2, 'all'))) return ctx.reply.error(errors.SYNTAX);
  answer(ctx, ctx.server.slotMoves.cancelAll() ? undefined : 'ERR No migration that can be cancelled is under way');
}

/** What the source of a move says to its target. */
function sync(ctx: CommandContext): void {
  const { slotMoves } = ctx.server;
  const [verb, id, ...rest] = argTexts(ctx, 2);
  const hasRanges = verb === 'BEGIN' || verb === 'RESOLVE';
  const ranges = hasRanges ? parseRanges(verb === 'BEGIN' ? rest.slice(1) : rest) : [];
  if (typeof ranges === 'string') return ctx.reply.error(ranges);
  switch (verb) {
    case 'BEGIN':
      return answer(ctx, slotMoves.begin(ctx.client, id, rest[0], ranges));
    case 'FINISH':
      return answer(ctx, slotMoves.finish(ctx.client, id));
    case 'RESOLVE':
      return ctx.reply.simple(slotMoves.resolve(id, ranges) ? 'OWNED' : 'CANCELLED');
    default:
      ctx.reply.error(errors.SYNTAX);
  }
}

export const clusterMoveCommands: readonly Command[] = [
  clusterSubcommand(
    'cancelslotmigrations',
    -2,
    '7.2.0',
    CHANGES,
    {
      summary: 'Ends all moves of slots that MIGRATESLOTS has begun on this node.',
      complexity: 'O(N) where N is the number of moves.',
      arguments: [{ name: 'all', type: 'pure-token', token: 'ALL', flags: ['optional'] }],
    },
    cancel,
  ),
  clusterSubcommand(
    'getslotmigrations',
    2,
    '7.2.0',
    ADMIN | STALE,
    {
      summary: 'Lists moves of slots from and to this node, those that are over as well.',
      complexity: 'O(N) where N is the number of moves.',
      tips: ['nondeterministic_output'],
    },
    list,
  ),
  clusterSubcommand(
    'migrateslots',
    -7,
    '7.2.0',
    CHANGES | NO_MULTI,
    {
      summary: 'Moves hash slots with their keys to other nodes, in the background and each range in one step.',
      complexity:
        'O(N) where N is the total number of the slots. The work in the background is O(K) with K keys in them.',
      arguments: MOVES,
    },
    migrate,
  ),
  clusterSubcommand(
    'syncslots',
    -4,
    '7.2.0',
    CHANGES | NO_MULTI,
    {
      summary: 'What the source of a move of slots says to its target.',
      complexity: 'O(N) where N is the number of slots.',
      docFlags: ['syscmd'],
    },
    sync,
  ),
];
