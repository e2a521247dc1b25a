/** nodes.conf on disk, its lock, and the bus against peers that do not keep to the protocol. */
import { fork } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformWithOxc } from 'vite';
import { afterEach, describe, expect, it } from 'vitest';
import { nodesText } from '../../src/cluster/core/queries.js';
import { ClusterIo } from '../../src/cluster/io/clusterIo.js';
import { ConfigLock } from '../../src/cluster/io/configLock.js';
import { readNodesConf, writeNodesConf } from '../../src/cluster/io/nodesConfFile.js';
import { freePort } from '../support/ports.js';
import { eventually, OurNode } from './realNode.js';

const nodes: OurNode[] = [];

async function prepare(): Promise<OurNode> {
  const node = new OurNode(await freePort());
  nodes.push(node);
  return node;
}

async function start(): Promise<OurNode> {
  const node = await prepare();
  await node.start();
  return node;
}

async function errorOfStart(node: OurNode): Promise<string> {
  const io = await ClusterIo.open(node.options());
  if ('error' in io) return io.error;
  await io.close();
  return 'it started';
}

/** Writes a script for a child process beside a module of cluster/io that it may import; returns its path. */
async function childScript(directory: string, module: string, source: string): Promise<string> {
  const file = fileURLToPath(new URL(`../../src/cluster/io/${module}`, import.meta.url));
  const { code } = await transformWithOxc(fs.readFileSync(file, 'utf8'), file);
  fs.writeFileSync(path.join(directory, module.replace('.ts', '.mjs')), code);
  const script = path.join(directory, 'child.mjs');
  fs.writeFileSync(script, source);
  return script;
}

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.remove();
});

describe('nodes.conf', () => {
  it('is there from the first start, and gives the next start the same identity', async () => {
    const node = await start();
    const { id } = node;
    node.io.admin({ kind: 'addSlots', slots: ['5', '6'] });
    node.io.admin({ kind: 'setConfigEpoch', epoch: '3' });
    expect(fs.readFileSync(node.path, 'latin1')).toBe(
      `${id} :${node.port}@${node.port + 10000} myself,master - 0 0 3 connected 5-6\n` +
        'vars currentEpoch 3 lastVoteEpoch 0\n',
    );
    await node.io.close();
    await node.start();
    expect([node.id, node.io.core.isMine(5), node.io.core.myself.configEpoch]).toEqual([id, true, 3]);
    expect(node.log).toContain(`Node configuration loaded, I'm ${id}`);
  });

  it('left half-written by a crash is not read', async () => {
    const node = await start();
    const { id } = node;
    await node.io.close();
    fs.writeFileSync(`${node.path}.tmp`, 'half a li');
    await node.start();
    expect(node.id).toBe(id);
    node.io.admin({ kind: 'saveConfig' });
    expect(fs.existsSync(`${node.path}.tmp`)).toBe(false);
  });

  it('that is empty counts as none', async () => {
    const node = await prepare();
    fs.writeFileSync(node.path, '');
    await node.start();
    expect(node.log).toContain(`No cluster configuration found, I'm ${node.id}`);
  });

  it('that is corrupt stops the start with its line, and is left as it is', async () => {
    const node = await prepare();
    fs.writeFileSync(node.path, 'vars currentEpoch 1 lastVoteEpoch 0\nnonsense\n');
    expect(await errorOfStart(node)).toBe(
      'Unrecoverable error: corrupted cluster config file "nodes.conf": line 2: expected at least 8 fields, found 1',
    );
    expect(readNodesConf(node.path)).toContain('nonsense');
    fs.rmSync(node.path);
    expect(await errorOfStart(node)).toBe('it started');
  });

  it('keeps its old text when the new one cannot be written, and the node stops', async () => {
    const node = await start();
    const before = readNodesConf(node.path);
    // A directory in the way of the temporary file fails even for root.
    fs.mkdirSync(`${node.path}.tmp`);
    node.io.admin({ kind: 'addSlots', slots: ['1'] });
    expect(node.fatal).toMatch(/^Fatal: can't update cluster config file/);
    expect(readNodesConf(node.path)).toBe(before);
    fs.rmdirSync(`${node.path}.tmp`);
  });

  it('is whole after kill -9 at any moment of a series of writes', async () => {
    const node = await prepare();
    const script = await childScript(
      node.directory,
      'nodesConfFile.ts',
      `import { writeNodesConf } from './nodesConfFile.mjs';
       let n = 0;
       writeNodesConf(process.argv[2], '0'.repeat(50000));
       process.send('ready');
       for (;;) writeNodesConf(process.argv[2], String(++n % 10).repeat(50000));`,
    );
    for (let round = 0; round < 5; round++) {
      const child = fork(script, [node.path], { execArgv: [] });
      const exited = new Promise((resolve) => child.once('exit', resolve));
      await new Promise((resolve) => child.once('message', resolve));
      await new Promise((resolve) => setTimeout(resolve, 3 + round * 7));
      child.kill('SIGKILL');
      await exited;
      expect(readNodesConf(node.path)).toMatch(/^(\d)\1{49999}$/);
    }
  });

  it('is written with its bytes as they are', async () => {
    const node = await prepare();
    writeNodesConf(node.path, 'a\xff\n');
    expect(fs.readFileSync(node.path)).toEqual(Buffer.from([0x61, 0xff, 0x0a]));
    expect(readNodesConf(node.path)).toBe('a\xff\n');
  });
});

describe('the lock on nodes.conf', () => {
  const SORRY =
    'Sorry, the cluster configuration file nodes.conf is already used by a different Shoal Cluster node. ' +
    'Please make sure that different nodes use different cluster configuration files.';

  it('refuses a second node, by whatever path it comes, until the first has stopped', async () => {
    const node = await start();
    expect(await errorOfStart(node)).toBe(SORRY);
    const link = `${node.directory}-link`;
    fs.symlinkSync(node.directory, link);
    try {
      expect(await ConfigLock.acquire(path.join(link, 'nodes.conf'))).toBeUndefined();
      const other = await ConfigLock.acquire(path.join(link, 'nodes-2.conf'));
      expect(other).toBeDefined();
      await other?.release();
    } finally {
      fs.unlinkSync(link);
    }
    await node.io.close();
    expect(await errorOfStart(node)).toBe('it started');
  });

  it('goes with its process, however that ends', async () => {
    const node = await prepare();
    const script = await childScript(
      node.directory,
      'configLock.ts',
      `import { ConfigLock } from './configLock.mjs';
       process.send((await ConfigLock.acquire(process.argv[2])) === undefined ? 'refused' : 'locked');
       setInterval(() => {}, 1000);`,
    );
    const child = fork(script, [node.path], { execArgv: [] });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    expect(await new Promise((resolve) => child.once('message', resolve))).toBe('locked');
    expect(await errorOfStart(node)).toBe(SORRY);
    child.kill('SIGKILL');
    await exited;
    expect(await errorOfStart(node)).toBe('it started');
  });

  it('is given to one of several that ask at once', async () => {
    const node = await prepare();
    const locks = await Promise.all(Array.from({ length: 5 }, () => ConfigLock.acquire(node.path)));
    expect(locks.filter((lock) => lock !== undefined)).toHaveLength(1);
    for (const lock of locks) await lock?.release();
  });

  it('names a directory that is missing', async () => {
    const node = await prepare();
    fs.rmSync(node.directory, { recursive: true });
    expect(await errorOfStart(node)).toMatch(/^Can't open nodes.conf in order to acquire a lock: ENOENT/);
  });
});

describe('the bus', () => {
  it('refuses to start when its port is taken, and lets go of nodes.conf', async () => {
    const node = await start();
    const other = await prepare();
    const error = await ClusterIo.open({ ...other.options(), busPort: node.port + 10_000 });
    expect(error).toMatchObject({ error: expect.stringContaining('EADDRINUSE') });
    expect(await errorOfStart(other)).toBe('it started');
  });

  it('closes a connection that does not speak its protocol, and goes on', async () => {
    const node = await start();
    const socket = net.connect(node.port + 10_000, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    const peer = await start();
    peer.io.admin({ kind: 'meet', ip: '127.0.0.1', port: String(node.port) });
    await eventually('they meet', () => peer.sees(node.id) !== '' && node.sees(peer.id) !== '');
  });

  it('joins three nodes, shows their links, and finds them again after all have restarted', async () => {
    const three = [await start(), await start(), await start()];
    for (const node of three.slice(1)) node.io.admin({ kind: 'meet', ip: '127.0.0.1', port: String(three[0].port) });
    const all = (): boolean =>
      three.every((node) => three.every((other) => / master .* connected$|myself/.test(node.sees(other.id))));
    await eventually('all know all', all);
    await eventually('links both ways', () => three.every((node) => node.io.links().length === 4));
    const { direction, events, sendBufferUsed } = three[0].io.links()[0];
    expect(['to', 'from']).toContain(direction);
    expect([events, sendBufferUsed]).toEqual(['r', 0]);
    await Promise.all(three.map((node) => node.io.close()));
    await Promise.all(three.map((node) => node.start()));
    await eventually('all know all again', all);
    expect(three.every((node) => !nodesText(node.io.core).includes('fail'))).toBe(true);
  });

  it('cuts links when it is told to, each way, and makes them again', async () => {
    const [node, peer] = [await start(), await start()];
    node.io.admin({ kind: 'meet', ip: '127.0.0.1', port: String(peer.port) });
    const directions = (): string[] => node.io.links().map(({ direction }) => direction);
    const both = (): boolean => directions().sort().join() === 'from,to';
    for (const [direction, left] of [
      ['to', ['from']],
      ['from', ['to']],
      ['all', []],
    ] as const) {
      await eventually('links both ways', both);
      node.io.killLinks(peer.id, direction);
      expect(directions()).toEqual(left);
    }
    await eventually('links both ways again', both);
  });

  it('closes a link whose peer does not read, at the limit, and counts it', async () => {
    const [node, peer] = [await start(), await start()];
    node.io.admin({ kind: 'meet', ip: '127.0.0.1', port: String(peer.port) });
    await eventually('they meet', () => node.sees(peer.id).endsWith('connected') && peer.sees(node.id) !== '');
    node.settings.linkSendBufferLimitBytes = 1024 * 1024;
    const message = Buffer.alloc(8 * 1024 * 1024);
    // Both run on this thread: nothing is read while the messages are written.
    for (let i = 0; i < 4; i++) node.io.publish(Buffer.from('c'), message, false);
    expect(node.io.linksDropped).toBe(1);
    await eventually('it connects again', () => node.io.links().some((link) => link.direction === 'to'));
  });
});
