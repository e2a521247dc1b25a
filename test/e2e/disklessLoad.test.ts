/** What a replica does with a snapshot that it loads as it comes, from a master that says exactly as much as a test wants. */
import { readdirSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { freePorts } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { ask, type Daemon, launch, plainArgs, until } from './support/daemon.js';

const LONG = { timeout: 60_000 };
const ID = '1234567890'.repeat(4);
const MARK = 'mark'.repeat(10);

interface TestContext {
  onTestFinished(action: () => void | Promise<void>): void;
}

/** Takes every replica for a new one, and sends what {@link say} is told. */
class ScriptedMaster {
  /** How each snapshot is announced. */
  announcement = `$EOF:${MARK}\r\n`;
  /** Requests for a snapshot so far, with what they knew. */
  readonly syncs: string[] = [];
  #replica: Socket | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => this.#answer(socket, bytes.toString('latin1')));
    });
  }

  static async start(test: TestContext): Promise<ScriptedMaster> {
    const master = new ScriptedMaster();
    await new Promise<void>((resolve) => master.#server.listen(0, '127.0.0.1', resolve));
    test.onTestFinished(() => {
      master.hangUp();
      master.#server.close();
    });
    return master;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** A replica waits for each answer before it goes on. */
  #answer(socket: Socket, request: string): void {
    if (request.includes('PSYNC')) {
      this.syncs.push(request.split('\r\n')[4] ?? '');
      this.#replica = socket;
      socket.write(`+FULLRESYNC ${ID} 100\r\n${this.announcement}`);
    } else if (request.includes('PING')) socket.write('+PONG\r\n');
    else if (request.includes('REPLCONF') && !request.includes('ACK')) {
      const count = request.split('REPLCONF').length - 1;
      socket.write('+OK\r\n'.repeat(count));
    }
  }

  say(bytes: Uint8Array | string): void {
    this.#replica?.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  async asked(times: number): Promise<void> {
    await until(`${times} requests for a snapshot`, () => this.syncs.length >= times);
  }

  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }
}

/** An RDB file of strings, cut in two in the middle of a value. Without a checksum. */
function snapshot(prefix: string, count = 1000): readonly [Buffer, Buffer] {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    return Buffer.concat([Buffer.from([0x40 | (bytes.length >> 8), bytes.length & 0xff]), bytes]);
  };
  const parts: Buffer[] = [Buffer.from('REDIS0010', 'latin1'), Buffer.from([0xfe, 0])];
  for (let i = 0; i < count; i++) parts.push(Buffer.from([0]), text(`${prefix}:${i}`), text('v'.repeat(100)));
  parts.push(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0]));
  const all = Buffer.concat(parts);
  const half = Math.floor(all.length / 2);
  return [all.subarray(0, half), all.subarray(half)];
}

interface Replica {
  daemon: Daemon;
  readonly dir: string;
  ask(...args: string[]): Promise<string>;
  info(field: string): Promise<string>;
  /** Without its master. */
  restart(): Promise<void>;
}

async function replicaWith(test: TestContext, load: string, more: readonly string[] = []): Promise<Replica> {
  const [port = 0] = await freePorts(1);
  const dir = tempDir('shoal-diskless-');
  const args = plainArgs(port, ['--dir', dir, '--repl-diskless-load', load, ...more]);
  const replica: Replica = {
    daemon: launch(args),
    dir,
    ask: (...words) => ask(port, ...words),
    info: async (field) => new RegExp(`^${field}:(.*)\r$`, 'm').exec(await ask(port, 'INFO'))?.[1] ?? '',
    restart: async () => {
      replica.daemon = launch(args);
      await replica.daemon.ready();
    },
  };
  test.onTestFinished(async () => void (await replica.daemon.end()));
  await replica.daemon.ready();
  return replica;
}

async function follow(replica: Replica, master: ScriptedMaster): Promise<void> {
  expect(await replica.ask('REPLICAOF', '127.0.0.1', String(master.port))).toBe('OK');
}

async function untilUp(replica: Replica): Promise<void> {
  await until('the link is up', async () => (await replica.info('master_link_status')) === 'up');
}

async function untilKeysLoaded(replica: Replica): Promise<void> {
  await until('some has been loaded', async () => Number(await replica.info('loading_loaded_bytes')) > 10_000);
}

const LOADING = 'LOADING Redis is loading the dataset in memory';

describe.concurrent('a replica that loads what comes', () => {
  it.for(['swapdb', 'on-empty-db', 'flush-before-load'])('%s: without a file', LONG, async (load, test) => {
    const master = await ScriptedMaster.start(test);
    const replica = await replicaWith(test, load);
    const [first, second] = snapshot('new');
    await follow(replica, master);
    await master.asked(1);
    master.say(first);
    await untilKeysLoaded(replica);
    expect(await replica.info('loading')).toBe('1');
    expect(await replica.info('async_loading')).toBe('0');
    expect(await replica.info('master_sync_in_progress')).toBe('1');
    expect(await replica.ask('GET', 'new:1')).toBe(LOADING);
    expect(readdirSync(replica.dir)).toEqual([]);
    master.say(Buffer.concat([second, Buffer.from(MARK, 'latin1')]));
    await untilUp(replica);
    master.say('*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$1\r\nx\r\n');
    await until('the stream goes on', async () => (await replica.ask('GET', 'after')) === 'x');
    expect(await replica.ask('DBSIZE')).toBe('1001');
    expect(await replica.info('loading')).toBe('0');
    expect(readdirSync(replica.dir)).toEqual([]);
    expect(await replica.info('slave_repl_offset')).toBe(String(100 + 31));
  });

  it('takes a snapshot of a known length, with the stream right behind it', LONG, async (test) => {
    const master = await ScriptedMaster.start(test);
    const replica = await replicaWith(test, 'swapdb');
    const all = Buffer.concat(snapshot('new'));
    master.announcement = `$${all.length}\r\n`;
    await follow(replica, master);
    await master.asked(1);
    master.say(Buffer.concat([all, Buffer.from('*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$1\r\nx\r\n')]));
    await until('the stream goes on', async () => (await replica.ask('GET', 'after')) === 'x');
    expect(await replica.ask('DBSIZE')).toBe('1001');
  });

  it(
    'on-empty-db: goes by way of a file when there is data, and keeps that until the file is whole',
    LONG,
    async (test) => {
      const master = await ScriptedMaster.start(test);
      const replica = await replicaWith(test, 'on-empty-db');
      await replica.ask('SET', 'old', 'value');
      await follow(replica, master);
      await master.asked(1);
      master.say(snapshot('new')[0]);
      await until('a file comes', () => readdirSync(replica.dir).some((name) => name.startsWith('temp-master')));
      expect(await replica.ask('GET', 'old')).toBe('value');
      master.hangUp();
      await master.asked(2);
      expect(await replica.ask('GET', 'old')).toBe('value');
    },
  );

  it.for(['on-empty-db', 'flush-before-load'])('%s: a link that breaks leaves nothing', LONG, async (load, test) => {
    const master = await ScriptedMaster.start(test);
    const replica = await replicaWith(test, load);
    if (load === 'flush-before-load') await replica.ask('SET', 'old', 'value');
    const [first, second] = snapshot('new');
    await follow(replica, master);
    await master.asked(1);
    master.say(first);
    await untilKeysLoaded(replica);
    master.hangUp();
    await master.asked(2);
    master.hangUp();
    await replica.ask('CONFIG', 'SET', 'repl-diskless-load', 'disabled');
    await until('nothing is left', async () => (await replica.ask('DBSIZE')) === '0');
    await master.asked(3);
    master.say(Buffer.concat([first, second, Buffer.from(MARK, 'latin1')]));
    await untilUp(replica);
    expect(await replica.ask('DBSIZE')).toBe('1000');
  });

  it(
    'swapdb, of another history: serves nothing meanwhile, and keeps what it had when that fails',
    LONG,
    async (test) => {
      const master = await ScriptedMaster.start(test);
      const replica = await replicaWith(test, 'swapdb');
      await replica.ask('SET', 'old', 'value');
      const [first, second] = snapshot('new');
      await follow(replica, master);
      await master.asked(1);
      master.say(first);
      await untilKeysLoaded(replica);
      expect(await replica.info('async_loading')).toBe('0');
      expect(await replica.ask('GET', 'old')).toBe(LOADING);
      expect(await replica.ask('CONFIG', 'SET', 'repl-diskless-load', 'disabled')).toBe(LOADING);
      // Not the mark that was announced.
      master.say('\xff'.repeat(100));
      master.hangUp();
      await master.asked(2);
      expect(await replica.info('async_loading')).toBe('0');
      master.hangUp();
      expect(await replica.ask('REPLICAOF', 'NO', 'ONE')).toMatch(/^(OK|LOADING)/);
      await until('it is a master', async () => (await replica.ask('REPLICAOF', 'NO', 'ONE')) === 'OK');
      expect(await replica.ask('DBSIZE')).toBe('1');
      expect(await replica.ask('GET', 'old')).toBe('value');
      await follow(replica, master);
      const before = master.syncs.length;
      await master.asked(before + 1);
      master.say(Buffer.concat([first, second, Buffer.from(MARK, 'latin1')]));
      await untilUp(replica);
      expect(await replica.ask('DBSIZE')).toBe('1000');
      expect(await replica.ask('GET', 'old')).toBe('{"type":"nil"}');
    },
  );

  it('swapdb, of the same history: serves what it had until the new data is whole', LONG, async (test) => {
    const master = await ScriptedMaster.start(test);
    const replica = await replicaWith(test, 'swapdb', ['--appendonly', 'yes']);
    const old = Buffer.concat([...snapshot('old'), Buffer.from(MARK, 'latin1')]);
    const [first, second] = snapshot('new');
    await follow(replica, master);
    await master.asked(1);
    master.say(old);
    await untilUp(replica);
    master.hangUp();
    await master.asked(2);
    master.say(first);
    await untilKeysLoaded(replica);
    expect(await replica.info('loading')).toBe('0');
    expect(await replica.info('async_loading')).toBe('1');
    expect(await replica.ask('DBSIZE')).toBe('1000');
    expect(await replica.ask('GET', 'old:7')).toBe('v'.repeat(100));
    expect(await replica.ask('GET', 'new:7')).toBe('{"type":"nil"}');
    for (const command of [['REPLICAOF', 'NO', 'ONE'], ['BGSAVE'], ['SAVE']])
      expect(await replica.ask(...command)).toBe(LOADING);
    // It fails: the old data and its history stay.
    master.hangUp();
    await master.asked(3);
    expect(master.syncs[2]).toBe(ID);
    expect(await replica.ask('GET', 'old:7')).toBe('v'.repeat(100));
    master.say(Buffer.concat([first, second, Buffer.from(MARK, 'latin1')]));
    await untilUp(replica);
    expect(await replica.info('async_loading')).toBe('0');
    expect(await replica.ask('DBSIZE')).toBe('1000');
    expect(await replica.ask('GET', 'old:7')).toBe('{"type":"nil"}');
    await until('the append-only file has the new data', async () => (await replica.info('aof_rewrites')) === '2');
    await until('all of it', async () => (await replica.info('aof_rewrite_in_progress')) === '0');
    await replica.daemon.end();
    await replica.restart();
    expect(await replica.ask('DBSIZE')).toBe('1000');
    expect(await replica.ask('GET', 'new:7')).toBe('v'.repeat(100));
  });
});
