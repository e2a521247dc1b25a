/** Slow log, latency, keyspace events and scripts that take too long. */
import type { Section } from '../directive.js';
import { notifyEvents } from '../kinds/events.js';
import { percentiles } from '../kinds/list.js';
import { integer, LONG_MAX } from '../kinds/number.js';
import { bool } from '../kinds/text.js';

export const monitoring = {
  /** Microseconds; negative is off. */
  'slowlog-log-slower-than': integer(10000, -1, LONG_MAX),
  'slowlog-max-len': integer(128, 0, LONG_MAX),
  'latency-tracking': bool(true),
  'latency-tracking-info-percentiles': percentiles([50, 99, 99.9]),
  /** Milliseconds; 0 is off. */
  'latency-monitor-threshold': integer(0, 0, LONG_MAX),
  'notify-keyspace-events': notifyEvents(),
  /** Milliseconds. */
  'busy-reply-threshold': integer(5000, 0, LONG_MAX, { aliases: ['lua-time-limit'] }),
} satisfies Section;
