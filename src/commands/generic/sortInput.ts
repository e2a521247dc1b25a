/** What SORT sorts: the elements of a list, a set or a sorted set. Its only door to how these are kept. */
import { latin1 } from '../../base/bytes.js';
import { type ByteView, type Ref, TYPE_LIST, TYPE_SET, TYPE_ZSET } from '../../store/types.js';
import { ZSET_LISTPACK, ZSET_SKIPLIST } from '../../types/zset/encoding.js';
import type { CommandContext } from '../context.js';

/** One character a byte, so that strings compare as their bytes do. */
export type Text = string;

export function isSortable(type: number): boolean {
  return type === TYPE_LIST || type === TYPE_SET || type === TYPE_ZSET;
}

/** All elements, copied, as what follows may move or remove keys; a list and a sorted set in their order. */
export function sortInput(ctx: CommandContext, ref: Ref): Text[] {
  switch (ctx.db.type(ref)) {
    case TYPE_LIST:
      return listElements(ctx, ref);
    case TYPE_SET:
      return setMembers(ctx, ref);
    default:
      return sortedSetMembers(ctx, ref);
  }
}

function textOf({ buf, start, end }: ByteView): Text {
  return latin1(buf, start, end);
}

function listElements(ctx: CommandContext, ref: Ref): Text[] {
  const list = ctx.lists.open(ctx.db, ref);
  const found: Text[] = [];
  for (let going = list.seek(0); going; going = list.next()) found.push(textOf(list.text()));
  return found;
}

function setMembers(ctx: CommandContext, ref: Ref): Text[] {
  const set = ctx.sets.at(0).open(ctx.db, ref);
  const found: Text[] = [];
  set.walk((position) => found.push(textOf(set.keyAt(position))) > 0);
  return found;
}

function sortedSetMembers(ctx: CommandContext, ref: Ref): Text[] {
  const zset = ctx.zsets.read(ctx.db, ref);
  const found: Text[] = [];
  zset.seek(0);
  do found.push(textOf(zset.member()));
  while (zset.next());
  if (ctx.db.encoding(ref) === ZSET_LISTPACK) enlarge(ctx, ref);
  return found;
}

/** A small sorted set that is sorted becomes a large one: nothing here needs that, but OBJECT ENCODING tells it of Redis. */
function enlarge(ctx: CommandContext, ref: Ref): void {
  const { db } = ctx;
  const small = ctx.zsets.read(db, ref);
  const large = ctx.zsets.begin(db);
  small.seek(0);
  do {
    const { buf, start, end } = small.member();
    large.add(small.score, buf, start, end);
  } while (small.next());
  const key = db.readKey(ref);
  db.putObject(TYPE_ZSET, ZSET_SKIPLIST, key.buf, key.start, key.end, large, db.expireAtMs(ref));
}
