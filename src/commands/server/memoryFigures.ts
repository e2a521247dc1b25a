/** What the server uses its memory for, as INFO and MEMORY tell it. All figures are bytes. */
import type { ServerPort } from '../context.js';

/** What one database's index takes, the links inside of its entries included. */
export interface DatabaseOverhead {
  readonly index: number;
  readonly tableBytes: number;
  readonly expiryBytes: number;
  readonly slotBytes: number;
}

export interface MemoryFigures {
  /** used_memory: data with its index, and all buffers. The JavaScript heap of the server itself is not part of it. */
  readonly usedBytes: number;
  readonly peakBytes: number;
  readonly startupBytes: number;
  /** Everything but keys and values. */
  readonly overheadBytes: number;
  /** Keys and values. */
  readonly datasetBytes: number;
  /** Share of the dataset in what has come since the start, percent. */
  readonly datasetPercent: number;
  readonly peakPercent: number;
  /** Of databases that are not empty. */
  readonly databases: readonly DatabaseOverhead[];
  readonly keys: number;
  /** Connections with their buffers. */
  readonly clientBytes: number;
  readonly aofBufferBytes: number;
  readonly backlogBytes: number;
  /** What is kept of the replication stream beyond that, for replicas that have not taken it yet. */
  readonly replicaBytes: number;
  readonly clusterLinkBytes: number;
  /** The part of usedBytes that maxmemory does not limit. */
  readonly uncountedBytes: number;
  /** What was taken from the system for usedBytes: the arena's segments hold free blocks as well. */
  readonly reservedBytes: number;
  /** Live objects of the JavaScript heap: code, connections, state. */
  readonly heapBytes: number;
  readonly residentBytes: number;
}

export function memoryFigures(server: ServerPort): MemoryFigures {
  const { heapUsed, rss } = process.memoryUsage();
  const { store } = server;
  const usedBytes = server.usedMemoryBytes();
  const peakBytes = Math.max(server.stats.peakMemoryBytes, usedBytes);
  const startupBytes = server.startupMemoryBytes;
  const clientBytes = server.clients.bytesUsed;
  const { aofBufferBytes } = server.persistence;
  const { bytesUsed: bufferBytes, heldForReplicasBytes: replicaBytes } = server.replication.buffers;
  const databases: DatabaseOverhead[] = [];
  let keys = 0;
  let indexBytes = 0;
  for (const db of store.databases) {
    keys += db.size;
    if (db.size === 0) continue;
    const { index, tableBytes, expiryBytes, slotBytes } = db;
    databases.push({ index, tableBytes, expiryBytes, slotBytes });
    indexBytes += tableBytes + expiryBytes + slotBytes;
  }
  let clusterLinkBytes = 0;
  for (const link of server.cluster?.links() ?? []) clusterLinkBytes += link.sendBufferAllocated;
  const overheadBytes = Math.min(usedBytes, startupBytes + clientBytes + aofBufferBytes + bufferBytes + indexBytes);
  const datasetBytes = usedBytes - overheadBytes;
  return {
    usedBytes,
    peakBytes,
    startupBytes,
    overheadBytes,
    datasetBytes,
    datasetPercent: percent(datasetBytes, usedBytes - startupBytes),
    peakPercent: percent(usedBytes, peakBytes),
    databases,
    keys,
    clientBytes,
    aofBufferBytes,
    backlogBytes: bufferBytes - replicaBytes,
    replicaBytes,
    clusterLinkBytes,
    uncountedBytes: server.uncountedMemoryBytes(),
    reservedBytes: usedBytes + store.reservedBytes() - store.allocatedBytes(),
    heapBytes: heapUsed,
    residentBytes: rss,
  };
}

function percent(part: number, whole: number): number {
  return whole <= 0 ? 0 : (part / whole) * 100;
}
