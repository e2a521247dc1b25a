import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArgVector } from '../../src/resp/argVector.js';
import { NO_EXPIRE } from '../../src/store/types.js';
import { encodeRequest } from '../support/resp.js';
import { FakeTarget } from './fakeTarget.js';
import { endOfRound, type FakeStream, Harness } from './harness.js';

const WRITING = '-IOERR error or timeout writing to target instance\r\n';
const READING = '-IOERR error or timeout reading to target instance\r\n';
/** Longer than a test takes. */
const PATIENT = '60000';

let target: FakeTarget;
let harness: Harness;
let mover: FakeStream;
let other: FakeStream;

beforeEach(async () => {
  target = await FakeTarget.start();
  harness = new Harness();
  mover = harness.connect();
  other = harness.connect();
});

afterEach(async () => {
  await harness.server.stop();
  await target.stop();
});

function call(...args: string[]): string {
  return ask(other, ...args);
}

function ask(stream: FakeStream, ...args: string[]): string {
  const { length } = stream.text;
  stream.receive(encodeRequest(args));
  return stream.text.slice(length);
}

function migrate(...more: string[]): void {
  mover.receive(encodeRequest(['MIGRATE', '127.0.0.1', target.port, '', '0', PATIENT, ...more]));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await endOfRound();
}

async function answered(stream: FakeStream, text: string): Promise<void> {
  await until(() => stream.text.length >= text.length);
  expect(stream.text).toBe(text);
}

/** The key is on its way: SELECT and RESTORE have come to the target, which has not answered. */
async function moving(...keys: string[]): Promise<void> {
  migrate('KEYS', ...keys);
  await target.untilCommands(1 + keys.length);
}

describe('a key on its way', () => {
  beforeEach(async () => {
    call('MSET', 'k', 'old', 'free', '1');
    await moving('k');
  });

  it('is read as ever', async () => {
    expect(call('GET', 'k')).toBe('$3\r\nold\r\n');
    expect(call('STRLEN', 'k')).toBe(':3\r\n');
  });

  it('keeps writers waiting until it has gone', async () => {
    expect(call('APPEND', 'k', '!')).toBe('');
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n');
    await until(() => other.text.endsWith(':1\r\n'));
    expect(ask(mover, 'GET', 'k')).toBe('$1\r\n!\r\n');
  });

  it('keeps writers waiting until it turns out that it stays', async () => {
    expect(call('APPEND', 'k', '!')).toBe('');
    target.say('+OK\r\n-BUSYKEY Target key name already exists.\r\n');
    await answered(mover, '-ERR Target instance replied with error: BUSYKEY Target key name already exists.\r\n');
    await until(() => other.text.endsWith(':4\r\n'));
  });

  it('does not keep those waiting who write elsewhere', () => {
    expect(call('INCR', 'free')).toBe(':2\r\n');
    expect(call('PUBLISH', 'k', 'x')).toBe(':0\r\n');
  });

  it.each([['FLUSHALL'], ['FLUSHDB'], ['SWAPDB', '0', '1'], ['RENAME', 'free', 'k'], ['MSET', 'a', '1', 'k', '2']])(
    'keeps %s waiting',
    async (...request) => {
      const { text } = other;
      expect(call(...request)).toBe('');
      target.say('+OK\r\n+OK\r\n');
      await answered(mover, '+OK\r\n');
      await answered(other, `${text}+OK\r\n`);
    },
  );

  it('keeps PFCOUNT waiting, which is no write but changes the value', async () => {
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n');
    call('PFADD', 'hll', 'a', 'b');
    migrate('KEYS', 'hll');
    await target.untilCommands(3);
    const { text } = other;
    expect(call('PFCOUNT', 'hll')).toBe('');
    target.say('+OK\r\n');
    await answered(mover, '+OK\r\n+OK\r\n');
    await answered(other, `${text}:0\r\n`);
  });

  it('keeps a client waiting whose own wait has ended, until it may write', async () => {
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n');
    call('RPUSH', 'list', 'a');
    const waiting = harness.connect();
    expect(ask(waiting, 'BLMOVE', 'empty', 'list', 'LEFT', 'RIGHT', '0')).toBe('');
    migrate('KEYS', 'list');
    await target.untilCommands(3);
    expect(call('RPUSH', 'empty', 'x')).toBe(':1\r\n');
    for (let i = 0; i < 5; i++) await endOfRound();
    expect(waiting.text).toBe('');
    expect(call('LRANGE', 'list', '0', '-1')).toBe('*1\r\n$1\r\na\r\n');
    target.say('+OK\r\n');
    await answered(waiting, '$1\r\nx\r\n');
    expect(call('LRANGE', 'list', '0', '-1')).toBe('*1\r\n$1\r\nx\r\n');
  });

  it('keeps a transaction waiting as a whole, if it writes to it', async () => {
    call('MULTI');
    expect(call('SET', 'free', '5')).toBe('+QUEUED\r\n');
    expect(call('APPEND', 'k', '!')).toBe('+QUEUED\r\n');
    expect(call('EXEC')).toBe('');
    const third = harness.connect();
    expect(ask(third, 'GET', 'free')).toBe('$1\r\n1\r\n');
    target.say('+OK\r\n+OK\r\n');
    await until(() => other.text.endsWith('*2\r\n+OK\r\n:1\r\n'));
  });

  it('lets a transaction through that only reads it', () => {
    call('MULTI');
    call('GET', 'k');
    call('SET', 'free', '5');
    expect(call('EXEC')).toBe('*2\r\n$3\r\nold\r\n+OK\r\n');
  });

  it('is moved by one client at a time', async () => {
    const second = ['MIGRATE', '127.0.0.1', target.port, 'k', '0', PATIENT];
    expect(call(...second)).toBe('');
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n');
    await until(() => other.text.endsWith('+NOKEY\r\n'));
  });

  it('breaks a WATCH when it goes', async () => {
    call('WATCH', 'k');
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n');
    call('MULTI');
    call('PING');
    expect(call('EXEC')).toBe('*-1\r\n');
  });

  it('goes also when the client that moves it has gone', async () => {
    mover.hangUp();
    expect(call('APPEND', 'k', '!')).toBe('');
    target.say('+OK\r\n+OK\r\n');
    await until(() => other.text.endsWith(':1\r\n'));
  });

  it('is no wait that CLIENT UNBLOCK could end', () => {
    const id = /id=(\d+) [^\n]*cmd=migrate/.exec(call('CLIENT', 'LIST'))?.[1] as string;
    expect(call('CLIENT', 'UNBLOCK', id)).toBe(':0\r\n');
    expect(mover.text).toBe('');
  });

  it('is not deleted while CLIENT PAUSE keeps all data as it is', async () => {
    call('CLIENT', 'PAUSE', '100000', 'WRITE');
    target.say('+OK\r\n+OK\r\n');
    for (let i = 0; i < 20; i++) await endOfRound();
    expect(call('EXISTS', 'k')).toBe(':1\r\n');
    expect(mover.text).toBe('');
    harness.server.clients.unpause();
    await answered(mover, '+OK\r\n');
    expect(call('EXISTS', 'k')).toBe(':0\r\n');
  });

  it('stays when this server follows a master meanwhile', async () => {
    harness.server.executor.following = true;
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, READING);
    harness.server.executor.following = false;
    expect(call('EXISTS', 'k')).toBe(':1\r\n');
  });

  it('stays when something changed it that asks nobody', async () => {
    const { executor, store } = harness.server;
    const [db] = store.databases;
    const key = Buffer.from('k');
    db?.put(key, 0, 1, Buffer.from('new'), 0, 3, NO_EXPIRE);
    executor.touchedKey(db as never, key, 0, 1, 0, 'set');
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, READING);
    expect(call('GET', 'k')).toBe('$3\r\nnew\r\n');
  });
});

describe('a client that wants no replies', () => {
  it('gets none', async () => {
    call('MSET', 'k', '1', 'l', '2');
    mover.receive(encodeRequest(['CLIENT', 'REPLY', 'SKIP']));
    await moving('k');
    target.say('+OK\r\n+OK\r\n');
    await until(() => call('EXISTS', 'k') === ':0\r\n');
    migrate('KEYS', 'l');
    await target.untilCommands(3);
    target.say('+OK\r\n');
    await answered(mover, '+OK\r\n');
  });
});

describe('what becomes of the keys', () => {
  beforeEach(() => {
    call('MSET', 'a', '1', 'b', '2', 'c', '3');
  });

  function fed(): string[] {
    const lines: string[] = [];
    const feed = (_: number, args: ArgVector): void => {
      lines.push(Array.from({ length: args.argc }, (_, i) => args.text(i)).join(' '));
    };
    harness.server.executor.propagation.add({ feed });
    return lines;
  }

  it('all that have arrived go as one DEL', async () => {
    const lines = fed();
    await moving('a', 'b', 'c');
    target.say('+OK\r\n+OK\r\n-ERR no\r\n+OK\r\n');
    await answered(mover, '-ERR Target instance replied with error: ERR no\r\n');
    expect(lines).toEqual(['DEL a c']);
    expect(call('MGET', 'a', 'b', 'c')).toBe('*3\r\n$-1\r\n$1\r\n2\r\n$-1\r\n');
  });

  it('COPY deletes nothing and is no write', async () => {
    const lines = fed();
    migrate('COPY', 'REPLACE', 'KEYS', 'a');
    await target.untilCommands(2);
    expect(target.text).toContain('$7\r\nREPLACE\r\n');
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n');
    expect(lines).toEqual([]);
    expect(call('GET', 'a')).toBe('$1\r\n1\r\n');
  });

  it('those that were answered before the connection broke go, the others stay, and nothing is tried again', async () => {
    const lines = fed();
    await moving('a', 'b', 'c');
    target.say('+OK\r\n+OK\r\n');
    await until(() => target.sockets.length === 1);
    target.sockets[0]?.end();
    await answered(mover, READING);
    expect(lines).toEqual(['DEL a']);
    expect(target.sockets).toHaveLength(1);
  });

  it('a connection that breaks before any answer is opened once more', async () => {
    await moving('a');
    target.hangUp();
    await target.until(() => target.sockets.length === 2);
    await target.untilCommands(2);
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n');
    expect(call('EXISTS', 'a')).toBe(':0\r\n');
  });

  it('and not a third time', async () => {
    await moving('a');
    target.hangUp();
    await target.until(() => target.sockets.length === 2);
    await target.untilCommands(2);
    target.hangUp();
    await answered(mover, READING);
    expect(call('EXISTS', 'a')).toBe(':1\r\n');
    expect(target.sockets).toHaveLength(2);
  });

  /** A connection to the target is there: a timeout is then none of connecting. */
  async function connected(): Promise<void> {
    call('SET', 'first', '1');
    await moving('first');
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n');
  }

  it('a target that says nothing is given up after the timeout, and its connection with it', async () => {
    await connected();
    mover.receive(encodeRequest(['MIGRATE', '127.0.0.1', target.port, 'a', '0', '30']));
    await answered(mover, `+OK\r\n${READING}`);
    expect(call('EXISTS', 'a')).toBe(':1\r\n');
    expect(call('APPEND', 'a', '!')).toBe(':2\r\n');
    await target.until(() => target.sockets[0]?.destroyed === true || target.sockets[0]?.readableEnded === true);
    expect(call('INFO', 'stats')).toContain('migrate_cached_sockets:0\r\n');
  });

  it('a target that does not read is given up, too', async () => {
    await connected();
    call('SETRANGE', 'huge', '64000000', 'x');
    target.sockets[0]?.pause();
    mover.receive(encodeRequest(['MIGRATE', '127.0.0.1', target.port, 'huge', '0', '100']));
    await answered(mover, `+OK\r\n${WRITING}`);
    expect(call('STRLEN', 'huge')).toBe(':64000001\r\n');
  });
});

describe('connections to targets', () => {
  it('are kept, with their database', async () => {
    call('MSET', 'a', '1', 'b', '2', 'c', '3');
    await moving('a');
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n');
    expect(call('INFO', 'stats')).toContain('migrate_cached_sockets:1\r\n');
    migrate('KEYS', 'b');
    await target.untilCommands(3);
    target.say('+OK\r\n');
    await answered(mover, '+OK\r\n+OK\r\n');
    expect(target.commands()).toEqual(['SELECT', 'RESTORE', 'RESTORE']);
    expect(target.sockets).toHaveLength(1);
  });

  it('are not used again when they have ended meanwhile', async () => {
    call('MSET', 'a', '1', 'b', '2');
    await moving('a');
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n');
    target.hangUp();
    migrate('KEYS', 'b');
    await target.until(() => target.sockets.length === 2);
    await target.untilCommands(2);
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n+OK\r\n');
  });

  it('are closed when they have not been used for ten seconds', async () => {
    call('SET', 'a', '1');
    await moving('a');
    target.say('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n');
    harness.clock.advance(9000);
    harness.server.migrations.tick();
    expect(harness.server.migrations.cachedSockets).toBe(1);
    harness.clock.advance(2000);
    harness.server.migrations.tick();
    expect(harness.server.migrations.cachedSockets).toBe(0);
  });

  it('serve one move at a time', async () => {
    call('MSET', 'a', '1', 'b', '2');
    await moving('a');
    other.receive(encodeRequest(['MIGRATE', '127.0.0.1', target.port, 'b', '0', PATIENT]));
    await target.until(() => target.sockets.length === 2);
    await target.untilCommands(2);
    for (const socket of target.sockets) socket.write('+OK\r\n+OK\r\n');
    await answered(mover, '+OK\r\n');
    await until(() => other.text.endsWith('+OK\r\n+OK\r\n'));
  });
});

describe('a large value', () => {
  const FIELDS = 20_000;

  beforeEach(() => {
    for (let i = 0; i < FIELDS; i += 1000) {
      const pairs = Array.from({ length: 1000 }, (_, j) => [
        `field:${i + j}`,
        `value:${i + j}:${'x'.repeat(30)}`,
      ]).flat();
      call('HSET', 'h', ...pairs);
    }
  });

  it('comes as DUMP has it, as far as its elements go', async () => {
    await moving('h');
    const announced = Number(/RESTORE\r\n\$1\r\nh\r\n\$1\r\n0\r\n\$(\d+)\r\n/.exec(target.text)?.[1]);
    await target.until(() => target.text.endsWith('\r\n') && target.text.length > announced);
    const payload = target.text.slice(target.text.lastIndexOf(`$${announced}\r\n`) + `$${announced}\r\n`.length, -2);
    expect(payload).toHaveLength(announced);
    other.receive(encodeRequest(['RESTORE', 'copy', '0', payload]));
    await until(() => other.text.endsWith('+OK\r\n'));
    const fields = (key: string): string[] => call('HGETALL', key).split('\r\n').sort();
    expect(fields('copy')).toEqual(fields('h'));
  });

  it('that vanishes in the middle is not announced to its end', async () => {
    const [db] = harness.server.store.databases;
    migrate('KEYS', 'h');
    await target.until(() => target.commands().includes('RESTORE'));
    // The clock of the harness stands still, so all of it may have been sent: then the target has it.
    db?.deleteKey(Buffer.from('h'), 0, 1);
    target.say('+OK\r\n+OK\r\n');
    await until(() => mover.text !== '');
    expect(['+OK\r\n', WRITING]).toContain(mover.text);
    expect(call('EXISTS', 'h')).toBe(':0\r\n');
    harness.server.store.verify();
  });
});

describe('MIGRATE in a transaction', () => {
  it('is refused when it is queued', () => {
    call('SET', 'a', '1');
    call('MULTI');
    expect(call('MIGRATE', '127.0.0.1', target.port, 'a', '0', PATIENT)).toBe(
      '-ERR Command not allowed inside a transaction\r\n',
    );
    expect(call('EXEC')).toBe('-EXECABORT Transaction discarded because of previous errors.\r\n');
  });
});
