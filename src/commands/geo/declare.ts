/** Arguments and declarations that the commands of the group `geo` have in common. */
import { NOT_A_FLOAT } from '../../resp/errors.js';
import { formatCoordinate } from '../../types/geo/format.js';
import { LATITUDE_MAX, LONGITUDE_MAX } from '../../types/geo/geohash.js';
import { parseScore } from '../../types/zset/score.js';
import type { ArgumentDoc, KeySpec } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { token } from '../generic/declare.js';

const NO_UNIT = 'ERR unsupported unit provided. please use M, KM, FT, MI';

/** Argument i as a number; NaN when it is none, which has then been replied. */
export function numberArgument(ctx: CommandContext, i: number, error = NOT_A_FLOAT): number {
  const value = parseScore(ctx.buf, ctx.start[i], ctx.end[i]);
  if (Number.isNaN(value)) ctx.reply.error(error);
  return value;
}

export interface Coordinates {
  readonly longitude: number;
  readonly latitude: number;
}

/** The coordinates in arguments i and i + 1; undefined when they are none on the map, which has then been replied. */
export function coordinatesAt(ctx: CommandContext, i: number): Coordinates | undefined {
  const longitude = numberArgument(ctx, i);
  if (Number.isNaN(longitude)) return undefined;
  const latitude = numberArgument(ctx, i + 1);
  if (Number.isNaN(latitude)) return undefined;
  if (Math.abs(longitude) <= LONGITUDE_MAX && Math.abs(latitude) <= LATITUDE_MAX) return { longitude, latitude };
  ctx.reply.error(`ERR invalid longitude,latitude pair ${sixDecimals(longitude)},${sixDecimals(latitude)}`);
  return undefined;
}

/** C's %f. */
function sixDecimals(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Math.abs(value) < 1e21) return value.toFixed(6);
  return `${BigInt(value)}.000000`;
}

/** Metres in the unit that argument i names; NaN when it names none, which has then been replied. */
export function unitArgument(ctx: CommandContext, i: number): number {
  if (ctx.argIs(i, 'm')) return 1;
  if (ctx.argIs(i, 'km')) return 1000;
  if (ctx.argIs(i, 'ft')) return 0.3048;
  if (ctx.argIs(i, 'mi')) return 1609.34;
  ctx.reply.error(NO_UNIT);
  return Number.NaN;
}

/** Replies a pair of coordinates. */
export function replyCoordinates(ctx: CommandContext, { longitude, latitude }: Coordinates): void {
  const { reply } = ctx;
  reply.array(2);
  for (const coordinate of [longitude, latitude]) {
    const text = formatCoordinate(coordinate);
    if (reply.protocol === 2) reply.text(text);
    // More digits than a double is printed with elsewhere.
    else reply.raw(Buffer.from(`,${text}\r\n`));
  }
}

export const UNIT: ArgumentDoc = {
  name: 'unit',
  type: 'oneof',
  arguments: [token('m'), token('km'), token('ft'), token('mi')],
};
export const LONGITUDE: ArgumentDoc = { name: 'longitude', type: 'double' };
export const LATITUDE: ArgumentDoc = { name: 'latitude', type: 'double' };

interface GeoVariant {
  name: string;
  arity: number;
  since: string;
  flags: number;
  keys: readonly KeySpec[];
  complexity: string;
  summary: string;
  arguments: readonly ArgumentDoc[];
  history?: NonNullable<Command['history']>;
  docFlags?: NonNullable<Command['docFlags']>;
  deprecatedSince?: string;
  replacedBy?: string;
  run: (ctx: CommandContext) => void;
}

export function geoCommand(variant: GeoVariant): Command {
  return command({ ...variant, group: 'geo', acl: ['geo'] });
}
