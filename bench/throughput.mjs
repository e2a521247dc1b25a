/** The throughput, AOF and cluster rows: redis-benchmark against each side in turn. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SIDES } from './bench.mjs';
import { throughputCells } from './options.mjs';
import { figure, median, pair, percent, ratio, ratioWithRange, table } from './statistics.mjs';

/** @typedef {import('./bench.mjs').Bench} Bench */
/** @typedef {import('./bench.mjs').RunFigures} RunFigures */

/**
 * @typedef {object} Row
 * @property {string} label
 * @property {import('./bench.mjs').RunSpec} spec
 * @property {Record<'redis' | 'ours', RunFigures>[]} rounds   none when the row failed
 * @property {string} [reason]   why it failed
 */

/** Tests whose requests have no value of a chosen size. */
const WITHOUT_VALUE = ['ping_inline', 'ping_mbulk', 'incr', 'sadd', 'spop', 'zadd', 'zpopmin', 'zrangebyscore'];

/** @param {import('./bench.mjs').RunSpec} spec */
export function labelOf({ test, depth, size }) {
  const value = WITHOUT_VALUE.includes(test) ? '' : size < 1024 ? ` ${size} B` : ` ${size / 1024} KiB`;
  return `${test.toUpperCase()}${test === 'mset' ? ' of 10' : ''}${value}, depth ${depth}`;
}

/** @param {Bench} bench */
export async function throughput(bench) {
  /** @type {Row[]} */
  const rows = [];
  for (const size of bench.options.sizes) {
    const cells = throughputCells(bench.options).filter((cell) => cell.size === size);
    rows.push(...(await measureCells(bench, cells, [], (server) => loadKeyspace(bench, server, size))));
  }
  return rows;
}

/** @param {Bench} bench */
export async function aof(bench) {
  /** @type {Row[]} */
  const rows = [];
  for (const policy of bench.options.fsync) {
    const depths = bench.options.quick ? [1] : [1, 16];
    const cells = depths.map((depth) => ({ test: 'set', depth, size: 16 }));
    const args = ['--appendonly', 'yes', '--appendfsync', policy, '--auto-aof-rewrite-percentage', '0'];
    rows.push(...(await measureCells(bench, cells, args, () => {}, `, appendfsync ${policy}`)));
  }
  return rows;
}

/**
 * Cluster mode's own cost per command. Without redis-benchmark's --cluster, which refuses a cluster of one node; the
 * one node owns every slot, so nothing is redirected.
 * @param {Bench} bench
 */
export async function cluster(bench) {
  const cells = ['set', 'get'].flatMap((test) => [1, 16].map((depth) => ({ test, depth, size: 16 })));
  const args = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'];
  const prepare = async (/** @type {import('./bench.mjs').RunningServer} */ server) => {
    await ownAllSlots(server);
    await loadKeyspace(bench, server, 16);
  };
  return measureCells(bench, cells, args, prepare, ', cluster');
}

/**
 * Makes a server a cluster of one.
 * @param {import('./bench.mjs').RunningServer} server
 */
export async function ownAllSlots(server) {
  await server.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  for (let attempt = 0; attempt < 200; attempt++) {
    if ((await server.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) return;
    await sleep(50);
  }
  throw new Error(`${server.name}: the cluster state did not become ok within 10 s`);
}

/**
 * Every key that redis-benchmark will draw exists, so that GET hits and the table does not grow while measured.
 * @param {Bench} bench
 * @param {import('./bench.mjs').RunningServer} server
 * @param {number} size
 */
export async function loadKeyspace(bench, server, size) {
  const reason = bench.tooLarge(bench.options.keys, size);
  if (reason !== null) throw new Error(reason);
  await bench.load({ port: server.port, op: 'set', count: bench.options.keys, size });
}

/**
 * @param {Bench} bench
 * @param {import('./bench.mjs').RunSpec[]} cells
 * @param {string[]} args   of both servers
 * @param {(server: import('./bench.mjs').RunningServer) => unknown} prepare
 * @param {string} [suffix]
 * @returns {Promise<Row[]>}
 */
export async function measureCells(bench, cells, args, prepare, suffix = '') {
  /** @type {Row[]} */
  const rows = [];
  /** @type {import('./bench.mjs').Pair | null} */
  let servers = null;
  /** @type {string | null} */
  let brokenStart = null;
  for (const spec of cells) {
    const row = { label: labelOf(spec) + suffix, spec, rounds: /** @type {Row['rounds']} */ ([]) };
    rows.push(row);
    try {
      if (brokenStart !== null) throw new Error(brokenStart);
      if (servers === null) {
        try {
          servers = await bench.startPair(args);
          for (const side of SIDES) await prepare(servers[side]);
        } catch (error) {
          brokenStart = /** @type {Error} */ (error).message;
          throw error;
        }
      }
      row.rounds = await bench.rounds(servers, spec);
      const all = row.rounds.flatMap(({ ours, redis }) => [ours, redis]);
      if (all.some(({ p999Ms }) => p999Ms === null)) bench.notes.add('p99.9: fewer than 1000 requests in a run');
      if (all.some(({ cpuPerRequestUs }) => cpuPerRequestUs === null)) bench.notes.add('CPU: no /proc on this system');
      const ratios = row.rounds.map(({ ours, redis }) => ratio(ours.requestsPerSecond, redis.requestsPerSecond));
      process.stderr.write(`  ${row.label}: throughput ${ratioWithRange(ratios)}\n`);
    } catch (error) {
      Object.assign(row, { reason: /** @type {Error} */ (error).message });
      bench.notes.add(`${row.label}: ${/** @type {Error} */ (error).message}`);
      process.stderr.write(`  ${row.label}: n/a: ${/** @type {Error} */ (error).message}\n`);
      // A failed cell may have left a server dead or deaf; the next one gets new ones.
      if (servers !== null) await bench.stopPair(servers);
      servers = null;
    }
  }
  if (servers !== null) await bench.stopPair(servers);
  return rows;
}

const HEADER = [
  'workload',
  'req/s',
  'ratio (min..max)',
  'CPU µs/req',
  'ratio',
  'p50 ms',
  'p99 ms',
  'ratio',
  'p99.9 ms',
  'ratio',
  'longest ms',
  'server busy %',
  'client busy %',
];

/** @param {Row[]} rows */
export const throughputTable = (rows) => table(HEADER, rows.map(cellsOf));

/** @param {Row} row */
function cellsOf({ label, rounds }) {
  /** @param {keyof RunFigures} field */
  const middles = (field) => SIDES.map((side) => median(rounds.map((round) => round[side][field]))).reverse();
  /** @param {keyof RunFigures} field */
  const ratios = (field) => rounds.map(({ ours, redis }) => ratio(ours[field], redis[field]));
  /**
   * @param {keyof RunFigures} field
   * @param {number} digits
   */
  const both = (field, digits) => {
    const [ours, redis] = middles(field);
    return pair(ours, redis, digits);
  };
  /** @param {keyof RunFigures} field */
  const ratioOf = (field) => figure(median(ratios(field)));
  return [
    label,
    both('requestsPerSecond', 0),
    ratioWithRange(ratios('requestsPerSecond')),
    both('cpuPerRequestUs', 2),
    ratioOf('cpuPerRequestUs'),
    both('p50Ms', 2),
    both('p99Ms', 2),
    ratioOf('p99Ms'),
    both('p999Ms', 2),
    ratioOf('p999Ms'),
    both('maxMs', 1),
    middles('serverBusy').map(percent).join(' / '),
    middles('clientBusy').map(percent).join(' / '),
  ];
}
