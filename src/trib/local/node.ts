import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';

const LOG_FILE = 'shoal.log';
const STOP_TIMEOUT_MS = 10_000;

export interface LocalNodeOptions {
  /** Path of bin/shoal-server. */
  readonly program: string;
  readonly host: string;
  readonly port: number;
  /** Where this node keeps nodes.conf, its AOF and its log. */
  readonly dir: string;
}

/** One daemon of a local cluster, as a child process. */
export class LocalNode {
  readonly options: LocalNodeOptions;
  #child: ChildProcess | undefined;
  #exit: Promise<number> | undefined;

  constructor(options: LocalNodeOptions) {
    this.options = options;
  }

  get address(): string {
    return `${this.options.host}:${this.options.port}`;
  }

  get logFile(): string {
    return path.join(this.options.dir, LOG_FILE);
  }

  /** Starts the process. `onExit` is called when it ends, whoever ended it. */
  start(onExit: (node: LocalNode, code: number) => void): void {
    const { program, host, port, dir } = this.options;
    mkdirSync(dir, { recursive: true });
    const directives = {
      bind: host,
      port: String(port),
      dir,
      logfile: LOG_FILE,
      appendonly: 'yes',
      'cluster-enabled': 'yes',
      'cluster-config-file': 'nodes.conf',
      'cluster-node-timeout': '5000',
    };
    const args = Object.entries(directives).flatMap(([name, value]) => [`--${name}`, value]);
    // A process group of its own: Ctrl-C reaches us only, and we end the nodes in order.
    const child = spawn(process.execPath, [program, ...args], { detached: true, stdio: 'ignore' });
    this.#child = child;
    this.#exit = new Promise((resolve) => {
      child.once('error', () => resolve(1));
      child.once('exit', (code) => resolve(code ?? 1));
    });
    void this.#exit.then((code) => {
      this.#child = undefined;
      onExit(this, code);
    });
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Ends the process cleanly; with force when it does not listen. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#exit;
    clearTimeout(timer);
  }

  /** The last lines of its log. */
  logTail(lines: number): string {
    if (!existsSync(this.logFile)) return '';
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }
}

/** Whether something listens on the port already. */
export function portTaken(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(true));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(false)));
  });
}
