/** The reply of COMMAND DOCS for one command: a map with what the declaration says, absent parts left out. */
import type { ReplyWriter } from '../../resp/replyWriter.js';
import type { ArgumentDoc } from '../command.js';
import type { ResolvedCommand } from '../context.js';
import type { Command } from '../define.js';
import { replyFields } from '../replyFields.js';
import { replyWords } from './commandInfo.js';

export function replyCommandDocs(reply: ReplyWriter, command: ResolvedCommand): void {
  const { declaration, subcommands } = command;
  const head = headFields(declaration);
  const deprecation = present([
    ['deprecated_since', declaration.deprecatedSince],
    ['replaced_by', declaration.replacedBy],
  ]);
  const { docFlags, history, arguments: args } = declaration;
  const parts = [docFlags, history, args, subcommands].filter((part) => part !== undefined);
  reply.map(head.length + deprecation.length + parts.length);
  replyFields(reply, head);
  if (docFlags !== undefined) {
    reply.text('doc_flags');
    replyWords(reply, docFlags);
  }
  replyFields(reply, deprecation);
  if (history !== undefined) {
    reply.text('history');
    reply.set(history.length);
    for (const [version, change] of history) {
      reply.array(2);
      reply.text(version);
      reply.text(change);
    }
  }
  if (args !== undefined) {
    reply.text('arguments');
    replyArguments(reply, args);
  }
  if (subcommands !== undefined) {
    reply.text('subcommands');
    reply.map(subcommands.size);
    for (const subcommand of subcommands.values()) {
      reply.text(subcommand.fullName);
      replyCommandDocs(reply, subcommand);
    }
  }
}

type TextField = readonly [name: string, value: string];

function present(fields: readonly (readonly [string, string | undefined])[]): TextField[] {
  return fields.filter((field): field is TextField => field[1] !== undefined);
}

function headFields(declaration: Command): TextField[] {
  return present([
    ['summary', declaration.summary],
    ['since', declaration.since],
    ['group', declaration.group],
    // Empty where the time is not worth a word (LOLWUT).
    ['complexity', declaration.complexity === '' ? undefined : declaration.complexity],
  ]);
}

function replyArguments(reply: ReplyWriter, args: readonly ArgumentDoc[]): void {
  reply.array(args.length);
  for (const arg of args) replyArgument(reply, arg);
}

function replyArgument(reply: ReplyWriter, arg: ArgumentDoc): void {
  const head = present([
    ['name', arg.name],
    ['type', arg.type],
  ]);
  const tail = present([
    ['token', arg.token],
    ['summary', arg.summary],
    ['since', arg.since],
    ['deprecated_since', arg.deprecatedSince],
  ]);
  const parts = [arg.keySpecIndex, arg.flags, arg.arguments].filter((part) => part !== undefined);
  reply.map(head.length + tail.length + parts.length);
  replyFields(reply, head);
  if (arg.keySpecIndex !== undefined) {
    reply.text('key_spec_index');
    reply.integer(arg.keySpecIndex);
  }
  replyFields(reply, tail);
  if (arg.flags !== undefined) {
    reply.text('flags');
    replyWords(reply, arg.flags);
  }
  if (arg.arguments !== undefined) {
    reply.text('arguments');
    replyArguments(reply, arg.arguments);
  }
}
