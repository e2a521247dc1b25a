/** Cluster mode. */
import { IMMUTABLE, type Section } from '../directive.js';
import { INT_MAX, integer, LONG_MAX, memory, ULONG_MAX } from '../kinds/number.js';
import { bool, choice, optionalText, path } from '../kinds/text.js';

const NAME_LIMIT = 256;

export const cluster = {
  'cluster-enabled': bool(false, { flags: IMMUTABLE }),
  'cluster-config-file': path('nodes.conf', { flags: IMMUTABLE }),
  /** Milliseconds. */
  'cluster-node-timeout': integer(15000, 0, LONG_MAX),
  /** 0: the client port plus 10000. */
  'cluster-port': integer(0, 0, 65535, { flags: IMMUTABLE }),
  'cluster-announce-ip': optionalText(),
  'cluster-announce-port': integer(0, 0, 65535),
  'cluster-announce-tls-port': integer(0, 0, 65535),
  'cluster-announce-bus-port': integer(0, 0, 65535),
  'cluster-announce-hostname': optionalText({ check: (name) => checkName(name, 'Hostnames', 'hyphens or dots') }),
  'cluster-announce-human-nodename': optionalText({
    check: (name) => checkName(name.replaceAll('_', '-'), 'Nodenames', 'hyphens, underscores or dots'),
  }),
  'cluster-preferred-endpoint-type': choice('ip', ['ip', 'hostname', 'unknown-endpoint']),
  'cluster-require-full-coverage': bool(true),
  'cluster-allow-reads-when-down': bool(false),
  'cluster-allow-pubsubshard-when-down': bool(true),
  'cluster-replica-no-failover': bool(false, { aliases: ['cluster-slave-no-failover'] }),
  'cluster-replica-validity-factor': integer(10, 0, INT_MAX, { aliases: ['cluster-slave-validity-factor'] }),
  'cluster-migration-barrier': integer(1, 0, INT_MAX),
  'cluster-allow-replica-migration': bool(true),
  'cluster-link-sendbuf-limit': memory(0, 0, ULONG_MAX),
} satisfies Section;

function checkName(name: string, what: string, punctuation: string): string | undefined {
  if (name.length >= NAME_LIMIT) return `${what} must be less than ${NAME_LIMIT} characters`;
  if (!/^[A-Za-z0-9.-]*$/.test(name)) return `${what} may only contain alphanumeric characters, ${punctuation}`;
  return undefined;
}
