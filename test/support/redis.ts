/** The oracle: a real redis-server, where the machine has one. */
import { execFileSync } from 'node:child_process';
import { type RunningServer, startServerProcess } from './process.js';

/** The version of the redis-server on PATH (`7.0.15`), or undefined where there is none. */
export function redisServerOnPath(): string | undefined {
  try {
    const text = execFileSync('redis-server', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return /v=(\S+)/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}

/** Starts a redis-server that saves nothing unless `args` say so. */
export function startRedis(args: readonly string[] = []): Promise<RunningServer> {
  const quiet = args.includes('--save') ? [] : ['--save', ''];
  return startServerProcess(['redis-server'], [...quiet, ...args]);
}

/** Why a half that needs the real server does not run. Printed, so that a skip is never silent. */
export function skipLoudly(what: string): void {
  process.stderr.write(`\nSKIPPED: ${what}: there is no redis-server on PATH to compare with\n`);
}
