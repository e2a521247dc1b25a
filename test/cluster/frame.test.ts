import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import {
  decodeFrame,
  encodeBare,
  encodeFail,
  encodePing,
  encodePublish,
  encodeUpdate,
  type Frame,
  type FrameHeader,
  type GossipEntry,
  HEADER_BYTES,
  type PingExtensions,
} from '../../src/cluster/core/frame.js';
import { FrameReader } from '../../src/cluster/core/frameReader.js';
import * as protocol from '../../src/cluster/core/protocol.js';

const ID_A = 'a'.repeat(40);
const ID_B = '0123456789abcdef0123456789abcdef01234567';
const SLOTS = new Uint8Array(2048);
SLOTS[0] = 0b101;
SLOTS[2047] = 0x80;

const HEADER: FrameHeader = {
  port: 6379,
  plainPort: 6380,
  busPort: 16379,
  currentEpoch: 2 ** 40 + 3,
  configEpoch: 7,
  replicationOffset: 2 ** 33,
  sender: ID_A,
  slots: SLOTS,
  masterId: ID_B,
  announcedIp: '10.1.2.3',
  flags: protocol.NODE_REPLICA | protocol.NODE_MYSELF,
  stateOk: false,
  messageFlags: protocol.MSG_FORCE_ACK,
};

const GOSSIP: readonly GossipEntry[] = [
  { id: ID_B, pingSentS: 1, pongReceivedS: 4000000000, ip: '::1', port: 1, plainPort: 2, busPort: 3, flags: 0x3ff },
  { id: ID_A, pingSentS: 0, pongReceivedS: 0, ip: '', port: 65535, plainPort: 0, busPort: 65535, flags: 0 },
];

const CASES: readonly (readonly [string, Uint8Array])[] = [
  ['PING with gossip', encodePing(protocol.PING, HEADER, GOSSIP, '')],
  ['PONG with a host name', encodePing(protocol.PONG, HEADER, [], 'node-1.example')],
  ['MEET with both', encodePing(protocol.MEET, HEADER, GOSSIP, 'seven77')],
  ['FAIL', encodeFail(HEADER, ID_B)],
  ['UPDATE', encodeUpdate(HEADER, ID_B, 2 ** 52, SLOTS)],
  ['PUBLISH', encodePublish(protocol.PUBLISH, HEADER, Buffer.from('news'), Buffer.from('hello\0world'))],
  ['PUBLISHSHARD, empty', encodePublish(protocol.PUBLISH_SHARD, HEADER, Buffer.alloc(0), Buffer.alloc(0))],
  ['AUTH_REQUEST', encodeBare(protocol.AUTH_REQUEST, HEADER)],
  ['AUTH_ACK', encodeBare(protocol.AUTH_ACK, HEADER)],
  ['MFSTART', encodeBare(protocol.MFSTART, HEADER)],
];

function decoded(bytes: Uint8Array): Frame {
  const frame = decodeFrame(bytes);
  if ('malformed' in frame) throw new Error(frame.malformed);
  return frame;
}

function pingBody(bytes: Uint8Array): { gossip: GossipEntry[]; extensions: PingExtensions } {
  const { body } = decoded(bytes);
  if (body.kind !== 'ping') throw new Error(`not of the PING family: ${body.kind}`);
  return { gossip: [...body.gossip], extensions: body.extensions };
}

function reasonOf(bytes: Uint8Array): string {
  const frame = decodeFrame(bytes);
  return 'malformed' in frame ? frame.malformed : 'fine';
}

/** A copy of the bytes with some of them changed, and the length field fitted to the copy unless it is among those. */
function altered(bytes: Uint8Array, change: (buf: Buffer) => void, length = bytes.length): Buffer {
  const buf = Buffer.alloc(length);
  buf.set(bytes.subarray(0, length));
  buf.writeUInt32BE(length, 4);
  change(buf);
  return buf;
}

describe('a frame', () => {
  it.each(CASES)('%s says after decoding what was encoded', (_, bytes) => {
    const { header } = decoded(bytes);
    expect({ ...header, slots: [...header.slots], messageFlags: header.messageFlags & 3 }).toEqual({
      ...HEADER,
      slots: [...SLOTS],
    });
  });

  it('has every field at the offset of the protocol', () => {
    const buf = Buffer.from(encodePing(protocol.MEET, HEADER, GOSSIP, 'h.x'));
    expect(buf.toString('latin1', 0, 4)).toBe('RCmb');
    expect([buf.readUInt32BE(4), buf.readUInt16BE(8), buf.readUInt16BE(10)]).toEqual([buf.length, 1, 6379]);
    expect([buf.readUInt16BE(12), buf.readUInt16BE(14)]).toEqual([2, 2]);
    expect([buf.readBigUInt64BE(16), buf.readBigUInt64BE(24), buf.readBigUInt64BE(32)]).toEqual([
      2n ** 40n + 3n,
      7n,
      2n ** 33n,
    ]);
    expect(buf.toString('latin1', 40, 80)).toBe(ID_A);
    expect([buf[80], buf[80 + 2047]]).toEqual([0b101, 0x80]);
    expect(buf.toString('latin1', 2128, 2168)).toBe(ID_B);
    expect(buf.toString('latin1', 2168, 2177)).toBe('10.1.2.3\0');
    expect([buf.readUInt16BE(2214), buf.readUInt16BE(2246), buf.readUInt16BE(2248)]).toEqual([1, 6380, 16379]);
    expect([buf.readUInt16BE(2250), buf[2252], buf[2253]]).toEqual([0x12, 1, 6]);
    const entry = 2256;
    expect(buf.toString('latin1', entry, entry + 40)).toBe(ID_B);
    expect([buf.readUInt32BE(entry + 40), buf.readUInt32BE(entry + 44)]).toEqual([1, 4000000000]);
    expect(buf.toString('latin1', entry + 48, entry + 52)).toBe('::1\0');
    expect([94, 96, 98, 100].map((at) => buf.readUInt16BE(entry + at))).toEqual([1, 3, 0x3ff, 2]);
    const extension = entry + 2 * 104;
    expect([buf.readUInt32BE(extension), buf.readUInt16BE(extension + 4)]).toEqual([16, 0]);
    expect(buf.toString('latin1', extension + 8)).toBe('h.x\0\0\0\0\0');
    expect(buf.length).toBe(extension + 16);
  });

  it('of the PING family carries gossip and the host name, NUL-terminated whatever its length', () => {
    for (const hostname of ['a', '1234567', '12345678', 'x'.repeat(255)]) {
      const body = pingBody(encodePing(protocol.PING, HEADER, GOSSIP, hostname));
      expect(body).toEqual({ gossip: GOSSIP, extensions: { hostname, shardId: '', forgotten: [] } });
    }
  });

  it('of the other types carries its data', () => {
    const body = (name: string): unknown => decoded(CASES.find((entry) => entry[0] === name)![1]).body;
    expect(body('FAIL')).toEqual({ kind: 'fail', nodeId: ID_B });
    expect(body('UPDATE')).toMatchObject({ kind: 'update', nodeId: ID_B, configEpoch: 2 ** 52 });
    const published = body('PUBLISH') as { channel: Uint8Array; message: Uint8Array };
    expect([Buffer.from(published.channel).toString(), Buffer.from(published.message).toString()]).toEqual([
      'news',
      'hello\0world',
    ]);
    expect(body('MFSTART')).toEqual({ kind: 'none' });
  });

  it('skips extensions it does not know by their length, and reads those of later servers', () => {
    const extensions = Buffer.alloc(16 + 24 + 48 + 56 + 16);
    extensions.writeUInt32BE(16, 0);
    extensions.writeUInt16BE(77, 4);
    extensions.writeUInt32BE(24, 16);
    extensions.write('known\0', 24, 'latin1');
    extensions.writeUInt32BE(48, 40);
    extensions.writeUInt16BE(protocol.EXT_SHARD_ID, 44);
    extensions.write(ID_B, 48, 'latin1');
    extensions.writeUInt32BE(56, 88);
    extensions.writeUInt16BE(protocol.EXT_FORGOTTEN_NODE, 92);
    extensions.write(ID_A, 96, 'latin1');
    extensions.writeBigUInt64BE(60n, 136);
    extensions.writeUInt32BE(16, 144);
    extensions.writeUInt16BE(protocol.EXT_HUMAN_NODENAME, 148);
    const ping = Buffer.concat([encodePing(protocol.PING, HEADER, GOSSIP, ''), extensions]);
    const bytes = altered(ping, (buf) => {
      buf.writeUInt16BE(5, 2214);
      buf[2253] |= protocol.MSG_HAS_EXTENSIONS;
    });
    expect(pingBody(bytes)).toEqual({
      gossip: GOSSIP,
      extensions: { hostname: 'known', shardId: ID_B, forgotten: [{ id: ID_A, ttlS: 60 }] },
    });
  });

  it('of an unknown type or a MODULE message is taken as it is', () => {
    const bytes = altered(CASES[7][1], (buf) => buf.writeUInt16BE(9, 12), HEADER_BYTES + 13);
    expect(decoded(bytes).body).toEqual({ kind: 'none' });
  });
});

describe('a malformed frame is refused with a reason:', () => {
  const ping = CASES[0][1];
  const withHostname = CASES[1][1];
  const at = (offset: number, value: number) => (buf: Buffer) => buf.writeUInt16BE(value, offset);
  const table: readonly (readonly [string, Buffer, RegExp])[] = [
    ['shorter than a header', altered(ping, () => {}, 2255), /shorter than its header/],
    ['empty', Buffer.alloc(0), /shorter/],
    ['signature', altered(ping, at(0, 0)), /bad signature/],
    ['length field', altered(ping, (buf) => buf.writeUInt32BE(99, 4)), /length field/],
    ['version', altered(ping, at(8, 2)), /unsupported protocol version 2/],
    ['gossip count too large', altered(ping, at(14, 3)), /wrong length/],
    ['gossip count too small', altered(ping, at(14, 1)), /wrong length/],
    ['gossip count far too large', altered(ping, at(14, 65535)), /wrong length/],
    ['epoch beyond 2^53', altered(ping, at(16, 0x7fff)), /out of range/],
    ['sender id', altered(ping, at(40, 0x2020)), /sender id/],
    ['master id', altered(ping, at(2128, 0x7a7a)), /master id/],
    ['address with a newline', altered(ping, at(2168, 0x0a31)), /address/],
    ['gossip id', altered(ping, at(2256, 0x4141)), /gossip entry/],
    ['gossip address with a space', altered(ping, at(2256 + 48, 0x2020)), /gossip entry/],
    ['extension of length 0', altered(withHostname, (buf) => buf.writeUInt32BE(0, 2256)), /extension/],
    ['extension not padded', altered(withHostname, (buf) => buf.writeUInt32BE(23, 2256)), /extension/],
    ['extension beyond the end', altered(withHostname, (buf) => buf.writeUInt32BE(4096, 2256)), /extension/],
    ['extension count', altered(withHostname, at(2214, 2)), /extension/],
    ['FAIL too long', altered(CASES[3][1], () => {}, 2256 + 41), /wrong length/],
    ['FAIL id', altered(CASES[3][1], at(2256, 0)), /FAIL/],
    ['UPDATE too short', altered(CASES[4][1], () => {}, 2256 + 100), /wrong length/],
    ['UPDATE id', altered(CASES[4][1], at(2264, 0)), /UPDATE/],
    ['PUBLISH channel length', altered(CASES[5][1], (buf) => buf.writeUInt32BE(0xffffffff, 2256)), /wrong length/],
    ['PUBLISH too short for its lengths', altered(CASES[5][1], () => {}, 2260), /wrong length/],
    ['vote with data', altered(CASES[7][1], () => {}, 2257), /wrong length/],
  ];
  it.each(table)('%s', (_, bytes, reason) => {
    expect(reasonOf(bytes)).toMatch(reason);
  });

  it('random damage never throws, and what is accepted can be encoded again', () => {
    const random = new Prng(7);
    for (let round = 0; round < 5000; round++) {
      const source = CASES[random.below(CASES.length)][1];
      const length = random.below(4) === 0 ? random.below(source.length + 1) : source.length;
      const bytes = altered(source, () => {}, Math.max(length, 8));
      for (let i = random.below(6); i > 0; i--) {
        const inHeader = random.below(2) === 0 ? random.below(40) : 2128 + random.below(bytes.length);
        if (inHeader < bytes.length) bytes[inHeader] = random.below(256);
      }
      const frame = decodeFrame(bytes);
      if ('malformed' in frame) continue;
      if (frame.body.kind === 'ping') {
        const gossip = [...frame.body.gossip];
        const again = pingBody(encodePing(frame.type, frame.header, gossip, frame.body.extensions.hostname));
        expect(again.gossip).toEqual(gossip);
      }
    }
  });
});

describe('FrameReader', () => {
  const stream = Buffer.concat(CASES.map(([, bytes]) => bytes));

  /** Feeds the stream in pieces that end at the given offsets; returns the frames. */
  function read(ends: readonly number[]): Buffer[] {
    const reader = new FrameReader();
    const frames: Buffer[] = [];
    let start = 0;
    for (const end of [...ends, stream.length]) {
      expect(
        reader.push(Buffer.from(stream.subarray(start, end)), (frame) => frames.push(Buffer.from(frame)) > 0),
      ).toBe(true);
      start = end;
    }
    expect(reader.bytesPending).toBe(0);
    return frames;
  }

  const whole = CASES.map(([, bytes]) => Buffer.from(bytes));

  it('finds all frames of one chunk', () => {
    expect(read([])).toEqual(whole);
  });

  it('finds them byte by byte', () => {
    expect(Buffer.concat(read(Array.from({ length: stream.length - 1 }, (_, i) => i + 1))).equals(stream)).toBe(true);
  });

  it('finds them when the stream is split in two at any byte', () => {
    for (let split = 1; split < stream.length; split += split < 5000 ? 1 : 97) {
      expect(Buffer.concat(read([split])).equals(stream)).toBe(true);
    }
  });

  it('finds them in random pieces', () => {
    const random = new Prng(3);
    for (let round = 0; round < 50; round++) {
      const ends: number[] = [];
      for (let at = random.below(4000); at < stream.length; at += 1 + random.below(4000)) ends.push(at);
      expect(read(ends).map((frame) => frame.length)).toEqual(whole.map((frame) => frame.length));
    }
  });

  it('refuses a stream that is not the bus, or whose frame is too short or too long', () => {
    const refuse = (bytes: Uint8Array, max?: number): boolean => !new FrameReader(max).push(bytes, () => true);
    expect(refuse(Buffer.from('PING\r\nPING\r\n'))).toBe(true);
    expect(refuse(altered(whole[0], (buf) => buf.writeUInt32BE(2255, 4)))).toBe(true);
    expect(refuse(altered(whole[0], (buf) => buf.writeUInt32BE(0xffffffff, 4)))).toBe(true);
    expect(refuse(whole[0], 2300)).toBe(true);
    expect(refuse(Buffer.concat([whole[3], Buffer.from('12345678')]))).toBe(true);
  });

  it('holds memory for what arrived, not for what a length promises', () => {
    const reader = new FrameReader();
    const start = altered(whole[0], (buf) => buf.writeUInt32BE(1 << 29, 4));
    expect(reader.push(start, () => true)).toBe(true);
    expect(reader.bytesPending).toBe(start.length);
  });

  it('stops when the receiver ends the link', () => {
    let frames = 0;
    new FrameReader().push(stream, () => ++frames < 2);
    expect(frames).toBe(2);
  });
});
