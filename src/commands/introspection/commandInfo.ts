/** The reply of COMMAND INFO for one command. */
import type { ReplyWriter } from '../../resp/replyWriter.js';
import { FLAG_NAMES, type KeySpec } from '../command.js';
import type { ResolvedCommand } from '../context.js';
import { type Fields, replyMap } from '../replyFields.js';

/** Ten elements: name, arity, flags, first, last and step of the keys, ACL categories, tips, key specs, subcommands. */
export function replyCommandInfo(reply: ReplyWriter, command: ResolvedCommand): void {
  const { declaration, subcommands } = command;
  reply.array(10);
  reply.text(command.fullName);
  reply.integer(declaration.arity);
  replyWords(
    reply,
    FLAG_NAMES.filter(([flag]) => (command.flags & flag) !== 0).map(([, name]) => name),
  );
  reply.integer(command.firstKey);
  reply.integer(command.lastKey);
  reply.integer(command.keyStep);
  replyWords(reply, command.aclCategories);
  const tips = declaration.tips ?? [];
  reply.set(tips.length);
  for (const tip of tips) reply.text(tip);
  const keys = declaration.keys ?? [];
  reply.set(keys.length);
  for (const spec of keys) replyKeySpec(reply, spec);
  if (subcommands === undefined) return reply.set(0);
  // Of all the parts only the list of subcommands is an array when it has members.
  reply.array(subcommands.size);
  for (const subcommand of subcommands.values()) replyCommandInfo(reply, subcommand);
}

/** The access words of a key as Redis prints them: `RW` as it is, what is done with the value in lower case. */
export function accessWords(access: string): string[] {
  const words = access.split(' ').filter((word) => word !== '');
  return words.map((word) => (READ_WRITE_WORDS.has(word) ? word : word.toLowerCase()));
}
const READ_WRITE_WORDS: ReadonlySet<string> = new Set(['RO', 'RW', 'OW', 'RM']);

/** A set of simple strings. */
export function replyWords(reply: ReplyWriter, words: readonly string[]): void {
  reply.set(words.length);
  for (const word of words) reply.simple(word);
}

function replyKeySpec(reply: ReplyWriter, spec: KeySpec): void {
  const { begin, find, notes } = spec;
  reply.map(notes === undefined ? 3 : 4);
  if (notes !== undefined) {
    reply.text('notes');
    reply.text(notes);
  }
  reply.text('flags');
  replyWords(reply, accessWords(spec.access));
  reply.text('begin_search');
  if (begin.type === 'index') replySearch(reply, 'index', [['index', begin.index]]);
  else if (begin.type === 'keyword') {
    replySearch(reply, 'keyword', [
      ['keyword', begin.keyword],
      ['startfrom', begin.startFrom],
    ]);
  } else replySearch(reply, 'unknown', []);
  reply.text('find_keys');
  if (find.type === 'range') {
    replySearch(reply, 'range', [
      ['lastkey', find.lastKey],
      ['keystep', find.keyStep],
      ['limit', find.limit],
    ]);
  } else if (find.type === 'keynum') {
    replySearch(reply, 'keynum', [
      ['keynumidx', find.keyNumIndex],
      ['firstkey', find.firstKey],
      ['keystep', find.keyStep],
    ]);
  } else replySearch(reply, 'unknown', []);
}

/** One half of a key specification: its type and what belongs to the type. */
function replySearch(reply: ReplyWriter, type: string, spec: Fields): void {
  reply.map(2);
  reply.text('type');
  reply.text(type);
  reply.text('spec');
  replyMap(reply, spec);
}
