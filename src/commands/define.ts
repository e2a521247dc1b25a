import type { CommandDeclaration } from './command.js';
import type { CommandContext } from './context.js';

/** A declared command. */
export type Command = CommandDeclaration<CommandContext>;

/** Declares a command. */
export function command(declaration: Command): Command {
  return declaration;
}
