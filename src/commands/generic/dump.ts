/** DUMP: a value in Redis's own form, for RESTORE of any server. */
import { READONLY } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey } from './declare.js';

function runDump(ctx: CommandContext): void {
  const ref = ctx.lookupRead(1);
  if (ref === 0) return ctx.reply.nil();
  ctx.dumps.dump(ctx.db, ref, (buf, length) => ctx.reply.bulk(buf, 0, length));
}

export const dumpCommands: readonly Command[] = [
  command({
    name: 'dump',
    arity: 2,
    group: 'generic',
    since: '2.6.0',
    flags: READONLY,
    acl: ['keyspace'],
    keys: oneKey('RO access'),
    complexity: 'O(N) with N bytes in all elements of the value.',
    summary: 'Replies the value of a key in a form that RESTORE takes.',
    arguments: [KEY],
    tips: ['nondeterministic_output'],
    run: runDump,
  }),
];
