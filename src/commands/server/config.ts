/** CONFIG GET, SET, RESETSTAT, REWRITE. */
import { SENSITIVE } from '../../config/directive.js';
import { findEntry } from '../../config/directives.js';
import * as errors from '../../resp/errors.js';
import { ADMIN, LOADING, NOSCRIPT, STALE } from '../command.js';
import { argTexts } from '../connection/arguments.js';
import { isLocalAddress } from '../connection/clientAttributes.js';
import { type Command, command } from '../define.js';
import { helpSubcommand } from '../introspection/help.js';

const RESTRICTED = ADMIN | NOSCRIPT | LOADING | STALE;

const configGet = command({
  name: 'get',
  arity: -3,
  group: 'server',
  since: '2.0.0',
  flags: RESTRICTED,
  complexity: 'O(N) when N is the number of configuration parameters provided',
  summary: 'Answers the directives that match, with their values.',
  history: [['7.0.0', 'Takes several patterns.']],
  arguments: [
    {
      name: 'parameter',
      type: 'block',
      flags: ['multiple'],
      arguments: [{ name: 'parameter', type: 'string' }],
    },
  ],
  run(ctx) {
    const found = ctx.server.config.get(argTexts(ctx, 2));
    ctx.reply.map(found.length);
    for (const [name, value] of found) {
      ctx.reply.latin1(name);
      ctx.reply.latin1(value);
    }
  },
});

const configSet = command({
  name: 'set',
  arity: -4,
  group: 'server',
  since: '2.0.0',
  flags: RESTRICTED,
  complexity: 'O(N) when N is the number of configuration parameters provided',
  summary: 'Gives directives new values: all of them, or none when one is refused.',
  history: [['7.0.0', 'Takes several directives.']],
  arguments: [
    {
      name: 'parameter_value',
      type: 'block',
      flags: ['multiple'],
      arguments: [
        { name: 'parameter', type: 'string' },
        { name: 'value', type: 'string' },
      ],
    },
  ],
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  run(ctx) {
    const words = argTexts(ctx, 2);
    if (words.length % 2 === 1) return ctx.reply.error(errors.SYNTAX);
    const pairs: [string, string][] = [];
    for (let i = 0; i < words.length; i += 2) {
      pairs.push([words[i], words[i + 1]]);
      if (((findEntry(words[i])?.directive.flags ?? 0) & SENSITIVE) !== 0) ctx.redact(i + 3);
    }
    const error = ctx.server.config.set(pairs, {
      isLocal: isLocalAddress(ctx.client.peerAddress),
      isLoading: ctx.server.persistence.loading || ctx.server.persistence.loadingAside,
    });
    if (error === undefined) ctx.reply.ok();
    else ctx.reply.error(error);
  },
});

const configResetStat = command({
  name: 'resetstat',
  arity: 2,
  group: 'server',
  since: '2.0.0',
  flags: RESTRICTED,
  complexity: 'O(1)',
  summary: 'Sets the counters of INFO back to 0.',
  run(ctx) {
    ctx.server.resetStats();
    ctx.reply.ok();
  },
});

const configRewrite = command({
  name: 'rewrite',
  arity: 2,
  group: 'server',
  since: '2.8.0',
  flags: RESTRICTED,
  complexity: 'O(1)',
  summary: 'Writes the present values into the configuration file.',
  run(ctx) {
    const { server, reply } = ctx;
    if (server.configFile === '') return reply.error('ERR The server is running without a config file');
    const problem = server.rewriteConfig(false);
    if (problem === undefined) {
      server.log('warning', 'CONFIG REWRITE executed with success.');
      return reply.ok();
    }
    server.log('warning', `CONFIG REWRITE failed: ${problem}`);
    reply.error(`ERR Rewriting config file: ${problem}`);
  },
});

const HELP: readonly string[] = [
  'GET <pattern> [<pattern> ...]',
  '    The directives that match the glob-like <pattern>, with their values.',
  'SET <directive> <value> [<directive> <value> ...]',
  '    Give directives new values.',
  'RESETSTAT',
  '    Set the counters of INFO back to 0.',
  'REWRITE',
  '    Write the present values into the configuration file.',
];

const configHelp = helpSubcommand({ group: 'server', since: '5.0.0' }, HELP);

export const config: Command = command({
  name: 'config',
  arity: -2,
  group: 'server',
  since: '2.0.0',
  flags: 0,
  complexity: 'Depends on subcommand.',
  summary: 'Commands about the configuration.',
  subcommands: [configGet, configHelp, configResetStat, configRewrite, configSet],
});
