/** Runs redis-benchmark once and reads its report. */
import { spawn } from 'node:child_process';

/**
 * @typedef {object} Report
 * @property {number} requestsPerSecond
 * @property {number} p50Ms
 * @property {number} p99Ms
 * @property {number | null} p999Ms   null for fewer than 1000 requests
 * @property {number} maxMs
 */

/**
 * Reads the text report. Unlike --csv it lists how many requests had been answered by which latency; p99.9 is the first
 * of those steps that covers 99.9 % of them, at most a step (half the distance to 100 %) too high.
 * @param {string} text
 * @returns {Report | null}
 */
export function parseReport(text) {
  const throughput = /throughput summary: ([\d.]+) requests per second/.exec(text);
  const summary = /avg +min +p50 +p95 +p99 +max\s+([\d.\s]+)/.exec(text);
  if (throughput === null || summary === null) return null;
  const [, , p50Ms, , p99Ms, maxMs] = summary[1].trim().split(/\s+/).map(Number);
  const distribution = text.slice(text.indexOf('Latency by percentile'), text.indexOf('Cumulative distribution'));
  const steps = [...distribution.matchAll(/<= ([\d.]+) milliseconds \(cumulative count (\d+)\)/g)];
  const total = Number(steps.at(-1)?.[2] ?? 0);
  const step = total < 1000 ? undefined : steps.find(([, , count]) => Number(count) >= total * 0.999);
  const p999Ms = step === undefined ? null : Number(step[1]);
  return { requestsPerSecond: Number(throughput[1]), p50Ms, p99Ms, p999Ms, maxMs };
}

/**
 * @param {object} run
 * @param {string[]} run.prefix       the taskset words, or none
 * @param {number} run.port
 * @param {string} run.test           name of one of its tests
 * @param {string[]} [run.command]    or the words of a command to measure instead
 * @param {number} run.depth
 * @param {number} run.size           value size in bytes
 * @param {number} run.keys           keyspace
 * @param {number} run.clients
 * @param {number} run.requests
 * @param {AbortSignal} [run.signal]
 * @returns {Promise<Report & { seconds: number }>}
 */
export async function runRedisBenchmark(run) {
  const numbers = {
    '-p': run.port,
    '-P': run.depth,
    '-d': run.size,
    '-r': run.keys,
    '-c': run.clients,
    '-n': run.requests,
  };
  const args = ['-h', '127.0.0.1', '--precision', '3'];
  for (const [flag, value] of Object.entries(numbers)) args.push(flag, String(value));
  args.push(...(run.command ?? ['-t', run.test]));
  const [program, ...rest] = [...run.prefix, 'redis-benchmark', ...args];
  const startedAt = performance.now();
  const { code, output } = await collect(program, rest, run.signal);
  const seconds = (performance.now() - startedAt) / 1000;
  const report = parseReport(output);
  if (code !== 0 || report === null) {
    const reason = output.replaceAll('\r', '\n').trim().split('\n').pop();
    throw new Error(`redis-benchmark failed (${code}): ${reason}`);
  }
  return { ...report, seconds };
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<{ code: number | null, output: string }>}
 */
export function collect(program, args, signal) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(signal ? { signal } : {}) });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => (output += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk) => (output += chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}
