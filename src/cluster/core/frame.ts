/**
 * The frames of the cluster bus, protocol version 1, as bytes. Integers are big-endian.
 *
 *        0     4       8    10     12    14     16            24           32      40           80
 *      +------+-------+----+------+-----+------+-------------+------------+-------+------------+-------------------+
 *      | RCmb | total | 1  | port | typ | count| currentEpoch| configEpoch| offset| sender (40)| slot bitmap (2048)|
 *      +------+-------+----+------+-----+------+-------------+------------+-------+------------+-------------------+
 *      2128             2168            2214     2216         2246    2248    2250    2252    2253     2256
 *      +----------------+---------------+--------+------------+-------+-------+-------+-------+--------+------ ...
 *      | master id (40) | own ip (46)   | n. ext | unused (30)| plain | bus   | flags | state | mflags | data
 *      +----------------+---------------+--------+------------+-------+-------+-------+-------+--------+------ ...
 *
 * Decoding never throws: bytes from the network give a {@link Frame} or a reason why not. What a decoded frame says is
 * well formed (ids are hex, addresses are printable), so that it may go to nodes.conf as it is. Byte ranges in it are
 * views: they die with the buffer they were read from.
 */
import { asBuffer, latin1 } from '../../base/bytes.js';
import {
  AUTH_ACK,
  AUTH_REQUEST,
  EXT_FORGOTTEN_NODE,
  EXT_HOSTNAME,
  EXT_SHARD_ID,
  FAIL,
  MEET,
  MFSTART,
  MSG_HAS_EXTENSIONS,
  NODE_ID_LENGTH,
  PING,
  PONG,
  PROTOCOL_VERSION,
  PUBLISH,
  PUBLISH_SHARD,
  SLOT_BITMAP_BYTES,
  UPDATE,
} from './protocol.js';

export const HEADER_BYTES = 2256;
export const GOSSIP_ENTRY_BYTES = 104;
/** "RCmb". */
export const SIGNATURE = 0x52436d62;
const IP_BYTES = 46;
const EXTENSION_HEADER_BYTES = 8;
const UPDATE_BYTES = 8 + NODE_ID_LENGTH + SLOT_BITMAP_BYTES;

const AT_SENDER = 40;
const AT_SLOTS = 80;
const AT_MASTER = 2128;
const AT_IP = 2168;
const AT_EXTENSIONS = 2214;
const AT_PLAIN_PORT = 2246;
const AT_BUS_PORT = 2248;
const AT_FLAGS = 2250;
const AT_STATE = 2252;
const AT_MESSAGE_FLAGS = 2253;

/** What every frame tells about its sender. */
export interface FrameHeader {
  readonly port: number;
  readonly plainPort: number;
  readonly busPort: number;
  readonly currentEpoch: number;
  /** A replica sends its master's. */
  readonly configEpoch: number;
  readonly replicationOffset: number;
  readonly sender: string;
  /** A replica sends its master's. */
  readonly slots: Uint8Array;
  /** '' when the sender is a master. */
  readonly masterId: string;
  /** '' unless the sender announces an address. */
  readonly announcedIp: string;
  /** NODE_* bits. */
  readonly flags: number;
  readonly stateOk: boolean;
  /** MSG_* bits. */
  readonly messageFlags: number;
}

export interface GossipEntry {
  readonly id: string;
  /** Unix time in seconds, 0 for never; likewise the next. */
  readonly pingSentS: number;
  readonly pongReceivedS: number;
  readonly ip: string;
  readonly port: number;
  readonly plainPort: number;
  readonly busPort: number;
  readonly flags: number;
}

/** The gossip of a PING, read where it stands: nearly all of it is known, and not worth an object an entry. */
export class GossipSection implements Iterable<GossipEntry> {
  readonly buf: Buffer;
  readonly length: number;

  constructor(buf: Buffer, length: number) {
    this.buf = buf;
    this.length = length;
  }

  /** Where an entry begins, with its id. */
  start(index: number): number {
    return HEADER_BYTES + index * GOSSIP_ENTRY_BYTES;
  }

  flags(index: number): number {
    return this.buf.readUInt16BE(this.start(index) + 98);
  }

  pongReceivedS(index: number): number {
    return this.buf.readUInt32BE(this.start(index) + 44);
  }

  entry(index: number): GossipEntry {
    const { buf } = this;
    const at = this.start(index);
    return {
      id: latin1(buf, at, at + NODE_ID_LENGTH),
      pingSentS: buf.readUInt32BE(at + 40),
      pongReceivedS: this.pongReceivedS(index),
      ip: readText(buf, at + 48, IP_BYTES),
      port: buf.readUInt16BE(at + 94),
      busPort: buf.readUInt16BE(at + 96),
      flags: this.flags(index),
      plainPort: buf.readUInt16BE(at + 100),
    };
  }

  *[Symbol.iterator](): Iterator<GossipEntry> {
    for (let i = 0; i < this.length; i++) yield this.entry(i);
  }
}

/** The extensions of a PING that we know. Empty text stands for an extension that was not sent. */
export interface PingExtensions {
  hostname: string;
  shardId: string;
  forgotten: { readonly id: string; readonly ttlS: number }[];
}

export type FrameBody =
  | { readonly kind: 'ping'; readonly gossip: GossipSection; readonly extensions: PingExtensions }
  | { readonly kind: 'fail'; readonly nodeId: string }
  | { readonly kind: 'publish'; readonly channel: Uint8Array; readonly message: Uint8Array }
  | { readonly kind: 'update'; readonly configEpoch: number; readonly nodeId: string; readonly slots: Uint8Array }
  /** The type says it all, or we do not know the type. */
  | { readonly kind: 'none' };

export interface Frame {
  readonly type: number;
  readonly header: FrameHeader;
  readonly body: FrameBody;
}

export interface Malformed {
  readonly malformed: string;
}

const NO_BODY: FrameBody = { kind: 'none' };

// ---------------------------------------------------------------------------------------------------- reading

/** Reads one whole frame. */
export function decodeFrame(bytes: Uint8Array): Frame | Malformed {
  const buf = asBuffer(bytes);
  if (buf.length < HEADER_BYTES) return { malformed: `frame of ${buf.length} bytes is shorter than its header` };
  if (buf.readUInt32BE(0) !== SIGNATURE) return { malformed: 'bad signature' };
  if (buf.readUInt32BE(4) !== buf.length) return { malformed: 'length field does not match the frame' };
  const version = buf.readUInt16BE(8);
  if (version !== PROTOCOL_VERSION) return { malformed: `unsupported protocol version ${version}` };
  const header = readHeader(buf);
  if ('malformed' in header) return header;
  const type = buf.readUInt16BE(12);
  const body = readBody(buf, type);
  if ('malformed' in body) return body;
  return { type, header, body };
}

function readHeader(buf: Buffer): FrameHeader | Malformed {
  const currentEpoch = readU64(buf, 16);
  const configEpoch = readU64(buf, 24);
  const replicationOffset = readU64(buf, 32);
  if (currentEpoch < 0 || configEpoch < 0 || replicationOffset < 0)
    return { malformed: 'epoch or offset out of range' };
  const sender = readId(buf, AT_SENDER);
  if (sender === '') return { malformed: 'sender id is not hexadecimal' };
  const masterId = readId(buf, AT_MASTER);
  if (masterId === '' && buf[AT_MASTER] !== 0) return { malformed: 'master id is not hexadecimal' };
  const announcedIp = readAddress(buf, AT_IP);
  if (announcedIp === undefined) return { malformed: 'announced address is not printable' };
  return {
    port: buf.readUInt16BE(10),
    plainPort: buf.readUInt16BE(AT_PLAIN_PORT),
    busPort: buf.readUInt16BE(AT_BUS_PORT),
    currentEpoch,
    configEpoch,
    replicationOffset,
    sender,
    slots: buf.subarray(AT_SLOTS, AT_SLOTS + SLOT_BITMAP_BYTES),
    masterId,
    announcedIp,
    flags: buf.readUInt16BE(AT_FLAGS),
    stateOk: buf[AT_STATE] === 0,
    messageFlags: buf[AT_MESSAGE_FLAGS],
  };
}

function readBody(buf: Buffer, type: number): FrameBody | Malformed {
  switch (type) {
    case PING:
    case PONG:
    case MEET:
      return readPing(buf);
    case FAIL: {
      if (buf.length !== HEADER_BYTES + NODE_ID_LENGTH) return wrongLength(buf, 'FAIL');
      const nodeId = readId(buf, HEADER_BYTES);
      return nodeId === '' ? { malformed: 'id in FAIL is not hexadecimal' } : { kind: 'fail', nodeId };
    }
    case PUBLISH:
    case PUBLISH_SHARD:
      return readPublish(buf);
    case UPDATE:
      return readUpdate(buf);
    case AUTH_REQUEST:
    case AUTH_ACK:
    case MFSTART:
      return buf.length === HEADER_BYTES ? NO_BODY : wrongLength(buf, 'vote or failover');
    default:
      // A type we do not know (or do not act on, as MODULE) is taken for well formed.
      return NO_BODY;
  }
}

function wrongLength(buf: Buffer, what: string): Malformed {
  return { malformed: `${what} frame of ${buf.length} bytes has the wrong length` };
}

function readPing(buf: Buffer): FrameBody | Malformed {
  const count = buf.readUInt16BE(14);
  const extensionsAt = HEADER_BYTES + count * GOSSIP_ENTRY_BYTES;
  if (extensionsAt > buf.length) return wrongLength(buf, 'ping');
  for (let at = HEADER_BYTES; at < extensionsAt; at += GOSSIP_ENTRY_BYTES) {
    if (!isId(buf, at) || !isAddress(buf, at + 48)) return { malformed: 'gossip entry with a bad id or address' };
  }
  const gossip = new GossipSection(buf, count);
  const extensions: PingExtensions = { hostname: '', shardId: '', forgotten: [] };
  const hasExtensions = (buf[AT_MESSAGE_FLAGS] & MSG_HAS_EXTENSIONS) !== 0;
  const end = readExtensions(buf, extensionsAt, hasExtensions ? buf.readUInt16BE(AT_EXTENSIONS) : 0, extensions);
  if (end < 0) return { malformed: 'ping extension with a bad length' };
  if (end !== buf.length) return wrongLength(buf, 'ping');
  return { kind: 'ping', gossip, extensions };
}

/** Returns the offset behind the last extension, or -1. Types we do not know are skipped by their length. */
function readExtensions(buf: Buffer, start: number, count: number, into: PingExtensions): number {
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + EXTENSION_HEADER_BYTES > buf.length) return -1;
    const length = buf.readUInt32BE(at);
    if (length < EXTENSION_HEADER_BYTES || length % 8 !== 0 || length > buf.length - at) return -1;
    readExtension(buf, at, length, into);
    at += length;
  }
  return at;
}

function readExtension(buf: Buffer, at: number, length: number, into: PingExtensions): void {
  const payload = at + EXTENSION_HEADER_BYTES;
  switch (buf.readUInt16BE(at + 4)) {
    case EXT_HOSTNAME: {
      const text = readText(buf, payload, length - EXTENSION_HEADER_BYTES);
      if (isHostname(text)) into.hostname = text;
      return;
    }
    case EXT_SHARD_ID:
      if (length >= EXTENSION_HEADER_BYTES + NODE_ID_LENGTH) into.shardId = readId(buf, payload);
      return;
    case EXT_FORGOTTEN_NODE: {
      if (length < EXTENSION_HEADER_BYTES + NODE_ID_LENGTH + 8) return;
      const id = readId(buf, payload);
      const ttlS = readU64(buf, payload + NODE_ID_LENGTH);
      if (id !== '' && ttlS >= 0) into.forgotten.push({ id, ttlS });
    }
  }
}

function readPublish(buf: Buffer): FrameBody | Malformed {
  const at = HEADER_BYTES + 8;
  if (buf.length < at) return wrongLength(buf, 'publish');
  const channelEnd = at + buf.readUInt32BE(HEADER_BYTES);
  const messageEnd = channelEnd + buf.readUInt32BE(HEADER_BYTES + 4);
  if (messageEnd !== buf.length) return wrongLength(buf, 'publish');
  return { kind: 'publish', channel: buf.subarray(at, channelEnd), message: buf.subarray(channelEnd, messageEnd) };
}

function readUpdate(buf: Buffer): FrameBody | Malformed {
  if (buf.length !== HEADER_BYTES + UPDATE_BYTES) return wrongLength(buf, 'UPDATE');
  const configEpoch = readU64(buf, HEADER_BYTES);
  const nodeId = readId(buf, HEADER_BYTES + 8);
  if (configEpoch < 0 || nodeId === '') return { malformed: 'UPDATE with a bad id or epoch' };
  return { kind: 'update', configEpoch, nodeId, slots: buf.subarray(HEADER_BYTES + 48, HEADER_BYTES + UPDATE_BYTES) };
}

/** -1 when the value is beyond what we can count exactly; no real cluster gets near. */
function readU64(buf: Buffer, at: number): number {
  const value = buf.readUInt32BE(at) * 4294967296 + buf.readUInt32BE(at + 4);
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}

/** The node id at `at`, or '' when it is none. */
function readId(buf: Buffer, at: number): string {
  return isId(buf, at) ? latin1(buf, at, at + NODE_ID_LENGTH) : '';
}

function isId(buf: Buffer, at: number): boolean {
  for (let i = at; i < at + NODE_ID_LENGTH; i++) {
    const c = buf[i];
    if (!((c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x66))) return false;
  }
  return true;
}

/** NUL-terminated text in a field of `length` bytes. */
function readText(buf: Buffer, at: number, length: number): string {
  let end = at;
  while (end < at + length && buf[end] !== 0) end++;
  return latin1(buf, at, end);
}

function readAddress(buf: Buffer, at: number): string | undefined {
  return isAddress(buf, at) ? readText(buf, at, IP_BYTES) : undefined;
}

function isAddress(buf: Buffer, at: number): boolean {
  for (let i = at; i < at + IP_BYTES && buf[i] !== 0; i++) {
    const c = buf[i];
    if (c <= 0x20 || c >= 0x7f || c === 0x2c || c === 0x40) return false;
  }
  return true;
}

/** Letters, digits, '-' and '.', at most 255 of them: what Redis accepts for cluster-announce-hostname. */
export function isHostname(text: string): boolean {
  return text.length <= 255 && /^[A-Za-z0-9.-]*$/.test(text);
}

// ---------------------------------------------------------------------------------------------------- writing

/** A PING, PONG or MEET with its gossip and, where there is one, our host name. */
export function encodePing(
  type: number,
  header: FrameHeader,
  gossip: readonly GossipEntry[],
  hostname: string,
): Uint8Array {
  const hostnameBytes = hostname === '' ? 0 : EXTENSION_HEADER_BYTES + roundUpTo8(hostname.length + 1);
  const buf = newFrame(type, header, gossip.length * GOSSIP_ENTRY_BYTES + hostnameBytes);
  buf.writeUInt16BE(gossip.length, 14);
  let at = HEADER_BYTES;
  for (const entry of gossip) {
    buf.write(entry.id, at, NODE_ID_LENGTH, 'latin1');
    buf.writeUInt32BE(entry.pingSentS, at + 40);
    buf.writeUInt32BE(entry.pongReceivedS, at + 44);
    buf.write(entry.ip, at + 48, IP_BYTES - 1, 'latin1');
    buf.writeUInt16BE(entry.port, at + 94);
    buf.writeUInt16BE(entry.busPort, at + 96);
    buf.writeUInt16BE(entry.flags, at + 98);
    buf.writeUInt16BE(entry.plainPort, at + 100);
    at += GOSSIP_ENTRY_BYTES;
  }
  if (hostnameBytes > 0) {
    buf.writeUInt16BE(1, AT_EXTENSIONS);
    buf[AT_MESSAGE_FLAGS] |= MSG_HAS_EXTENSIONS;
    buf.writeUInt32BE(hostnameBytes, at);
    buf.writeUInt16BE(EXT_HOSTNAME, at + 4);
    buf.write(hostname, at + EXTENSION_HEADER_BYTES, hostname.length, 'latin1');
  }
  return buf;
}

export function encodeFail(header: FrameHeader, nodeId: string): Uint8Array {
  const buf = newFrame(FAIL, header, NODE_ID_LENGTH);
  buf.write(nodeId, HEADER_BYTES, NODE_ID_LENGTH, 'latin1');
  return buf;
}

export function encodeUpdate(header: FrameHeader, nodeId: string, configEpoch: number, slots: Uint8Array): Uint8Array {
  const buf = newFrame(UPDATE, header, UPDATE_BYTES);
  writeU64(buf, HEADER_BYTES, configEpoch);
  buf.write(nodeId, HEADER_BYTES + 8, NODE_ID_LENGTH, 'latin1');
  buf.set(slots, HEADER_BYTES + 48);
  return buf;
}

/** `type` is PUBLISH or PUBLISH_SHARD. */
export function encodePublish(type: number, header: FrameHeader, channel: Uint8Array, message: Uint8Array): Uint8Array {
  const buf = newFrame(type, header, 8 + channel.length + message.length);
  buf.writeUInt32BE(channel.length, HEADER_BYTES);
  buf.writeUInt32BE(message.length, HEADER_BYTES + 4);
  buf.set(channel, HEADER_BYTES + 8);
  buf.set(message, HEADER_BYTES + 8 + channel.length);
  return buf;
}

/** A frame that is all header: AUTH_REQUEST, AUTH_ACK, MFSTART. */
export function encodeBare(type: number, header: FrameHeader): Uint8Array {
  return newFrame(type, header, 0);
}

function newFrame(type: number, header: FrameHeader, dataBytes: number): Buffer {
  const buf = Buffer.alloc(HEADER_BYTES + dataBytes);
  buf.writeUInt32BE(SIGNATURE, 0);
  buf.writeUInt32BE(buf.length, 4);
  buf.writeUInt16BE(PROTOCOL_VERSION, 8);
  buf.writeUInt16BE(header.port, 10);
  buf.writeUInt16BE(type, 12);
  writeU64(buf, 16, header.currentEpoch);
  writeU64(buf, 24, header.configEpoch);
  writeU64(buf, 32, header.replicationOffset);
  buf.write(header.sender, AT_SENDER, NODE_ID_LENGTH, 'latin1');
  buf.set(header.slots, AT_SLOTS);
  buf.write(header.masterId, AT_MASTER, NODE_ID_LENGTH, 'latin1');
  // One byte stays NUL: peers read it as a C string.
  buf.write(header.announcedIp, AT_IP, IP_BYTES - 1, 'latin1');
  buf.writeUInt16BE(header.plainPort, AT_PLAIN_PORT);
  buf.writeUInt16BE(header.busPort, AT_BUS_PORT);
  buf.writeUInt16BE(header.flags, AT_FLAGS);
  buf[AT_STATE] = header.stateOk ? 0 : 1;
  buf[AT_MESSAGE_FLAGS] = header.messageFlags;
  return buf;
}

function writeU64(buf: Buffer, at: number, value: number): void {
  buf.writeUInt32BE(Math.floor(value / 4294967296), at);
  buf.writeUInt32BE(value >>> 0, at + 4);
}

function roundUpTo8(n: number): number {
  return (n + 7) & ~7;
}
