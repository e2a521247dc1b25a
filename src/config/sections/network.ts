/** Listening, connections and the limits of one client. */
import { IMMUTABLE, type Section } from '../directive.js';
import { bindAddresses, bufferLimits } from '../kinds/list.js';
import { INT_MAX, integer, LONG_MAX, memory, octal, UINT_MAX } from '../kinds/number.js';
import { bool, optionalPath, optionalText } from '../kinds/text.js';

const MIB = 1024 * 1024;

export const network = {
  bind: bindAddresses(['*', '-::*']),
  'bind-source-addr': optionalText(),
  port: integer(6379, 0, 65535),
  'protected-mode': bool(true),
  'tcp-backlog': integer(511, 0, INT_MAX, { flags: IMMUTABLE }),
  unixsocket: optionalPath({ flags: IMMUTABLE }),
  unixsocketperm: octal(0, 0, 0o777, { flags: IMMUTABLE }),
  /** Seconds a client may be silent; 0 is for ever. */
  timeout: integer(0, 0, INT_MAX),
  /** Seconds between the kernel's probes of a silent connection; 0 is none. */
  'tcp-keepalive': integer(300, 0, INT_MAX),
  'socket-mark-id': integer(0, 0, UINT_MAX, { flags: IMMUTABLE }),
  maxclients: integer(10000, 1, UINT_MAX),
  'client-query-buffer-limit': memory(1024 * MIB, MIB, LONG_MAX),
  'client-output-buffer-limit': bufferLimits({
    normal: { hardBytes: 0, softBytes: 0, softSeconds: 0 },
    replica: { hardBytes: 256 * MIB, softBytes: 64 * MIB, softSeconds: 60 },
    pubsub: { hardBytes: 32 * MIB, softBytes: 8 * MIB, softSeconds: 60 },
  }),
  'proto-max-bulk-len': memory(512 * MIB, MIB, LONG_MAX),
  'io-threads': integer(1, 1, 128, { flags: IMMUTABLE }),
  'io-threads-do-reads': bool(false, { flags: IMMUTABLE }),
} satisfies Section;
