/** Servers that are odd, or no Redis at all, played by small fakes. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { trib } from './nodes.js';

const fakes: Server[] = [];

afterEach(() => {
  for (const fake of fakes.splice(0)) fake.close();
});

/** A server that answers each piece of input with `answer(command)`; returns its `host:port`. */
async function fakeServer(answer: (command: string) => string): Promise<string> {
  const fake = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      // `*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n` is CLUSTER NODES; trib waits for each reply, so pieces are commands.
      const words = data
        .toString()
        .split('\r\n')
        .filter((word) => !/^[*$]\d+$/.test(word));
      socket.write(answer(words.join(' ').trim()));
    });
  });
  fakes.push(fake);
  fake.listen(0, '127.0.0.1');
  await once(fake, 'listening');
  return `127.0.0.1:${(fake.address() as AddressInfo).port}`;
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

/** An empty cluster node whose server knows CLUSTER MEET; `replicate` is its line about CLUSTER REPLICATE. */
async function fakeNode(id: string, replicate: string, changes: string[], runId = id): Promise<string> {
  return await fakeServer((command) => {
    if (command === 'PING') return '+PONG\r\n';
    if (command === 'INFO') return bulk(`run_id:${runId}\r\ncluster_enabled:1\r\n`);
    if (command === 'CLUSTER NODES') return bulk(`${id} :7000@17000 myself,master - 0 0 0 connected\n`);
    if (command.startsWith('COMMAND INFO')) return `*2\r\n*1\r\n${bulk('cluster|meet')}${replicate}`;
    changes.push(command);
    return '-ERR changed\r\n';
  });
}

describe('trib create', () => {
  it('refuses --replicas before anything changes where servers have no CLUSTER REPLICATE', async () => {
    const changes: string[] = [];
    const nodes = await Promise.all([...'abcdef'].map((id) => fakeNode(id, '*-1\r\n', changes)));
    const { code, out } = await trib(`create --yes --replicas 1 ${nodes.join(' ')}`);
    expect(code).toBe(1);
    for (const node of nodes) {
      expect(out).toContain(
        `[ERR] Node ${node} runs a server version that has no CLUSTER REPLICATE: create without --replicas.\n`,
      );
    }
    expect(out.endsWith('No node was changed.\n')).toBe(true);
    expect(changes).toEqual([]);
  });

  it('stops at the first change that a node refuses, says which, and how to go on', async () => {
    const changes: string[] = [];
    const nodes = await Promise.all([...'abc'].map((id) => fakeNode(id, '*-1\r\n', changes)));
    const { code, out } = await trib(`create --yes ${nodes.join(' ')}`);
    expect(code).toBe(1);
    expect(changes).toHaveLength(1);
    expect(out).toContain(`[ERR] ${nodes[0]} answered CLUSTER ADDSLOTS 0 with: ERR changed\n`);
    expect(out).toContain('*** The cluster is not finished. Mend the cause and run the same command again');
  });

  it('tells two nodes with one id (a copied nodes.conf) from one node given twice', async () => {
    const nodes = await Promise.all(['1', '2', '3'].map((runId) => fakeNode('same', '*-1\r\n', [], runId)));
    const { code, out } = await trib(`create --yes ${nodes.join(' ')}`);
    expect(code).toBe(1);
    expect(out).toContain(`[ERR] Nodes ${nodes[0]} and ${nodes[1]} have the same node id same.\n`);
    expect(out).toContain('cluster reset hard\n');
    expect(out).not.toContain('is given twice');
  });
});

describe('trib check says what answers instead of a node:', () => {
  it.each([
    ['a web server', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'Something else than a Redis server answers on port'],
    ['another protocol with status lines', '+HELLO\r\n', 'Something else than a Redis server answers on port'],
    [
      'a server that loads',
      '-LOADING Redis is loading the dataset in memory\r\n',
      'is still loading its data from disk',
    ],
    ['a server in protected mode', '-DENIED Redis is running in protected mode\r\n', 'The server is in protected mode'],
  ])('%s', async (_, answer, advice) => {
    const address = await fakeServer(() => answer);
    const { code, out } = await trib(`check ${address}`);
    expect(out).toContain(`[ERR] Sorry, can't connect to node ${address}\n`);
    expect(out).toContain(advice);
    expect(code).toBe(1);
  });
});
