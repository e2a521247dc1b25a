/**
 * Server processes as an operator starts them: the program itself, its argv, standard input, what it prints, how it ends.
 * SHOAL_E2E_SERVER=redis runs the tests of what both servers do against redis-server, which proves the tests.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tempDir } from '../../support/process.js';
import { RawClient } from '../../support/rawclient.js';

export const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
export const ONLY_REDIS = process.env.SHOAL_E2E_SERVER === 'redis';
/** SHOAL_SERVER names another build's start file. */
const SHOAL = process.env.SHOAL_SERVER ?? join(REPOSITORY, 'bin/shoal-server');
export const TRIB = join(REPOSITORY, 'bin/trib');
/** Generous: the machine may be busy. Nothing waits this long unless it fails. */
const PATIENCE_MS = 20_000;

export interface LaunchOptions {
  /** Written to standard input, which is then closed. */
  readonly stdin?: string;
  /** Where the process starts; a new folder otherwise. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Another program than the one under test. */
  readonly program?: string;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Daemon {
  readonly cwd: string;
  /** Resolves when the process has ended. */
  readonly ending: Promise<Ending>;
  readonly #child: ChildProcess;
  #output = '';
  #ended = false;

  constructor(child: ChildProcess, cwd: string) {
    this.#child = child;
    this.cwd = cwd;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    process.setMaxListeners(0);
    this.ending = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#output += String(error);
        resolve({ code: null, signal: null });
      });
      // 'close' comes when all output has been read, 'exit' does not wait for it.
      child.once('close', (code, signal) => {
        this.#ended = true;
        process.removeListener('exit', kill);
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Standard output and standard error, as they came. */
  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return !this.#ended;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Ends it with SIGKILL unless told otherwise, and waits. Does nothing when it has ended. */
  async end(name: NodeJS.Signals = 'SIGKILL'): Promise<Ending> {
    if (this.running) this.signal(name);
    return this.ending;
  }

  /** Waits until it has printed what matches. */
  async prints(what: RegExp | string, patienceMs = PATIENCE_MS): Promise<void> {
    const isThere = (): boolean => {
      const there = typeof what === 'string' ? this.#output.includes(what) : what.test(this.#output);
      if (!there && this.#ended) throw new Error(`ended without printing ${what}:\n${this.#output}`);
      return there;
    };
    await until(`${what} is printed`, isThere, patienceMs).catch((error: Error) => {
      throw new Error(`${error.message}; it printed:\n${this.#output}`);
    });
  }

  /** Waits until it serves. */
  ready(patienceMs?: number): Promise<void> {
    return this.prints('Ready to accept connections', patienceMs);
  }
}

/** Why our own server cannot be started; undefined when it can. */
export function notBuilt(): string | undefined {
  return ONLY_REDIS || existsSync(join(REPOSITORY, 'dist')) ? undefined : 'dist/ is missing: run `npm run build` first';
}

/** Starts the server under test with exactly these arguments. */
export function launch(args: readonly string[], options: LaunchOptions = {}): Daemon {
  const missing = notBuilt();
  if (missing !== undefined) throw new Error(missing);
  const cwd = options.cwd ?? tempDir('shoal-e2e-');
  const program = options.program ?? (ONLY_REDIS ? 'redis-server' : SHOAL);
  const child = spawn(program, args, {
    cwd,
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  // It may end without having read all of it.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.stdin);
  return new Daemon(child, cwd);
}

/** Arguments that keep a server to itself: its port on the loopback interface, and no snapshots. */
export function plainArgs(port: number, more: readonly string[] = []): string[] {
  return ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...more];
}

/** Runs a program to its end. Its standard input is empty unless told otherwise. */
export async function run(
  program: string,
  args: readonly string[],
  options: { stdin?: string; cwd?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<{ code: number | null; output: string }> {
  const daemon = launch(args, { ...options, program, stdin: options.stdin ?? '' });
  const { code } = await daemon.ending;
  return { code, output: daemon.output };
}

/** Polls until `check` answers true. Fails with `what` in words when it never does. */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    if (await check()) return;
    if (performance.now() > deadlineMs) throw new Error(`not within ${patienceMs} ms: ${what}`);
    await sleep(20);
  }
}

/** Whether a process is there. */
export function processRuns(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie has ended too; its parent has just not asked.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Sends one request on a connection of its own and answers the text of its reply. */
export async function ask(port: number, ...args: string[]): Promise<string> {
  const client = await RawClient.connect(port);
  try {
    const reply = await client.call(...args);
    return 'text' in reply ? reply.text : JSON.stringify(reply);
  } finally {
    client.close();
  }
}
