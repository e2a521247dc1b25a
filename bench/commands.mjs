/**
 * redis-benchmark's default list, and reads of the types that it only writes.
 *
 * redis-benchmark measures whatever it finds: LPOP on a server without a list is a quick nil. Here a pop finds as many
 * elements as there are requests, a read finds its collection filled, and the key's length before and after tells.
 */
import { NUMBER } from './load.mjs';
import { commandCells } from './options.mjs';
import { loadKeyspace, measureCells } from './throughput.mjs';

/** Elements per command while a key is filled. */
const FILL_BATCH = 10;
const MEMBER = `element:${NUMBER}`;
const VALUE = 'VALUE';

/**
 * The keys that redis-benchmark's tests work on. VALUE stands for a value of the chosen size.
 * @typedef {{ key: string, length: string, add: string, element: string[] }} Collection
 */
const LIST = { key: 'mylist', length: 'LLEN', add: 'RPUSH', element: [VALUE] };
const HASH = { key: 'myhash', length: 'HLEN', add: 'HSET', element: [MEMBER, VALUE] };
const SET = { key: 'myset', length: 'SCARD', add: 'SADD', element: [MEMBER] };
const SORTED_SET = { key: 'myzset', length: 'ZCARD', add: 'ZADD', element: [NUMBER, MEMBER] };
const STREAM = { key: 'mystream', length: 'XLEN', add: 'XADD', element: [] };

/** @param {number} elements */
const lrange = (elements) => /** @type {const} */ ({ on: LIST, does: 'read', command: ['0', String(elements - 1)] });

/**
 * The tests on collections. LRANGE is given as a command because redis-benchmark's own test measures an LPUSH before it.
 * @type {Record<string, { on: Collection, does: 'add' | 'remove' | 'read', command?: readonly string[] }>}
 */
const ON_COLLECTIONS = {
  lpush: { on: LIST, does: 'add' },
  rpush: { on: LIST, does: 'add' },
  lpop: { on: LIST, does: 'remove' },
  rpop: { on: LIST, does: 'remove' },
  sadd: { on: SET, does: 'add' },
  hset: { on: HASH, does: 'add' },
  spop: { on: SET, does: 'remove' },
  zadd: { on: SORTED_SET, does: 'add' },
  zpopmin: { on: SORTED_SET, does: 'remove' },
  lrange_100: lrange(100),
  lrange_300: lrange(300),
  lrange_500: lrange(500),
  lrange_600: lrange(600),
  xadd: { on: STREAM, does: 'add', command: ['*', 'field', VALUE] },
  hget: { on: HASH, does: 'read', command: ['element:__rand_int__'] },
  zrangebyscore: { on: SORTED_SET, does: 'read', command: ['__rand_int__', '+inf', 'LIMIT', '0', '10'] },
};

/** @param {import('./bench.mjs').Bench} bench */
export function commands(bench) {
  const { keys, clients, sizes } = bench.options;
  const load = bench.load.bind(bench);
  const cells = commandCells(bench.options).map((cell) => withData(cell, { load, keys, clients }));
  return measureCells(bench, cells, [], (server) => loadKeyspace(bench, server, sizes[0]));
}

/**
 * Adds to a cell on a collection what its data must be; others are left as they are.
 * @param {import('./bench.mjs').RunSpec} cell
 * @param {{ load: (job: import('./load.mjs').Job) => Promise<unknown>, keys: number, clients: number }} env
 * @returns {import('./bench.mjs').RunSpec}
 */
export function withData(cell, { load, keys, clients }) {
  const test = ON_COLLECTIONS[cell.test];
  if (test === undefined) return cell;
  const { on, does } = test;
  const sized = (/** @type {readonly string[]} */ words) =>
    words.map((word) => (word === VALUE ? 'v'.repeat(cell.size) : word));
  const name = cell.test.replace(/_\d+$/, '').toUpperCase();
  return {
    ...cell,
    ...(test.command && { command: [name, on.key, ...sized(test.command)] }),
    around: async (server, requests, run) => {
      const length = async () => Number(await server.call(on.length, on.key));
      // With pipelining, redis-benchmark sends up to a batch per connection more than it was asked for.
      const wanted = { add: 0, remove: requests + clients * cell.depth, read: keys }[does];
      const commands = Math.ceil(wanted / FILL_BATCH);
      const before = commands * FILL_BATCH;
      if ((await length()) !== before) {
        await server.call('DEL', on.key);
        const job = { port: server.port, op: /** @type {const} */ ('add'), key: on.key, command: on.add };
        await load({ ...job, element: sized(on.element), elements: FILL_BATCH, count: commands });
        if ((await length()) !== before) throw new Error(`${server.name}: could not fill ${on.key}`);
      }
      const figures = await run();
      const after = await length();
      const gone = before - after;
      const did = { add: gone < 0, remove: gone >= requests && after > 0, read: gone === 0 }[does];
      if (!did) throw new Error(`${server.name}: ${on.key} went from ${before} to ${after} by ${requests} requests`);
      return figures;
    },
  };
}
