import type { Executor } from '../exec/executor.js';
import type { Rdb } from './rdb.js';

export interface MasterDataHost {
  readonly executor: Executor;
  readonly rdb: Rdb;
  refreshGates(): void;
}

/** A master's snapshot takes the place of all data. Answers why it cannot be loaded; there is no data then. */
export async function loadMasterData(host: MasterDataHost, file: string): Promise<string | undefined> {
  const { executor, rdb } = host;
  const { server } = executor;
  executor.loading = true;
  host.refreshGates();
  server.log('notice', 'MASTER <-> REPLICA sync: Flushing old data');
  executor.flushed(undefined);
  server.store.clear();
  const problem = await rdb.loadReceived(file);
  if (problem !== undefined) server.store.clear();
  executor.endBatch();
  executor.loading = false;
  executor.saved();
  host.refreshGates();
  return problem;
}
