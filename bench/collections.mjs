/** Bytes per collection: many small ones, and one large, of each type. */
import { setTimeout as sleep } from 'node:timers/promises';
import { NUMBER } from './load.mjs';
import { expectKeys, onEachSide, progress, resident, SETTLE_MS, usedMemory } from './memory.mjs';
import { figure, pair, ratio, table } from './statistics.mjs';

const SMALL = { prefix: 'key:', elements: 10 };
const LARGE = { prefix: 'big:', keys: 1 };
const QUICK_SETTLE_MS = 300;
/** Written and flushed before the first reading, so that code and buffers that every use needs are resident. */
const WARM_UP = { small: { ...SMALL, keys: 2_000 }, large: { ...LARGE, elements: 20_000 } };
const MEMBER = `element:${NUMBER}`;

/**
 * Elements have 20 bytes, as redis-benchmark's (integers 10 digits, as ids have), values 16. Stream entries are a
 * millisecond apart, and take a command each.
 * @typedef {{ label: string, command: string, element: string[], length: string, perCommand?: number }} Type
 * @type {Type[]}
 */
const TYPES = [
  { label: 'list', command: 'RPUSH', element: [MEMBER], length: 'LLEN' },
  { label: 'hash', command: 'HSET', element: [MEMBER, 'v'.repeat(16)], length: 'HLEN' },
  { label: 'set of strings', command: 'SADD', element: [MEMBER], length: 'SCARD' },
  { label: 'set of integers', command: 'SADD', element: ['1#########'], length: 'SCARD' },
  { label: 'sorted set', command: 'ZADD', element: [NUMBER, MEMBER], length: 'ZCARD' },
  { label: 'stream', command: 'XADD', element: [`1${NUMBER}-0`, 'field', MEMBER], length: 'XLEN', perCommand: 1 },
];

/** @typedef {import('./bench.mjs').Bench} Bench */
/** @typedef {import('./bench.mjs').RunningServer} RunningServer */
/** @typedef {{ residentBytes: number, usedBytes: number }} Sizes  growth per collection, resident and as INFO says */
/** @typedef {{ label: string, collections: number, elements: number, ours: Sizes | null, redis: Sizes | null }} Row */

/**
 * @param {Bench} bench
 * @returns {Promise<Row[]>}
 */
export async function collections(bench) {
  const { collections: count, elements } = bench.options;
  /** @type {Row[]} */
  const small = [];
  /** @type {Row[]} */
  const large = [];
  for (const type of TYPES) {
    const { ours, redis } = await onEachSide(bench, type.label, [], (server) => measure(bench, server, type));
    const of = (/** @type {number} */ n) => `of ${n.toLocaleString('en-US')} elements`;
    const labels = { small: `${type.label} ${of(SMALL.elements)}`, large: `${type.label} ${of(elements)}` };
    const sides = (/** @type {'small' | 'large'} */ part) => ({
      ours: ours?.[part] ?? null,
      redis: redis?.[part] ?? null,
    });
    const few = { label: labels.small, collections: count, elements: SMALL.elements, ...sides('small') };
    const many = { label: labels.large, collections: 1, elements, ...sides('large') };
    small.push(few);
    large.push(many);
    for (const row of [few, many]) {
      progress(row.label, 'resident bytes each', row.ours?.residentBytes, row.redis?.residentBytes);
    }
  }
  return [...small, ...large];
}

/**
 * The large collection is loaded beside the small ones, which spares a start.
 * @param {Bench} bench
 * @param {RunningServer} server
 * @param {Type} type
 * @returns {Promise<{ small: Sizes, large: Sizes }>}
 */
async function measure(bench, server, type) {
  const { collections: count, elements, quick } = bench.options;
  const reason = bench.tooLarge(count, SMALL.elements * 40);
  if (reason !== null) throw new Error(reason);
  const read = async () => {
    await sleep(quick ? QUICK_SETTLE_MS : SETTLE_MS);
    return { residentBytes: resident(server), usedBytes: await usedMemory(server) };
  };
  await add(bench, server, type, WARM_UP.small);
  await add(bench, server, type, WARM_UP.large);
  await server.call('FLUSHALL');
  const empty = await read();
  await add(bench, server, type, { ...SMALL, keys: count });
  await expectKeys(server, count);
  const withSmall = await read();
  await add(bench, server, type, { ...LARGE, elements });
  await expectKeys(server, count + 1);
  const withLarge = await read();
  return { small: growth(empty, withSmall, count), large: growth(withSmall, withLarge, 1) };
}

/**
 * @param {Sizes} before
 * @param {Sizes} after
 * @param {number} count
 * @returns {Sizes}
 */
const growth = (before, after, count) => ({
  residentBytes: (after.residentBytes - before.residentBytes) / count,
  usedBytes: (after.usedBytes - before.usedBytes) / count,
});

/**
 * @param {Bench} bench
 * @param {RunningServer} server
 * @param {Type} type
 * @param {{ prefix: string, keys: number, elements: number }} what   elements of each key
 */
async function add(bench, server, type, { prefix, keys, elements: perKey }) {
  const { command, element, length, perCommand: elements = 10 } = type;
  const commandsPerKey = perKey / elements;
  const job = { port: server.port, op: /** @type {const} */ ('add'), prefix, command, element, elements };
  await bench.load({ ...job, commandsPerKey, count: keys * commandsPerKey });
  const last = prefix + String(keys - 1).padStart(NUMBER.length, '0');
  const found = await server.call(length, last);
  if (found !== String(perKey)) throw new Error(`${length} ${last} says ${found} after ${perKey} were added`);
}

/** @param {Row[]} rows */
export const collectionTable = (rows) =>
  table(
    ['growth per collection', 'collections', 'resident bytes', 'ratio', 'used_memory bytes', 'ratio'],
    rows.map(({ label, collections: count, ours, redis }) => {
      /** @param {keyof Sizes} field */
      const both = (field) => [
        pair(ours?.[field] ?? null, redis?.[field] ?? null, 1),
        figure(ratio(ours?.[field], redis?.[field])),
      ];
      return [label, count.toLocaleString('en-US'), ...both('residentBytes'), ...both('usedBytes')];
    }),
  );
