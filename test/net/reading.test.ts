import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { bytes, deliveries } from '../codec/intake.js';
import { encodeRequest } from '../support/resp.js';
import { FakeStream, Harness } from './harness.js';

function pipeline(...requests: string[][]): Buffer {
  return Buffer.concat(requests.map((request) => encodeRequest(request)));
}

describe('requests on a connection', () => {
  const session = Buffer.concat([
    pipeline(['SET', 'k', 'v'], ['APPEND', 'k', 'w'.repeat(60)], ['GET', 'k']),
    bytes('STRLEN k\r\n\r\n*0\r\n'),
    pipeline(['MULTI'], ['SET', 'a', '1'], ['INCR', 'a'], ['EXEC'], ['DEL', 'a', 'k'], ['ECHO', '']),
  ]);

  it('mean the same whole, byte by byte and at every split', () => {
    const expected = new Harness().connect();
    expected.receive(session);
    expect(expected.text).toContain(':61\r\n');
    for (const [how, pieces] of deliveries(session)) {
      const stream = new Harness().connect();
      for (const piece of pieces) stream.receive(Buffer.from(piece));
      expect({ how, text: stream.text }).toEqual({ how, text: expected.text });
    }
  });

  it('of many clients in random pieces do not get mixed up', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new Prng(seed);
      const harness = new Harness();
      const clients = Array.from({ length: 5 }, (_, id) => {
        const values = Array.from({ length: 30 }, () => `${id}:${'x'.repeat(random.below(3) === 0 ? 3000 : 20)}`);
        return { id, values, stream: harness.connect(), bytes: pipeline(...values.map((value) => ['ECHO', value])) };
      });
      const left = clients.map((client) => client.bytes);
      while (left.some((rest) => rest.length > 0)) {
        const i = random.below(left.length);
        const length = 1 + random.below(random.below(2) === 0 ? 8 : 5000);
        if (left[i].length > 0) clients[i].stream.receive(left[i].subarray(0, length));
        left[i] = left[i].subarray(length);
      }
      for (const { id, values, stream } of clients) {
        const texts = stream.takeReplies().map((reply) => ('text' in reply ? reply.text : reply.type));
        expect({ seed, id, texts }).toEqual({ seed, id, texts: values });
      }
    }
  });

  it('of a million words arrive in small pieces in linear time', () => {
    const words = 1_000_000;
    const harness = new Harness();
    const stream = harness.connect();
    const request = bytes(`*${words + 1}\r\n$3\r\nDEL\r\n${'$1\r\nk\r\n'.repeat(words)}`);
    for (let at = 0; at < request.length; at += 1460) stream.receive(request.subarray(at, at + 1460));
    expect(stream.text).toBe(':0\r\n');
  });

  it('with a value of many megabytes arrive in pieces and leave no buffer behind', () => {
    const harness = new Harness();
    const stream = harness.connect();
    const value = 'v'.repeat(20 * 1024 * 1024);
    const request = encodeRequest(['SET', 'k', value]);
    for (let at = 0; at < request.length; at += 65536) stream.receive(request.subarray(at, at + 65536));
    expect(stream.takeReplies()).toEqual([{ type: 'simple', text: 'OK' }]);
    expect(harness.call(stream, 'STRLEN', 'k')).toEqual({ type: 'integer', text: String(value.length) });
    expect([...harness.server.clients.all()][0].queryBufferBytes()).toBe(0);
  });

  it('count as the query buffer of the client while they are not whole', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.receive('*2\r\n$4\r\nECHO\r\n$10\r\nhalf');
    const [client] = [...harness.server.clients.all()];
    expect(client.queryBufferBytes()).toBe(23);
    stream.receive('-whole\r\n');
    expect(client.queryBufferBytes()).toBe(0);
  });

  it('count as the query buffer of the client while they run, with those behind them', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.receive('CLIENT INFO\r\nPING\r\n');
    expect(stream.text).toContain(' qbuf=19 ');
    expect([...harness.server.clients.all()][0]?.queryBufferBytes()).toBe(0);
  });
});

describe('a protocol error', () => {
  it('is answered behind the replies of the requests before it, and ends the connection', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.receive('PING\r\n*1\r\n$4\r\nPING\r\n*1\r\nPING\r\nPING\r\n');
    expect(stream.text).toBe("+PONG\r\n+PONG\r\n-ERR Protocol error: expected '$', got 'P'\r\n");
    expect(stream.closed).toBe(true);
    expect(harness.clients).toBe(0);
  });

  it('is logged with what was sent, made printable', () => {
    const harness = new Harness();
    harness.connect().receive('*\xff\r\n');
    expect(harness.log.join('')).toMatch(/Protocol error \(invalid multibulk length\) from client: .*'\*\.\.\.'/);
  });

  it('of one client leaves the others alone', () => {
    const harness = new Harness();
    const [good, bad] = [harness.connect(), harness.connect()];
    good.receive('*1\r\n$4\r\nPI');
    bad.receive('*x\r\n');
    good.receive('NG\r\n');
    expect(good.text).toBe('+PONG\r\n');
    expect(harness.clients).toBe(1);
  });

  it('leaves no room for what the client sends behind it', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.takesWrites = 0;
    stream.receive('*x\r\n');
    stream.receive(encodeRequest(['SET', 'k', 'v']));
    stream.drain();
    expect(stream.text).toBe('-ERR Protocol error: invalid multibulk length\r\n');
    expect(stream.closed).toBe(true);
    expect(harness.call(harness.connect(), 'EXISTS', 'k')).toEqual({ type: 'integer', text: '0' });
  });
});

describe('limits', () => {
  it('proto-max-bulk-len refuses longer words', () => {
    const harness = new Harness({ 'proto-max-bulk-len': '1mb' });
    const stream = harness.connect();
    stream.receive('*1\r\n$1048577\r\n');
    expect(stream.text).toBe('-ERR Protocol error: invalid bulk length\r\n');
  });

  it('client-query-buffer-limit ends a client whose request grows beyond it', () => {
    const harness = new Harness({ 'client-query-buffer-limit': '1mb' });
    const stream = harness.connect();
    stream.receive('*2\r\n$4\r\nECHO\r\n$2000000\r\n');
    for (let i = 0; i < 20 && !stream.closed; i++) stream.receive(Buffer.alloc(100_000, 'x'));
    expect(stream.closed).toBe(true);
    expect(harness.log.join('')).toContain('Closing client that reached max query buffer length');
    expect(harness.server.stats.clientQueryBufferLimitDisconnections).toBe(1);
  });

  it('a client that must authenticate may only send small requests', () => {
    const harness = new Harness({ requirepass: 'secret' });
    const stream = harness.connect();
    stream.receive(`*11\r\n`);
    expect(stream.text).toBe('-ERR Protocol error: unauthenticated multibulk length\r\n');
    const other = harness.connect();
    other.receive('*1\r\n$16385\r\n');
    expect(other.text).toBe('-ERR Protocol error: unauthenticated bulk length\r\n');
  });

  it('AUTH lifts them for the request behind it in the same packet', () => {
    const stream = new Harness({ requirepass: 'secret' }).connect();
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    stream.receive(pipeline(['AUTH', 'secret'], ['DEL', ...keys]));
    expect(stream.text).toBe('+OK\r\n:0\r\n');
  });

  it('maxclients turns the next client away with an error', () => {
    const harness = new Harness({ maxclients: '2' });
    harness.connect();
    harness.connect();
    const third = harness.connect();
    expect(third.text).toBe('-ERR max number of clients reached\r\n');
    expect(third.closed).toBe(true);
    expect(harness.server.stats.rejectedConnections).toBe(1);
  });

  it('protected mode turns strangers away while there is no password', () => {
    class Stranger extends FakeStream {
      override readonly peerAddress = '192.0.2.7:1234';
      override readonly local = false;
    }
    const stranger = new Harness({ 'protected-mode': 'yes' }).connect(new Stranger());
    expect(stranger.text).toMatch(/^-DENIED Redis is running in protected mode/);
    expect(stranger.closed).toBe(true);
    expect(new Harness({ requirepass: 'secret' }).connect(new Stranger()).closed).toBe(false);
  });

  it('timeout ends clients that say nothing', () => {
    const harness = new Harness({ timeout: '10' });
    const [silent, busy] = [harness.connect(), harness.connect()];
    harness.clock.advance(8000);
    busy.receive('PING\r\n');
    harness.clock.advance(2001);
    harness.server.clients.closeIdle();
    expect([silent.closed, busy.closed]).toEqual([true, false]);
  });
});

describe('the end of a client', () => {
  it('takes what it had not sent to its end along', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.receive('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n');
    stream.hangUp();
    expect(harness.clients).toBe(0);
    expect(harness.call(harness.connect(), 'EXISTS', 'k')).toEqual({ type: 'integer', text: '0' });
  });

  it('forgets its transaction and its watches', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.receive(pipeline(['WATCH', 'k'], ['MULTI'], ['SET', 'k', '1']));
    expect(harness.server.executor.watches.empty).toBe(false);
    stream.hangUp();
    expect(harness.server.executor.watches.empty).toBe(true);
  });

  it('comes with QUIT, whose reply it still gets, and nothing behind it runs', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.receive(pipeline(['SET', 'k', '1'], ['QUIT'], ['SET', 'k', '2']));
    expect(stream.text).toBe('+OK\r\n+OK\r\n');
    expect(stream.closed).toBe(true);
    expect(harness.call(harness.connect(), 'GET', 'k')).toEqual({ type: 'bulk', text: '1' });
  });

  it('comes at once when another client kills it', () => {
    const harness = new Harness();
    const [killer, victim] = [harness.connect(), harness.connect()];
    const id = harness.call(victim, 'CLIENT', 'ID');
    expect(harness.call(killer, 'CLIENT', 'KILL', 'ID', 'text' in id ? id.text : '')).toEqual({
      type: 'integer',
      text: '1',
    });
    expect(victim.closed).toBe(true);
    expect(harness.clients).toBe(1);
  });

  it('comes after the reply when it kills itself', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.receive(pipeline(['CLIENT', 'ID']));
    const [id] = stream.takeReplies();
    stream.receive(pipeline(['CLIENT', 'KILL', 'ID', 'text' in id ? id.text : '', 'SKIPME', 'no'], ['PING']));
    expect(stream.text).toBe(':1\r\n');
    expect(stream.closed).toBe(true);
  });
});
