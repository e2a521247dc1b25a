import { LOADING, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';

/** Declares `<container> HELP`. `lines` as {@link replyHelp} takes them. */
export function helpSubcommand(declared: Pick<Command, 'group' | 'since' | 'acl'>, lines: readonly string[]): Command {
  return command({
    ...declared,
    name: 'help',
    arity: 2,
    flags: LOADING | STALE,
    complexity: 'O(1)',
    summary: 'Lists the subcommands.',
    run(ctx) {
      replyHelp(ctx, lines);
    },
  });
}

/** Replies to `<container> HELP`: `lines` are the syntax lines, each followed by its indented description. */
export function replyHelp(ctx: CommandContext, lines: readonly string[]): void {
  const container = (ctx.command.parent ?? ctx.command).declaration.name.toUpperCase();
  ctx.reply.array(lines.length + 3);
  ctx.reply.simple(`${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`);
  for (const line of lines) ctx.reply.simple(line);
  ctx.reply.simple('HELP');
  ctx.reply.simple('    Prints this help.');
}

/** A known subcommand with arguments it does not take, or an unknown one of a command that is no real container. */
export function unknownSubcommandOrArity(ctx: CommandContext): string {
  const container = (ctx.command.parent ?? ctx.command).declaration.name.toUpperCase();
  const given = ctx.argText(1).slice(0, 128);
  return `ERR unknown subcommand or wrong number of arguments for '${given}'. Try ${container} HELP.`;
}
