/**
 * Tells systemd how the server does (`supervised systemd`): when it is ready, and when it ends. Node.js has no datagram sockets
 * of the Unix domain, which is what systemd listens on, so systemd-notify is run, a process for each message. As it is not the main
 * process of the unit, systemd takes what it says only with `NotifyAccess=all`, or when the server runs as root.
 */
import { spawn } from 'node:child_process';

export type SupervisedMode = 'upstart' | 'systemd' | 'auto' | 'no';

const PROGRAM = 'systemd-notify';
const READY = 'READY=1';
const WHAT_THEN = ' A unit of Type=notify takes that for a failed start: Type=simple does without it.';

type Log = (level: 'notice' | 'warning', text: string) => void;
type Environment = Readonly<Record<string, string | undefined>>;

/** Whether systemd waits to hear of this server. */
export function isSupervised(mode: SupervisedMode, env: Environment): boolean {
  return (mode === 'systemd' || mode === 'auto') && Boolean(env.NOTIFY_SOCKET);
}

/** Who watches the server, as configured; undefined, and the reason logged, when it is nobody. */
export function findSupervisor(mode: SupervisedMode, env: Environment, log: Log): Supervisor | undefined {
  if (isSupervised(mode, env)) {
    log(
      'notice',
      'Supervised by systemd: its unit needs NotifyAccess=all, and times to start and stop that are long enough.',
    );
    return new Supervisor(log);
  }
  if (mode === 'systemd') {
    log('warning', 'supervised systemd, but there is no NOTIFY_SOCKET: nobody is told when the server is ready.');
  } else if (mode === 'upstart') {
    log('warning', 'supervised upstart is not supported: nobody is told when the server is ready.');
  }
  return undefined;
}

export class Supervisor {
  readonly name = 'systemd';
  readonly #log: Log;
  /** Messages come in the order in which they were sent. */
  #last: Promise<void> = Promise.resolve();

  constructor(log: Log) {
    this.#log = log;
  }

  status(text: string): void {
    this.#last = this.#last.then(() => this.#notify([`STATUS=${text}`]));
  }

  ready(): void {
    this.#last = this.#last.then(() => this.#notify([READY, 'STATUS=Ready to accept connections']));
  }

  /** At once: what follows, a last save, may hold this process up. */
  stopping(): void {
    void this.#notify(['STOPPING=1', 'STATUS=Shutting down']);
  }

  #notify(assignments: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const child = spawn(PROGRAM, assignments, { stdio: 'ignore' });
      const fail = (why: string): void => {
        const consequence = assignments[0] === READY ? WHAT_THEN : '';
        this.#log('warning', `systemd was not told '${assignments[0]}', ${PROGRAM} failed: ${why}.${consequence}`);
        resolve();
      };
      child.once('error', (error) => fail(error.message));
      child.once('exit', (code) => (code === 0 ? resolve() : fail(`exit code ${code}`)));
      child.unref();
    });
  }
}
