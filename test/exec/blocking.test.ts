import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import type { CommandContext, KeyWait, WaitEnd } from '../../src/commands/context.js';
import { BlockedClients, type Rerunner, type WaitingScope } from '../../src/exec/blocking.js';
import type { PropagationSink } from '../../src/exec/propagation.js';
import type { Session } from '../../src/exec/session.js';
import { ArgVector } from '../../src/resp/argVector.js';
import { ReplyWriter } from '../../src/resp/replyWriter.js';
import { Store } from '../../src/store/store.js';
import { NO_EXPIRE, TYPE_STRING } from '../../src/store/types.js';
import { wordsOf } from '../codec/intake.js';
import { endOfRound, type FakeStream, Harness } from '../net/harness.js';
import { encodeRequest } from '../support/resp.js';

function pipeline(stream: FakeStream, ...requests: string[]): void {
  stream.receive(Buffer.concat(requests.map((line) => encodeRequest(line.split(' ')))));
}

/** All that the peer has got since the last call, on one line. */
function got(stream: FakeStream): string {
  const text = stream.text.replaceAll('\r\n', ' ').trim();
  stream.takeReplies();
  return text;
}

describe('a client that is served in the middle of the batch of another', () => {
  it('gets its element before the next command of the batch runs, and each gets its own replies', () => {
    const harness = new Harness();
    const [pusher, waiter] = [harness.connect(), harness.connect()];
    pipeline(waiter, 'PING', 'BLPOP l 0');
    expect(got(waiter)).toBe('+PONG');
    pipeline(pusher, 'PING', 'RPUSH l a', 'LLEN l', 'RPUSH l b', 'LLEN l');
    expect(got(pusher)).toBe('+PONG :1 :0 :1 :1');
    expect(got(waiter)).toBe('*2 $1 l $1 a');
  });

  it('goes on with what it sent behind when the batch is over', async () => {
    const harness = new Harness();
    const [pusher, waiter] = [harness.connect(), harness.connect()];
    pipeline(waiter, 'BLPOP l 0', 'RPUSH l mine', 'BLPOP m 0', 'PING');
    pipeline(pusher, 'RPUSH l a', 'LLEN l', 'RPUSH m b', 'LLEN m');
    expect(got(pusher)).toBe(':1 :0 :1 :1');
    expect(got(waiter)).toBe('*2 $1 l $1 a');
    await endOfRound();
    expect(got(waiter)).toBe(':1 *2 $1 m $1 b +PONG');
  });

  it('is unblocked by CLIENT UNBLOCK in between', () => {
    const harness = new Harness();
    const [other, waiter] = [harness.connect(), harness.connect()];
    pipeline(waiter, 'CLIENT ID', 'BLPOP l 0');
    const id = got(waiter).slice(1);
    pipeline(other, 'PING', `CLIENT UNBLOCK ${id} ERROR`, `CLIENT UNBLOCK ${id}`, 'ECHO x');
    expect(got(other)).toBe('+PONG :1 :0 $1 x');
    expect(got(waiter)).toBe('-UNBLOCKED client unblocked via CLIENT UNBLOCK');
    pipeline(other, 'RPUSH l a', 'LLEN l');
    expect(got(other)).toBe(':1 :1');
  });

  it('ends WAIT in the same way', () => {
    const harness = new Harness();
    const [other, waiter] = [harness.connect(), harness.connect()];
    pipeline(waiter, 'CLIENT ID', 'WAIT 1 0');
    const id = got(waiter).slice(1);
    pipeline(other, 'PING', `CLIENT UNBLOCK ${id}`, 'PING');
    expect([got(other), got(waiter)]).toEqual(['+PONG :1 +PONG', ':0']);
  });

  it('is answered in its own protocol', () => {
    const harness = new Harness();
    const [pusher, waiter] = [harness.connect(), harness.connect()];
    harness.call(waiter, 'HELLO', '3');
    pipeline(waiter, 'CLIENT ID', 'BLPOP l 0');
    const id = got(waiter).slice(1);
    pipeline(pusher, 'GET none', `CLIENT UNBLOCK ${id}`, 'GET none');
    expect([got(pusher), got(waiter)]).toEqual(['$-1 :1 $-1', '_']);
  });
});

describe('a client that goes while it waits', () => {
  it('leaves nothing behind', () => {
    const harness = new Harness();
    const [pusher, waiter] = [harness.connect(), harness.connect()];
    pipeline(waiter, 'BLPOP l m 0');
    const { blocking } = harness.server.executor;
    expect([blocking.empty, blocking.keyCount, harness.server.clients.blockedCount]).toEqual([false, 2, 1]);
    waiter.hangUp();
    expect([blocking.empty, blocking.keyCount, harness.server.clients.blockedCount]).toEqual([true, 0, 0]);
    pipeline(pusher, 'RPUSH l a', 'LLEN l');
    expect(got(pusher)).toBe(':1 :1');
  });
});

describe('what is propagated', () => {
  function recorded(harness: Harness): string[] {
    const lines: string[] = [];
    const sink: PropagationSink = { feed: (dbIndex, args) => lines.push(`${dbIndex}: ${wordsOf(args).join(' ')}`) };
    harness.server.executor.propagation.add(sink);
    return lines;
  }

  it('is the plain command, behind the one that served it', () => {
    const harness = new Harness();
    const lines = recorded(harness);
    const pusher = harness.connect();
    for (const line of ['BLPOP a 0', 'BLMOVE b c LEFT RIGHT 0', 'BRPOPLPUSH c d 0', 'BLMPOP 0 2 x e RIGHT COUNT 2']) {
      pipeline(harness.connect(), line);
    }
    pipeline(pusher, 'RPUSH a 1 2', 'RPUSH b 1', 'RPUSH e 1 2 3', 'LMPOP 1 e LEFT', 'BLPOP none a 0');
    expect(lines).toEqual([
      '0: RPUSH a 1 2',
      '0: LPOP a',
      '0: RPUSH b 1',
      '0: LMOVE b c left right',
      '0: RPOPLPUSH c d',
      '0: RPUSH e 1 2 3',
      '0: RPOP e 2',
      '0: LPOP e 1',
      '0: LPOP a',
    ]);
  });

  it('comes behind the whole transaction', () => {
    const harness = new Harness();
    const lines = recorded(harness);
    const [pusher, waiter] = [harness.connect(), harness.connect()];
    pipeline(waiter, 'SELECT 1', 'BLPOP k2 k1 0');
    pipeline(pusher, 'SELECT 1', 'MULTI', 'RPUSH k1 a', 'RPUSH k2 b', 'SET x y', 'EXEC');
    expect(lines).toEqual(['1: MULTI', '1: RPUSH k1 a', '1: RPUSH k2 b', '1: SET x y', '1: EXEC', '1: LPOP k1']);
    expect(got(waiter)).toBe('+OK *2 $2 k1 $1 a');
  });
});

describe('statistics', () => {
  it('count a call when it ends, once', () => {
    const harness = new Harness();
    const [pusher, waiter] = [harness.connect(), harness.connect()];
    pipeline(waiter, 'BLPOP l 0');
    const command = harness.server.commands.byFullName('blpop');
    expect(command?.calls).toBe(0);
    pipeline(pusher, 'SET l x', 'DEL l', 'RPUSH l a');
    expect(command?.calls).toBe(1);
    expect(got(waiter)).toBe('*2 $1 l $1 a');
  });
});

describe('a command that waits again', () => {
  const store = new Store({ databases: 1, clusterMode: false, random: new Prng(1) });
  const db = store.databases[0]!;
  const blocking = new BlockedClients();
  const reply = new ReplyWriter();
  const timeouts: number[] = [];
  const runs: string[] = [];
  let answers = new Set<string>();
  let nowMs = 1000;

  const WAIT: KeyWait = {
    type: TYPE_STRING,
    firstKey: 1,
    lastKey: 2,
    timeoutMs: 500,
    nothing: 'array',
    wakeWhenGone: true,
  };

  /** `block` of the server: the session waits until somebody calls `blocked`. */
  function block(session: Session, timeoutMs: number, answer: (reply: ReplyWriter, how: WaitEnd) => void): void {
    timeouts.push(timeoutMs);
    session.blocked = (how) => {
      session.blocked = undefined;
      answer(reply, how);
    };
  }

  function scopeOf(session: Session, args: ArgVector): WaitingScope {
    const server = { clients: { block }, stats: { commandsProcessed: 0 } };
    const scope = { args, client: session, db, nowMs, reply, server, mayBlock: true, command: { calls: 0 } };
    return { ...scope, argText: (i: number) => args.text(i) } as unknown as CommandContext as WaitingScope;
  }

  const rerunner: Rerunner = {
    execute(session, args) {
      const scope = scopeOf(session, args);
      runs.push(`${session.name} woken by ${blocking.wokenBy(scope, 1, 2)}: ${wordsOf(args).join(' ')}`);
      if (!answers.has(session.name)) blocking.wait(scope, WAIT);
    },
    peekKey: (_db, buf, start, end) => db.find(buf, start, end),
  };

  function touch(key: string): void {
    const bytes = Buffer.from(key);
    blocking.signal(db, bytes, 0, bytes.length);
    blocking.serve(rerunner);
  }

  const sessions = ['a', 'b', 'c'].map((name) => ({ name, blocked: undefined }) as unknown as Session);

  it('keeps its place, its deadline and its pinned arguments', () => {
    for (const session of sessions) {
      blocking.pin(3, Buffer.from(`pinned-${session.name}`));
      blocking.wait(scopeOf(session, ArgVector.from(['WAITFOR', 'k', 'l', '$'])), WAIT);
    }
    db.put(Buffer.from('k'), 0, 1, Buffer.from('x'), 0, 1, NO_EXPIRE);
    nowMs = 1100;
    answers = new Set(['b']);
    touch('k');
    answers = new Set(['a', 'c']);
    nowMs = 1300;
    touch('l');
    expect(runs).toEqual([
      'a woken by 1: WAITFOR k l pinned-a',
      'b woken by 1: WAITFOR k l pinned-b',
      'c woken by 1: WAITFOR k l pinned-c',
      'a woken by 2: WAITFOR k l pinned-a',
      'c woken by 2: WAITFOR k l pinned-c',
    ]);
    expect(timeouts).toEqual([500, 500, 500, 400, 400]);
    expect([blocking.empty, blocking.keyCount]).toEqual([true, 0]);
  });
});
