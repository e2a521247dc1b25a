/**
 * Replica migration: a replica of a master that has several goes to one that has lost its last. Every replica decides for
 * itself; by the rules below all come to the same one.
 */
import type { CoreContext } from './context.js';
import type { ClusterNode } from './node.js';
import { NODE_MIGRATE_TO } from './protocol.js';
import { becomeReplicaOf } from './role.js';

/** A master has to be without replicas for so long: after a failover its own need time to say that they follow it. */
const DELAY_MS = 5000;

/** Due with every tick of a replica. */
export function migrateIfDue(ctx: CoreContext): void {
  const { myself, list } = ctx.state;
  const { master } = myself;
  if (!ctx.config.allowReplicaMigration || master === undefined || master.isFailed) return;
  let most = 0;
  for (const node of list) {
    if (!node.isMaster || node.isFailed) continue;
    most = Math.max(most, workingReplicas(node));
  }
  const target = noteOrphans(ctx);
  // Only those of the best covered master may go, and not its last.
  if (target === undefined || most < 2 || workingReplicas(master) !== most) return;
  if (mayMigrate(ctx, master, target, most)) {
    ctx.log('warning', `Migrating to orphaned master ${target.id}`);
    becomeReplicaOf(ctx, target);
  }
}

function mayMigrate(ctx: CoreContext, master: ClusterNode, target: ClusterNode, most: number): boolean {
  if (!ctx.stateOk || countResponding(master) <= ctx.config.migrationBarrier) return false;
  return firstCandidate(ctx, most) === ctx.state.myself && ctx.nowMs - target.orphanedSinceMs > DELAY_MS;
}

/** Keeps the time since when each master has no replica; the first of those that serve slots. */
function noteOrphans(ctx: CoreContext): ClusterNode | undefined {
  let target: ClusterNode | undefined;
  for (const node of ctx.state.list) {
    if (!node.isMaster || node.isFailed || (node.flags & NODE_MIGRATE_TO) === 0 || workingReplicas(node) > 0) {
      node.orphanedSinceMs = 0;
      continue;
    }
    if (node.slotCount > 0) target ??= node;
    if (node.orphanedSinceMs === 0) node.orphanedSinceMs = ctx.nowMs;
  }
  return target;
}

/** The replica with the smallest id among those of the best covered masters. */
function firstCandidate(ctx: CoreContext, most: number): ClusterNode {
  let first = ctx.state.myself;
  for (const node of ctx.state.list) {
    if (!node.isMaster || workingReplicas(node) !== most) continue;
    for (const replica of node.replicas) if (replica.id < first.id) first = replica;
  }
  return first;
}

function workingReplicas(master: ClusterNode): number {
  let count = 0;
  for (const replica of master.replicas) if (!replica.isFailed) count++;
  return count;
}

function countResponding(master: ClusterNode): number {
  let count = 0;
  for (const replica of master.replicas) if (!replica.isUnreachable) count++;
  return count;
}
