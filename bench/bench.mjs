/**
 * What one benchmark has at hand: the two sides, how to start them, and one measured run of redis-benchmark.
 */
import { freemem } from 'node:os';
import { load } from './load.mjs';
import { cpuSeconds, endedChildrenCpuSeconds, machineCpuSeconds } from './procfs.mjs';
import { runRedisBenchmark } from './redisBenchmark.mjs';
import { pinned, ServerPool } from './servers.mjs';

/** What one request weighs in plain ones, to keep a first, short run short. @type {Record<string, number>} */
export const WEIGHTS = { mset: 10, zrangebyscore: 5, lrange_100: 10, lrange_300: 30, lrange_500: 50, lrange_600: 60 };

/** Neither side snapshots, logs or rewrites in the background while it is measured. */
const QUIET = ['--save', '', '--appendonly', 'no', '--protected-mode', 'no', '--maxclients', '1000'];

/** @typedef {import('./servers.mjs').RunningServer} RunningServer */
/** @typedef {{ redis: RunningServer, ours: RunningServer }} Pair */
/** @typedef {'redis' | 'ours'} SideName */

/**
 * @typedef {object} RunSpec
 * @property {string} test
 * @property {number} depth
 * @property {number} size
 * @property {string[]} [command]   the words of a command to measure, for what redis-benchmark has no test for
 * @property {number} [seconds]     aimed length of one run, if not the one of all runs
 * @property {Around} [around]
 */

/**
 * Brings a server's data into the state that a run needs, does the run, and rejects if the data show that it did not do
 * what it was to measure.
 * @typedef {<Figures>(server: RunningServer, requests: number, run: () => Promise<Figures>) => Promise<Figures>} Around
 */

/**
 * @typedef {object} RunFigures
 * @property {number} requestsPerSecond
 * @property {number | null} cpuPerRequestUs
 * @property {number} p50Ms
 * @property {number} p99Ms
 * @property {number | null} p999Ms
 * @property {number} maxMs
 * @property {number | null} serverBusy   share of one core
 * @property {number | null} clientBusy   share of one core
 * @property {number | null} othersBusy   what everything else on the machine used, in cores (stolen time included)
 */

/** The order of the sides within a round. */
export const SIDES = /** @type {const} */ (['redis', 'ours']);

export class Bench {
  /** @type {import('./options.mjs').Options} */
  options;
  pool;
  /** @type {Record<SideName, import('./servers.mjs').Side>} */
  sides;
  /** Reasons for figures that are missing, in the order met. @type {Set<string>} */
  notes = new Set();
  /** @type {number[]} */
  othersBusy = [];
  #abort = new AbortController();

  /**
   * @param {import('./options.mjs').Options} options
   * @param {Record<SideName, import('./servers.mjs').Side>} sides
   */
  constructor(options, sides) {
    this.options = options;
    this.sides = sides;
    this.pool = new ServerPool({ cores: options.pin?.server, tmp: options.tmp });
  }

  /** Ends load generators and servers at once; for interrupts. */
  interrupt() {
    this.#abort.abort();
    this.pool.killAllNow();
  }

  /**
   * @param {SideName} side
   * @param {string[]} [extra]  later arguments win over earlier ones
   */
  start(side, extra = []) {
    const { serverArgs, oursArgs } = this.options;
    const args = [...QUIET, ...extra, ...serverArgs, ...(side === 'ours' ? oursArgs : [])];
    return this.pool.start(this.sides[side], args);
  }

  /**
   * @param {string[]} [extra]
   * @returns {Promise<Pair>}
   */
  async startPair(extra = []) {
    const redis = await this.start('redis', extra);
    try {
      return { redis, ours: await this.start('ours', extra) };
    } catch (error) {
      await redis.stop();
      throw error;
    }
  }

  /** @param {Pair} pair */
  async stopPair(pair) {
    await Promise.all([pair.redis.stop(), pair.ours.stop()]);
  }

  /** @param {import('./load.mjs').Job} job */
  load(job) {
    return load(job, this.options.pin?.client, this.#abort.signal);
  }

  /**
   * One run of redis-benchmark with what the server process spent on it.
   * @param {RunningServer} server
   * @param {RunSpec} spec
   * @param {number} requests
   * @returns {Promise<RunFigures>}
   */
  async run(server, spec, requests) {
    const { clients, keys, pin } = this.options;
    const before = cpuReadings(server.pid);
    const report = await runRedisBenchmark({
      prefix: pinned(pin?.client, []),
      port: server.port,
      clients,
      keys,
      requests,
      signal: this.#abort.signal,
      ...spec,
    });
    const after = cpuReadings(server.pid);
    // The measured time, without the start of redis-benchmark and the printing of its report.
    const seconds = requests / report.requestsPerSecond;
    const serverCpu = difference(after.server, before.server);
    const clientCpu = difference(after.client, before.client);
    const machineCpu = difference(after.machine, before.machine);
    const others =
      serverCpu === null || clientCpu === null || machineCpu === null
        ? null
        : Math.max(0, machineCpu - serverCpu - clientCpu) / report.seconds;
    if (others !== null) this.othersBusy.push(others);
    return {
      requestsPerSecond: report.requestsPerSecond,
      cpuPerRequestUs: serverCpu === null ? null : (serverCpu * 1e6) / requests,
      p50Ms: report.p50Ms,
      p99Ms: report.p99Ms,
      p999Ms: report.p999Ms,
      maxMs: report.maxMs,
      serverBusy: serverCpu === null ? null : serverCpu / seconds,
      clientBusy: clientCpu === null ? null : clientCpu / seconds,
      othersBusy: others,
    };
  }

  /**
   * Interleaved rounds of one cell: redis, ours, redis, ours ... Every run is sized by the speed seen before, starting
   * with a short one that is thrown away. Where the data grow or shrink with the requests, both sides get as many: what
   * takes the slower one the aimed time.
   * @param {Pair} pair
   * @param {RunSpec} spec
   */
  async rounds(pair, spec) {
    const { options } = this;
    const { around, seconds = options.seconds } = spec;
    const weight = WEIGHTS[spec.test] ?? 1;
    const speed = { redis: 0, ours: 0 };
    const run = (/** @type {SideName} */ side, /** @type {number} */ requests) => {
      const plain = () => this.run(pair[side], spec, requests);
      return around === undefined ? plain() : around(pair[side], requests, plain);
    };
    for (const side of SIDES) {
      const requests = Math.ceil((5_000 * Math.min(spec.depth, 16)) / weight);
      speed[side] = (await run(side, requests)).requestsPerSecond;
    }
    /** @type {Record<SideName, RunFigures>[]} */
    const rounds = [];
    for (let round = 0; round < options.rounds; round++) {
      const figures = /** @type {Record<SideName, RunFigures>} */ ({});
      const slower = Math.min(speed.redis, speed.ours);
      for (const side of SIDES) {
        const perSecond = around === undefined ? speed[side] : slower;
        const requests = options.requests ?? Math.max(1000, Math.round(perSecond * seconds));
        figures[side] = await run(side, requests);
        speed[side] = figures[side].requestsPerSecond;
      }
      rounds.push(figures);
    }
    return rounds;
  }

  /**
   * Why data of this size cannot be held twice on this machine, or null when it can.
   * @param {number} keys
   * @param {number} valueBytes
   */
  tooLarge(keys, valueBytes) {
    const needed = 2 * keys * (valueBytes + 150);
    if (needed < freemem() * 0.7) return null;
    return `needs about ${figureGiB(needed)} GiB of memory for both servers, ${figureGiB(freemem())} GiB are free`;
  }
}

/** @param {number} bytes */
const figureGiB = (bytes) => (bytes / 2 ** 30).toFixed(1);

/** @param {number} pid */
function cpuReadings(pid) {
  const machine = machineCpuSeconds();
  return {
    server: cpuSeconds(pid),
    client: endedChildrenCpuSeconds(),
    machine: machine === null ? null : machine.busy + machine.stolen,
  };
}

/**
 * @param {number | null} after
 * @param {number | null} before
 */
const difference = (after, before) => (after === null || before === null ? null : after - before);
