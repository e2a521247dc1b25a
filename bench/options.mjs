/** The command line of `npm run bench`. */
import { Command, InvalidArgumentError, Option } from 'commander';

export const TESTS = ['get', 'set', 'incr', 'mset'];
/** What redis-benchmark measures when it is not told what, in its order. */
const DEFAULT_LIST = [
  ...['ping_inline', 'ping_mbulk', 'set', 'get', 'incr', 'lpush', 'rpush', 'lpop', 'rpop', 'sadd', 'hset', 'spop'],
  ...['zadd', 'zpopmin', 'lrange_100', 'lrange_300', 'lrange_500', 'lrange_600', 'mset'],
];
/** The default list, and reads of the types that it only writes. */
export const COMMANDS = [...DEFAULT_LIST, 'xadd', 'hget', 'zrangebyscore'];
export const SECTIONS = ['throughput', 'commands', 'aof', 'cluster', 'memory', 'collections', 'stalls'];
const DEFAULT_SECTIONS = ['throughput', 'commands', 'aof', 'memory', 'collections'];
const FSYNC_POLICIES = ['everysec', 'always'];

/**
 * @typedef {object} Options
 * @property {boolean} quick
 * @property {number} rounds          interleaved rounds per cell (redis, ours, redis, ours ...)
 * @property {number} seconds         aimed length of one run
 * @property {number | undefined} requests  requests per run; replaces `seconds`
 * @property {string[]} only          redis-benchmark tests
 * @property {number[]} depths        pipeline depths
 * @property {number[]} commandDepths pipeline depths of the commands part
 * @property {number[]} sizes         value sizes in bytes
 * @property {number} keys            keyspace of the throughput runs
 * @property {number} memoryKeys      keys loaded to measure bytes per key
 * @property {number} collections     small collections loaded to measure bytes per collection
 * @property {number} elements        elements of the large collection loaded for the same
 * @property {number} clients         connections of redis-benchmark
 * @property {Set<string>} sections
 * @property {{ server: string, client: string } | null} pin  core lists for taskset
 * @property {string} ours            'shoal' or 'redis' (the harness against itself)
 * @property {string} node            the Node.js that runs our server
 * @property {string[]} nodeArgs
 * @property {string[]} serverArgs    extra arguments for both servers
 * @property {string[]} oursArgs      extra arguments for our server only
 * @property {string | undefined} json
 * @property {string | undefined} tmp
 * @property {string[]} fsync         AOF policies to measure
 */

const QUICK = {
  rounds: 3,
  seconds: 0.5,
  sizes: [16],
  depths: [1, 16, 64],
  commandDepths: [16],
  memoryKeys: 500_000,
  collections: 100_000,
  elements: 200_000,
};
const FULL = {
  ...QUICK,
  seconds: 2,
  sizes: [16, 1024],
  commandDepths: [1, 16],
  memoryKeys: 1_000_000,
  collections: 1_000_000,
  elements: 1_000_000,
};

/** @param {string} text */
function positive(text) {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('must be a number above 0');
  return value;
}

/** @param {string} text */
function count(text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('must be a whole number above 0');
  return value;
}

/** @param {string} text */
function tens(text) {
  const value = count(text);
  if (value % 10 !== 0) throw new InvalidArgumentError('must be a multiple of 10');
  return value;
}

/** @param {string} text */
const counts = (text) => text.split(',').map(count);

/** @param {string[]} allowed */
const namesOf = (allowed) => (/** @type {string} */ text) => {
  const names = text.toLowerCase().split(',');
  const unknown = names.find((name) => !allowed.includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`knows ${allowed.join(', ')}; not '${unknown}'`);
  return names;
};

/** @param {string} text */
const words = (text) => text.split(/\s+/).filter((word) => word !== '');

/** @param {string} text */
function pins(text) {
  if (text === 'none') return null;
  const [server, client, ...rest] = text.split(',');
  if (!server || !client || rest.length > 0) throw new InvalidArgumentError("is 'none' or SERVER,CLIENT such as 0,1");
  return { server, client };
}

/**
 * Reads the arguments; prints help or a complaint and ends the process as command lines do.
 * @param {string[]} argv
 * @returns {Options}
 */
export function readOptions(argv) {
  const command = new Command('npm run bench --')
    .description('Measures our server against redis-server, side by side, with redis-benchmark.')
    .option('--quick', 'fewer and shorter runs: two to three minutes in all', false)
    .option('--rounds <n>', 'interleaved rounds per cell', count)
    .option('--seconds <s>', 'aimed length of one run', positive)
    .option('--requests <n>', 'requests per run, instead of --seconds', count)
    .option('--only <tests>', `tests out of ${COMMANDS.join(',')}`, namesOf(COMMANDS))
    .option('--depths <list>', 'pipeline depths', counts)
    .option('--sizes <list>', 'value sizes in bytes', counts)
    .option('--keys <n>', 'keyspace of the throughput runs, loaded before them', count, 100_000)
    .option('--memory-keys <n>', 'keys loaded to measure bytes per key and stalls', count)
    .option('--collections <n>', 'small collections loaded to measure bytes per collection', count)
    .option('--elements <n>', 'elements of the large collection loaded for the same', tens)
    .option('--clients <n>', 'connections of redis-benchmark', count, 50)
    .option('--sections <list>', `parts to run out of ${SECTIONS.join(',')}`, namesOf(SECTIONS))
    .option('--cluster', 'adds the cluster rows', false)
    .option('--stalls', 'adds the stall and memory reuse rows', false)
    .option('--fsync <list>', 'appendfsync policies of the AOF rows', namesOf(FSYNC_POLICIES), FSYNC_POLICIES)
    .option('--pin <cores>', "taskset cores as SERVER,CLIENT, or 'none'", pins, { server: '0', client: '1' })
    .addOption(new Option('--ours <which>', 'the second server').choices(['shoal', 'redis']).default('shoal'))
    .option('--node <path>', 'Node.js that runs our server', process.execPath)
    .option('--node-args <args>', 'flags for that Node.js, in one string', words, [])
    .option('--server-args <args>', 'arguments for both servers, in one string', words, [])
    .option('--ours-args <args>', 'arguments for our server only, in one string', words, [])
    .option('--json <file>', 'where the raw figures go (default bench/results/<date>.json)')
    .option('--tmp <dir>', 'where the servers get their temporary folders (their AOF is written there)')
    .parse(argv, { from: 'user' });
  const given = command.opts();
  const { cluster, stalls, sections, ...rest } = given;
  const parts = new Set(sections ?? DEFAULT_SECTIONS);
  if (cluster) parts.add('cluster');
  if (stalls) parts.add('stalls');
  if (given.depths !== undefined) rest.commandDepths = given.depths;
  return /** @type {Options} */ ({ ...(given.quick ? QUICK : FULL), only: COMMANDS, ...rest, sections: parts });
}

/**
 * The cells of the throughput part. The quick run keeps all depths for GET and SET, and one depth for the rest.
 * @param {Options} options
 * @returns {{ test: string, depth: number, size: number }[]}
 */
export function throughputCells(options) {
  const cells = [];
  for (const size of options.sizes) {
    for (const test of TESTS.filter((name) => options.only.includes(name))) {
      for (const depth of options.depths) {
        const minor = test === 'incr' || test === 'mset';
        if (test === 'incr' && size !== options.sizes[0]) continue; // a counter has no value size
        if (options.quick && minor && options.depths.includes(16) && depth !== 16) continue;
        cells.push({ test, depth, size });
      }
    }
  }
  return cells;
}

/**
 * The cells of the commands part: half as long as others, and without the tests that the throughput part shows.
 * @param {Options} options
 * @returns {{ test: string, depth: number, size: number, seconds: number }[]}
 */
export function commandCells({ only, sections, commandDepths, sizes, seconds }) {
  const tests = COMMANDS.filter((test) => only.includes(test) && !(sections.has('throughput') && TESTS.includes(test)));
  return tests.flatMap((test) => commandDepths.map((depth) => ({ test, depth, size: sizes[0], seconds: seconds / 2 })));
}
