/** What the server uses its memory for, as INFO and MEMORY STATS tell it. All figures are bytes. */
import type { ServerPort } from '../context.js';

export interface MemoryFigures {
  /** Keys, values, index and bookkeeping: what maxmemory limits. */
  readonly dataBytes: number;
  /** Live objects of the JavaScript heap: code, connections, state. */
  readonly heapBytes: number;
  /** Both together: used_memory. */
  readonly usedBytes: number;
  readonly peakBytes: number;
  /** Heap and buffers as they were taken from the system, unused parts included. */
  readonly reservedBytes: number;
  readonly residentBytes: number;
  /** Requests not complete yet and replies not taken yet. */
  readonly clientBytes: number;
  readonly aofBufferBytes: number;
  readonly clusterLinkBytes: number;
}

export function memoryFigures(server: ServerPort): MemoryFigures {
  const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
  const dataBytes = server.store.usedBytes();
  const usedBytes = dataBytes + heapUsed;
  let clientBytes = 0;
  for (const client of server.clients.all()) {
    clientBytes += client.queryBufferBytes() + client.outputBytes() + client.multiQueueBytes();
  }
  let clusterLinkBytes = 0;
  for (const link of server.cluster?.links() ?? []) clusterLinkBytes += link.sendBufferAllocated;
  const aofBuffer = server.persistence.infoFields().find(([name]) => name === 'aof_buffer_length');
  return {
    dataBytes,
    heapBytes: heapUsed,
    usedBytes,
    peakBytes: Math.max(server.stats.peakMemoryBytes, usedBytes),
    // What the system gave is never less than what is in use of it.
    reservedBytes: Math.max(usedBytes, heapTotal + external),
    residentBytes: rss,
    clientBytes,
    aofBufferBytes: Number(aofBuffer?.[1] ?? 0),
    clusterLinkBytes,
  };
}
