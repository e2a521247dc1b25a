/** `npm run bench`: our server against redis-server on this machine, side by side. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { dirname, join } from 'node:path';
import { Bench } from './bench.mjs';
import { collections, collectionTable } from './collections.mjs';
import { commands } from './commands.mjs';
import { memory, memoryTable, stalls, stallTable } from './memory.mjs';
import { readOptions } from './options.mjs';
import { versionOf } from './servers.mjs';
import { median, percent } from './statistics.mjs';
import { aof, cluster, throughput, throughputTable } from './throughput.mjs';

const PARTS = {
  throughput: { title: 'Throughput and latency', measure: throughput, print: throughputTable },
  commands: { title: "redis-benchmark's default list, and reads", measure: commands, print: throughputTable },
  aof: { title: 'With the append-only file', measure: aof, print: throughputTable },
  cluster: { title: 'Cluster mode, one node that owns all slots', measure: cluster, print: throughputTable },
  memory: { title: 'Memory per key, and stalls while loading', measure: memory, print: memoryTable },
  collections: { title: 'Memory per collection', measure: collections, print: collectionTable },
  stalls: { title: 'Under pressure', measure: stalls, print: stallTable },
};

/**
 * @param {string[]} argv
 * @param {string} root   the project's folder
 * @returns {Promise<number>} exit code
 */
export async function main(argv, root) {
  const options = readOptions(argv);
  for (const program of ['redis-server', 'redis-cli', 'redis-benchmark']) {
    if (versionOf(program) !== null) continue;
    process.stderr.write(
      `${program} is not on the PATH: install Redis 7.0 or newer to have something to compare with.\n`,
    );
    return 1;
  }
  if (options.pin !== null && !canPin(options.pin)) options.pin = null;

  const bench = new Bench(options, sidesOf(options, root));
  const interrupted = () => {
    bench.interrupt();
    process.exit(130);
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);

  const startedAt = new Date();
  const about = describe(options, root, startedAt);
  print(Object.entries(about).map(([name, text]) => `${`${name}:`.padEnd(14)}${text}`));
  print(['', 'Pairs read ours / redis-server; a ratio is ours / redis-server, the median over the rounds.']);

  /** @type {Record<string, unknown>} */
  const sections = {};
  try {
    for (const [name, part] of Object.entries(PARTS)) {
      if (!options.sections.has(name)) continue;
      process.stderr.write(`\n${part.title} ...\n`);
      const rows = await part.measure(bench);
      if (rows.length === 0) continue; // none of its tests was asked for
      sections[name] = rows;
      print(['', `${part.title}:`, '', /** @type {(rows: any) => string} */ (part.print)(rows)]);
    }
  } finally {
    await bench.pool.stopAll();
  }
  print(footnotes(bench, startedAt));
  const file = options.json ?? join(root, 'bench', 'results', `${startedAt.toISOString().replaceAll(':', '')}.json`);
  mkdirSync(dirname(file), { recursive: true });
  const settings = { ...options, sections: [...options.sections] };
  writeFileSync(file, `${JSON.stringify({ about, options: settings, notes: [...bench.notes], sections }, null, 2)}\n`);
  print(['', `Raw figures of every round: ${file}`]);
  return bench.notes.size === 0 ? 0 : 1;
}

/** @param {string[]} lines */
const print = (lines) => process.stdout.write(`${lines.join('\n')}\n`);

/** @param {{ server: string, client: string }} pin */
const canPin = ({ server, client }) =>
  [server, client].every((cores) => spawnSync('taskset', ['-c', cores, 'true']).status === 0);

/**
 * @param {import('./options.mjs').Options} options
 * @param {string} root
 */
function sidesOf({ ours, node, nodeArgs }, root) {
  const shoal = [node, ...nodeArgs, join(root, 'bin', 'shoal-server')];
  return {
    redis: { name: 'redis-server', command: ['redis-server'] },
    ours:
      ours === 'redis'
        ? { name: 'redis-server (as ours)', command: ['redis-server'] }
        : { name: 'shoal', command: shoal },
  };
}

/**
 * What the figures were measured on.
 * @param {import('./options.mjs').Options} options
 * @param {string} root
 * @param {Date} date
 * @returns {Record<string, string>}
 */
function describe(options, root, date) {
  const cores = cpus();
  const commit = spawnSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' });
  const { pin } = options;
  return {
    date: date.toISOString(),
    machine: `${cores[0]?.model.trim()}, ${cores.length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`,
    load: `${loadavg()[0].toFixed(2)} before the start (1 min average; should be near 0)`,
    redis: /** @type {string} */ (versionOf('redis-server')),
    ours:
      options.ours === 'redis'
        ? 'redis-server as well (--ours redis): every ratio should be near 1, its range is the noise of this machine'
        : `shoal ${commit.status === 0 ? commit.stdout.trim() : ''} on Node.js ${nodeVersion(options)}`,
    pinned: pin === null ? 'no' : `servers on core ${pin.server}, load generators on core ${pin.client}`,
    runs: `${options.rounds} rounds of ${options.requests ? `${options.requests} requests` : `${options.seconds} s`}, ${options.clients} connections, ${options.keys.toLocaleString('en-US')} keys${options.quick ? ', quick' : ''}`,
    arguments: [...options.serverArgs, ...options.oursArgs.map((arg) => `${arg} (ours only)`)].join(' ') || 'none',
  };
}

/** @param {import('./options.mjs').Options} options */
function nodeVersion({ node, nodeArgs }) {
  const version = node === process.execPath ? process.version : (versionOf(node) ?? 'of unknown version');
  return [version, ...nodeArgs].join(' ');
}

/**
 * @param {Bench} bench
 * @param {Date} startedAt
 */
function footnotes(bench, startedAt) {
  const lines = ['', `Took ${Math.round((Date.now() - startedAt.getTime()) / 1000)} s.`];
  const others = median(bench.othersBusy);
  if (others !== null) {
    lines.push(
      `Meanwhile everything else on the machine used ${percent(others)} % of a core (median of the runs, kernel work and stolen time included).`,
    );
    if (others > 0.2) lines.push('That is a lot: the machine was not quiet, do not trust these figures.');
  }
  if (bench.notes.size > 0) lines.push('', 'n/a:', ...[...bench.notes].map((note) => `- ${note}`));
  return lines;
}
