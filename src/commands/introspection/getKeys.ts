/** COMMAND GETKEYS and GETKEYSANDFLAGS: the keys of a whole request given as arguments. */
import { latin1 } from '../../base/bytes.js';
import { NO_MANDATORY_KEYS } from '../command.js';
import type { CommandContext, ResolvedCommand } from '../context.js';
import { accessWords, replyWords } from './commandInfo.js';
import { findKeysWithAccess, NOT_KEY } from './derive.js';

/** Where the given request begins in `COMMAND GETKEYS <request>`. */
const REQUEST_AT = 2;

/** Words that tell of the specification, not of the key that was found with it. */
const OF_THE_SPEC: ReadonlySet<string> = new Set(['incomplete', 'variable_flags']);

export function replyKeys(ctx: CommandContext, withFlags: boolean): void {
  const { reply } = ctx;
  const argc = ctx.argc - REQUEST_AT;
  const command = lookupRequest(ctx);
  if (command === undefined) return reply.error('ERR Invalid command specified');
  const { declaration } = command;
  const mayHaveKeys = declaration.keys?.some(({ access }) => !access.includes(NOT_KEY)) === true;
  if (!mayHaveKeys && declaration.getKeys === undefined) {
    return reply.error('ERR The command has no key arguments');
  }
  const { arity } = declaration;
  if (arity >= 0 ? argc !== arity : argc < -arity) {
    return reply.error('ERR Invalid number of arguments specified for command');
  }
  const indexes: number[] = [];
  const access: string[] = [];
  const request = { argc, buf: ctx.buf, start: ctx.start.subarray(REQUEST_AT), end: ctx.end.subarray(REQUEST_AT) };
  if (!findKeysWithAccess(declaration, request, indexes, access)) {
    if ((command.flags & NO_MANDATORY_KEYS) !== 0) reply.array(0);
    else reply.error('ERR Invalid arguments specified for command');
    return;
  }
  reply.array(indexes.length);
  indexes.forEach((at, i) => {
    if (withFlags) reply.array(2);
    reply.bulk(ctx.buf, request.start[at], request.end[at]);
    if (withFlags)
      replyWords(
        reply,
        accessWords(access[i]).filter((word) => !OF_THE_SPEC.has(word)),
      );
  });
}

function lookupRequest(ctx: CommandContext): ResolvedCommand | undefined {
  const command = ctx.server.commands.lookup(ctx.buf, ctx.start[REQUEST_AT], ctx.end[REQUEST_AT]);
  if (command?.subcommands === undefined || ctx.argc === REQUEST_AT + 1) return command;
  const at = REQUEST_AT + 1;
  return command.subcommands.get(latin1(ctx.buf, ctx.start[at], ctx.end[at]).toLowerCase());
}
