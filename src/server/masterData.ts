import type { MasterAddress } from '../commands/replicationPort.js';
import type { Config } from '../config/config.js';
import { findEntry } from '../config/directives.js';
import type { Executor } from '../exec/executor.js';
import type { RdbFeed } from '../persistence/format/rdbFeed.js';
import type { Aof } from './aof.js';
import type { Rdb } from './rdb.js';

export interface MasterDataHost {
  readonly executor: Executor;
  readonly rdb: Rdb;
  readonly aof: Aof;
  refreshGates(): void;
}

/** How a master's snapshot comes to its place. */
export type LoadWay =
  /** By way of a file. */
  | 'file'
  /** From the socket, over what was there. */
  | 'flush'
  /** From the socket, into databases of its own; nothing is served meanwhile, but what was there stays if it fails. */
  | 'swap'
  /** The same while what was there is served: it is an older state of the same data. */
  | 'swap-serving';

/** As `repl-diskless-load` wants it. */
export function loadWay({ server }: Executor, isSameHistory: boolean): LoadWay {
  switch (server.config.values['repl-diskless-load']) {
    case 'swapdb':
      return isSameHistory ? 'swap-serving' : 'swap';
    case 'flush-before-load':
      return 'flush';
    case 'on-empty-db':
      return server.store.databases.every(({ size }) => size === 0) ? 'flush' : 'file';
    default:
      return 'file';
  }
}

/** A snapshot that comes in from a master. */
export interface StreamedData {
  readonly feed: RdbFeed;
  readonly way: LoadWay;
  /** The data that was there is about to go. */
  replacing(): void;
}

/** Answers why it cannot be loaded. What is there then depends on the way. */
export async function loadStreamedData(host: MasterDataHost, data: StreamedData): Promise<string | undefined> {
  if (data.way === 'flush') {
    data.replacing();
    return replaceData(host, () => host.rdb.loadStream(data.feed, host.executor.server.store.databases));
  }
  const { executor, rdb } = host;
  const { store } = executor.server;
  const spare = store.spare();
  const mark = data.way === 'swap' ? 'loading' : 'loadingAside';
  executor[mark] = true;
  host.refreshGates();
  // The link may have been given up after the last key.
  const problem = (await rdb.loadStream(data.feed, spare)) ?? data.feed.problem;
  if (problem === undefined) {
    data.replacing();
    host.aof.suspend();
    store.adopt(spare);
    for (const [i, db] of store.databases.entries()) executor.swapped(db, spare[i]);
    executor.tracking.flushed();
    executor.ownExpires.clear();
  }
  for (const db of spare) db.dispose();
  executor.endBatch();
  executor[mark] = false;
  if (problem === undefined) {
    executor.saved();
    host.aof.resume();
  }
  host.refreshGates();
  return problem;
}

/** A master's snapshot takes the place of all data. Answers why it cannot be loaded; there is no data then. */
export function loadMasterData(host: MasterDataHost, file: string): Promise<string | undefined> {
  return replaceData(host, () => host.rdb.loadReceived(file));
}

async function replaceData(host: MasterDataHost, load: () => Promise<string | undefined>): Promise<string | undefined> {
  const { executor } = host;
  const { server } = executor;
  // What it holds is not what the master's commands go on from: it begins anew when the data is there.
  host.aof.suspend();
  executor.loading = true;
  host.refreshGates();
  server.log('notice', 'MASTER <-> REPLICA sync: Flushing old data');
  executor.flushed(undefined);
  executor.ownExpires.clear();
  server.store.clear();
  const problem = await load();
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
