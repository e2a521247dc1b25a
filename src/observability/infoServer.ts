/** INFO's sections server, clients and cluster. */
import os from 'node:os';
import type { ServerPort } from '../commands/context.js';
import type { InfoFields } from './infoFields.js';

/** What libuv waits with. */
const MULTIPLEXING: Readonly<Record<string, string>> = {
  linux: 'epoll',
  android: 'epoll',
  darwin: 'kqueue',
  freebsd: 'kqueue',
  openbsd: 'kqueue',
  netbsd: 'kqueue',
  sunos: 'evport',
  win32: 'iocp',
};

const SECONDS_A_DAY = 24 * 60 * 60;

export function serverSection(server: ServerPort): InfoFields {
  const { values } = server.config;
  const nowMs = server.clock.nowMs();
  const uptimeSeconds = Math.floor((nowMs - server.startedAtMs) / 1000);
  return [
    ['redis_version', server.redisVersion],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0'],
    ['redis_mode', server.cluster === undefined ? 'standalone' : 'cluster'],
    ['os', `${os.type()} ${os.release()} ${os.machine()}`],
    ['arch_bits', process.arch.includes('64') ? 64 : 32],
    ['monotonic_clock', 'POSIX clock_gettime'],
    ['multiplexing_api', MULTIPLEXING[process.platform] ?? 'poll'],
    ['atomicvar_api', 'none'],
    // What Redis says when another compiler built it.
    ['gcc_version', '0.0.0'],
    ['process_id', server.pid],
    ['process_supervised', server.supervisor?.name ?? 'no'],
    ['run_id', server.runId],
    ['tcp_port', server.port],
    ['server_time_usec', Math.floor(nowMs * 1000)],
    ['uptime_in_seconds', uptimeSeconds],
    ['uptime_in_days', Math.floor(uptimeSeconds / SECONDS_A_DAY)],
    ['hz', values.hz],
    ['configured_hz', values.hz],
    ['lru_clock', server.lruClock()],
    ['executable', server.executable],
    ['config_file', server.configFile],
    ['io_threads_active', 0],
    ...(server.shutdownInMs === undefined ? [] : ([['shutdown_in_milliseconds', server.shutdownInMs]] as const)),
    ['shoal_version', server.version],
    ['node_version', process.versions.node],
  ];
}

export function clientsSection(server: ServerPort): InfoFields {
  let maxInput = 0;
  let maxOutput = 0;
  for (const client of server.clients.all()) {
    maxInput = Math.max(maxInput, client.queryBufferBytes());
    maxOutput = Math.max(maxOutput, client.outputBytes());
  }
  return [
    ['connected_clients', server.clients.count - server.replication.replicaFacts.length],
    ['cluster_connections', server.cluster?.links().length ?? 0],
    ['maxclients', server.config.values.maxclients],
    ['client_recent_max_input_buffer', maxInput],
    ['client_recent_max_output_buffer', maxOutput],
    ['blocked_clients', server.clients.blockedCount],
    ['tracking_clients', server.tracking.clientCount],
    ['clients_in_timeout_table', server.clients.blockedWithTimeoutCount],
  ];
}

export function clusterSection(server: ServerPort): InfoFields {
  return [['cluster_enabled', server.cluster === undefined ? 0 : 1]];
}
