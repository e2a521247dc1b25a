/** Commands on the positions of single members: GEOADD GEOPOS GEODIST GEOHASH. */
import { SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { TYPE_ZSET } from '../../store/types.js';
import { distance } from '../../types/geo/distance.js';
import { formatDistance } from '../../types/geo/format.js';
import { geohashText, Position, positionScore } from '../../types/geo/geohash.js';
import { ONLY_NEW, ONLY_OLD } from '../../types/zset/editor.js';
import type { Ordered } from '../../types/zset/ordered.js';
import { NIL } from '../collectionKey.js';
import { DENYOOM, READONLY, WRITE } from '../command.js';
import type { CommandContext } from '../context.js';
import type { Command } from '../define.js';
import { KEY, oneKey, token } from '../generic/declare.js';
import { addMembers, COUNT_CHANGES } from '../zset/add.js';
import { MEMBER, MEMBERS, zsetToRead } from '../zset/declare.js';
import { coordinatesAt, geoCommand, LATITUDE, LONGITUDE, replyCoordinates, UNIT, unitArgument } from './declare.js';

function runAdd(ctx: CommandContext): void {
  const { argc } = ctx;
  let options = 0;
  let first = 2;
  for (; first < argc; first++) {
    if (ctx.argIs(first, 'nx')) options |= ONLY_NEW;
    else if (ctx.argIs(first, 'xx')) options |= ONLY_OLD;
    else if (ctx.argIs(first, 'ch')) options |= COUNT_CHANGES;
    else break;
  }
  const members = (argc - first) / 3;
  const both = ONLY_NEW | ONLY_OLD;
  if (members === 0 || !Number.isInteger(members) || (options & both) === both) return ctx.reply.error(SYNTAX);
  const scores = ctx.zsets.scores(members);
  for (let i = 0; i < members; i++) {
    const at = coordinatesAt(ctx, first + 3 * i);
    if (at === undefined) return;
    scores[i] = positionScore(at.longitude, at.latitude);
  }
  if (ctx.propagating) propagateAsScores(ctx, first, scores, members);
  addMembers(ctx, members, scores, first + 2, 3, options);
}

/** Replicas and the AOF get plain scores. */
function propagateAsScores(ctx: CommandContext, first: number, scores: Float64Array, members: number): void {
  const parts: (string | Uint8Array)[] = ['zadd'];
  for (let i = 1; i < first; i++) parts.push(ctx.argCopy(i));
  for (let i = 0; i < members; i++) parts.push(String(scores[i]), ctx.argCopy(first + 3 * i + 2));
  ctx.propagateAs(parts);
}

/** Calls `replyMember` with the score, or NaN, of each member from argument 2 on, the array having been opened. */
function replyEach(ctx: CommandContext, replyMember: (score: number) => void): void {
  const { argc, buf, db, start, end, reply } = ctx;
  const ref = ctx.lookupRead(1);
  if (ref !== 0 && db.type(ref) !== TYPE_ZSET) return reply.error(WRONGTYPE);
  const zset: Ordered | undefined = ref === 0 ? undefined : ctx.zsets.read(db, ref);
  reply.array(argc - 2);
  for (let i = 2; i < argc; i++) {
    replyMember(zset === undefined ? Number.NaN : zset.scoreOf(buf, start[i], end[i]));
  }
}

function runPositions(ctx: CommandContext): void {
  const position = new Position();
  replyEach(ctx, (score) => {
    if (Number.isNaN(score)) ctx.reply.nilArray();
    else replyCoordinates(ctx, position.read(score));
  });
}

function runHashes(ctx: CommandContext): void {
  const position = new Position();
  replyEach(ctx, (score) => {
    if (Number.isNaN(score)) return ctx.reply.nil();
    const { longitude, latitude } = position.read(score);
    ctx.reply.text(geohashText(longitude, latitude));
  });
}

function runDistance(ctx: CommandContext): void {
  const { argc, buf, start, end, reply } = ctx;
  let unit = 1;
  if (argc === 5) {
    unit = unitArgument(ctx, 4);
    if (Number.isNaN(unit)) return;
  } else if (argc > 5) return reply.error(SYNTAX);
  const zset = zsetToRead(ctx, 1, NIL);
  if (zset === undefined) return;
  const from = zset.scoreOf(buf, start[2], end[2]);
  const to = zset.scoreOf(buf, start[3], end[3]);
  if (Number.isNaN(from) || Number.isNaN(to)) return reply.nil();
  const a = new Position().read(from);
  const b = new Position().read(to);
  reply.text(formatDistance(distance(a.longitude, a.latitude, b.longitude, b.latitude) / unit));
}

const LOOK = { flags: READONLY, keys: oneKey('RO access') } as const;

export const positionCommands: readonly Command[] = [
  geoCommand({
    name: 'geoadd',
    arity: -5,
    since: '3.2.0',
    flags: WRITE | DENYOOM,
    keys: oneKey('RW update'),
    complexity: 'O(log(N)) for each member, with N members in the sorted set.',
    summary: 'Adds members with their positions to a sorted set, or changes the positions of members.',
    history: [['6.2.0', 'The options `CH`, `NX` and `XX` came.']],
    arguments: [
      KEY,
      {
        name: 'condition',
        type: 'oneof',
        since: '6.2.0',
        flags: ['optional'],
        arguments: [token('nx'), token('xx')],
      },
      { name: 'change', type: 'pure-token', token: 'CH', since: '6.2.0', flags: ['optional'] },
      { name: 'data', type: 'block', flags: ['multiple'], arguments: [LONGITUDE, LATITUDE, MEMBER] },
    ],
    run: runAdd,
  }),
  geoCommand({
    ...LOOK,
    name: 'geopos',
    arity: -2,
    since: '3.2.0',
    complexity: 'O(N) with N members asked for.',
    summary: 'Replies the positions of members of a sorted set.',
    arguments: [KEY, { ...MEMBERS, flags: ['optional', 'multiple'] }],
    run: runPositions,
  }),
  geoCommand({
    ...LOOK,
    name: 'geodist',
    arity: -4,
    since: '3.2.0',
    complexity: 'O(1)',
    summary: 'Replies the distance between two members of a sorted set.',
    arguments: [
      KEY,
      { name: 'member1', type: 'string' },
      { name: 'member2', type: 'string' },
      { ...UNIT, flags: ['optional'] },
    ],
    run: runDistance,
  }),
  geoCommand({
    ...LOOK,
    name: 'geohash',
    arity: -2,
    since: '3.2.0',
    complexity: 'O(1) for each member asked for.',
    summary: 'Replies the positions of members of a sorted set as geohash strings.',
    arguments: [KEY, { ...MEMBERS, flags: ['optional', 'multiple'] }],
    run: runHashes,
  }),
];
