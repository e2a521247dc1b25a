/** Memory: its limit, eviction, expiry, freeing in the background and defragmentation. */
import type { Section } from '../directive.js';
import { memory as bytes, INT_MAX, integer, LONG_MAX, memoryOrPercent, ULONG_MAX } from '../kinds/number.js';
import { bool, choice } from '../kinds/text.js';

const POLICIES = [
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'noeviction',
] as const;

export const memory = {
  maxmemory: bytes(0, 0, ULONG_MAX),
  'maxmemory-policy': choice('noeviction', POLICIES),
  'maxmemory-samples': integer(5, 1, INT_MAX),
  'maxmemory-eviction-tenacity': integer(10, 0, 100),
  /** Negative: a percentage of `maxmemory`. */
  'maxmemory-clients': memoryOrPercent(0),
  'replica-ignore-maxmemory': bool(true, { aliases: ['slave-ignore-maxmemory'] }),
  'lfu-log-factor': integer(10, 0, INT_MAX),
  /** Minutes. */
  'lfu-decay-time': integer(1, 0, INT_MAX),
  'active-expire-effort': integer(1, 1, 10),
  'tracking-table-max-keys': integer(1000000, 0, LONG_MAX),
  activerehashing: bool(true),
  'jemalloc-bg-thread': bool(true),
  'lazyfree-lazy-eviction': bool(false),
  'lazyfree-lazy-expire': bool(false),
  'lazyfree-lazy-server-del': bool(false),
  'lazyfree-lazy-user-del': bool(false),
  'lazyfree-lazy-user-flush': bool(false),
  activedefrag: bool(false),
  'active-defrag-ignore-bytes': bytes(104857600, 1, LONG_MAX),
  'active-defrag-threshold-lower': integer(10, 0, 1000),
  'active-defrag-threshold-upper': integer(100, 0, 1000),
  'active-defrag-cycle-min': integer(1, 1, 99),
  'active-defrag-cycle-max': integer(25, 1, 99),
  'active-defrag-max-scan-fields': integer(1000, 1, LONG_MAX),
} satisfies Section;
