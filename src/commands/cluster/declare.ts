import * as errors from '../../resp/errors.js';
import type { ClusterPort } from '../clusterPort.js';
import { ADMIN, type ArgumentDoc, NO_ASYNC_LOADING, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';

/** Subcommands that only look. */
export const LOOKS = STALE;
/** Subcommands that change the cluster. */
export const CHANGES = ADMIN | STALE | NO_ASYNC_LOADING;

export const NODE_ID: ArgumentDoc = { name: 'node-id', type: 'string' };
export const SLOT: ArgumentDoc = { name: 'slot', type: 'integer' };

type Details = Pick<
  Command,
  'summary' | 'complexity' | 'arguments' | 'history' | 'tips' | 'docFlags' | 'deprecatedSince' | 'replacedBy'
>;

/** Declares a CLUSTER subcommand that runs only where cluster mode is on. */
export function clusterSubcommand(
  name: string,
  arity: number,
  since: string,
  flags: number,
  details: Details,
  run: (ctx: CommandContext, cluster: ClusterPort) => void,
): Command {
  return command({
    name,
    arity,
    group: 'cluster',
    since,
    flags,
    ...details,
    run(ctx) {
      const { cluster } = ctx.server;
      if (cluster === undefined) ctx.reply.error(errors.CLUSTER_DISABLED);
      else run(ctx, cluster);
    },
  });
}
