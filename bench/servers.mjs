/** Starts the two servers in folders of their own, and ends them by their own pid, whatever happens. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
/** A cluster node's bus listens this far above its port. */
const BUS_PORT_OFFSET = 10_000;

const execFileAsync = promisify(execFile);

/**
 * @typedef {object} Side
 * @property {string} name
 * @property {string[]} command   program and its first arguments
 */

/**
 * @typedef {object} RunningServer
 * @property {string} name
 * @property {number} port
 * @property {number} pid
 * @property {string} dir
 * @property {(...args: string[]) => Promise<string>} call   runs one command with redis-cli; rejects on an error reply
 * @property {() => Promise<void>} stop                      SIGTERM, and SIGKILL for one that does not listen
 */

/** Whether `program --version` runs. @param {string} program */
export function versionOf(program) {
  const result = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return result.error || result.status !== 0 ? null : result.stdout.trim().split('\n')[0];
}

/**
 * Puts `taskset -c CORES` before a command; taskset becomes the command, so the pid is the command's own.
 * @param {string | undefined} cores
 * @param {string[]} command
 */
export const pinned = (cores, command) => (cores === undefined ? command : ['taskset', '-c', cores, ...command]);

/** @param {number} port */
function listen(port) {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(port, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}

/** A port that is free now, with a free cluster bus port above it. @returns {Promise<number>} */
async function freePort() {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 25_000);
    try {
      await listen(port);
      await listen(port + BUS_PORT_OFFSET);
      return port;
    } catch {
      // Taken; try another.
    }
  }
  throw new Error('no free port found');
}

/** Owns every server of one benchmark, so that an interrupt leaves nothing behind. */
export class ServerPool {
  /** @type {Map<number, { child: import('node:child_process').ChildProcess, dir: string }>} */
  #running = new Map();
  /** @type {string | undefined} */
  #cores;
  #tmp;

  /** @param {{ cores: string | undefined, tmp: string | undefined }} options */
  constructor({ cores, tmp }) {
    this.#cores = cores;
    this.#tmp = tmp ?? tmpdir();
  }

  /**
   * Starts a server and waits until it answers. Rejects with the end of its log when it does not.
   * @param {Side} side
   * @param {string[]} args
   * @param {Record<string, string>} [env]
   * @returns {Promise<RunningServer>}
   */
  async start(side, args, env = {}) {
    const dir = mkdtempSync(join(this.#tmp, 'bench-'));
    const port = await freePort();
    const logFile = join(dir, 'server.log');
    const log = openSync(logFile, 'a');
    const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir];
    const [program, ...rest] = pinned(this.#cores, [...side.command, ...own, ...args]);
    const child = spawn(program, rest, {
      cwd: dir,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...env },
    });
    closeSync(log);
    const pid = child.pid;
    if (pid === undefined) {
      rmSync(dir, { recursive: true, force: true });
      throw new Error(`cannot run ${program}`);
    }
    this.#running.set(pid, { child, dir });
    const server = {
      name: side.name,
      port,
      pid,
      dir,
      call: (/** @type {string[]} */ ...words) => call(port, words),
      stop: () => this.#stop(pid),
    };
    try {
      await answers(server, child);
    } catch (error) {
      const reason = `${side.name}: ${/** @type {Error} */ (error).message}`;
      const tail = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-3).join(' | ');
      await this.#stop(pid);
      throw new Error(tail === '' ? reason : `${reason}; its log ends: ${tail}`);
    }
    return server;
  }

  /** @param {number} pid */
  async #stop(pid) {
    const entry = this.#running.get(pid);
    if (entry === undefined) return;
    const { child, dir } = entry;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    }
    this.#running.delete(pid);
    rmSync(dir, { recursive: true, force: true });
  }

  async stopAll() {
    await Promise.all([...this.#running.keys()].map((pid) => this.#stop(pid)));
  }

  /** For the way out through an interrupt: nothing can be waited for. */
  killAllNow() {
    for (const { child, dir } of this.#running.values()) {
      child.kill('SIGKILL');
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    }
    this.#running.clear();
  }
}

/**
 * @param {number} port
 * @param {string[]} words
 */
async function call(port, words) {
  const { stdout } = await execFileAsync('redis-cli', ['-e', '-h', '127.0.0.1', '-p', String(port), ...words], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return stdout.trimEnd();
}

/**
 * Waits for the first answer, and makes sure that it comes from the process just started and not from another server
 * that holds the port.
 * @param {RunningServer} server
 * @param {import('node:child_process').ChildProcess} child
 */
async function answers(server, child) {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let last = 'no answer';
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`ended at start with ${child.signalCode ?? `exit code ${child.exitCode}`}`);
    }
    try {
      const answeredBy = infoField(await server.call('INFO', 'server'), 'process_id');
      if (answeredBy === String(server.pid)) return;
      last = `port ${server.port} is answered by process ${answeredBy}, not by ${server.pid}`;
    } catch (error) {
      last = /** @type {Error} */ (error).message.trim();
    }
    await sleep(50);
  }
  throw new Error(`not ready after ${START_TIMEOUT_MS / 1000} s (${last})`);
}

/**
 * One field of an INFO reply, or undefined.
 * @param {string} info
 * @param {string} field
 */
export function infoField(info, field) {
  return new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}
