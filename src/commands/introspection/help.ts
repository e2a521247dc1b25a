import type { CommandContext } from '../context.js';

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
