/** Opening and declaring: what the commands of the group `set` have in common. */
import { TYPE_SET } from '../../store/types.js';
import type { SetEditor } from '../../types/set/set.js';
import { type Absent, ofType } from '../collectionKey.js';
import type { ArgumentDoc, KeySpec } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';

/** The set of key argument 1, to look at; undefined when there is none, which has then been replied. */
export function setToRead(ctx: CommandContext, absent: Absent): SetEditor | undefined {
  const ref = ofType(ctx, ctx.lookupRead(1), TYPE_SET, absent);
  return ref === undefined ? undefined : ctx.sets.at(0).open(ctx.db, ref);
}

/** The same, to take from. */
export function setToShrink(ctx: CommandContext, absent: Absent): SetEditor | undefined {
  const ref = ofType(ctx, ctx.lookupWrite(1), TYPE_SET, absent);
  return ref === undefined ? undefined : ctx.sets.at(0).open(ctx.db, ref);
}

/** Replies all members. */
export function replyMembers(ctx: CommandContext, set: SetEditor): void {
  ctx.reply.set(set.count);
  set.walk((position) => {
    ctx.reply.view(set.keyAt(position));
    return true;
  });
}

export const MEMBER: ArgumentDoc = { name: 'member', type: 'string' };
export const MEMBERS: ArgumentDoc = { ...MEMBER, flags: ['multiple'] };

interface SetVariant {
  name: string;
  arity: number;
  since: string;
  flags: number;
  keys: readonly KeySpec[];
  complexity: string;
  summary: string;
  arguments: readonly ArgumentDoc[];
  history?: NonNullable<Command['history']>;
  tips?: readonly string[];
  run: (ctx: CommandContext) => void;
}

export function setCommand(variant: SetVariant): Command {
  return command({ ...variant, group: 'set', acl: ['set'] });
}
