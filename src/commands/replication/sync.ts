/** SYNC, PSYNC and REPLCONF: what a replica says to its master, and in GETACK the master to its replica. */
import { parseSafeInt } from '../../base/bytes.js';
import { splitArgs } from '../../base/splitArgs.js';
import * as errors from '../../resp/errors.js';
import { ADMIN, ALLOW_BUSY, LOADING, NO_ASYNC_LOADING, NO_MULTI, NOSCRIPT, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { command } from '../define.js';

const HOST_MAX_BYTES = 256;
const SYNCS = { group: 'server', flags: ADMIN | NOSCRIPT | NO_MULTI | NO_ASYNC_LOADING } as const;

export const sync = command({
  ...SYNCS,
  name: 'sync',
  arity: 1,
  since: '1.0.0',
  complexity: 'O(N) where N is the number of keys',
  summary: 'Sends a snapshot and then every write. For replicas that know nothing of offsets.',
  run(ctx) {
    const error = ctx.server.replication.sync(ctx.client, { psync: undefined }, ctx.reply);
    if (error !== undefined) ctx.reply.error(error);
  },
});

export const psync = command({
  ...SYNCS,
  name: 'psync',
  arity: -3,
  since: '2.8.0',
  complexity: 'O(N) where N is the number of keys, if everything must be sent',
  summary: 'Sends every write from an offset on, or a snapshot first.',
  arguments: [
    { name: 'replicationid', type: 'string' },
    { name: 'offset', type: 'integer' },
  ],
  run(ctx) {
    const { replication } = ctx.server;
    const id = ctx.argText(1);
    if (ctx.argc > 3 && ctx.argIs(3, 'failover')) {
      const refusal = replication.takeOver(id);
      if (refusal !== undefined) return ctx.reply.error(refusal);
    }
    const offset = parseSafeInt(ctx.buf, ctx.start[2], ctx.end[2]);
    if (Number.isNaN(offset)) return ctx.reply.error(errors.NOT_AN_INTEGER);
    const error = replication.sync(ctx.client, { psync: { id, offset } }, ctx.reply);
    if (error !== undefined) ctx.reply.error(error);
  },
});

export const replConf = command({
  name: 'replconf',
  arity: -1,
  group: 'server',
  since: '3.0.0',
  flags: ADMIN | NOSCRIPT | LOADING | STALE | ALLOW_BUSY,
  complexity: 'O(1)',
  summary: 'What replicas and masters tell each other about the stream of writes.',
  docFlags: ['syscmd'],
  run(ctx) {
    if (ctx.argc % 2 === 0) return ctx.reply.error(errors.SYNTAX);
    for (let i = 1; i < ctx.argc; i += 2) {
      const outcome = configure(ctx, i);
      // ACK and GETACK get no answer at all.
      if (outcome === SILENT) return;
      if (outcome !== undefined) return ctx.reply.error(outcome);
    }
    ctx.reply.ok();
  },
});

const SILENT = Symbol('no reply');

/** Does what the option in argument `i` with its value asks for. Answers an error, or that there is no reply. */
function configure(ctx: CommandContext, i: number): string | typeof SILENT | undefined {
  const { replication } = ctx.server;
  const announced = replication.announcement(ctx.client);
  switch (ctx.argText(i).toLowerCase()) {
    case 'listening-port': {
      const port = ctx.argInt(i + 1);
      if (Number.isNaN(port)) return errors.NOT_AN_INTEGER;
      announced.listeningPort = port;
      return undefined;
    }
    case 'ip-address':
      if (ctx.argLength(i + 1) >= HOST_MAX_BYTES) {
        return `ERR REPLCONF ip-address provided by replica instance is too long: ${ctx.argLength(i + 1)} bytes`;
      }
      announced.ip = ctx.argText(i + 1);
      return undefined;
    case 'capa':
      if (ctx.argIs(i + 1, 'eof')) announced.takesMark = true;
      else if (ctx.argIs(i + 1, 'psync2')) announced.takesNewId = true;
      return undefined;
    case 'ack': {
      const offset = ctx.argInt(i + 1);
      const onDisk = ctx.argc > i + 3 && ctx.argIs(i + 2, 'fack') ? ctx.argInt(i + 3) : Number.NaN;
      if (!Number.isNaN(offset)) replication.acknowledge(ctx.client, offset, Number.isNaN(onDisk) ? undefined : onDisk);
      return SILENT;
    }
    case 'getack':
      replication.sendAck();
      return SILENT;
    case 'rdb-only': {
      const flag = ctx.argInt(i + 1);
      if (Number.isNaN(flag)) return errors.NOT_AN_INTEGER;
      if (flag !== 0 && flag !== 1) return 'ERR value is out of range, value must between 0 and 1';
      announced.snapshotOnly = flag === 1;
      return undefined;
    }
    case 'rdb-filter-only':
      return filter(ctx, i + 1);
    default:
      return `ERR Unrecognized REPLCONF option: ${errors.cString(ctx.argText(i))}`;
  }
}

/** Which parts of a snapshot are wanted: functions, of which there are none, or nothing. */
function filter(ctx: CommandContext, i: number): string | undefined {
  const words = splitArgs(ctx.argText(i));
  if (words === undefined) return 'ERR Missing rdb-filter-only values';
  ctx.server.replication.announcement(ctx.client).withoutData = true;
  const unknown = words.find((word) => word.toLowerCase() !== 'functions');
  return unknown === undefined ? undefined : `ERR Unsupported rdb-filter-only option: ${errors.cString(unknown)}`;
}
