/** A master's stream is done, and handed on, in the same way however it is cut. */
import { describe, expect, it } from 'vitest';
import { Session } from '../../src/exec/session.js';
import { MasterStream } from '../../src/replication/io/masterStream.js';
import { NOWHERE } from '../../src/server/aofReplay.js';
import { endOfRound, FakeStream, Harness } from '../net/harness.js';
import { encodeRequest } from '../support/resp.js';

const encode = (line: string): Buffer => encodeRequest(line.split(' '));

const STREAM = Buffer.concat([
  encode('SELECT 3'),
  encode('SET a 1'),
  Buffer.from('\r\n'),
  encode('MULTI'),
  encode('INCRBY a 41'),
  encode('RPUSH list x y z'),
  encode('EXEC'),
  encode('PING'),
  encode('SET b 2'),
]);

function rig(harness = new Harness()) {
  const { executor } = harness.server;
  const session = new Session(1, NOWHERE, { nowMs: 0, databases: 16, authenticated: true });
  session.isMaster = true;
  const passed: Buffer[] = [];
  const log: string[] = [];
  const stream = new MasterStream(executor, session, {
    applied: (buf, from, to) => passed.push(Buffer.from(buf.subarray(from, to))),
    log: (text) => log.push(text),
  });
  const client = harness.connect();
  harness.call(client, 'SELECT', '3');
  const value = (key: string): string => {
    const reply = harness.call(client, 'GET', key);
    return 'text' in reply ? String(reply.text) : '';
  };
  return { harness, session, stream, log, client, value, passed: () => Buffer.concat(passed) };
}

describe("the master's stream", () => {
  it('is the same for every cut into two', () => {
    const harness = new Harness();
    for (let cut = 0; cut <= STREAM.length; cut++) {
      const { client, stream, passed, value, log } = rig(harness);
      harness.call(client, 'FLUSHALL');
      stream.receive(STREAM, 0, cut);
      stream.receive(STREAM, cut, STREAM.length);
      expect([value('a'), value('b')]).toEqual(['42', '2']);
      expect(passed().equals(STREAM)).toBe(true);
      expect([stream.pendingBytes, log]).toEqual([0, []]);
    }
  });

  it('may come byte by byte', () => {
    const { stream, passed, value } = rig();
    for (let at = 0; at < STREAM.length; at++) stream.receive(STREAM, at, at + 1);
    expect([value('a'), value('b')]).toEqual(['42', '2']);
    expect(passed().equals(STREAM)).toBe(true);
  });

  it('counts a transaction only with its EXEC', () => {
    const { stream, passed, value } = rig();
    const exec = STREAM.indexOf(encode('EXEC'));
    const multi = STREAM.indexOf(encode('MULTI'));
    stream.receive(STREAM, 0, exec);
    expect(value('a')).toBe('1');
    expect(passed().equals(STREAM.subarray(0, multi))).toBe(true);
    expect(stream.pendingBytes).toBe(exec - multi);
    stream.receive(STREAM, exec, STREAM.length);
    expect(value('a')).toBe('42');
    expect(passed().equals(STREAM)).toBe(true);
  });

  it('goes on behind what cannot be done here, and says so', () => {
    const { stream, value, log } = rig();
    const bytes = Buffer.concat([encode('SELECT 3'), encode('FUTURE 1'), encode('LPUSH'), encode('SET c 3')]);
    expect(stream.receive(bytes, 0, bytes.length)).toBe(true);
    expect(value('c')).toBe('3');
    expect(log).toHaveLength(2);
  });

  it('ends where it is no stream of requests', () => {
    const { stream, log } = rig();
    const bytes = Buffer.from('*1\r\n!PING\r\n');
    expect(stream.receive(bytes, 0, bytes.length)).toBe(false);
    expect(log).toHaveLength(1);
  });
});

describe('a replica that talks on its link', () => {
  it('is cut off, for an answer would end up in the stream', async () => {
    const { server, ...harness } = new Harness({ 'repl-diskless-sync-delay': '0' });
    const stream = new FakeStream();
    server.clients.accept(stream);
    stream.receive(encode('PSYNC ? -1'));
    await endOfRound();
    expect(stream.text).toContain('+FULLRESYNC ');
    stream.receive(encode('REPLCONF ACK 0'));
    expect(stream.closed).toBe(false);
    stream.receive(encode('PING'));
    expect(stream.closed).toBe(true);
    expect(stream.text).not.toContain('PONG');
    server.replication.stop();
    expect(harness.log.some((line) => line.includes('lost'))).toBe(true);
  });
});
