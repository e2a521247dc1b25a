/** Commands that search by position: GEOSEARCH GEOSEARCHSTORE, and the older GEORADIUS GEORADIUSBYMEMBER with their _RO. */
import { copyOf } from '../../base/copy.js';
import { WRONGTYPE } from '../../resp/errors.js';
import { TYPE_ZSET } from '../../store/types.js';
import { distanceInside, rangesAround, type Shape } from '../../types/geo/area.js';
import { formatDistance } from '../../types/geo/format.js';
import { Position } from '../../types/geo/geohash.js';
import type { Ordered } from '../../types/zset/ordered.js';
import type { CommandContext } from '../context.js';
import { storeResult } from '../zset/declare.js';
import { replyCoordinates } from './declare.js';
import { ASCENDING, type Form, type Query, readQuery, shapeOf, UNSORTED } from './query.js';

/** A member that was found. */
interface Found {
  readonly member: Uint8Array;
  readonly score: number;
  readonly longitude: number;
  readonly latitude: number;
  /** From the centre, metres. */
  readonly distanceM: number;
}

/** `source` is the argument with the key of the sorted set. */
export function runSearch(ctx: CommandContext, source: number, form: Form): void {
  const { db, reply } = ctx;
  const ref = ctx.lookupRead(source);
  if (ref !== 0 && db.type(ref) !== TYPE_ZSET) return reply.error(WRONGTYPE);
  const zset = ref === 0 ? undefined : ctx.zsets.read(db, ref);
  const query = readQuery(ctx, zset, form);
  if (query === undefined) return;
  const found = zset === undefined ? [] : search(ctx, zset, query);
  if (query.storeArg === 0) return replyFound(ctx, found, query);
  store(ctx, found, query, form.search ? 'geosearchstore' : 'georadiusstore');
}

function search(ctx: CommandContext, zset: Ordered, query: Query): Found[] {
  const found: Found[] = [];
  const limit = query.any ? query.count : Number.POSITIVE_INFINITY;
  collect(ctx, zset, shapeOf(query), limit, found);
  // The nearest are meant where a number is asked for and nothing else is said.
  const order = query.order === UNSORTED && query.count > 0 && !query.any ? ASCENDING : query.order;
  if (order !== UNSORTED) found.sort((a, b) => order * (a.distanceM - b.distanceM));
  if (query.count > 0 && found.length > query.count) found.length = query.count;
  return found;
}

/** Adds what lies inside the shape to `found`, until there are `limit`. */
function collect(ctx: CommandContext, zset: Ordered, shape: Shape, limit: number, found: Found[]): void {
  const position = new Position();
  for (const { first, behind } of rangesAround(shape)) {
    if (found.length >= limit) return;
    const { count } = zset;
    const rank = zset.countBefore(ctx.zsets.from.ofScore(first, false));
    if (rank === count) continue;
    zset.seek(rank);
    do {
      const { score } = zset;
      if (score >= behind) break;
      const { longitude, latitude } = position.read(score);
      const distanceM = distanceInside(shape, longitude, latitude);
      if (Number.isNaN(distanceM)) continue;
      const { buf, start, end } = zset.member();
      found.push({ member: copyOf(buf, start, end), score, longitude, latitude, distanceM });
    } while (found.length < limit && zset.next());
  }
}

function replyFound(ctx: CommandContext, found: readonly Found[], query: Query): void {
  const { reply } = ctx;
  const { withDistance, withHash, withCoordinates } = query;
  const parts = 1 + Number(withDistance) + Number(withHash) + Number(withCoordinates);
  reply.array(found.length);
  for (const each of found) {
    if (parts > 1) reply.array(parts);
    reply.bytes(each.member);
    if (withDistance) reply.text(formatDistance(each.distanceM / (query.extent?.unit ?? 1)));
    if (withHash) reply.bigInteger(BigInt.asIntN(64, BigInt(Math.trunc(each.score))));
    if (withCoordinates) replyCoordinates(ctx, each);
  }
}

function store(ctx: CommandContext, found: readonly Found[], query: Query, event: string): void {
  const result = ctx.zsets.begin(ctx.db);
  try {
    for (const { member, score, distanceM } of found) {
      const stored = query.storeDistance ? distanceM / (query.extent?.unit ?? 1) : score;
      result.add(stored, member, 0, member.length);
    }
  } catch (error) {
    result.release();
    throw error;
  }
  storeResult(ctx, query.storeArg, result, event);
  // Every member counts, unlike in other commands that store.
  if (found.length > 1) ctx.markDirty(found.length - 1);
}
