/**
 * Where our server's time goes during one workload:  node bench/profile.mjs get 16
 *
 * Runs the built server under --cpu-prof, redis-benchmark against it, and prints the functions with the most self time
 * within the measured span only (start-up and loading are cut away by their timestamps). The .cpuprofile is kept in
 * bench/results/ for Chrome's DevTools or an editor.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument, Command } from 'commander';
import { WEIGHTS } from './bench.mjs';
import { withData } from './commands.mjs';
import { load } from './load.mjs';
import { runRedisBenchmark } from './redisBenchmark.mjs';
import { pinned, ServerPool, versionOf } from './servers.mjs';
import { table } from './statistics.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const bundle = join(root, 'dist', 'shoal-server.js');
const NANOSECONDS_PER_MICROSECOND = 1000n;

/**
 * @typedef {object} Profile        as V8 writes it; times are microseconds of the monotonic clock
 * @property {{ id: number, callFrame: { functionName: string, url: string, lineNumber: number, columnNumber: number }, children?: number[] }[]} nodes
 * @property {number} startTime
 * @property {number[]} samples
 * @property {number[]} timeDeltas
 */

/** The monotonic clock that V8 stamps samples with, shared by all processes of the machine. */
const monotonicUs = () => Number(process.hrtime.bigint() / NANOSECONDS_PER_MICROSECOND);

/**
 * Self and total time per function between two instants.
 * @param {Profile} profile
 * @param {number} fromUs
 * @param {number} toUs
 */
export function timesByFunction(profile, fromUs, toUs) {
  const parents = new Map();
  const names = new Map();
  for (const { id, callFrame, children } of profile.nodes) {
    names.set(id, nameOf(callFrame));
    for (const child of children ?? []) parents.set(child, id);
  }
  /** @type {Map<string, { selfUs: number, totalUs: number }>} */
  const times = new Map();
  let spanUs = 0;
  let now = profile.startTime;
  for (let i = 0; i < profile.samples.length; i++) {
    now += profile.timeDeltas[i];
    const lasts = profile.timeDeltas[i + 1] ?? 0; // a sample stands until the next one
    if (now < fromUs || now > toUs) continue;
    spanUs += lasts;
    const seen = new Set();
    for (let id = profile.samples[i]; id !== undefined; id = parents.get(id)) {
      const name = names.get(id);
      const entry = times.get(name) ?? { selfUs: 0, totalUs: 0 };
      times.set(name, entry);
      if (id === profile.samples[i]) entry.selfUs += lasts;
      if (!seen.has(name)) entry.totalUs += lasts; // recursion counts once
      seen.add(name);
    }
  }
  return { spanUs, times };
}

/** @type {SourceMap | undefined} */
let bundleMap;

/** @param {Profile['nodes'][number]['callFrame']} frame */
function nameOf({ functionName, url, lineNumber, columnNumber }) {
  const name = functionName || '(anonymous)';
  if (url === '') return name;
  const path = url.replace(/^file:\/\//, '');
  if (path === bundle) {
    bundleMap ??= new SourceMap(JSON.parse(readFileSync(`${bundle}.map`, 'utf8')));
    const { originalSource, originalLine } = bundleMap.findEntry(lineNumber, columnNumber);
    if (originalSource !== undefined) return `${name} ${originalSource.replace(/^(\.\.\/)+/, '')}:${originalLine + 1}`;
  }
  const file = path.replace(root, '');
  return `${name} ${file}:${lineNumber + 1}`;
}

async function main() {
  const command = new Command('node bench/profile.mjs')
    .description('Profiles the built server under one workload of redis-benchmark.')
    .addArgument(new Argument('[test]', 'test of redis-benchmark, or xadd, hget, zrangebyscore').default('get'))
    .addArgument(new Argument('[depth]', 'pipeline depth').default(16).argParser(Number))
    .option('--seconds <s>', 'length of the measured run', Number, 4)
    .option('--size <bytes>', 'value size', Number, 16)
    .option('--keys <n>', 'keyspace, loaded before the run', Number, 100_000)
    .option('--clients <n>', 'connections', Number, 50)
    .option('--top <n>', 'functions to print', Number, 30)
    .option('--by <column>', "order by 'self' or 'total' time", 'self')
    .option('--interval <us>', 'sampling interval', Number, 200)
    .option('--pin <cores>', "SERVER,CLIENT cores, or 'none'", '0,1')
    .option('--node-args <args>', 'flags for Node.js, in one string', '')
    .option('--server-args <args>', 'arguments for the server, in one string', '')
    .parse();
  /** @type {any} */
  const options = command.opts();
  const [test, depth] = command.processedArgs;
  if (!existsSync(bundle)) throw new Error('not built: run npm run build first');
  if (versionOf('redis-benchmark') === null) throw new Error('redis-benchmark is not on the PATH');

  const results = join(root, 'bench', 'results');
  mkdirSync(results, { recursive: true });
  const words = (/** @type {string} */ text) => text.split(/\s+/).filter((word) => word !== '');
  const [serverCores, clientCores] = options.pin === 'none' ? [] : options.pin.split(',');
  const pool = new ServerPool({ cores: serverCores, tmp: undefined });
  process.once('SIGINT', () => {
    pool.killAllNow();
    process.exit(130);
  });
  const profiling = ['--cpu-prof', `--cpu-prof-interval=${options.interval}`, `--cpu-prof-dir=${results}`];
  const name = `${test}-${depth}.cpuprofile`;
  const nodeFlags = [...profiling, `--cpu-prof-name=${name}`, ...words(options.nodeArgs)];
  const side = { name: 'shoal', command: [process.execPath, ...nodeFlags, join(root, 'bin', 'shoal-server')] };
  try {
    const server = await pool.start(side, ['--save', '', '--appendonly', 'no', ...words(options.serverArgs)]);
    const { keys, size, clients } = options;
    await load({ port: server.port, op: 'set', count: keys, size }, clientCores);
    const spec = withData({ test, depth, size }, { load: (job) => load(job, clientCores), keys, clients });
    const run = { prefix: pinned(clientCores, []), port: server.port, keys, clients, ...spec };
    let fromUs = 0;
    let toUs = 0;
    const measure = (/** @type {number} */ requests) => {
      const plain = async () => {
        fromUs = monotonicUs();
        const report = await runRedisBenchmark({ ...run, requests });
        toUs = monotonicUs();
        return report;
      };
      return spec.around === undefined ? plain() : spec.around(server, requests, plain);
    };
    const warm = await measure(Math.ceil((10_000 * Math.min(depth, 16)) / (WEIGHTS[test] ?? 1)));
    const report = await measure(Math.max(1000, Math.round(warm.requestsPerSecond * options.seconds)));
    await server.stop();
    if (!readdirSync(results).includes(name)) throw new Error('the server left no profile: it did not end by itself');
    const file = join(results, name);
    const perSecond = Math.round(report.requestsPerSecond).toLocaleString('en-US');
    process.stdout.write(
      `${test} at depth ${depth}: ${perSecond} requests/s while profiled (slower than without), p99 ${report.p99Ms} ms\n`,
    );
    printTop(JSON.parse(readFileSync(file, 'utf8')), fromUs, toUs, options);
    process.stdout.write(`\nThe whole profile, start-up included: ${file}\n`);
  } finally {
    await pool.stopAll();
  }
}

/**
 * @param {Profile} profile
 * @param {number} fromUs
 * @param {number} toUs
 * @param {{ top: number, by: string }} options
 */
function printTop(profile, fromUs, toUs, { top, by }) {
  const { spanUs, times } = timesByFunction(profile, fromUs, toUs);
  if (spanUs === 0) throw new Error('no samples within the measured span');
  const share = (/** @type {number} */ us) => `${((us / spanUs) * 100).toFixed(1)} %`;
  const order = by === 'total' ? 'totalUs' : 'selfUs';
  const rows = [...times].sort((a, b) => b[1][order] - a[1][order]).slice(0, top);
  const cells = rows.map(([name, { selfUs, totalUs }]) => [name, share(selfUs), share(totalUs)]);
  process.stdout.write(`\n${table(['function', 'self', 'total'], cells)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${/** @type {Error} */ (error).message}\n`);
    process.exitCode = 1;
  }
}
