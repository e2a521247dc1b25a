/**
 * Server processes of the tests: each listens on 127.0.0.1 in a folder of its own and is ended by its own pid, also
 * when the test fails or the test process ends early.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { RawClient } from './rawclient.js';

export interface RunningServer {
  readonly port: number;
  readonly pid: number;
  readonly dir: string;
  /** What it has printed so far. */
  output(): string;
  /** True until the process has ended. */
  alive(): boolean;
  /** Ends it (SIGKILL unless told otherwise), waits until it is gone and removes its folder. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** A new empty folder, removed when this process ends. */
export function tempDir(prefix = 'shoal-test-'): string {
  const dir = mkdtempSync(join(tmpdir(), prefix));
  onExit(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/**
 * Starts a server that takes redis-server's argv and waits until it answers PING. `--port`, `--dir` and `--bind` are
 * added unless `args` has them.
 */
export async function startServerProcess(command: readonly string[], args: readonly string[]): Promise<RunningServer> {
  const port = Number(directiveValue(args, '--port') ?? (await freePort()));
  const dir = directiveValue(args, '--dir') ?? tempDir();
  const full = [...command.slice(1), ...args];
  if (!args.includes('--port')) full.push('--port', String(port));
  if (!args.includes('--dir')) full.push('--dir', dir);
  if (!args.includes('--bind')) full.push('--bind', '127.0.0.1');
  const child = spawn(command[0] as string, full, { stdio: ['ignore', 'pipe', 'pipe'], cwd: dir });
  const server = new ServerProcess(child, port, dir, !args.includes('--dir'));
  await server.untilItAnswers(command.join(' '));
  return server;
}

function directiveValue(args: readonly string[], directive: string): string | undefined {
  const at = args.indexOf(directive);
  return at < 0 ? undefined : args[at + 1];
}

class ServerProcess implements RunningServer {
  readonly port: number;
  readonly dir: string;
  readonly #child: ChildProcess;
  readonly #ownsDir: boolean;
  readonly #gone: Promise<void>;
  readonly #forget: () => void;
  #alive = true;
  #output = '';

  constructor(child: ChildProcess, port: number, dir: string, ownsDir: boolean) {
    this.#child = child;
    this.port = port;
    this.dir = dir;
    this.#ownsDir = ownsDir;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (piece: Buffer) => {
        this.#output += piece.toString();
      });
    }
    this.#forget = onExit(() => this.#kill('SIGKILL'));
    this.#gone = new Promise((resolve) => {
      const ended = () => {
        this.#alive = false;
        this.#forget();
        resolve();
      };
      child.once('exit', ended);
      child.once('error', (error) => {
        this.#output += String(error);
        ended();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  output(): string {
    return this.#output;
  }

  alive(): boolean {
    return this.#alive;
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#kill(signal);
    await this.#gone;
    if (this.#ownsDir) rmSync(this.dir, { recursive: true, force: true });
  }

  async untilItAnswers(name: string, timeoutMs = 20_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (this.#alive && Date.now() < deadline) {
      if (await this.#answers()) return;
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    await this.stop();
    throw new Error(`${name} did not answer on port ${this.port}; it printed:\n${this.#output}`);
  }

  async #answers(): Promise<boolean> {
    let client: RawClient | undefined;
    try {
      client = await RawClient.connect(this.port);
      const reply = await client.call('PING');
      // Any error but LOADING is an answer too: a server with a password is up.
      return reply.type === 'simple' || (reply.type === 'error' && !reply.text.startsWith('LOADING'));
    } catch {
      return false;
    } finally {
      client?.close();
    }
  }

  #kill(signal: NodeJS.Signals): void {
    if (this.#alive) this.#child.kill(signal);
  }
}

/** Runs `action` when this process ends; the result takes it back. */
function onExit(action: () => void): () => void {
  process.once('exit', action);
  process.setMaxListeners(0);
  return () => process.removeListener('exit', action);
}
