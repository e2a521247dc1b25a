import { copyOf } from '../base/copy.js';
import type { MasterAddress } from '../commands/replicationPort.js';
import type { Config } from '../config/config.js';
import { findEntry } from '../config/directives.js';
import type { Executor } from '../exec/executor.js';
import { ArgVector } from '../resp/argVector.js';
import { NO_EXPIRE } from '../store/types.js';
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
  executor.loading = true;
  host.refreshGates();
  server.log('notice', 'MASTER <-> REPLICA sync: Flushing old data');
  executor.flushed(undefined);
  executor.ownExpires.clear();
  server.store.clear();
  const problem = await rdb.loadReceived(file);
  if (problem !== undefined) server.store.clear();
  else if (host.aof.enabled) writeToAof(host);
  executor.endBatch();
  executor.loading = false;
  executor.saved();
  host.refreshGates();
  return problem;
}

/** CONFIG GET and CONFIG REWRITE are to know whom we follow. */
export function noteMaster(config: Config, address: MasterAddress | undefined): void {
  const entry = findEntry('replicaof');
  if (entry === undefined) return;
  config.assign(entry, address === undefined ? ['no', 'one'] : [address.host, String(address.port)]);
}

/** So many keys at most wait to be written. */
const KEYS_PER_FLUSH = 1000;

/** The append-only file held other data: from here on it holds this. */
function writeToAof({ executor, aof }: MasterDataHost): void {
  const { databases } = executor.server.store;
  aof.feed(0, ArgVector.from(['FLUSHALL']));
  let keys = 0;
  for (const db of databases) {
    db.forEach((ref) => {
      const { buf, start, end } = db.readKey(ref);
      const key = copyOf(buf, start, end);
      const expireAtMs = db.expireAtMs(ref);
      const time = expireAtMs === NO_EXPIRE ? '0' : BigInt(expireAtMs).toString();
      executor.dumps.dump(db, ref, (payload, length) => {
        aof.feed(db.index, ArgVector.from(['RESTORE', key, time, payload.subarray(0, length), 'ABSTTL']));
      });
      if (++keys % KEYS_PER_FLUSH === 0) aof.flush();
    });
  }
  aof.flush();
}
