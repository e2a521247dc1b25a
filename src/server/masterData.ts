import type { MasterAddress } from '../commands/replicationPort.js';
import type { Config } from '../config/config.js';
import { findEntry } from '../config/directives.js';
import type { Executor } from '../exec/executor.js';
import type { Aof } from './aof.js';
import type { Rdb } from './rdb.js';

export interface MasterDataHost {
  readonly executor: Executor;
  readonly rdb: Rdb;
  readonly aof: Aof;
  refreshGates(): void;
}

/** A master's snapshot takes the place of all data. Answers why it cannot be loaded; there is no data then. */
export async function loadMasterData(host: MasterDataHost, file: string): Promise<string | undefined> {
  const { executor, rdb } = host;
  const { server } = executor;
  // What it holds is not what the master's commands go on from: it begins anew when the data is there.
  host.aof.suspend();
  executor.loading = true;
  host.refreshGates();
  server.log('notice', 'MASTER <-> REPLICA sync: Flushing old data');
  executor.flushed(undefined);
  executor.ownExpires.clear();
  server.store.clear();
  const problem = await rdb.loadReceived(file);
  if (problem !== undefined) server.store.clear();
  executor.endBatch();
  executor.loading = false;
  executor.saved();
  if (problem === undefined) host.aof.resume();
  host.refreshGates();
  return problem;
}

/** CONFIG GET and CONFIG REWRITE are to know whom we follow. */
export function noteMaster(config: Config, address: MasterAddress | undefined): void {
  const entry = findEntry('replicaof');
  if (entry === undefined) return;
  config.assign(entry, address === undefined ? ['no', 'one'] : [address.host, String(address.port)]);
}
