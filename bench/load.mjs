/**
 * The harness's own load generator, a process of its own so that it can be pinned: one connection, one batch of
 * commands in flight, every key exactly once (redis-benchmark draws keys at random and never writes them all).
 *
 * The round trip of a batch is the server's time for it plus a small constant, so the longest one shows the longest
 * stall of the server. Nothing is allocated per batch: numbers are patched into one prepared buffer, and replies land
 * in another, so this process has next to no garbage collection of its own to blame on the server.
 *
 * usage: node load.mjs '{"port":6379,"op":"set","count":1000000,"size":16}'   prints one line of JSON
 */
import { connect } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { collect } from './redisBenchmark.mjs';
import { pinned } from './servers.mjs';

/** A key is `key:` and 12 digits, as redis-benchmark makes them: 16 bytes. */
const DIGITS = 12;

/**
 * @typedef {object} Job
 * @property {number} port
 * @property {'set' | 'del' | 'probe'} op   probe: GET of a missing key, until `seconds` have passed
 * @property {string} [prefix]      default `key:`
 * @property {number} [count]       keys 0 .. count-1
 * @property {number} [keepEvery]   leaves out the keys whose number it divides
 * @property {number} [size]        value size in bytes
 * @property {number} [pxAt]        expire time of every key, Unix ms
 * @property {number} [ttlSeconds]  or the time to live of every key
 * @property {number} [batch]       commands in flight
 * @property {number} [seconds]
 */

/**
 * @typedef {object} LoadResult
 * @property {number} commands
 * @property {number} seconds
 * @property {number} longestMs   the longest round trip of one batch
 * @property {number} p999Ms
 */

/**
 * Runs a job in a process of its own.
 * @param {Job} job
 * @param {string | undefined} cores
 * @param {AbortSignal} [signal]
 * @returns {Promise<LoadResult>}
 */
export async function load(job, cores, signal) {
  const [program, ...args] = pinned(cores, [process.execPath, fileURLToPath(import.meta.url), JSON.stringify(job)]);
  const { code, output } = await collect(program, args, signal);
  if (code !== 0) throw new Error(`load failed: ${output.trim().split('\n').pop()}`);
  return JSON.parse(output);
}

/** @param {string[]} words */
const request = (words) => `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;

/**
 * One command with zeros for its number.
 * @param {Job} job
 */
function template(job) {
  const key = (job.prefix ?? 'key:') + '0'.repeat(DIGITS);
  if (job.op === 'probe') return { text: request(['GET', `no${key}`]), reply: '$-1\r\n' };
  if (job.op === 'del') return { text: request(['DEL', key]), reply: ':1\r\n' };
  const words = ['SET', key, 'v'.repeat(job.size ?? 16)];
  if (job.pxAt !== undefined) words.push('PXAT', String(job.pxAt));
  if (job.ttlSeconds !== undefined) words.push('EX', String(job.ttlSeconds));
  return { text: request(words), reply: '+OK\r\n' };
}

/**
 * @param {Buffer} buffer
 * @param {number} end      offset behind the last digit
 * @param {number} number
 */
function patchNumber(buffer, end, number) {
  let rest = number;
  for (let at = end - 1; at >= end - DIGITS; at--) {
    buffer[at] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

/**
 * @param {Job} job
 * @returns {Promise<LoadResult>}
 */
function run(job) {
  const { text, reply } = template(job);
  const batch = job.batch ?? (job.op === 'probe' ? 1 : 64);
  const out = Buffer.from(text.repeat(batch), 'latin1');
  const commandBytes = out.length / batch;
  const digitsEnd = text.indexOf('0'.repeat(DIGITS)) + DIGITS;
  const count = job.op === 'probe' ? Number.POSITIVE_INFINITY : (job.count ?? 0);
  const keepEvery = job.keepEvery ?? 0;
  const input = Buffer.allocUnsafe(64 * 1024);
  const roundTrips = createHistogram();
  const startedAt = performance.now();
  const endAt = job.op === 'probe' ? startedAt + (job.seconds ?? 1) * 1000 : Number.POSITIVE_INFINITY;
  let next = 0;
  let commands = 0;
  let missingBytes = 0;
  let sentAt = 0;

  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: job.port,
      noDelay: true,
      onread: {
        buffer: input,
        callback: (length) => {
          if (input[0] === 45) {
            reject(new Error(input.toString('latin1', 1, length).split('\r')[0]));
            socket.destroy();
            return false;
          }
          missingBytes -= length;
          if (missingBytes > 0) return true;
          roundTrips.record(Math.max(1, Math.round((performance.now() - sentAt) * 1e6)));
          sendBatch();
          return true;
        },
      },
    });
    const sendBatch = () => {
      let filled = 0;
      while (filled < batch && next < count) {
        const number = next++;
        if (keepEvery !== 0 && number % keepEvery === 0) continue;
        patchNumber(out, filled++ * commandBytes + digitsEnd, number);
      }
      sentAt = performance.now();
      if (filled === 0 || sentAt >= endAt) return socket.end();
      commands += filled;
      missingBytes = filled * reply.length;
      socket.write(filled === batch ? out : out.subarray(0, filled * commandBytes));
    };
    socket.once('connect', sendBatch);
    socket.once('error', reject);
    socket.once('close', () => {
      if (missingBytes > 0) reject(new Error('the server closed the connection'));
      resolve({
        commands,
        seconds: (performance.now() - startedAt) / 1000,
        longestMs: roundTrips.max / 1e6,
        p999Ms: roundTrips.percentile(99.9) / 1e6,
      });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2])))}\n`);
  } catch (error) {
    process.stderr.write(`${/** @type {Error} */ (error).message}\n`);
    process.exitCode = 1;
  }
}
