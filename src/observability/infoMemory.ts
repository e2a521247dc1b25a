/** INFO's section memory. */
import os from 'node:os';
import type { ServerPort } from '../commands/context.js';
import { memoryFigures } from '../commands/server/memoryFigures.js';
import type { InfoFields } from './infoFields.js';

export function memorySection(server: ServerPort): InfoFields {
  const memory = memoryFigures(server);
  const { usedBytes, peakBytes, reservedBytes, residentBytes } = memory;
  const { maxmemory } = server.config.values;
  const { graveyard } = server.store;
  const totalBytes = os.totalmem();
  return [
    ...withHuman('used_memory', usedBytes),
    ...withHuman('used_memory_rss', residentBytes),
    ...withHuman('used_memory_peak', peakBytes),
    ['used_memory_peak_perc', `${memory.peakPercent.toFixed(2)}%`],
    ['used_memory_overhead', memory.overheadBytes],
    ['used_memory_startup', memory.startupBytes],
    ['used_memory_dataset', memory.datasetBytes],
    ['used_memory_dataset_perc', `${memory.datasetPercent.toFixed(2)}%`],
    ['allocator_allocated', usedBytes],
    ['allocator_active', reservedBytes],
    ['allocator_resident', residentBytes],
    ...withHuman('total_system_memory', totalBytes),
    // There are no scripts and functions yet.
    ['used_memory_lua', 0],
    ['used_memory_vm_eval', 0],
    ['used_memory_lua_human', human(0)],
    ['used_memory_scripts_eval', 0],
    ['number_of_cached_scripts', 0],
    ['number_of_functions', 0],
    ['number_of_libraries', 0],
    ['used_memory_vm_functions', 0],
    ...withHuman('used_memory_vm_total', 0),
    ['used_memory_functions', 0],
    ...withHuman('used_memory_scripts', 0),
    ...withHuman('maxmemory', maxmemory),
    ['maxmemory_policy', server.config.values['maxmemory-policy']],
    ['allocator_frag_ratio', ratio(reservedBytes, usedBytes)],
    ['allocator_frag_bytes', reservedBytes - usedBytes],
    ['allocator_rss_ratio', ratio(residentBytes, reservedBytes)],
    ['allocator_rss_bytes', residentBytes - reservedBytes],
    // The allocator's share and the heap's cannot be told apart in what is resident.
    ['rss_overhead_ratio', '1.00'],
    ['rss_overhead_bytes', 0],
    ['mem_fragmentation_ratio', ratio(residentBytes, usedBytes)],
    ['mem_fragmentation_bytes', residentBytes - usedBytes],
    ['mem_not_counted_for_evict', memory.uncountedBytes],
    ['mem_replication_backlog', memory.backlogBytes],
    ['mem_total_replication_buffers', server.replication.buffers.bytesUsed],
    ['mem_clients_slaves', memory.replicaBytes],
    ['mem_clients_normal', memory.clientBytes],
    ['mem_cluster_links', memory.clusterLinkBytes],
    ['mem_aof_buffer', memory.aofBufferBytes],
    ['mem_allocator', `v8-${process.versions.v8}`],
    ['active_defrag_running', server.store.defragmenter.sharePercent],
    ['lazyfree_pending_objects', graveyard.pendingValues],
    ['lazyfreed_objects', graveyard.freedValues],
    // The runtime's own memory, which is not part of used_memory.
    ['node_heap_used', memory.heapBytes],
  ];
}

function withHuman(name: string, bytes: number): InfoFields {
  return [
    [name, bytes],
    [`${name}_human`, human(bytes)],
  ];
}

const UNITS = ['K', 'M', 'G', 'T', 'P'] as const;

/** `512B`, `1.16M`: in powers of 1024, as Redis writes it. */
export function human(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(2)}${UNITS[unit]}`;
}

function ratio(a: number, b: number): string {
  return (b === 0 ? 0 : a / b).toFixed(2);
}
