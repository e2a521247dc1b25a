/**
 * The harness's own load generator, a process of its own so that it can be pinned: one connection, one batch of
 * commands in flight, every key and element exactly once (redis-benchmark draws them at random and never writes all).
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

/** Where a number goes: as many digits as signs. Keys are `key:` and 12 digits, as redis-benchmark's: 16 bytes. */
export const NUMBER = '############';

/**
 * @typedef {object} Job
 * @property {number} port
 * @property {'set' | 'del' | 'add' | 'probe'} op   probe: GET of a missing key, until `seconds` have passed
 * @property {string} [prefix]      default `key:`
 * @property {number} [count]       commands 0 .. count-1, each on the key of its number
 * @property {string} [key]         one key for all commands instead
 * @property {string} [command]     for `add`: RPUSH, HSET ...
 * @property {string[]} [element]   for `add`: the words of one element, a run of # for its number
 * @property {number} [elements]    for `add`: elements per command
 * @property {number} [commandsPerKey]
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

/** @param {Job} job */
function wordsOf(job) {
  const key = job.key ?? (job.prefix ?? 'key:') + NUMBER;
  if (job.op === 'probe') return ['GET', `no${key}`];
  if (job.op === 'del') return ['DEL', key];
  if (job.op === 'add') {
    return [
      job.command ?? '',
      key,
      ...Array(job.elements ?? 1)
        .fill(job.element)
        .flat(),
    ];
  }
  const words = ['SET', key, 'v'.repeat(job.size ?? 16)];
  if (job.pxAt !== undefined) words.push('PXAT', String(job.pxAt));
  if (job.ttlSeconds !== undefined) words.push('EX', String(job.ttlSeconds));
  return words;
}

/**
 * One command, and where its numbers go: the key's (element -1) or that of the n-th element.
 * @param {Job} job
 */
function template(job) {
  const words = wordsOf(job);
  const slots = [];
  let text = `*${words.length}\r\n`;
  for (const [index, word] of words.entries()) {
    text += `$${word.length}\r\n`;
    const run = /#+/.exec(word);
    if (run !== null) {
      const element = index < 2 ? -1 : Math.floor((index - 2) / (job.element?.length ?? 1));
      slots.push({ end: text.length + run.index + run[0].length, digits: run[0].length, element });
    }
    text += `${word}\r\n`;
  }
  return { text, slots };
}

/**
 * @param {Buffer} buffer
 * @param {number} end      offset behind the last digit
 * @param {number} digits
 * @param {number} number
 */
function patchNumber(buffer, end, digits, number) {
  let rest = number;
  for (let at = end - 1; at >= end - digits; at--) {
    buffer[at] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

/**
 * @param {Job} job
 * @returns {Promise<LoadResult>}
 */
function run(job) {
  const { text, slots } = template(job);
  const replyLines = job.command === 'XADD' ? 2 : 1; // a bulk string, or an integer or status
  const batch = job.batch ?? (job.op === 'probe' ? 1 : 64);
  const out = Buffer.from(text.repeat(batch), 'latin1');
  const commandBytes = out.length / batch;
  const count = job.op === 'probe' ? Number.POSITIVE_INFINITY : (job.count ?? 0);
  const { keepEvery = 0, commandsPerKey = 1, elements = 1 } = job;
  const input = Buffer.allocUnsafe(64 * 1024);
  const roundTrips = createHistogram();
  const startedAt = performance.now();
  const endAt = job.op === 'probe' ? startedAt + (job.seconds ?? 1) * 1000 : Number.POSITIVE_INFINITY;
  let next = 0;
  let commands = 0;
  let missingLines = 0;
  let atLineStart = true;
  let sentAt = 0;

  /** Counts reply lines; the offset of an error reply, or -1. @param {number} length */
  const takeReplies = (length) => {
    for (let at = 0; at < length; at++) {
      if (atLineStart && input[at] === 45) return at;
      atLineStart = input[at] === 10;
      if (atLineStart) missingLines--;
    }
    return -1;
  };

  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: job.port,
      noDelay: true,
      onread: {
        buffer: input,
        callback: (length) => {
          const error = takeReplies(length);
          if (error !== -1) {
            reject(new Error(input.toString('latin1', error + 1, length).split('\r')[0]));
            socket.destroy();
            return false;
          }
          if (missingLines > 0) return true;
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
        for (const { end, digits, element } of slots) {
          const patch = element < 0 ? Math.floor(number / commandsPerKey) : number * elements + element;
          patchNumber(out, filled * commandBytes + end, digits, patch);
        }
        filled++;
      }
      sentAt = performance.now();
      if (filled === 0 || sentAt >= endAt) return socket.end();
      commands += filled;
      missingLines = filled * replyLines;
      socket.write(filled === batch ? out : out.subarray(0, filled * commandBytes));
    };
    socket.once('connect', sendBatch);
    socket.once('error', reject);
    socket.once('close', () => {
      if (missingLines > 0) reject(new Error('the server closed the connection'));
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
