/** The numbers of the cluster bus, protocol version 1. Shared by the codec and by the state machine. */
import { SLOT_COUNT } from '../../base/crc16.js';

export const PROTOCOL_VERSION = 1;
/** The bus listens this far above the client port unless `cluster-port` says otherwise. */
export const BUS_PORT_OFFSET = 10000;
export const NODE_ID_LENGTH = 40;
export const SLOT_BITMAP_BYTES = SLOT_COUNT / 8;

// Message types.
export const PING = 0;
export const PONG = 1;
export const MEET = 2;
export const FAIL = 3;
export const PUBLISH = 4;
export const AUTH_REQUEST = 5;
export const AUTH_ACK = 6;
export const UPDATE = 7;
export const MFSTART = 8;
export const MODULE = 9;
export const PUBLISH_SHARD = 10;

/** By message type, as CLUSTER INFO spells them. */
export const MESSAGE_NAMES: readonly string[] = [
  'ping',
  'pong',
  'meet',
  'fail',
  'publish',
  'auth-req',
  'auth-ack',
  'update',
  'mfstart',
  'module',
  'publishshard',
];

// Node flags, as they travel in headers and gossip.
export const NODE_MASTER = 1;
export const NODE_REPLICA = 2;
/** We cannot reach it. */
export const NODE_PFAIL = 4;
/** A majority of the masters cannot reach it. */
export const NODE_FAIL = 8;
export const NODE_MYSELF = 16;
/** Its id is a random stand-in: we wait for the first PONG. */
export const NODE_HANDSHAKE = 32;
export const NODE_NOADDR = 64;
/** Our first message to it has to be MEET. */
export const NODE_MEET = 128;
/** A master that replicas may migrate to. */
export const NODE_MIGRATE_TO = 256;
/** A replica that does not want to be promoted. */
export const NODE_NOFAILOVER = 512;

// Byte 0 of the header's mflags.
/** The master has paused its clients for a manual failover. */
export const MSG_PAUSED = 1;
/** Vote even though the master is up (manual failover). */
export const MSG_FORCE_ACK = 2;
export const MSG_HAS_EXTENSIONS = 4;

// Ping extensions.
export const EXT_HOSTNAME = 0;
export const EXT_HUMAN_NODENAME = 1;
export const EXT_FORGOTTEN_NODE = 2;
export const EXT_SHARD_ID = 3;
