/** The process: how it runs, logs, ends and shows itself to the system. */
import { HIDDEN, IMMUTABLE, type Section } from '../directive.js';
import { oomScores } from '../kinds/list.js';
import { INT_MAX, integer } from '../kinds/number.js';
import { bool, choice, choices, optionalPath, optionalText, path, text } from '../kinds/text.js';

const SYSLOG_FACILITIES = ['user', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'];
const SHUTDOWN_FLAGS = ['save', 'nosave', 'now', 'force'] as const;

export const general = {
  daemonize: bool(false, { flags: IMMUTABLE }),
  supervised: choice('no', ['upstart', 'systemd', 'auto', 'no'], { flags: IMMUTABLE }),
  pidfile: optionalPath({ flags: IMMUTABLE }),
  loglevel: choice('notice', ['debug', 'verbose', 'notice', 'warning']),
  logfile: path('', { flags: IMMUTABLE }),
  'syslog-enabled': bool(false, { flags: IMMUTABLE }),
  'syslog-ident': text('redis', { flags: IMMUTABLE }),
  'syslog-facility': choice('local0', SYSLOG_FACILITIES, { flags: IMMUTABLE }),
  'crash-log-enabled': bool(true),
  'crash-memcheck-enabled': bool(true),
  databases: integer(16, 1, INT_MAX, { flags: IMMUTABLE }),
  'always-show-logo': bool(false, { flags: IMMUTABLE }),
  'set-proc-title': bool(true, { flags: IMMUTABLE }),
  'proc-title-template': text('{title} {listen-addr} {server-mode}', { check: checkTitle }),
  'locale-collate': text(''),
  /** Runs of the periodic work per second. */
  hz: integer(10, 0, INT_MAX, { clamp: [1, 500] }),
  'dynamic-hz': bool(true),
  /** Seconds a shutdown waits for replicas. */
  'shutdown-timeout': integer(10, 0, INT_MAX),
  'shutdown-on-sigint': choices('default', SHUTDOWN_FLAGS, { check: checkShutdown }),
  'shutdown-on-sigterm': choices('default', SHUTDOWN_FLAGS, { check: checkShutdown }),
  'oom-score-adj': choice('no', ['no', 'yes', 'relative', 'absolute'], { synonyms: { relative: 'yes' } }),
  'oom-score-adj-values': oomScores([0, 200, 800]),
  'disable-thp': bool(true, { flags: IMMUTABLE }),
  server_cpulist: optionalText({ flags: IMMUTABLE }),
  bio_cpulist: optionalText({ flags: IMMUTABLE }),
  aof_rewrite_cpulist: optionalText({ flags: IMMUTABLE }),
  bgsave_cpulist: optionalText({ flags: IMMUTABLE }),
  'ignore-warnings': text(''),
  'use-exit-on-panic': bool(false, { flags: HIDDEN }),
  'watchdog-period': integer(0, 0, INT_MAX, { flags: HIDDEN }),
} satisfies Section;

function checkShutdown(chosen: readonly string[]): string | undefined {
  const both = chosen.includes('save') && chosen.includes('nosave');
  return both ? "shutdown options SAVE and NOSAVE can't be used simultaneously" : undefined;
}

/** A template may name the variables below, and must leave something when those that can be empty are. */
function checkTitle(template: string): string | undefined {
  let valid = true;
  const shown = template.replace(/\{\{|\{([^}]*)(\}?)/g, (whole, name: string | undefined, close: string) => {
    if (whole === '{{') return '{';
    if (close === '') valid = false;
    else if (['listen-addr', 'port', 'tls-port', 'config-file'].includes(name ?? '')) return name ?? '';
    else if (!['title', 'server-mode', 'unixsocket'].includes(name ?? '')) valid = false;
    return '';
  });
  return valid && shown.trim() !== '' ? undefined : 'template format is invalid or contains unknown variables';
}
