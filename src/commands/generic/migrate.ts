/** MIGRATE: moves keys to another server. The command checks what it was told; moving takes its time and is the server's (migrationPort.ts). */
import { NOT_AN_INTEGER, SYNTAX } from '../../resp/errors.js';
import { type ArgumentDoc, index, type KeyArguments, keyword, MOVABLEKEYS, range, WRITE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import type { Credentials } from '../migrationPort.js';
import { token } from './declare.js';

const KEY_WITH_KEYS = 'ERR When using MIGRATE KEYS option, the key argument must be set to the empty string';
const DEFAULT_TIMEOUT_MS = 1000;
/** More than a timer takes is for ever. */
const MAX_TIMEOUT_MS = 0x7fffffff;

const HOST = 1;
const PORT = 2;
const KEY = 3;
const TARGET_DB = 4;
const TIMEOUT = 5;
const FIRST_OPTION = 6;

interface Options {
  copy: boolean;
  replace: boolean;
  credentials: Credentials | undefined;
  firstKey: number;
  /** The argument behind the last key. */
  endKey: number;
}

/** The options, up to KEYS, behind which all is keys; undefined when they are malformed: the error has been replied. */
function parseOptions(ctx: CommandContext): Options | undefined {
  const { argc } = ctx;
  const options: Options = { copy: false, replace: false, credentials: undefined, firstKey: KEY, endKey: KEY + 1 };
  for (let i = FIRST_OPTION; i < argc; i++) {
    const left = argc - 1 - i;
    if (ctx.argIs(i, 'copy')) options.copy = true;
    else if (ctx.argIs(i, 'replace')) options.replace = true;
    else if (ctx.argIs(i, 'auth') && left >= 1) {
      options.credentials = { user: options.credentials?.user, password: secret(ctx, ++i) };
    } else if (ctx.argIs(i, 'auth2') && left >= 2) {
      options.credentials = { user: secret(ctx, ++i), password: secret(ctx, ++i) };
    } else if (ctx.argIs(i, 'keys')) {
      if (ctx.argLength(KEY) !== 0) {
        ctx.reply.error(KEY_WITH_KEYS);
        return undefined;
      }
      return { ...options, firstKey: i + 1, endKey: argc };
    } else {
      ctx.reply.error(SYNTAX);
      return undefined;
    }
  }
  return options;
}

function secret(ctx: CommandContext, i: number): Uint8Array {
  ctx.redact(i);
  return ctx.argCopy(i);
}

function runMigrate(ctx: CommandContext): void {
  const options = parseOptions(ctx);
  if (options === undefined) return;
  const timeoutMs = ctx.argInt64(TIMEOUT);
  const targetDb = ctx.argInt64(TARGET_DB);
  if (timeoutMs === undefined || targetDb === undefined) return ctx.reply.error(NOT_AN_INTEGER);
  const keys: Uint8Array[] = [];
  for (let i = options.firstKey; i < options.endKey; i++) if (ctx.lookupRead(i) !== 0) keys.push(ctx.argCopy(i));
  if (keys.length === 0) return ctx.reply.simple('NOKEY');
  ctx.server.migrations.start(ctx.db, {
    host: ctx.argText(HOST),
    port: ctx.argText(PORT),
    targetDb: targetDb.toString(),
    timeoutMs: timeoutMs <= 0n ? DEFAULT_TIMEOUT_MS : Math.min(Number(timeoutMs), MAX_TIMEOUT_MS),
    copy: options.copy,
    replace: options.replace,
    credentials: options.credentials,
    keys,
  });
}

/** How many arguments of its own an option has. */
const SKIPPED: Readonly<Record<string, number>> = { copy: 0, replace: 0, auth: 1, auth2: 2 };

function migrateKeys({ argc, buf, start, end }: KeyArguments, out: number[]): void {
  for (let i = FIRST_OPTION; i < argc; i++) {
    const word = Buffer.from(buf.subarray(start[i], end[i])).toString('latin1').toLowerCase();
    if (word === 'keys') {
      // With both forms of keys the command itself answers the error.
      if (end[KEY] > start[KEY]) return;
      for (let key = i + 1; key < argc; key++) out.push(key);
      return;
    }
    i += SKIPPED[word] ?? 0;
  }
  out.push(KEY);
}

const ARGUMENTS: readonly ArgumentDoc[] = [
  { name: 'host', type: 'string' },
  { name: 'port', type: 'integer' },
  {
    name: 'key_or_empty_string',
    type: 'oneof',
    arguments: [
      { name: 'key', type: 'key', keySpecIndex: 0 },
      { name: 'empty_string', type: 'pure-token', token: '' },
    ],
  },
  { name: 'destination-db', type: 'integer' },
  { name: 'timeout', type: 'integer' },
  token('copy', { since: '3.0.0', flags: ['optional'] }),
  token('replace', { since: '3.0.0', flags: ['optional'] }),
  {
    name: 'authentication',
    type: 'oneof',
    flags: ['optional'],
    arguments: [
      { name: 'password', type: 'string', token: 'AUTH', since: '4.0.7', flags: ['optional'] },
      {
        name: 'username_password',
        type: 'block',
        token: 'AUTH2',
        since: '6.0.0',
        flags: ['optional'],
        arguments: [
          { name: 'username', type: 'string' },
          { name: 'password', type: 'string' },
        ],
      },
    ],
  },
  { name: 'key', type: 'key', keySpecIndex: 1, token: 'KEYS', since: '3.0.6', flags: ['optional', 'multiple'] },
];

export const migrateCommands: readonly Command[] = [
  command({
    name: 'migrate',
    arity: -6,
    group: 'generic',
    since: '2.6.0',
    flags: WRITE | MOVABLEKEYS,
    acl: ['keyspace', 'dangerous'],
    keys: [
      { begin: index(KEY), find: range(0, 1), access: 'RW access delete' },
      { begin: keyword('KEYS', -2), find: range(-1, 1), access: 'RW access delete incomplete' },
    ],
    complexity: 'What DUMP and DEL cost here and RESTORE there, and O(N) for N bytes on their way.',
    summary: 'Moves keys to another server.',
    history: [
      ['3.0.0', 'The options `COPY` and `REPLACE` came.'],
      ['3.0.6', 'The option `KEYS` came.'],
      ['4.0.7', 'The option `AUTH` came.'],
      ['6.0.0', 'The option `AUTH2` came.'],
    ],
    tips: ['nondeterministic_output'],
    arguments: ARGUMENTS,
    getKeys: migrateKeys,
    run: runMigrate,
  }),
];
