import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { isRdb } from '../../src/persistence/io/aofFiles.js';
import { nodeFileSystem } from '../../src/persistence/io/fileSystem.js';
import { append, load, must, openFolder, start } from './support.js';

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
if (!hasRedis)
  console.warn('SKIPPED: redis-server is not on PATH, our append-only files are not compared with its own');

let dir = '';
const servers: ChildProcess[] = [];

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'shoal-aof-'));
});

afterEach(async () => {
  for (const server of servers.splice(0)) await stop(server, 'SIGKILL');
  fs.rmSync(dir, { recursive: true, force: true });
});

const socket = () => path.join(dir, 'redis.sock');
const folderPath = () => path.join(dir, 'appendonlydir');
const incrPath = () => path.join(folderPath(), 'appendonly.aof.1.incr.aof');
const manifestPath = () => path.join(folderPath(), 'appendonly.aof.manifest');

async function startRedis(...options: string[]): Promise<{ server: ChildProcess; log: () => string }> {
  const fixed = ['--port', '0', '--unixsocket', socket(), '--dir', dir, '--save', '', '--appendonly', 'yes'];
  const server = spawn('redis-server', [...fixed, ...options], { stdio: ['ignore', 'pipe', 'ignore'] });
  servers.push(server);
  let log = '';
  await new Promise<void>((resolve) => {
    server.stdout?.on('data', (bytes: Buffer) => {
      log += bytes.toString();
      if (log.includes('ready to accept connections')) resolve();
    });
    server.once('exit', () => resolve());
  });
  return { server, log: () => log };
}

async function stop(server: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill(signal);
  await once(server, 'exit');
}

/** Runs lines of commands in redis-cli and returns what it prints. */
function cli(...lines: string[]): string {
  return execFileSync('redis-cli', ['-s', socket()], { input: `${lines.join('\n')}\n` }).toString();
}

function check(...options: string[]): string {
  return execFileSync('redis-check-aof', [...options, manifestPath()], { input: 'y\n' }).toString();
}

describe.skipIf(!hasRedis)('a folder that we wrote', () => {
  it('passes redis-check-aof and is loaded by redis-server, which goes on writing it; then we load it again', async () => {
    const { writer, folder } = await start(nodeFileSystem, { dir, policy: 'always' });
    const prng = new Prng(3);
    const expected = new Map<string, string>();
    for (let i = 0; i < 500; i++) {
      const value = String.fromCharCode(...Array.from({ length: prng.below(300) }, () => prng.below(256)));
      expected.set(`key${i % 100}`, value);
      append(writer, 0, 'SET', `key${i % 100}`, value);
      if (i % 7 === 0) writer.flush(false);
    }
    append(writer, 3, 'SET', 'other', 'db');
    const out = writer.begin(3, 3);
    out.text('PEXPIREAT');
    out.text('other');
    out.integer(4102444800000);
    expect(writer.close()).toBe(true);
    folder.release();

    expect(check()).toContain('All AOF files and manifest are valid');
    const { server, log } = await startRedis('--aof-use-rdb-preamble', 'no');
    expect(log()).toContain('DB loaded from incr file appendonly.aof.1.incr.aof');
    expect(cli('DBSIZE', 'SELECT 3', 'GET other', 'PEXPIRETIME other')).toBe('100\nOK\ndb\n4102444800000\n');
    expect(cli('SET more 1')).toBe('OK\n');
    await stop(server, 'SIGTERM');

    const again = await start(nodeFileSystem, { dir });
    const found = new Map<string, string>();
    for (const words of again.commands) if (words[0] === 'SET') found.set(words[1], words[2]);
    expect(found).toEqual(expected.set('other', 'db').set('more', '1'));
    again.writer.close();
    again.folder.release();
  });

  it('with several incremental files is loaded by redis-server in order', async () => {
    const { writer, folder } = await start(nodeFileSystem, { dir });
    for (let i = 1; i <= 3; i++) {
      append(writer, 0, 'APPEND', 'order', String(i));
      writer.switchTo(must(folder.rotation.openNextIncr()));
    }
    append(writer, 0, 'APPEND', 'order', '4');
    writer.close();
    folder.release();
    expect(check()).toContain('INCR AOF appendonly.aof.4.incr.aof is valid');
    await startRedis();
    expect(cli('GET order')).toBe('1234\n');
  });
});

describe.skipIf(!hasRedis)('a folder that redis-server wrote', () => {
  const NO_PREAMBLE = ['--aof-use-rdb-preamble', 'no'];

  it('is loaded: a rewritten base, commands, transactions, timestamps', async () => {
    const { server } = await startRedis(...NO_PREAMBLE, '--aof-timestamp-enabled', 'yes');
    cli('SET a 1', 'SELECT 5', 'SET b 2 PX 100000000', 'SELECT 0');
    cli('BGREWRITEAOF');
    while (!cli('INFO persistence').includes('aof_rewrite_in_progress:0')) await new Promise(setImmediate);
    cli('INCR a', 'MULTI', 'SET c 3', 'SET d 4', 'EXEC', 'DEL d');
    await stop(server, 'SIGTERM');
    const base = path.join(folderPath(), 'appendonly.aof.2.base.aof');
    expect(fs.readFileSync(base, 'latin1')).toMatch(/^#TS:\d+\r\n/);

    const { commands, folder, writer } = await start(nodeFileSystem, { dir });
    const names = commands.map((words) => words.slice(0, 2).join(' ').toLowerCase());
    for (const name of ['select 0', 'set a', 'select 5', 'set b', 'incr a', 'set c', 'set d', 'del d']) {
      expect(names).toContain(name);
    }
    expect(folder.manifest).toMatchObject({ base: { seq: 2 }, history: [], incr: [{ seq: 2 }] });
    writer.close();
    folder.release();
  });

  it('is loaded when its base is an RDB snapshot', async () => {
    const { server } = await startRedis();
    cli('SET a 1');
    await stop(server, 'SIGTERM');
    const base = path.join(folderPath(), 'appendonly.aof.1.base.rdb');
    expect(isRdb(nodeFileSystem, base)).toBe(true);
    const folder = must(openFolder(nodeFileSystem, { dir }));
    const snapshots: string[] = [];
    const { commands } = await load(nodeFileSystem, folder, {
      loadSnapshot: (file) => {
        snapshots.push(file);
        return Promise.resolve({ endAt: fs.statSync(file).size, usedMemoryBytes: 0 });
      },
    });
    expect(snapshots).toEqual([base]);
    expect(commands).toContainEqual(['SET', 'a', '1']);
    folder.release();
  });

  it('cut anywhere: we keep as many commands as redis-check-aof does', async () => {
    const { server } = await startRedis(...NO_PREAMBLE);
    cli('SET a 1', 'SET b 2', 'MULTI', 'SET c 3', 'SET d 4', 'EXEC', 'SET e 5');
    await stop(server, 'SIGTERM');
    const whole = fs.readFileSync(incrPath());
    const prng = new Prng(5);
    for (let round = 0; round < 20; round++) {
      const cut = whole.subarray(0, 1 + prng.below(whole.length));
      fs.writeFileSync(incrPath(), cut);
      const folder = must(openFolder(nodeFileSystem, { dir }));
      must((await load(nodeFileSystem, folder)).outcome);
      folder.release();
      const ours = fs.readFileSync(incrPath());
      fs.writeFileSync(incrPath(), cut);
      check('--fix');
      expect(ours).toEqual(fs.readFileSync(incrPath()));
    }
  });
});
