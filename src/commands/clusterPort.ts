import type { AdminCommand, AdminReply } from '../cluster/core/admin.js';
import type { ClusterCore } from '../cluster/core/core.js';
import type { ClusterNode } from '../cluster/core/node.js';
import type { BusLinkInfo } from '../cluster/core/queries.js';

/** What commands and dispatch need of the cluster: the pure core to ask, and the shell to change it through. */
export interface ClusterPort {
  readonly core: ClusterCore;
  /** Runs an admin command and carries out its effects (nodes.conf on disk, frames on the bus) before it answers. */
  admin(command: AdminCommand): AdminReply;
  links(): readonly BusLinkInfo[];
  /** Cuts the links to a node, from it, or both. */
  killLinks(nodeId: string, direction: 'to' | 'from' | 'all'): void;
  /** Sends a PUBLISH to all other nodes, a SPUBLISH (sharded) to those of this shard. */
  publish(channel: Uint8Array, message: Uint8Array, sharded: boolean): void;
  /** Links closed because their send queue was full. */
  readonly linksDropped: number;
}

/** The host that clients are told, by cluster-preferred-endpoint-type: address, host name (`?` without one) or nothing. */
export function preferredHost(node: ClusterNode, preference: string): string {
  if (preference === 'hostname') return node.hostname === '' ? '?' : node.hostname;
  return preference === 'unknown-endpoint' ? '' : node.ip;
}
