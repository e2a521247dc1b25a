/** What a search by position asks for, read from the arguments of GEOSEARCH and of the older GEORADIUS. */
import { NOT_AN_INTEGER, SYNTAX } from '../../resp/errors.js';
import type { Shape } from '../../types/geo/area.js';
import { Position } from '../../types/geo/geohash.js';
import type { Ordered } from '../../types/zset/ordered.js';
import type { CommandContext } from '../context.js';
import { type Coordinates, coordinatesAt, numberArgument, unitArgument } from './declare.js';

const NO_RADIUS = 'ERR need numeric radius';
const NEGATIVE_RADIUS = 'ERR radius cannot be negative';
const NO_WIDTH = 'ERR need numeric width';
const NO_HEIGHT = 'ERR need numeric height';
const NEGATIVE_SIZE = 'ERR height or width cannot be negative';
const NO_MEMBER = 'ERR could not decode requested zset member';
const NO_COUNT = 'ERR COUNT must be > 0';
const ANY_ALONE = 'ERR the ANY argument requires COUNT argument';

export const UNSORTED = 0;
export const ASCENDING = 1;
export const DESCENDING = -1;

/** What is measured: lengths are in a unit. */
interface Extent {
  readonly box: boolean;
  readonly halfWidthM: number;
  readonly halfHeightM: number;
  /** Metres in the unit that was named. */
  readonly unit: number;
}

/** The command that asks. */
export interface Form {
  /** Centre and extent are options; else they are the first arguments. */
  readonly search: boolean;
  /** The centre is a member (GEORADIUSBYMEMBER). */
  readonly byMember: boolean;
  /** It may store what it finds. */
  readonly stores: boolean;
}

export interface Query {
  centre: Coordinates | undefined;
  extent: Extent | undefined;
  withDistance: boolean;
  withHash: boolean;
  withCoordinates: boolean;
  order: typeof UNSORTED | typeof ASCENDING | typeof DESCENDING;
  /** 0: all. */
  count: number;
  /** The first that are found will do. */
  any: boolean;
  /** The key argument that gets the result; 0 for none. */
  storeArg: number;
  /** Scores are distances. */
  storeDistance: boolean;
}

/** Reads one request. After an error, which has been replied, `failed` is set. */
class QueryReader {
  readonly query: Query = {
    centre: undefined,
    extent: undefined,
    withDistance: false,
    withHash: false,
    withCoordinates: false,
    order: UNSORTED,
    count: 0,
    any: false,
    storeArg: 0,
    storeDistance: false,
  };
  private readonly ctx: CommandContext;
  private readonly zset: Ordered | undefined;
  private readonly form: Form;
  /** The centre was named, by a member or by coordinates. */
  private fromMember = false;
  private fromCoordinates = false;

  constructor(ctx: CommandContext, zset: Ordered | undefined, form: Form) {
    this.ctx = ctx;
    this.zset = zset;
    this.form = form;
  }

  /** GEORADIUS and GEORADIUSBYMEMBER: centre and radius come first. Answers the first option; 0 after an error. */
  readFixed(): number {
    const { byMember } = this.form;
    const first = byMember ? 5 : 6;
    // Without a key only the options are looked at, which say how to answer.
    if (byMember && this.zset === undefined) return first;
    const isRead = byMember ? this.readMember(2) : this.readCoordinates(2);
    return isRead && this.readCircle(first - 2) ? first : 0;
  }

  readOptions(from: number): boolean {
    for (let i = from; i < this.ctx.argc; ) {
      const taken = this.readFlag(i) || this.readCount(i) || this.readStore(i) || this.readSearch(i);
      if (taken < 0) return false;
      if (taken === 0) return this.refuse(SYNTAX);
      i += taken;
    }
    return this.checkTogether();
  }

  // Each of these answers how many arguments it took: 0 when it is not meant, -1 after an error.

  private readFlag(i: number): number {
    const { ctx, query } = this;
    if (ctx.argIs(i, 'withdist')) query.withDistance = true;
    else if (ctx.argIs(i, 'withhash')) query.withHash = true;
    else if (ctx.argIs(i, 'withcoord')) query.withCoordinates = true;
    else if (ctx.argIs(i, 'any')) query.any = true;
    else if (ctx.argIs(i, 'asc')) query.order = ASCENDING;
    else if (ctx.argIs(i, 'desc')) query.order = DESCENDING;
    else return 0;
    return 1;
  }

  private readCount(i: number): number {
    const { ctx, query } = this;
    if (!ctx.argIs(i, 'count') || i + 1 >= ctx.argc) return 0;
    const count = ctx.argInt64(i + 1);
    if (count === undefined || count <= 0n) {
      ctx.reply.error(count === undefined ? NOT_AN_INTEGER : NO_COUNT);
      return -1;
    }
    query.count = Number(count);
    return 2;
  }

  private readStore(i: number): number {
    const { ctx, query, form } = this;
    if (!form.stores) return 0;
    const isDistance = ctx.argIs(i, 'storedist');
    if (form.search) {
      if (isDistance) query.storeDistance = true;
      return isDistance ? 1 : 0;
    }
    if ((!isDistance && !ctx.argIs(i, 'store')) || i + 1 >= ctx.argc) return 0;
    query.storeArg = i + 1;
    query.storeDistance = isDistance;
    return 2;
  }

  private readSearch(i: number): number {
    const { ctx, query } = this;
    if (!this.form.search) return 0;
    const behind = ctx.argc - i - 1;
    const isCircle = query.extent !== undefined && !query.extent.box;
    const isBox = query.extent?.box === true;
    if (ctx.argIs(i, 'frommember') && behind >= 1 && !this.fromCoordinates) {
      this.fromMember = true;
      return this.zset === undefined || this.readMember(i + 1) ? 2 : -1;
    }
    if (ctx.argIs(i, 'fromlonlat') && behind >= 2 && !this.fromMember) {
      this.fromCoordinates = true;
      return this.readCoordinates(i + 1) ? 3 : -1;
    }
    if (ctx.argIs(i, 'byradius') && behind >= 2 && !isBox) return this.readCircle(i + 1) ? 3 : -1;
    if (ctx.argIs(i, 'bybox') && behind >= 3 && !isCircle) return this.readBox(i + 1) ? 4 : -1;
    return 0;
  }

  private readMember(i: number): boolean {
    const { ctx, zset, query } = this;
    const score = zset === undefined ? Number.NaN : zset.scoreOf(ctx.buf, ctx.start[i], ctx.end[i]);
    if (Number.isNaN(score)) return this.refuse(NO_MEMBER);
    query.centre = new Position().read(score);
    return true;
  }

  private readCoordinates(i: number): boolean {
    this.query.centre = coordinatesAt(this.ctx, i);
    return this.query.centre !== undefined;
  }

  private readCircle(i: number): boolean {
    const radius = numberArgument(this.ctx, i, NO_RADIUS);
    if (Number.isNaN(radius)) return false;
    if (radius < 0) return this.refuse(NEGATIVE_RADIUS);
    const unit = unitArgument(this.ctx, i + 1);
    if (Number.isNaN(unit)) return false;
    this.query.extent = { box: false, halfWidthM: radius * unit, halfHeightM: radius * unit, unit };
    return true;
  }

  private readBox(i: number): boolean {
    const width = numberArgument(this.ctx, i, NO_WIDTH);
    if (Number.isNaN(width)) return false;
    const height = numberArgument(this.ctx, i + 1, NO_HEIGHT);
    if (Number.isNaN(height)) return false;
    if (width < 0 || height < 0) return this.refuse(NEGATIVE_SIZE);
    const unit = unitArgument(this.ctx, i + 2);
    if (Number.isNaN(unit)) return false;
    this.query.extent = { box: true, halfWidthM: (width / 2) * unit, halfHeightM: (height / 2) * unit, unit };
    return true;
  }

  private checkTogether(): boolean {
    const { ctx, query, form } = this;
    if (form.search && form.stores) query.storeArg = 1;
    if (query.storeArg > 0 && (query.withDistance || query.withHash || query.withCoordinates)) {
      const who = form.search ? 'GEOSEARCHSTORE' : 'STORE option in GEORADIUS';
      return this.refuse(`ERR ${who} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`);
    }
    if (form.search && !this.fromMember && !this.fromCoordinates) {
      return this.refuse(`ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${ctx.argText(0)}`);
    }
    if (form.search && query.extent === undefined) {
      return this.refuse(`ERR exactly one of BYRADIUS and BYBOX can be specified for ${ctx.argText(0)}`);
    }
    return query.any && query.count === 0 ? this.refuse(ANY_ALONE) : true;
  }

  private refuse(error: string): false {
    this.ctx.reply.error(error);
    return false;
  }
}

/** What the command asks for of the sorted set, which may be missing; undefined when the error has been replied. */
export function readQuery(ctx: CommandContext, zset: Ordered | undefined, form: Form): Query | undefined {
  const reader = new QueryReader(ctx, zset, form);
  const searchFrom = form.stores ? 3 : 2;
  const first = form.search ? searchFrom : reader.readFixed();
  return first > 0 && reader.readOptions(first) ? reader.query : undefined;
}

/** The shape that is searched; the query has both, since there is a sorted set. */
export function shapeOf({ centre, extent }: Query): Shape {
  return { ...(centre as Coordinates), ...(extent as Extent) };
}
