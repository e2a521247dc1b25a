/** Bytes per key, and the longest stall while keys are loaded, expire all at once or are evicted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SIDES } from './bench.mjs';
import { residentBytes } from './procfs.mjs';
import { infoField } from './servers.mjs';
import { figure, pair, ratio, table } from './statistics.mjs';
import { ownAllSlots } from './throughput.mjs';

/** Keys written and flushed before the first reading, so that code and buffers that every use needs are resident. */
const WARM_UP_KEYS = 20_000;
/** After a load, for freed memory to go back to the system. */
export const SETTLE_MS = 1000;

/** @typedef {import('./bench.mjs').Bench} Bench */
/** @typedef {import('./bench.mjs').RunningServer} RunningServer */

/**
 * @typedef {object} MemoryFigures
 * @property {number} bytesPerKey
 * @property {number} baseBytes       resident before the load
 * @property {number} totalBytes      resident after it
 * @property {number} longestStallMs  longest round trip of a batch of 64 SETs during the load
 * @property {number} keysPerSecond
 */

/**
 * @typedef {object} Variant
 * @property {string} label
 * @property {number} size
 * @property {number} [ttlSeconds]
 * @property {boolean} [cluster]
 */

/** @type {Variant[]} */
const VARIANTS = [
  { label: '16 B key, 16 B value', size: 16 },
  { label: '16 B key, 100 B value', size: 100 },
  { label: '16 B key, 16 B value, with a TTL', size: 16, ttlSeconds: 3600 },
  { label: '16 B key, 16 B value, cluster mode', size: 16, cluster: true },
];

/**
 * Runs `measure` on a fresh server of each side. A side that fails is null, with the reason among the notes.
 * @template Figures
 * @param {Bench} bench
 * @param {string} label
 * @param {string[]} args
 * @param {(server: RunningServer) => Promise<Figures>} measure
 * @returns {Promise<Record<'redis' | 'ours', Figures | null>>}
 */
export async function onEachSide(bench, label, args, measure) {
  /** @type {Record<'redis' | 'ours', Figures | null>} */
  const figures = { redis: null, ours: null };
  for (const side of SIDES) {
    /** @type {RunningServer | null} */
    let server = null;
    try {
      server = await bench.start(side, args);
      figures[side] = await measure(server);
    } catch (error) {
      bench.notes.add(`${label}: ${side}: ${/** @type {Error} */ (error).message}`);
    } finally {
      await server?.stop();
    }
  }
  return figures;
}

/** @param {RunningServer} server */
export function resident(server) {
  const bytes = residentBytes(server.pid);
  if (bytes === null) throw new Error('no /proc on this system to read resident memory from');
  return bytes;
}

/** What a server counts itself, in bytes. @param {RunningServer} server */
export async function usedMemory(server) {
  const used = infoField(await server.call('INFO', 'memory'), 'used_memory');
  if (used === undefined) throw new Error('INFO has no used_memory');
  return Number(used);
}

/** @param {Bench} bench */
export async function memory(bench) {
  const keys = bench.options.memoryKeys;
  const rows = [];
  for (const variant of bench.options.quick ? VARIANTS.slice(0, 2) : VARIANTS) {
    const args = variant.cluster ? ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'] : [];
    const figures = await onEachSide(bench, variant.label, args, async (server) => {
      if (variant.cluster) await ownAllSlots(server);
      const job = {
        port: server.port,
        op: /** @type {const} */ ('set'),
        size: variant.size,
        ...(variant.ttlSeconds ? { ttlSeconds: variant.ttlSeconds } : {}),
      };
      await bench.load({ ...job, count: WARM_UP_KEYS });
      await server.call('FLUSHALL');
      await sleep(SETTLE_MS);
      const baseBytes = resident(server);
      const loaded = await bench.load({ ...job, count: keys });
      await sleep(SETTLE_MS);
      await expectKeys(server, keys);
      const totalBytes = resident(server);
      return {
        bytesPerKey: (totalBytes - baseBytes) / keys,
        baseBytes,
        totalBytes,
        longestStallMs: loaded.longestMs,
        keysPerSecond: loaded.commands / loaded.seconds,
      };
    });
    rows.push({ label: variant.label, keys, ...figures });
    progress(variant.label, 'bytes per key', figures.ours?.bytesPerKey, figures.redis?.bytesPerKey);
  }
  return rows;
}

/**
 * @param {RunningServer} server
 * @param {number} keys
 */
export async function expectKeys(server, keys) {
  const size = await server.call('DBSIZE');
  if (size !== String(keys)) throw new Error(`loaded ${keys} keys, DBSIZE says ${size}`);
}

/** @param {Awaited<ReturnType<typeof memory>>} rows */
export function memoryTable(rows) {
  const header = [
    'resident memory',
    'bytes/key',
    'ratio',
    'base MiB',
    'loaded MiB',
    'longest stall ms',
    'ratio',
    'keys/s',
  ];
  const MIB = 2 ** 20;
  return table(
    header,
    rows.map(({ label, ours, redis }) => {
      /** @param {keyof MemoryFigures} field @param {number} digits @param {number} [unit] */
      const both = (field, digits, unit = 1) =>
        pair(ours === null ? null : ours[field] / unit, redis === null ? null : redis[field] / unit, digits);
      return [
        label,
        both('bytesPerKey', 1),
        figure(ratio(ours?.bytesPerKey, redis?.bytesPerKey)),
        both('baseBytes', 0, MIB),
        both('totalBytes', 0, MIB),
        both('longestStallMs', 1),
        figure(ratio(ours?.longestStallMs, redis?.longestStallMs)),
        both('keysPerSecond', 0),
      ];
    }),
  );
}

/** @typedef {{ label: string, unit: string, ours: number | null, redis: number | null }} StallRow */

/**
 * Each with `memoryKeys` keys: the longest stall while all expire in the same millisecond and while as many are
 * evicted, and what stays resident after 80 % of the keys made room for values of another size.
 * @param {Bench} bench
 * @returns {Promise<StallRow[]>}
 */
export async function stalls(bench) {
  const keys = bench.options.memoryKeys;
  const count = keys.toLocaleString('en-US');
  /** @type {StallRow[]} */
  const rows = [];
  /**
   * @param {string} label
   * @param {string} unit
   * @param {(server: RunningServer) => Promise<number>} measure
   */
  const row = async (label, unit, measure) => {
    const figures = await onEachSide(bench, label, [], measure);
    rows.push({ label, unit, ...figures });
    progress(label, unit, figures.ours, figures.redis);
  };
  await row(`longest stall, ${count} keys expire at once`, 'ms', (server) => expireStall(bench, server, keys));
  await row(`longest stall, ${count} keys evicted (allkeys-lru)`, 'ms', (server) => evictionStall(bench, server, keys));
  await row('resident after 80 % deleted, others of 100 B written', 'MiB', (server) => reuse(bench, server, keys));
  return rows;
}

/**
 * @param {Bench} bench
 * @param {RunningServer} server
 * @param {number} keys
 */
async function expireStall(bench, server, keys) {
  const loadSeconds = 5 + keys / 50_000;
  const pxAt = Date.now() + loadSeconds * 1000;
  await bench.load({ port: server.port, op: 'set', count: keys, size: 16, pxAt });
  if (Date.now() > pxAt)
    throw new Error('the keys expired before all were loaded: this machine is too slow or too busy');
  await sleep(Math.max(0, pxAt - Date.now() - 500));
  const probe = await bench.load({ port: server.port, op: 'probe', seconds: 5 });
  const expired = Number(infoField(await server.call('INFO', 'stats'), 'expired_keys'));
  if (!(expired > 0)) throw new Error('no key was reclaimed while the server was watched');
  return probe.longestMs;
}

/**
 * @param {Bench} bench
 * @param {RunningServer} server
 * @param {number} keys
 */
async function evictionStall(bench, server, keys) {
  await bench.load({ port: server.port, op: 'set', count: keys, size: 16 });
  const used = await usedMemory(server);
  await server.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
  await server.call('CONFIG', 'SET', 'maxmemory', String(used));
  const pressed = await bench.load({ port: server.port, op: 'set', prefix: 'new:', count: keys, size: 16 });
  const evicted = Number(infoField(await server.call('INFO', 'stats'), 'evicted_keys'));
  if (!(evicted > keys / 2)) throw new Error(`only ${evicted} keys were evicted`);
  return pressed.longestMs;
}

/**
 * @param {Bench} bench
 * @param {RunningServer} server
 * @param {number} keys
 */
async function reuse(bench, server, keys) {
  await bench.load({ port: server.port, op: 'set', count: keys, size: 16 });
  await bench.load({ port: server.port, op: 'del', count: keys, keepEvery: 5 });
  await bench.load({ port: server.port, op: 'set', prefix: 'new:', count: keys, keepEvery: 5, size: 100 });
  await sleep(SETTLE_MS);
  return resident(server) / 2 ** 20;
}

/** @param {StallRow[]} rows */
export const stallTable = (rows) =>
  table(
    ['under pressure', 'unit', 'ours / redis', 'ratio'],
    rows.map(({ label, unit, ours, redis }) => [label, unit, pair(ours, redis, 1), figure(ratio(ours, redis))]),
  );

/**
 * @param {string} label
 * @param {string} unit
 * @param {number | null | undefined} ours
 * @param {number | null | undefined} redis
 */
export function progress(label, unit, ours, redis) {
  process.stderr.write(
    `  ${label}: ${pair(ours ?? null, redis ?? null, 1)} ${unit}, ratio ${figure(ratio(ours, redis))}\n`,
  );
}
