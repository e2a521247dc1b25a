/** Up to which size collections keep their compact encodings. */
import type { Section } from '../directive.js';
import { INT_MAX, INT_MIN, integer, LONG_MAX, memory } from '../kinds/number.js';

export const encodings = {
  'hash-max-listpack-entries': integer(512, 0, LONG_MAX, { aliases: ['hash-max-ziplist-entries'] }),
  'hash-max-listpack-value': memory(64, 0, LONG_MAX, { aliases: ['hash-max-ziplist-value'] }),
  /** Positive: elements a node. -1 to -5: 4, 8, 16, 32, 64 KiB a node. */
  'list-max-listpack-size': integer(-2, INT_MIN, INT_MAX, { aliases: ['list-max-ziplist-size'] }),
  'list-compress-depth': integer(0, 0, INT_MAX),
  'set-max-intset-entries': integer(512, 0, LONG_MAX),
  'set-max-listpack-entries': integer(128, 0, LONG_MAX),
  'set-max-listpack-value': memory(64, 0, LONG_MAX),
  'zset-max-listpack-entries': integer(128, 0, LONG_MAX, { aliases: ['zset-max-ziplist-entries'] }),
  'zset-max-listpack-value': memory(64, 0, LONG_MAX, { aliases: ['zset-max-ziplist-value'] }),
  'hll-sparse-max-bytes': memory(3000, 0, LONG_MAX),
  'stream-node-max-bytes': memory(4096, 0, LONG_MAX),
  'stream-node-max-entries': integer(100, 0, LONG_MAX),
} satisfies Section;
