/** The patterns of SORT's BY and GET: `weight_*`, `object_*->field`, `#`. */
import { fromLatin1, latin1 } from '../../base/bytes.js';
import { TYPE_HASH, TYPE_STRING } from '../../store/types.js';
import { type CommandContext, EVENT_MISS } from '../context.js';
import type { Text } from './sortInput.js';

export interface SortPattern {
  /** `#`: the element itself. */
  readonly isElement: boolean;
  /** What stands before and behind the star; without a star nothing is ever found. */
  readonly before: Text;
  readonly behind: Text | undefined;
  /** The field of a hash; undefined for a string. */
  readonly field: Uint8Array | undefined;
}

export function sortPattern(text: Text): SortPattern {
  const star = text.indexOf('*');
  const isElement = text === '#';
  if (star < 0) return { isElement, before: text, behind: undefined, field: undefined };
  const arrow = text.indexOf('->', star + 1);
  // An arrow to nothing is a part of the key's name.
  const hasField = arrow >= 0 && arrow + 2 < text.length;
  return {
    isElement,
    before: text.slice(0, star),
    behind: text.slice(star + 1, hasField ? arrow : undefined),
    field: hasField ? fromLatin1(text.slice(arrow + 2)) : undefined,
  };
}

/** What the pattern leads to for an element; undefined when that is no string, or not there. */
export function followPattern(ctx: CommandContext, pattern: SortPattern, element: Text): Text | undefined {
  if (pattern.isElement) return element;
  if (pattern.behind === undefined) return undefined;
  const { db } = ctx;
  const key = fromLatin1(pattern.before + element + pattern.behind);
  const ref = ctx.peekKey(db, key, 0, key.length);
  const { stats } = ctx.server;
  if (ref === 0) {
    stats.keyspaceMisses++;
    ctx.notify(db, key, 0, key.length, EVENT_MISS, 'keymiss');
    return undefined;
  }
  stats.keyspaceHits++;
  const { field } = pattern;
  if (db.type(ref) !== (field === undefined ? TYPE_STRING : TYPE_HASH)) return undefined;
  const value = field === undefined ? db.readValue(ref) : ctx.hash.open(db, ref).get(field, 0, field.length);
  return value === undefined ? undefined : latin1(value.buf, value.start, value.end);
}
