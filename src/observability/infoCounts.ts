/** INFO's sections commandstats, errorstats and keyspace: a line each for what has been used. */
import type { ResolvedCommand, ServerPort } from '../commands/context.js';
import type { InfoFields } from './infoFields.js';

export function commandStatsSection(server: ServerPort): InfoFields {
  const fields: [string, string][] = [];
  for (const command of server.commands.all()) {
    for (const each of [command, ...(command.subcommands?.values() ?? [])]) {
      if (each.calls + each.rejectedCalls + each.failedCalls === 0) continue;
      fields.push([`cmdstat_${each.fullName}`, callFigures(each)]);
    }
  }
  return fields;
}

function callFigures({ calls, microseconds, rejectedCalls, failedCalls }: ResolvedCommand): string {
  const usec = Math.floor(microseconds);
  const usecPerCall = (calls === 0 ? 0 : usec / calls).toFixed(2);
  return `calls=${calls},usec=${usec},usec_per_call=${usecPerCall},rejected_calls=${rejectedCalls},failed_calls=${failedCalls}`;
}

/**
 * Percentiles of each command's latency, microseconds. Consecutive calls of one command are timed together and
 * counted with their mean.
 */
export function latencyStatsSection(server: ServerPort): InfoFields {
  const fields: [string, string][] = [];
  const percentiles = server.config.values['latency-tracking-info-percentiles'];
  for (const command of server.commands.all()) {
    for (const { fullName, latency } of [command, ...(command.subcommands?.values() ?? [])]) {
      if (latency === undefined) continue;
      const figures = percentiles.map((percent) => `p${percent}=${latency.percentile(percent).toFixed(3)}`);
      fields.push([`latency_percentiles_usec_${fullName}`, figures.join(',')]);
    }
  }
  return fields;
}

export function errorStatsSection(server: ServerPort): InfoFields {
  const codes = [...server.stats.errors].sort(([a], [b]) => (a < b ? -1 : 1));
  return codes.map(([code, count]) => [`errorstat_${code}`, `count=${count}`] as const);
}

export function keyspaceSection(server: ServerPort): InfoFields {
  const nowMs = server.clock.nowMs();
  return server.store.databases
    .filter((db) => db.visibleSize > 0)
    .map((db) => {
      const keys = db.visibleSize;
      // While slots move here, some of those that expire may be keys that are not counted.
      const expires = Math.min(db.expires, keys);
      const avgTtlMs = Math.floor(db.avgTtlMs(nowMs));
      return [`db${db.index}`, `keys=${keys},expires=${expires},avg_ttl=${avgTtlMs}`] as const;
    });
}
