/** COMMAND and its subcommands: what the server says of its own commands. */
import { globMatch } from '../../base/glob.js';
import * as errors from '../../resp/errors.js';
import { type ArgumentDoc, LOADING, STALE } from '../command.js';
import type { CommandContext, ResolvedCommand } from '../context.js';
import { type Command, command } from '../define.js';
import { replyCommandDocs } from './commandDocs.js';
import { replyCommandInfo } from './commandInfo.js';
import { ACL_CATEGORIES } from './derive.js';
import { replyKeys } from './getKeys.js';
import { helpSubcommand } from './help.js';

const COMMON = { group: 'server', acl: ['connection'], flags: LOADING | STALE } as const;
const ANY_ORDER = ['nondeterministic_output_order'] as const;

const commandNames: ArgumentDoc = { name: 'command-name', type: 'string', flags: ['optional', 'multiple'] };

/** The command that argument `i` names as `get` or `config|get`. */
function namedCommand(ctx: CommandContext, i: number): ResolvedCommand | undefined {
  const [name, subcommand, ...more] = ctx.argText(i).toLowerCase().split('|');
  const bytes = Buffer.from(name, 'latin1');
  const found = ctx.server.commands.lookup(bytes, 0, bytes.length);
  if (subcommand === undefined) return found;
  return more.length > 0 ? undefined : found?.subcommands?.get(subcommand);
}

function replyAllInfo(ctx: CommandContext): void {
  ctx.reply.array(ctx.server.commands.size);
  for (const each of ctx.server.commands.all()) replyCommandInfo(ctx.reply, each);
}

const commandCount = command({
  ...COMMON,
  name: 'count',
  arity: 2,
  since: '2.8.13',
  complexity: 'O(1)',
  summary: 'Answers how many commands there are.',
  run(ctx) {
    ctx.reply.integer(ctx.server.commands.size);
  },
});

const commandInfo = command({
  ...COMMON,
  name: 'info',
  arity: -2,
  since: '2.8.13',
  complexity: 'O(N) where N is the number of commands to look up',
  summary: 'Describes the given commands, or all, as clients need it for routing.',
  history: [['7.0.0', 'Without names: all commands.']],
  arguments: [commandNames],
  tips: ANY_ORDER,
  run(ctx) {
    if (ctx.argc === 2) return replyAllInfo(ctx);
    ctx.reply.array(ctx.argc - 2);
    for (let i = 2; i < ctx.argc; i++) {
      const found = namedCommand(ctx, i);
      if (found === undefined) ctx.reply.nil();
      else replyCommandInfo(ctx.reply, found);
    }
  },
});

const commandDocs = command({
  ...COMMON,
  name: 'docs',
  arity: -2,
  since: '7.0.0',
  complexity: 'O(N) where N is the number of commands to look up',
  summary: 'Documents the given commands, or all, for people.',
  arguments: [commandNames],
  tips: ANY_ORDER,
  run(ctx) {
    const found: ResolvedCommand[] = [];
    if (ctx.argc === 2) found.push(...ctx.server.commands.all());
    for (let i = 2; i < ctx.argc; i++) {
      const each = namedCommand(ctx, i);
      if (each !== undefined) found.push(each);
    }
    ctx.reply.map(found.length);
    for (const each of found) {
      ctx.reply.text(each.fullName);
      replyCommandDocs(ctx.reply, each);
    }
  },
});

const commandList = command({
  ...COMMON,
  name: 'list',
  arity: -2,
  since: '7.0.0',
  complexity: 'O(N) where N is the number of commands',
  summary: 'Answers the names of the commands, or of those a filter lets through.',
  arguments: [
    {
      name: 'filterby',
      type: 'oneof',
      token: 'FILTERBY',
      flags: ['optional'],
      arguments: [
        { name: 'module-name', type: 'string', token: 'MODULE' },
        { name: 'category', type: 'string', token: 'ACLCAT' },
        { name: 'pattern', type: 'pattern', token: 'PATTERN' },
      ],
    },
  ],
  tips: ANY_ORDER,
  run(ctx) {
    if (ctx.argc === 2) return replyNames(ctx, () => true);
    if (ctx.argc !== 5 || !ctx.argIs(2, 'filterby')) return ctx.reply.error(errors.SYNTAX);
    if (ctx.argIs(3, 'module')) return replyNames(ctx, () => false);
    if (ctx.argIs(3, 'aclcat')) {
      const category = ctx.argText(4).toLowerCase();
      const known = ACL_CATEGORIES.includes(category);
      return replyNames(ctx, (each) => known && each.aclCategories.includes(`@${category}`));
    }
    if (!ctx.argIs(3, 'pattern')) return ctx.reply.error(errors.SYNTAX);
    replyNames(ctx, (each) => {
      const name = Buffer.from(each.fullName, 'latin1');
      return globMatch(ctx.buf, ctx.start[4], ctx.end[4], name, 0, name.length, true);
    });
  },
});

/** The names of the commands and, where there is a filter, of the subcommands that pass it. */
function replyNames(ctx: CommandContext, passes: (command: ResolvedCommand) => boolean): void {
  const names: string[] = [];
  for (const each of ctx.server.commands.all()) {
    if (passes(each)) names.push(each.fullName);
    for (const subcommand of each.subcommands?.values() ?? []) {
      if (passes(subcommand)) names.push(subcommand.fullName);
    }
  }
  ctx.reply.array(names.length);
  for (const name of names) ctx.reply.text(name);
}

const commandGetKeys = command({
  ...COMMON,
  name: 'getkeys',
  arity: -4,
  since: '2.8.13',
  complexity: 'O(N) where N is the number of arguments of the given command',
  summary: 'Picks the keys out of a whole command.',
  run(ctx) {
    replyKeys(ctx, false);
  },
});

const commandGetKeysAndFlags = command({
  ...COMMON,
  name: 'getkeysandflags',
  arity: -4,
  since: '7.0.0',
  complexity: 'O(N) where N is the number of arguments of the given command',
  summary: 'Picks the keys out of a whole command, and says what it does to each.',
  run(ctx) {
    replyKeys(ctx, true);
  },
});

const HELP: readonly string[] = [
  '(no subcommand)',
  '    Describe all commands.',
  'COUNT',
  '    How many commands there are.',
  'LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]',
  '    The names of the commands.',
  'INFO [<command-name> ...]',
  '    Describe the given commands, or all.',
  'DOCS [<command-name> ...]',
  '    Document the given commands, or all.',
  'GETKEYS <full-command>',
  '    The keys in a whole command.',
  'GETKEYSANDFLAGS <full-command>',
  '    The keys in a whole command and what it does to each.',
];

const commandHelp = helpSubcommand({ ...COMMON, since: '5.0.0' }, HELP);

const commandCommand = command({
  ...COMMON,
  name: 'command',
  arity: -1,
  since: '2.8.13',
  complexity: 'O(N) where N is the number of commands',
  summary: 'Describes all commands as clients need it for routing.',
  tips: ANY_ORDER,
  subcommands: [
    commandCount,
    commandDocs,
    commandGetKeys,
    commandGetKeysAndFlags,
    commandHelp,
    commandInfo,
    commandList,
  ],
  run(ctx) {
    if (ctx.argc > 1) ctx.reply.error(errors.unknownSubcommand(ctx.argText(1), 'command'));
    else replyAllInfo(ctx);
  },
});

export const introspectionCommands: readonly Command[] = [commandCommand];
