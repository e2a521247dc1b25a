/**
 * What a background save costs those who are served meanwhile, on both servers in turn, the median over the rounds:
 *
 *   node bench/saving.mjs [--keys 2000000] [--size 100] [--rounds 3] [--pin none] [--only-ours] [--aof] [--warm-up 1]
 *
 * redis-benchmark overwrites random keys (SET, 50 connections, depth 16) all the time. Shown are its rate before and during a
 * BGSAVE (with --aof, a BGREWRITEAOF), the same for each second that the server's own process computed (other work on the machine changes
 * that less; redis-server's child is not in it), how long the save took, by how much memory grew (proportional set size of the server and
 * its children, sampled; the growth before the save is the load's own), and the longest PING before and during it. The first save of
 * a process runs code that has not been compiled yet; --warm-up N lets N saves go before.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { load } from './load.mjs';
import { pinned, ServerPool } from './servers.mjs';
import { figure, median, pair, ratio } from './statistics.mjs';

const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '2000000' },
    size: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '3' },
    pin: { type: 'string', default: 'none' },
    'only-ours': { type: 'boolean', default: false },
    aof: { type: 'boolean', default: false },
    'warm-up': { type: 'string', default: '0' },
  },
});
const KEYS = Number(options.keys);
const SIZE = Number(options.size);
const [serverCore, clientCore] = options.pin === 'none' ? [] : options.pin.split(',');
const BEFORE_MS = 3000;
const SAMPLE_MS = 50;
const MIB = 1 << 20;

/** Bytes of a process and its children, shared pages counted once. @param {number} pid */
function memoryOf(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  let bytes = 0;
  for (const each of [pid, ...children]) {
    try {
      bytes += Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${each}/smaps_rollup`, 'utf8'))?.[1]) * 1024;
    } catch {
      // A child that has just ended.
    }
  }
  return bytes;
}

/** Seconds that a process has computed, without its children. @param {number} pid */
function cpuSecondsOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Sends PING every millisecond and remembers the longest wait. */
class Probe {
  longestMs = 0;
  #sentAt = 0;
  /** @param {number} port */
  constructor(port) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const send = () => {
      this.#sentAt = performance.now();
      this.socket.write('PING\r\n');
    };
    this.socket.on('data', () => {
      this.longestMs = Math.max(this.longestMs, performance.now() - this.#sentAt);
      setTimeout(send, 1);
    });
    this.socket.on('error', () => {});
    send();
  }

  take() {
    const { longestMs } = this;
    this.longestMs = 0;
    return longestMs;
  }
}

/** @param {import('./servers.mjs').RunningServer} server @param {string} section @param {string} name */
async function field(server, section, name) {
  return new RegExp(`^${name}:(.*)$`, 'm').exec(await server.call('INFO', section))?.[1]?.trim();
}

/** @param {import('./servers.mjs').RunningServer} server */
const commandsOf = async (server) => Number(await field(server, 'stats', 'total_commands_processed'));

/** @param {import('./servers.mjs').RunningServer} server */
async function measure(server) {
  await load({ port: server.port, op: 'set', count: KEYS, size: SIZE }, clientCore);
  const [program, ...args] = pinned(clientCore, [
    ...['redis-benchmark', '-p', String(server.port), '-t', 'set', '-P', '16', '-d', String(SIZE)],
    ...['-r', String(KEYS), '-n', '1000000000', '-q'],
  ]);
  const client = spawn(program, args, { stdio: 'ignore' });
  const probe = new Probe(server.port);
  const flag = options.aof ? 'aof_rewrite_in_progress' : 'rdb_bgsave_in_progress';
  const saved = async () => {
    do await sleep(SAMPLE_MS);
    while ((await field(server, 'persistence', flag)) !== '0');
  };
  try {
    await sleep(1000);
    for (let i = 0; i < Number(options['warm-up']); i++) {
      await server.call(options.aof ? 'BGREWRITEAOF' : 'BGSAVE');
      await saved();
    }
    await sleep(1000);
    probe.take();
    let [commands, at, cpu] = [await commandsOf(server), performance.now(), cpuSecondsOf(server.pid)];
    await sleep(BEFORE_MS);
    const servedBefore = (await commandsOf(server)) - commands;
    const rateBefore = servedBefore / (performance.now() - at);
    const cpuBefore = cpuSecondsOf(server.pid) - cpu;
    const pingBeforeMs = probe.take();
    const memoryBefore = memoryOf(server.pid);
    [commands, at, cpu] = [await commandsOf(server), performance.now(), cpuSecondsOf(server.pid)];
    await server.call(options.aof ? 'BGREWRITEAOF' : 'BGSAVE');
    let memoryPeak = memoryBefore;
    do {
      await sleep(SAMPLE_MS);
      memoryPeak = Math.max(memoryPeak, memoryOf(server.pid));
    } while ((await field(server, 'persistence', flag)) !== '0');
    const tookMs = performance.now() - at;
    const servedDuring = (await commandsOf(server)) - commands;
    const rateDuring = servedDuring / tookMs;
    const cpuDuring = cpuSecondsOf(server.pid) - cpu;
    const status = await field(
      server,
      'persistence',
      options.aof ? 'aof_last_bgrewrite_status' : 'rdb_last_bgsave_status',
    );
    if (status !== 'ok') throw new Error(`${server.name}: the save ended with ${status}`);
    return {
      rateBefore,
      rateDuring,
      kept: rateDuring / rateBefore,
      keptOfCpu: servedDuring / cpuDuring / (servedBefore / cpuBefore),
      tookSeconds: tookMs / 1000,
      cpuSeconds: cpuDuring,
      memoryBefore: memoryBefore / MIB,
      growth: (memoryPeak - memoryBefore) / memoryBefore,
      pingBeforeMs,
      pingDuringMs: probe.take(),
    };
  } finally {
    probe.socket.destroy();
    client.kill('SIGKILL');
  }
}

const sides = [
  { name: 'ours', command: [process.execPath, fileURLToPath(new URL('../bin/shoal-server', import.meta.url))] },
  { name: 'redis', command: ['redis-server'] },
];
if (options['only-ours']) sides.pop();
const pool = new ServerPool({ cores: serverCore, tmp: undefined });
process.once('SIGINT', () => {
  pool.killAllNow();
  process.exit(130);
});

/** @type {Record<string, Awaited<ReturnType<typeof measure>>[]>} */
const rounds = { ours: [], redis: [] };
try {
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const side of sides) {
      const aof = options.aof ? ['--appendonly', 'yes', '--auto-aof-rewrite-percentage', '0'] : ['--appendonly', 'no'];
      const server = await pool.start(side, ['--save', '', ...aof]);
      rounds[side.name]?.push(await measure(server));
      await server.stop();
    }
  }
} finally {
  await pool.stopAll();
}

const ROWS = /** @type {const} */ ([
  ['rateBefore', 'requests/ms before'],
  ['rateDuring', 'requests/ms during the save'],
  ['kept', 'during / before'],
  ['keptOfCpu', 'the same per second of CPU'],
  ['tookSeconds', 'seconds'],
  ['cpuSeconds', 'seconds of CPU'],
  ['memoryBefore', 'MiB before'],
  ['growth', 'growth / MiB before'],
  ['pingBeforeMs', 'longest PING before, ms'],
  ['pingDuringMs', 'longest PING during, ms'],
]);
console.log(`${KEYS} keys of 16 bytes, values of ${SIZE} bytes; ours / redis-server`);
for (const [name, label] of ROWS) {
  const [ours, redis] = [rounds.ours, rounds.redis].map((side) => median((side ?? []).map((each) => each[name])));
  console.log(`${label.padEnd(30)} ${pair(ours ?? null, redis ?? null)}   ratio ${figure(ratio(ours, redis))}`);
}
