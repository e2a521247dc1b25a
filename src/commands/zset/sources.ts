/** What ZUNION and its kind take as input: sorted sets, and plain sets whose members have the score 1. */
import { WRONGTYPE } from '../../resp/errors.js';
import { ByteView, type Ref, TYPE_SET, TYPE_ZSET } from '../../store/types.js';
import type { SetEditor } from '../../types/set/set.js';
import type { Ordered } from '../../types/zset/ordered.js';
import type { CommandContext } from '../context.js';

export interface Source {
  readonly count: number;
  /** What scores are multiplied with. */
  weight: number;
  /** Calls `visit` for each member until that answers false. The view lasts until the next one. */
  walk(visit: (member: ByteView, score: number) => boolean): void;
  /** The score of a member; NaN when it is none. */
  scoreOf(buf: Uint8Array, start: number, end: number): number;
}

const NO_MEMBERS: Source = {
  count: 0,
  weight: 1,
  walk() {},
  scoreOf: () => Number.NaN,
};

function sortedSetSource(zset: Ordered): Source {
  // The set's own view dies when a member of another one is looked up.
  const member = new ByteView();
  return {
    count: zset.count,
    weight: 1,
    walk(visit) {
      zset.seek(0);
      for (let going = true; going; ) {
        const { buf, data, start, end } = zset.member();
        going = visit(member.set(buf, data, start, end), zset.score) && zset.next();
      }
    },
    scoreOf: (buf, start, end) => zset.scoreOf(buf, start, end),
  };
}

function setSource(set: SetEditor): Source {
  const member = new ByteView();
  return {
    count: set.count,
    weight: 1,
    walk(visit) {
      set.walk((position) => {
        const { buf, data, start, end } = set.keyAt(position);
        return visit(member.set(buf, data, start, end), 1);
      });
    },
    scoreOf: (buf, start, end) => (set.find(buf, start, end) ? 1 : Number.NaN),
  };
}

/** The inputs of key arguments `first` up to `behind`; undefined when one is of another type, which has been replied. */
export function sources(ctx: CommandContext, first: number, behind: number): Source[] | undefined {
  const { db } = ctx;
  // A lookup may remove an expired key, so all of them come before any that is kept.
  for (let i = first; i < behind; i++) {
    const ref = ctx.lookupRead(i);
    if (ref === 0 || db.type(ref) === TYPE_ZSET || db.type(ref) === TYPE_SET) continue;
    ctx.reply.error(WRONGTYPE);
    return undefined;
  }
  const found: Source[] = [];
  for (let i = first; i < behind; i++) found.push(sourceAt(ctx, ctx.peek(i), i - first));
  return found;
}

function sourceAt(ctx: CommandContext, ref: Ref, i: number): Source {
  if (ref === 0) return { ...NO_MEMBERS };
  if (ctx.db.type(ref) === TYPE_SET) return setSource(ctx.sets.at(i).open(ctx.db, ref));
  return sortedSetSource(ctx.zsets.read(ctx.db, ref, i));
}
