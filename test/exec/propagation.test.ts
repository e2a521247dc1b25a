import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Propagation, type PropagationSink } from '../../src/exec/propagation.js';
import { ArgVector } from '../../src/resp/argVector.js';
import { take, wordsOf } from '../codec/intake.js';
import { Harness } from '../net/harness.js';
import { startServerProcess, tempDir } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { encodeRequest } from '../support/resp.js';

class Recorder implements PropagationSink {
  readonly lines: string[] = [];

  feed(dbIndex: number, args: ArgVector): void {
    this.lines.push(`${dbIndex}: ${wordsOf(args).join(' ')}`);
  }
}

function feeds(propagation: Propagation, ...lines: string[]): void {
  for (const line of lines) propagation.feed(0, ArgVector.from(line.split(' ')));
}

describe('Propagation', () => {
  it('sends to every sink in order, and to none that left', () => {
    const propagation = new Propagation();
    const [a, b] = [new Recorder(), new Recorder()];
    expect(propagation.active).toBe(false);
    propagation.add(a);
    propagation.add(b);
    feeds(propagation, 'SET k 1');
    propagation.remove(a);
    feeds(propagation, 'SET k 2');
    propagation.remove(b);
    expect(propagation.active).toBe(false);
    feeds(propagation, 'SET k 3');
    expect([a.lines, b.lines]).toEqual([['0: SET k 1'], ['0: SET k 1', '0: SET k 2']]);
  });

  it('wraps the writes of a transaction in MULTI and EXEC', () => {
    const propagation = new Propagation();
    const sink = new Recorder();
    propagation.add(sink);
    propagation.beginTransaction();
    feeds(propagation, 'SET a 1');
    propagation.feed(3, ArgVector.from(['SET', 'b', '2']));
    propagation.endTransaction();
    feeds(propagation, 'SET c 3');
    expect(sink.lines).toEqual(['0: MULTI', '0: SET a 1', '3: SET b 2', '3: EXEC', '0: SET c 3']);
  });

  it('sends the only write of a transaction without them, but not one beside a message', () => {
    const propagation = new Propagation();
    const [sink, replica] = [new Recorder(), Object.assign(new Recorder(), { takesMessages: true })];
    propagation.add(sink);
    propagation.add(replica);
    for (const messages of [0, 1]) {
      propagation.beginTransaction();
      feeds(propagation, 'SET a 1');
      if (messages > 0) propagation.feedMessage(0, ArgVector.from(['PUBLISH', 'c', 'm']));
      propagation.endTransaction();
    }
    expect(sink.lines).toEqual(['0: SET a 1', '0: MULTI', '0: SET a 1', '0: EXEC']);
    expect(replica.lines).toEqual(['0: SET a 1', '0: MULTI', '0: SET a 1', '0: PUBLISH c m', '0: EXEC']);
  });

  it('leaves no trace of a transaction that wrote nothing', () => {
    const propagation = new Propagation();
    const sink = new Recorder();
    propagation.add(sink);
    propagation.beginTransaction();
    propagation.endTransaction();
    expect(sink.lines).toEqual([]);
  });
});

describe('what a server propagates', () => {
  function recorded(): { harness: Harness; sink: Recorder } {
    const harness = new Harness();
    const sink = new Recorder();
    harness.server.executor.propagation.add(sink);
    return { harness, sink };
  }

  it('a key whose time was over when it was touched is deleted first', () => {
    const { harness, sink } = recorded();
    const stream = harness.connect();
    harness.call(stream, 'SET', 'k', 'old', 'PX', '100');
    harness.clock.advance(200);
    sink.lines.length = 0;
    harness.call(stream, 'APPEND', 'k', 'new');
    expect(sink.lines).toEqual(['0: DEL k', '0: APPEND k new']);
  });

  it('a key that is only read when its time is over is deleted too', () => {
    const { harness, sink } = recorded();
    const stream = harness.connect();
    harness.call(stream, 'SET', 'k', 'old', 'PX', '100');
    harness.clock.advance(200);
    sink.lines.length = 0;
    expect(harness.call(stream, 'GET', 'k')).toEqual({ type: 'nil' });
    expect(sink.lines).toEqual(['0: DEL k']);
  });

  it('what SPOP takes is told by name, in portions that stand together', () => {
    const { harness, sink } = recorded();
    const stream = harness.connect();
    harness.call(stream, 'SADD', 's', ...Array.from({ length: 5000 }, (_, i) => `m${i}`));
    sink.lines.length = 0;
    const popped = harness.call(stream, 'SPOP', 's', '1500');
    const members = popped.type === 'array' ? popped.items.map((item) => ('text' in item ? item.text : '')) : [];
    const portions = [members.slice(0, 1024), members.slice(1024)].map((portion) => `0: SREM s ${portion.join(' ')}`);
    expect(sink.lines).toEqual(['0: MULTI', ...portions, '0: EXEC']);
    expect(new Set(members).size).toBe(1500);
  });

  it('a transaction stands together even when other clients write in between', () => {
    const { harness, sink } = recorded();
    const [a, b] = [harness.connect(), harness.connect()];
    harness.call(a, 'MULTI');
    harness.call(a, 'SET', 'x', '1');
    harness.call(b, 'SET', 'y', '2');
    harness.call(a, 'INCR', 'x');
    harness.call(a, 'EXEC');
    expect(sink.lines).toEqual(['0: SET y 2', '0: MULTI', '0: SET x 1', '0: INCR x', '0: EXEC']);
  });
});

/** Every kind of write, and what is none. A line may begin with `@` and a database. */
const REQUESTS = `
SET k v
SET k v NX
SET n v XX
SET k v EX 1000
SET k v PX 1000000
SET k v EXAT 33177117420
SET k v PXAT 33177117420000
SET k w KEEPTTL
SET k x GET
SET k x NX GET
SETEX s 1000 v
PSETEX s 1000000 v
SETNX s v
SETNX t v
GETSET t w
GETSET fresh w
GETDEL fresh
GETDEL fresh
GETEX t
GETEX t EX 1000
GETEX t PXAT 33177117420000
GETEX t PERSIST
GETEX t PERSIST
GETEX t EXAT 1
APPEND a 1
APPEND a 22
SETRANGE a 1 xy
SETRANGE a 1 ""
SETRANGE none 1 ""
INCR n
INCRBY n 41
DECR n
DECRBY n 3
INCRBYFLOAT f 0.1
INCRBYFLOAT f 0.2
SET e 1 EX 1000
INCRBYFLOAT e 1.5
MSET m1 1 m2 2
MSETNX m1 1 m3 3
MSETNX m4 1 m5 3
GET k
EXISTS k
TTL k
EXPIRE a 1000
EXPIRE a 1000 NX
EXPIRE a 2000 GT
PEXPIRE a 1000000
EXPIREAT a 33177117420
PEXPIREAT a 33177117420000
PEXPIREAT a 9007199254740993
PEXPIREAT a 9007199254740994 GT
PEXPIREAT a 9007199254740994 GT
EXPIREAT a 9007199254741
EXPIREAT a 9223372036854775 XX
GETEX k PXAT 9007199254740993
GETEX k EXAT 9223372036854775
GETEX k PERSIST
SET far 1 PXAT 9007199254740995
SET far 1 EXAT 9007199254741
SET far 2 KEEPTTL
SET far 2 PXAT 9223372036854775807 XX GET
PERSIST a
PERSIST a
EXPIRE a -1
EXPIRE a -1
PEXPIREAT m1 1
DEL m2 none
DEL none
UNLINK m4
TOUCH k
SET r 1
RENAME r r2
RENAMENX r2 k
RENAMENX r2 r3
COPY r3 c
COPY r3 c
COPY r3 c REPLACE
COPY r3 c DB 2
MOVE c 3
MOVE none 3
SELECT 5
SET five 5
SWAPDB 5 6
SELECT 0
MULTI
SET x 1
GET x
INCR x
EXEC
MULTI
GET x
EXEC
MULTI
SELECT 7
SET seven 7
EXEC
SELECT 0
MULTI
INCRBYFLOAT q 1.25
GETDEL q
EXEC
HSET h a 1 b 2
HSET h a 1
HMSET h a 3
HSETNX h a 4
HSETNX h c 4
HINCRBY h a 0
HINCRBYFLOAT h a 0.1
HINCRBYFLOAT h new 3.0e3
HDEL h none
HDEL h a none b
HDEL h c new
SADD u 1 2 3
SADD u 1
SADD u 1 4
SREM u none
SREM u 4 none
SMOVE u u2 1
SMOVE u u 2
SMOVE u u2 9
SADD u2 2
SMOVE u u2 2
SUNIONSTORE d u u2
SINTERSTORE d u u2
SINTERSTORE d u u2
SDIFFSTORE d u u2
SPOP none
SPOP none 3
SPOP d
SPOP u2 0
SPOP u2 100
SADD one x
SPOP one 1
RPUSH l 3 1 2
SORT l
SORT l STORE sorted
SORT none STORE sorted
SORT none STORE sorted
FLUSHDB
FLUSHDB ASYNC
SET again 1
FLUSHALL
FLUSHALL
`
  .trim()
  .split('\n');

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('what is propagated, against the AOF of Redis');

describe.skipIf(!hasRedis)('what is propagated', () => {
  it('is what Redis writes to its append-only file', async () => {
    const dir = tempDir();
    const args = ['--dir', dir, '--save', '', '--appendonly', 'yes', '--aof-use-rdb-preamble', 'no'];
    const redis = await startServerProcess(['redis-server'], args);
    const client = await RawClient.connect(redis.port);
    for (const line of REQUESTS) await client.call(...words(line));
    client.close();
    await redis.stop('SIGTERM');
    const folder = join(dir, 'appendonlydir');
    const file = readdirSync(folder).find((name) => name.endsWith('.incr.aof')) ?? '';
    const theirs = take([readFileSync(join(folder, file))]).requests;

    const harness = new Harness();
    const sink = new Recorder();
    harness.server.executor.propagation.add(sink);
    const stream = harness.connect();
    for (const line of REQUESTS) stream.receive(encodeRequest(words(line)));

    expect(sink.lines.map(timeless)).toEqual(withDatabases(theirs).map(timeless));
  });
});

function words(line: string): string[] {
  return line.split(' ').map((word) => (word === '""' ? '' : word));
}

/** The requests of an append-only file, each with the database that the SELECT before it named. */
function withDatabases(requests: readonly string[][]): string[] {
  const lines: string[] = [];
  let db = '0';
  for (const request of requests) {
    if (request[0]?.toUpperCase() === 'SELECT') db = request[1] as string;
    else lines.push(`${db}: ${request.join(' ')}`);
  }
  return lines;
}

/** Times that were counted from now differ from run to run; those given in the request do not. */
function timeless(line: string): string {
  return line.replace(/\b1[67]\d{11}\b|\b[12]\d{12}\b/g, '<now + ...>');
}
