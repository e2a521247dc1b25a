/** DEBUG SEGFAULT, PANIC, RESTART and CRASH-AND-RECOVER: ends of the process that tests ask for. */
import type { ServerPort } from '../commands/context.js';
import type { Ending } from './ending.js';

export interface RestartOptions {
  /** As SHUTDOWN NOW does, with redis.conf rewritten before; else as a crash would. */
  readonly gracefully: boolean;
  readonly delayMs: number;
}

export function crash(server: ServerPort, how: 'segfault' | 'panic'): void {
  if (how === 'segfault') return void process.kill(process.pid, 'SIGSEGV');
  const seconds = Math.floor(server.clock.nowMs() / 1000);
  server.log('warning', `=== BUG REPORT === DEBUG PANIC called at Unix time ${seconds}`);
  process.abort();
}

/** `start` starts the program again, once this process is gone. False: the log says why not. */
export function restart(
  server: ServerPort & { readonly ending: Ending },
  { gracefully, delayMs }: RestartOptions,
  start: ((delayMs: number) => void) | undefined,
): boolean {
  const problem =
    start === undefined ? 'this server is part of another program' : gracefully ? prepare(server) : undefined;
  if (problem !== undefined || start === undefined) {
    server.log('warning', `Can't restart: ${problem}`);
    return false;
  }
  start(delayMs);
  if (!gracefully) process.kill(process.pid, 'SIGKILL');
  return true;
}

function prepare(server: ServerPort & { readonly ending: Ending }): string | undefined {
  const refused = server.configFile === '' ? undefined : server.rewriteConfig(false);
  if (refused !== undefined) return `configuration rewrite process failed: ${refused}`;
  return server.ending.begin({ now: true }, undefined) === undefined ? undefined : 'error preparing for shutdown';
}
