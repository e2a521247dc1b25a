/**
 * From kill -9 of a master to writes accepted again, by a cluster of three masters and three replicas, ours and Redis's in turn:
 *
 *   node bench/failover.mjs [--rounds 5] [--timeout 2000]
 *
 * A client asks every 5 ms, on all nodes left, to set a key of the dead master's slots; the clock stops at the first OK.
 * The bounds: the timeout until the master is suspected, at most half of it until it was last pinged, 500 to 1000 ms of
 * delay that the specification asks for, and the ticks of 100 ms.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { ServerPool } from './servers.mjs';
import { median } from './statistics.mjs';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, timeout: { type: 'string', default: '2000' } },
});
const ROUNDS = Number(options.rounds);
const ASK_EVERY_MS = 5;
const PATIENCE_MS = 60_000;
/** In slot 0, which the first master has. */
const KEY = '{06S}';

const pool = new ServerPool({ cores: undefined, tmp: undefined });
const sides = [
  { name: 'redis', command: ['redis-server'] },
  { name: 'shoal', command: [process.execPath, fileURLToPath(new URL('../bin/shoal-server', import.meta.url))] },
];

/** @param {string} what @param {() => Promise<boolean>} check */
async function until(what, check) {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await sleep(50);
  }
}

/** @param {import('./servers.mjs').Side} side */
async function cluster(side) {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', options.timeout, '--save', ''];
  args.push('--repl-diskless-sync-delay', '0');
  const nodes = await Promise.all(Array.from({ length: 6 }, () => pool.start(side, args)));
  const masters = nodes.slice(0, 3);
  for (const [i, node] of masters.entries()) {
    const bounds = [Math.floor((i * 16384) / 3), Math.floor(((i + 1) * 16384) / 3) - 1];
    await node.call('CLUSTER', 'ADDSLOTSRANGE', ...bounds.map(String));
    await node.call('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
  }
  for (const node of nodes.slice(1)) await nodes[0].call('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
  for (const [i, replica] of nodes.slice(3).entries()) {
    const id = await masters[i].call('CLUSTER', 'MYID');
    await until('the replica knows its master', async () => (await replica.call('CLUSTER', 'NODES')).includes(id));
    await replica.call('CLUSTER', 'REPLICATE', id);
  }
  await until('the cluster is whole', async () => {
    const views = await Promise.all(nodes.map((node) => node.call('CLUSTER', 'NODES')));
    const infos = await Promise.all(nodes.map((node) => node.call('CLUSTER', 'INFO')));
    const links = await Promise.all(nodes.slice(3).map((node) => node.call('INFO', 'replication')));
    return (
      views.every((view) => view.split('slave').length === 4) &&
      infos.every((info) => info.includes('cluster_state:ok')) &&
      links.every((info) => info.includes('master_link_status:up'))
    );
  });
  return nodes;
}

/** @param {import('./servers.mjs').Side} side */
async function outageMs(side) {
  const nodes = await cluster(side);
  // At a random moment between two pings.
  await sleep(1000 + Math.random() * 1000);
  const clients = nodes.slice(1).map(({ port }) => new Redis(port, '127.0.0.1', { retryStrategy: () => null }));
  await Promise.all(clients.map((client) => client.ping()));
  const killedAt = performance.now();
  process.kill(nodes[0].pid, 'SIGKILL');
  for (;;) {
    const replies = await Promise.all(clients.map((client) => client.set(KEY, 'x').catch(() => '')));
    if (replies.includes('OK')) break;
    if (performance.now() - killedAt > PATIENCE_MS) throw new Error('nobody took over');
    await sleep(ASK_EVERY_MS);
  }
  const tookMs = performance.now() - killedAt;
  for (const client of clients) client.disconnect();
  await Promise.all(nodes.map((node) => node.stop()));
  return tookMs;
}

/** @type {Record<string, number[]>} */
const results = { redis: [], shoal: [] };
for (let round = 0; round < ROUNDS; round++) {
  for (const side of sides) {
    const tookMs = await outageMs(side);
    results[side.name].push(tookMs);
    console.log(`round ${round + 1} ${side.name.padEnd(6)} ${Math.round(tookMs)} ms`);
  }
}
for (const [name, times] of Object.entries(results)) {
  console.log(
    `${name.padEnd(6)} median ${Math.round(median(times))} ms (${Math.round(Math.min(...times))} to ${Math.round(Math.max(...times))})`,
  );
}
console.log(`ratio  ${(median(results.shoal) / median(results.redis)).toFixed(2)}`);
