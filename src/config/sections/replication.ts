/** Masters and replicas. */
import { DENY_LOADING, IMMUTABLE, SENSITIVE, type Section } from '../directive.js';
import { masterAddress } from '../kinds/list.js';
import { INT_MAX, integer, LONG_MAX, memory } from '../kinds/number.js';
import { bool, choice, optionalBytes, optionalText } from '../kinds/text.js';

export const replication = {
  replicaof: masterAddress({ flags: IMMUTABLE, aliases: ['slaveof'] }),
  masterauth: optionalBytes({ flags: SENSITIVE }),
  masteruser: optionalText({ flags: SENSITIVE }),
  'replica-serve-stale-data': bool(true, { aliases: ['slave-serve-stale-data'] }),
  'replica-read-only': bool(true, { aliases: ['slave-read-only'] }),
  'replica-lazy-flush': bool(false, { aliases: ['slave-lazy-flush'] }),
  'replica-priority': integer(100, 0, INT_MAX, { aliases: ['slave-priority'] }),
  'replica-announced': bool(true),
  'replica-announce-ip': optionalText({ aliases: ['slave-announce-ip'] }),
  'replica-announce-port': integer(0, 0, 65535, { aliases: ['slave-announce-port'] }),
  'replica-ignore-disk-write-errors': bool(false),
  'propagation-error-behavior': choice('ignore', ['ignore', 'panic', 'panic-on-replicas']),
  'repl-diskless-sync': bool(true),
  /** Seconds to wait for more replicas before a transfer starts. */
  'repl-diskless-sync-delay': integer(5, 0, INT_MAX),
  'repl-diskless-sync-max-replicas': integer(0, 0, INT_MAX),
  'repl-diskless-load': choice('disabled', ['disabled', 'on-empty-db', 'swapdb', 'flush-before-load'], {
    flags: DENY_LOADING,
  }),
  /** Seconds. */
  'repl-ping-replica-period': integer(10, 1, INT_MAX, { aliases: ['repl-ping-slave-period'] }),
  /** Seconds. */
  'repl-timeout': integer(60, 1, INT_MAX),
  'repl-disable-tcp-nodelay': bool(false),
  'repl-backlog-size': memory(1048576, 1, LONG_MAX),
  /** Seconds without a replica after which the backlog is given up; 0 is never. */
  'repl-backlog-ttl': integer(3600, 0, LONG_MAX),
  'min-replicas-to-write': integer(0, 0, INT_MAX, { aliases: ['min-slaves-to-write'] }),
  /** Seconds. */
  'min-replicas-max-lag': integer(10, 0, INT_MAX, { aliases: ['min-slaves-max-lag'] }),
} satisfies Section;
