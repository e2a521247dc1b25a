/** INFO's sections persistence, stats and cpu. */
import type { ServerPort } from '../commands/context.js';
import type { InfoFields } from './infoFields.js';

/** No fork ever: those fields say so. What the RDB file and the AOF know takes the place of the defaults. */
export function persistenceSection(server: ServerPort): InfoFields {
  const { persistence } = server;
  const fields = new Map<string, string | number>([
    ['loading', persistence.loading ? 1 : 0],
    ['async_loading', persistence.loadingAside ? 1 : 0],
    ['current_cow_peak', 0],
    ['current_cow_size', 0],
    ['current_cow_size_age', 0],
    ['current_fork_perc', '0.00'],
    ['current_save_keys_processed', 0],
    ['current_save_keys_total', 0],
    ['rdb_changes_since_last_save', server.dirty],
    ['rdb_bgsave_in_progress', 0],
    ['rdb_last_save_time', 0],
    ['rdb_last_bgsave_status', 'ok'],
    ['rdb_last_bgsave_time_sec', -1],
    ['rdb_current_bgsave_time_sec', -1],
    ['rdb_saves', 0],
    ['rdb_last_cow_size', 0],
    ['rdb_last_load_keys_expired', 0],
    ['rdb_last_load_keys_loaded', 0],
    ['aof_enabled', persistence.aofEnabled ? 1 : 0],
    ['aof_rewrite_in_progress', 0],
    ['aof_rewrite_scheduled', 0],
    ['aof_last_rewrite_time_sec', -1],
    ['aof_current_rewrite_time_sec', -1],
    ['aof_last_bgrewrite_status', 'ok'],
    ['aof_rewrites', 0],
    ['aof_rewrites_consecutive_failures', 0],
    ['aof_last_write_status', 'ok'],
    ['aof_last_cow_size', 0],
    ['module_fork_in_progress', 0],
    ['module_fork_last_cow_size', 0],
  ]);
  for (const [name, value] of persistence.infoFields()) fields.set(name, value);
  return [...fields];
}

export function statsSection(server: ServerPort): InfoFields {
  const { stats } = server;
  const { defragmenter } = server.store;
  const { opsPerSec, inputKbps, outputKbps } = server.rates();
  const sinceUs = stats.evictionExceededSinceUs;
  const exceededUs = sinceUs < 0 ? 0 : server.clock.monotonicUs() - sinceUs;
  return [
    ['total_connections_received', stats.connectionsReceived],
    ['total_commands_processed', stats.commandsProcessed],
    ['instantaneous_ops_per_sec', opsPerSec],
    ['total_net_input_bytes', stats.netInputBytes],
    ['total_net_output_bytes', stats.netOutputBytes],
    ['total_net_repl_input_bytes', server.replication.netInputBytes],
    ['total_net_repl_output_bytes', server.replication.netOutputBytes],
    ['instantaneous_input_kbps', inputKbps.toFixed(2)],
    ['instantaneous_output_kbps', outputKbps.toFixed(2)],
    ['instantaneous_input_repl_kbps', '0.00'],
    ['instantaneous_output_repl_kbps', '0.00'],
    ['rejected_connections', stats.rejectedConnections],
    ['sync_full', stats.syncFull],
    ['sync_partial_ok', stats.syncPartialOk],
    ['sync_partial_err', stats.syncPartialErr],
    ['expired_keys', stats.expiredKeys],
    ['expired_stale_perc', stalePercent(server).toFixed(2)],
    ['expired_time_cap_reached_count', stats.expiredTimeCapReached],
    ['expire_cycle_cpu_milliseconds', Math.floor(stats.expireCycleCpuMs)],
    ['evicted_keys', stats.evictedKeys],
    ['evicted_clients', stats.evictedClients],
    ['total_eviction_exceeded_time', Math.floor((stats.evictionExceededUs + exceededUs) / 1000)],
    ['current_eviction_exceeded_time', Math.floor(exceededUs / 1000)],
    ['keyspace_hits', stats.keyspaceHits],
    ['keyspace_misses', stats.keyspaceMisses],
    ['pubsub_channels', server.pubsub.channelCount(false)],
    ['pubsub_patterns', server.pubsub.patternCount],
    ['pubsubshard_channels', server.pubsub.channelCount(true)],
    ['latest_fork_usec', 0],
    ['total_forks', 0],
    ['migrate_cached_sockets', server.migrations.cachedSockets],
    ['slave_expires_tracked_keys', server.replication.ownExpiresCount],
    ['active_defrag_hits', defragmenter.hits],
    ['active_defrag_misses', defragmenter.misses],
    ['active_defrag_key_hits', defragmenter.hits],
    ['active_defrag_key_misses', defragmenter.misses],
    ['total_active_defrag_time', Math.floor(defragmenter.activeUs / 1000)],
    ['current_active_defrag_time', 0],
    ['tracking_total_keys', server.tracking.keyCount],
    ['tracking_total_items', server.tracking.itemCount],
    ['tracking_total_prefixes', server.tracking.prefixCount],
    ['unexpected_error_replies', stats.unexpectedErrorReplies],
    ['total_error_replies', stats.totalErrorReplies],
    ['dump_payload_sanitizations', 0],
    ['total_reads_processed', stats.readsProcessed],
    ['total_writes_processed', stats.writesProcessed],
    ['io_threaded_reads_processed', 0],
    ['io_threaded_writes_processed', 0],
    ['reply_buffer_shrinks', 0],
    ['reply_buffer_expands', 0],
    ['client_query_buffer_limit_disconnections', stats.clientQueryBufferLimitDisconnections],
    ['client_output_buffer_limit_disconnections', stats.clientOutputBufferLimitDisconnections],
    ['acl_access_denied_auth', stats.aclAccessDeniedAuth],
    ['acl_access_denied_cmd', 0],
    ['acl_access_denied_key', 0],
    ['acl_access_denied_channel', 0],
  ];
}

/** No more keys than this are counted: where more are due, INFO need not tell how many exactly. */
const COUNT_DUE_MAX = 10_000;

/** Of the keys with an expire time, those that are over it and not reclaimed yet. */
function stalePercent(server: ServerPort): number {
  const nowMs = server.clock.nowMs();
  let due = 0;
  let expiring = 0;
  for (const db of server.store.databases) {
    due += db.countExpired(nowMs, COUNT_DUE_MAX - due);
    expiring += db.expires;
  }
  return expiring === 0 ? 0 : (due / expiring) * 100;
}

/** Newer versions of Node know the time of the thread that serves; older ones only that of the whole process. */
interface ThreadClock {
  threadCpuUsage?(): NodeJS.CpuUsage;
}

export function cpuSection(): InfoFields {
  const { user, system } = process.cpuUsage();
  const fields: [string, string][] = [
    ['used_cpu_sys', seconds(system)],
    ['used_cpu_user', seconds(user)],
    // There are no child processes.
    ['used_cpu_sys_children', seconds(0)],
    ['used_cpu_user_children', seconds(0)],
  ];
  const thread = (process as ThreadClock).threadCpuUsage?.();
  if (thread === undefined) return fields;
  return [
    ...fields,
    ['used_cpu_sys_main_thread', seconds(thread.system)],
    ['used_cpu_user_main_thread', seconds(thread.user)],
  ];
}

function seconds(microseconds: number): string {
  return (microseconds / 1e6).toFixed(6);
}
