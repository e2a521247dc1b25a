/** Opening and declaring: what the commands of the group `hash` have in common. */
import { TYPE_HASH } from '../../store/types.js';
import type { HashEditor } from '../../types/hash/hash.js';
import { type Absent, ofType } from '../collectionKey.js';
import type { ArgumentDoc } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey } from '../generic/declare.js';

/** The hash of key argument 1, to look at; undefined when there is none, which has then been replied. */
export function hashToRead(ctx: CommandContext, absent: Absent): HashEditor | undefined {
  const ref = ofType(ctx, ctx.lookupRead(1), TYPE_HASH, absent);
  return ref === undefined ? undefined : ctx.hash.open(ctx.db, ref);
}

/** The same, to take from. */
export function hashToShrink(ctx: CommandContext, absent: Absent): HashEditor | undefined {
  const ref = ofType(ctx, ctx.lookupWrite(1), TYPE_HASH, absent);
  return ref === undefined ? undefined : ctx.hash.open(ctx.db, ref);
}

/** The same, to add to: without a key a new one, which `keep` is to give its key. Undefined: an error has been replied. */
export function hashToGrow(ctx: CommandContext): HashEditor | undefined {
  const ref = ctx.lookupWrite(1);
  if (ref === 0) return ctx.hash.begin(ctx.db);
  return ofType(ctx, ref, TYPE_HASH, NOTHING) === undefined ? undefined : ctx.hash.open(ctx.db, ref);
}

const NOTHING: Absent = () => {};

export const FIELD: ArgumentDoc = { name: 'field', type: 'string' };
export const FIELDS: ArgumentDoc = { ...FIELD, flags: ['multiple'] };
export const VALUE: ArgumentDoc = { name: 'value', type: 'string' };

interface HashVariant {
  name: string;
  arity: number;
  since: string;
  flags: number;
  access: string;
  complexity: string;
  summary: string;
  args?: readonly ArgumentDoc[];
  history?: NonNullable<Command['history']>;
  tips?: readonly string[];
  run: (ctx: CommandContext) => void;
}

/** Declares a command whose first argument is the key of a hash. */
export function hashCommand({ access, args = [], ...rest }: HashVariant): Command {
  return command({ ...rest, group: 'hash', acl: ['hash'], keys: oneKey(access), arguments: [KEY, ...args] });
}
