/** INFO's section replication. */
import type { ServerPort } from '../commands/context.js';
import type { MasterFacts } from '../commands/replicationPort.js';
import type { InfoFields } from './infoFields.js';

/** Fields in the order of Redis. */
export function replicationSection(server: ServerPort): InfoFields {
  const { replication, config } = server;
  const { master, backlog, replicaFacts } = replication;
  const minimum = config.values['min-replicas-to-write'] > 0 && config.values['min-replicas-max-lag'] > 0;
  return [
    ['role', master === undefined ? 'master' : 'slave'],
    ...(master === undefined ? [] : masterFields(server, master)),
    ['connected_slaves', replicaFacts.length],
    ...(minimum ? ([['min_slaves_good_slaves', replication.goodReplicas]] as const) : []),
    ...replicaFacts.map(
      ({ host, port, state, ackedOffset, lagSeconds }, i) =>
        [`slave${i}`, `ip=${host},port=${port},state=${state},offset=${ackedOffset},lag=${lagSeconds}`] as const,
    ),
    ['master_failover_state', replication.failoverState],
    ['master_replid', replication.id],
    ['master_replid2', replication.secondId],
    ['master_repl_offset', replication.offset],
    ['second_repl_offset', replication.secondOffset],
    ['repl_backlog_active', backlog === undefined ? 0 : 1],
    ['repl_backlog_size', config.values['repl-backlog-size']],
    ['repl_backlog_first_byte_offset', backlog?.firstByteOffset ?? 0],
    ['repl_backlog_histlen', backlog?.length ?? 0],
  ];
}

function masterFields({ config }: ServerPort, master: MasterFacts): InfoFields {
  const { values } = config;
  const { sync } = master;
  const isUp = master.state === 'connected';
  // Redis says 1 where there is no stream yet.
  const offset = (value: number): number => (master.offset < 0 ? 1 : value);
  return [
    ['master_host', master.host],
    ['master_port', master.port],
    ['master_link_status', isUp ? 'up' : 'down'],
    ['master_last_io_seconds_ago', master.secondsSinceIo],
    ['master_sync_in_progress', sync === undefined ? 0 : 1],
    ['slave_read_repl_offset', offset(master.readOffset)],
    ['slave_repl_offset', offset(master.offset)],
    ...(sync === undefined ? [] : syncFields(sync)),
    ...(isUp ? [] : ([['master_link_down_since_seconds', master.secondsDown]] as const)),
    ['slave_priority', values['replica-priority']],
    ['slave_read_only', values['replica-read-only'] ? 1 : 0],
    ['replica_announced', values['replica-announced'] ? 1 : 0],
  ];
}

function syncFields({ totalBytes, readBytes, secondsSinceIo }: NonNullable<MasterFacts['sync']>): InfoFields {
  return [
    ['master_sync_total_bytes', totalBytes],
    ['master_sync_read_bytes', readBytes],
    ['master_sync_left_bytes', totalBytes - readBytes],
    ['master_sync_perc', (totalBytes === 0 ? 0 : (readBytes / totalBytes) * 100).toFixed(2)],
    ['master_sync_last_io_seconds_ago', secondsSinceIo],
  ];
}
