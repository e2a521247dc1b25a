import { PROTECTED, WRITE } from '../commands/command.js';
import type { MasterLinkState } from '../commands/replicationPort.js';
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';

/** Which requests are let through depends on these. */
export const GATE_DIRECTIVES = [
  'replica-read-only',
  'replica-serve-stale-data',
  'min-replicas-to-write',
  'min-replicas-max-lag',
] as const;

interface GatesHost {
  readonly executor: Executor;
  readonly config: Config;
  refreshGates(): void;
}

/** Opens and closes the gates that depend on our part in replication. `link`: of a replica, to its master. */
export function setReplicationGates(host: GatesHost, link: MasterLinkState | undefined, goodReplicas: number): void {
  const { executor } = host;
  const { values } = host.config;
  const following = link !== undefined;
  executor.following = following;
  executor.writableReplica = following && !values['replica-read-only'];
  if (!following) executor.ownExpires.clear();
  const gates = executor.replication;
  gates.readOnly = following && values['replica-read-only'];
  executor.gatedFlags = gates.readOnly ? PROTECTED | WRITE : PROTECTED;
  gates.masterDown = following && link !== 'connected' && !values['replica-serve-stale-data'];
  const { 'min-replicas-to-write': wanted, 'min-replicas-max-lag': maxLag } = values;
  gates.fewReplicas = !following && wanted > 0 && maxLag > 0 && goodReplicas < wanted;
  host.refreshGates();
}
